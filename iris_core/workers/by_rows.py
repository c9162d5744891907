"""Exposures in files of which some rows are in memory at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import local
from typing import Any

from iris_core.arrays import Array
from iris_core.exposure import Exposure, as_masked
from iris_core.exposures import InMemory, Member
from iris_core.io.fits_read import open_rows
from iris_core.io.fits_rows import FitsRows
from iris_core.keywords import is_counts, parse_unit
from iris_core.plan import Plan
from iris_core.plugins import Plugins

__all__ = ["open_member"]

log = logging.getLogger(__name__)


def open_member(path: Path, plugins: Plugins, plan: Plan) -> Member:
    """Return an exposure that is read when it is needed, and some rows at a time where its file allows that.

    Parameters
    ----------
    path
        Its file.
    plugins
        The reader of one of them may be needed.
    plan
        Prepares what is read.
    """

    def whole() -> Exposure:
        return plan.prepare(plugins.read_exposure(path))

    theirs = path.suffix == ".asdf" or plugins.ask("read_exposure", path=path, pixels=False, reftype="")
    opened = None if theirs else open_rows(path)
    if opened is None or is_counts(opened[0].unit or parse_unit(plan.mode.unit)):  # which a time divides
        return InMemory(whole())
    outline, rows = opened
    for remark in outline.notes:
        log.warning("%s: %s", path, remark)
    return _InFile(plan.prepare(as_masked(outline)), rows, whole)


@dataclass(slots=True)
class _InFile:
    """An exposure in a file; the planes of the rows that a thread read last are kept for it."""

    outline: Exposure
    source: FitsRows
    whole: Callable[[], Exposure]
    last: Any = field(default_factory=local)

    def read(self) -> Exposure:
        """Return the exposure."""
        return self.whole()

    def rows(self, plane: str, where: slice) -> Array:
        """Return some rows of a plane: all planes are read together, since what is invalid in one is so in all."""
        if getattr(self.last, "where", None) != where:
            self.last.where, self.last.planes = where, self.source.read(where)
        planes: Mapping[str, Array] = self.last.planes
        return planes[plane]

    def with_outline(self, outline: Exposure) -> Member:
        """Return the same pixels with other headers."""
        return _InFile(outline, self.source, self.whole)
