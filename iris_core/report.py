"""What is asked of a run, exposure by exposure, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from iris_core.errors import IrisError
from iris_core.exposure import Exposure
from iris_core.meta import FileHash, StageRecord

if TYPE_CHECKING:
    from astropy.table import Table


@dataclass(frozen=True, slots=True)
class Job:
    """One exposure to calibrate, or many to make into one product.

    Parameters
    ----------
    path
        Its file.
    backgrounds
        The files of its background exposures.
    name
        Name of its products; ``""`` to derive it from `path`.
    problem
        Why it cannot be calibrated, where that is known already; it then fails alone.
    members
        Of what is made of many exposures: role and file of each. `path` is the first of them.
    references
        Reference files, by type, that are for this one alone.
    """

    path: Path
    backgrounds: tuple[Path, ...] = ()
    name: str = ""
    problem: str = ""
    members: tuple[tuple[str, Path], ...] = ()
    references: tuple[tuple[str, Path], ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of all exposures that are read."""
        return tuple(dict.fromkeys((self.path, *(path for _, path in self.members), *self.backgrounds)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureResult:
    """The result of one exposure.

    Parameters
    ----------
    path
        Its file.
    mode
        Its instrument mode.
    products
        The files written, by suffix.
    hashes
        Of those, the SHA-256 as far as it was computed beside the work.
    history
        The records of its stages.
    seconds
        The time it took, reading and writing included.
    error
        What went wrong; ``""`` when nothing did.
    traceback
        The traceback of the error, for developers.
    exposures
        How many exposures it was made of.
    kept
        Whether its products were there already, the same as they would be made now.
    """

    path: Path
    mode: str = ""
    products: Mapping[str, Path]
    hashes: Mapping[str, FileHash] = field(default_factory=dict)
    history: tuple[StageRecord, ...] = ()
    seconds: float = 0.0
    error: str = ""
    traceback: str = ""
    exposures: int = 1
    kept: bool = False

    @property
    def label(self) -> str:
        """The file, and how many others there are of one product."""
        others = self.exposures - 1
        return f"{self.path} and {others} other{'s' if others > 1 else ''}" if others else str(self.path)

    @property
    def name(self) -> str:
        """The file name."""
        return self.path.name

    def __repr__(self) -> str:
        outcome = f"error={self.error!r}" if self.error else f"products={[str(one) for one in self.products.values()]}"
        return f"ExposureResult({self.name!r}, {outcome})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of one job, the result whose products are `kept`; or the `reasons` why they are made, in words."""

    kept: ExposureResult | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of a run."""

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

    @property
    def summary(self) -> str:
        """One line: ``27 of 30 exposures calibrated, 3 failed: a.fits, b.fits, c.fits``."""
        total, failed = len(self.results), self.failed
        number = sum(result.exposures for result in self.results)
        noun, of = ("exposure", "") if number == total else ("group", f" of {number} exposures")
        kept = sum(result.kept for result in self.results)
        done = f"{total - len(failed)} of {total} {noun}{'s' if total != 1 else ''}{of} calibrated"
        done += f", {kept} of them before, and kept" if kept else ""
        return f"{done}, {len(failed)} failed: {', '.join(one.name for one in failed)}" if failed else done

    def __repr__(self) -> str:
        return f"Report(recipe={self.recipe!r}: {self.summary})"

    def plain(self) -> dict[str, Any]:
        """Return the report as data that can be written as JSON."""
        exposures = json.loads(json.dumps([asdict(result) for result in self.results], default=str))
        return {"recipe": self.recipe, "summary": self.summary, "exposures": exposures}


class Products(Protocol):
    """Where the products of a run go, as the hook ``open_products`` opens it; `hashes` computes those of its files."""

    hashes: Any

    def name(self, job: Job, outline: Exposure, suffix: str) -> Path:
        """Return the file of a product of an exposure."""

    def obstacles(self, paths: Sequence[Path]) -> Sequence[IrisError]:
        """Return what is in the way of products."""

    def conflicts(
        self, outputs: Mapping[Job, Sequence[Path]], inputs: Iterable[Path]
    ) -> Iterable[tuple[Job, IrisError]]:
        """Return the exposures whose products would replace other files of the run."""

    def room(self, paths: Sequence[Path], size: int) -> Sequence[IrisError]:
        """Return an error where `scratch` beside the first of some products would have no room for `size` bytes."""

    def scratch(self, beside: Path, size: int) -> AbstractContextManager[Path]:
        """Make a folder for `size` bytes that is gone after the run, also after one that was killed."""

    def write(self, product: Exposure | Table, path: Path) -> None:
        """Write an exposure, or a table, so that under its name it is whole or not there."""
