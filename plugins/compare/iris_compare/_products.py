"""What differs between two products: verdict, causes, pixels, sky, headers, history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from iris_compare._catalogs import CatalogChange, compare_catalogs
from iris_compare._difference import Difference, measure_difference
from iris_compare._footprints import Footprints, compare_footprints
from iris_compare._noise import Noise, measure_noise
from iris_compare._picture import draw_catalogs, draw_difference
from iris_compare._places import Places, find_places
from iris_compare._planes import PlaneChange, compare_planes
from iris_compare._records import Card, compare_headers, compare_histories, compare_values
from iris_compare._stored import Planes, leave_in_file
from iris_compare._tolerance import catalogs_beyond, images_beyond
from iris_compare._verdict import Verdict, judge, judge_catalogs
from iris_core import (
    Exposure,
    InputError,
    key_differences,
    key_of,
    read_asdf,
    read_exposure,
    read_fits,
    read_table,
    sha256_of,
)

__all__ = ["ProductDifference", "diff_products"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDifference:
    """What differs between two products.

    Parameters
    ----------
    first, other
        The files.
    verdict
        What it amounts to.
    reasons
        Why the verdict is no better one.
    causes
        In words, what is different of what the two were made of and with.
    planes
        The planes that differ.
    difference, noise, places
        Of the data; None where they could not be subtracted, or are the same.
    footprints
        Of images on different grids.
    catalog
        Of tables.
    headers, history
        Cards that differ, and what stages did.
    tolerance
        By how much of its ERR a value may differ; None where nothing was said.
    beyond
        What differs by more.
    """

    first: Path
    other: Path
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    planes: tuple[PlaneChange, ...] = ()
    difference: Difference | None = None
    noise: Noise | None = None
    places: Places | None = None
    footprints: Footprints | None = None
    catalog: CatalogChange | None = None
    headers: tuple[Card, ...] = ()
    history: tuple[str, ...] = ()
    tolerance: float | None = None
    beyond: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """That of the verdict, and 0 where all is within the tolerance."""
        is_within = self.tolerance is not None and not self.beyond
        return 0 if is_within else self.verdict.exit_code

    def plain(self) -> dict[str, Any]:
        """Return it as data that can be written as JSON."""
        files = {"first": str(self.first), "other": str(self.other)}
        return {**asdict(self), **files, "verdict": self.verdict.value, "exit_code": self.exit_code}


def diff_products(
    first: str | Path, other: str | Path, plot: str | Path | None = None, tolerance: float | None = None
) -> ProductDifference:
    """Compare two products: images (FITS or ASDF; of any level, reference files too), or catalogues (ECSV).

    Planes that stand in a FITS file as they are in memory are read from it by rows: one product at most is in memory,
    and three planes of their difference. A picture needs both.

    Parameters
    ----------
    first, other
        The files.
    plot
        Where to draw how they differ, as PNG; None for no picture.
    tolerance
        By how much of its ERR a value may differ; None not to ask.

    Raises
    ------
    InputError
        When one of them is missing, damaged, or no product, or the two are of different kinds, or cannot be drawn.
    """
    first, other = Path(first), Path(other)
    tables = [path.suffix == ".ecsv" for path in (first, other)]
    if tables[0] != tables[1]:
        raise InputError(f"{first} and {other} cannot be compared: one is a table, the other an image")
    diff = _diff_tables if all(tables) else _diff_images
    return diff(first, other, None if plot is None else Path(plot), tolerance)


def _diff_images(first: Path, other: Path, plot: Path | None, tolerance: float | None) -> ProductDifference:
    here, there = leave_in_file(_read(first)), leave_in_file(_read(other))  # one of them is in memory at a time
    outlines = here.outline, there.outline
    difference, planes = measure_difference(here, there), compare_planes(here, there)
    alike = not difference.refusal
    noise = measure_noise(here, there) if alike else None
    alone = tuple(_alone(here, there))
    verdict, reasons = judge(difference, planes, noise, alone)
    if verdict is Verdict.SAME_DATA and _same_bytes(first, other):
        verdict = Verdict.IDENTICAL
    if plot is not None:
        _draw(_read(first), _read(other), difference, plot)
    beyond = reasons
    if tolerance is not None and alike and not alone:
        beyond = tuple(images_beyond(here, there, difference, planes, tolerance))
    return ProductDifference(
        first=first,
        other=other,
        verdict=verdict,
        reasons=reasons,
        causes=_causes(first, other, verdict, *outlines),
        planes=planes,
        difference=difference,
        noise=noise,
        places=find_places(here, there) if alike and planes else None,
        footprints=compare_footprints(here, there) if outlines[0].shape != outlines[1].shape else None,
        headers=compare_headers(*outlines),
        history=tuple(compare_histories(*outlines)),
        tolerance=tolerance,
        beyond=() if tolerance is None else beyond,
    )


def _read(path: Path) -> Exposure:
    """Return a product as its file has it: a NaN that DQ does not name is a difference, too."""
    if path.suffix == ".asdf":
        return read_asdf(path)
    return read_fits(path) if ".fits" in path.suffixes else read_exposure(path)


def _same_bytes(first: Path, other: Path) -> bool:
    return first.stat().st_size == other.stat().st_size and sha256_of(first) == sha256_of(other)


def _alone(first: Planes, other: Planes) -> Iterator[str]:
    """Yield what one of two exposures has and the other has not."""
    for name in sorted({*first.planes} ^ {*other.planes}):
        yield f"{name} is in the {'first' if name in first.planes else 'other'} only"
    if (first.outline.wcs is None) != (other.outline.wcs is None):
        yield f"only the {'other' if first.outline.wcs is None else 'first'} has a gWCS"


def _causes(first: Path, other: Path, verdict: Verdict, *products: Exposure) -> tuple[str, ...]:
    """Return in words what is different of what two products were made of and with; tables keep only their key."""
    if verdict is Verdict.IDENTICAL:
        return ()
    keys = [key_of(path) for path in (first, other)]
    without = [path.name for path, key in zip((first, other), keys, strict=True) if not key]
    if without:
        return (f"not known: no key in {' and in '.join(without)}",)
    if keys[0] == keys[1]:
        return ("none: both have the same key, so one was changed since, or a plugin does not repeat itself",)
    if not products:
        return ("the keys differ; a table does not keep of what: compare the images that it was made with",)
    return tuple(_key_causes(*products))


def _key_causes(first: Exposure, other: Exposure) -> Iterator[str]:
    """Yield in words what differs of two keys; what only later products of the same run could show is last."""
    done = {record.stage for one in (first, other) for record in one.history}
    words = list(key_differences(first.provenance, other.provenance))
    later = [one for one in words if one.startswith("step ") and one.split()[1].rstrip(":") not in done]
    yield from (one for one in words if one not in later)
    yield from (f"{one} (after these products)" for one in later)


def _draw(first: Exposure, other: Exposure, difference: Difference, path: Path) -> None:
    if difference.refusal:
        raise InputError(f"{path} cannot be drawn: {difference.refusal}")
    names = _names(first.meta.path, other.meta.path)
    draw_difference(first, other, difference, path, names=names, title=first.name, over_err=True)


def _names(first: Path, other: Path) -> tuple[str, str]:
    """Return what to call two files in a picture: by their folders where they have one name."""
    if first.name != other.name:
        return first.name, other.name
    return f"{first.absolute().parent.name}/", f"{other.absolute().parent.name}/"


def _diff_tables(first: Path, other: Path, plot: Path | None, tolerance: float | None) -> ProductDifference:
    here, there = read_table(first), read_table(other)
    change = compare_catalogs(here, there)
    verdict, reasons = judge_catalogs(change)
    if verdict is Verdict.SAME_DATA and _same_bytes(first, other):
        verdict = Verdict.IDENTICAL
    if plot is not None:
        draw_catalogs(here, there, change, plot, names=_names(first, other))
    beyond = () if tolerance is None else tuple(catalogs_beyond(here, there, change, tolerance))
    return ProductDifference(
        first=first,
        other=other,
        verdict=verdict,
        reasons=reasons,
        causes=_causes(first, other, verdict),
        catalog=change,
        headers=compare_values(here.meta, there.meta),
        tolerance=tolerance,
        beyond=beyond,
    )
