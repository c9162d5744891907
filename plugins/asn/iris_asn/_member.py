"""An exposure by its file and its header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from iris_core import Meta, Window

if TYPE_CHECKING:
    from iris_core import Exposure

__all__ = ["Member"]


@dataclass(frozen=True, slots=True)
class Member:
    """An exposure by its file and its header.

    Parameters
    ----------
    path, meta
        Its file, and what its header says.
    header
        Further keywords, of the primary header or that of the science extension.
    shape
        Rows and columns, where they are known.
    """

    path: Path
    meta: Meta = field(hash=False)
    header: Mapping[str, Any] = field(default_factory=dict, hash=False)
    shape: tuple[int, int] | None = None

    @classmethod
    def of(cls, outline: Exposure) -> Self:
        """Return what an outline says of its exposure."""
        return cls(outline.meta.path, outline.meta, {**outline.sci_header, **outline.header}, outline.shape)

    def text(self, keyword: str) -> str:
        """Return a keyword as text, ``""`` where it is not given."""
        value = self.header.get(keyword)
        return "" if value is None or type(value).__name__ == "Undefined" else str(value).strip()

    @property
    def window(self) -> Window | None:
        """The window that was read; the whole image where the header gives none."""
        if self.meta.window is None and self.shape is not None:
            return Window(1, 1, self.shape[1], self.shape[0])
        return self.meta.window

    @property
    def camera(self) -> tuple[str, ...]:
        """What a background exposure has to have in common with a science exposure."""
        meta = self.meta
        # Equal, not only in agreement as `iris_core.agree` has it: ANY agrees with J and with K, which are two groups.
        return tuple(map(str.casefold, (meta.instrument, meta.detector, meta.filter, meta.pupil, meta.read_mode)))

    @property
    def moment(self) -> tuple[bool, float, str]:
        """What sorts by time; exposures without a start time come last."""
        start = self.meta.start_time
        return start is None, start.timestamp() if start else 0.0, str(self.path)

    def distance(self, other: Member) -> tuple[bool, float, str]:
        """Return what sorts by distance in time from another exposure, the unknown last."""
        own, its = self.meta.start_time, other.meta.start_time
        seconds = abs((own - its).total_seconds()) if own and its else 0.0
        return own is None or its is None, seconds, str(self.path)
