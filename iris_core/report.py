"""What a run did, for people, scripts and `run_finished`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from iris_core.meta import StageRecord

__all__ = ["ExposureResult", "Report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureResult:
    """What became of one exposure.

    Parameters
    ----------
    path
        Its file.
    mode
        Its instrument mode.
    products
        The files written, by suffix.
    history
        The records of its stages.
    seconds
        How long it took, reading and writing included.
    error
        What went wrong; ``""`` when nothing did.
    traceback
        Where, for developers.
    """

    path: Path
    mode: str = ""
    products: Mapping[str, Path]
    history: tuple[StageRecord, ...] = ()
    seconds: float = 0.0
    error: str = ""
    traceback: str = ""

    @property
    def name(self) -> str:
        """The file name."""
        return self.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run did."""

    recipe: str
    results: tuple[ExposureResult, ...]

    @property
    def failed(self) -> tuple[ExposureResult, ...]:
        """The exposures that failed."""
        return tuple(result for result in self.results if result.error)

    @property
    def products(self) -> tuple[Path, ...]:
        """Every file written."""
        return tuple(path for result in self.results for path in result.products.values())

    def plain(self) -> dict[str, Any]:
        """Return the report as data that can be written as JSON."""
        return {"recipe": self.recipe, "exposures": [_plain(result) for result in self.results]}


def _plain(result: ExposureResult) -> dict[str, Any]:
    plain = asdict(result)
    plain["path"] = str(result.path)
    plain["products"] = {suffix: str(path) for suffix, path in result.products.items()}
    plain["history"] = [{**asdict(record), "params": dict(record.params)} for record in result.history]
    return plain
