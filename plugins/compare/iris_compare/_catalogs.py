"""How two catalogues differ: sources matched by place, fluxes in units of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_compare._noise import MAD_TO_SIGMA
from iris_compare._planes import LAST_BITS, steps_apart
from iris_core import Array, Doubles

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["SAME_PLACE", "CatalogChange", "FluxChange", "compare_catalogs", "flux_differences", "match_sources"]

_RADIUS = 0.1  # arcsec, where a catalogue does not give its FWHM
SAME_PLACE = 1e-3  # mas: what rounding does to a place


@dataclass(frozen=True, slots=True, kw_only=True)
class FluxChange:
    """How one flux of the matched sources differs: other minus first.

    Parameters
    ----------
    column
        Its name.
    sources
        How many have it, and its error, in both.
    median, largest
        Of the difference over the first one's error.
    label
        Row of the first with the largest, 0-based.
    spread
        1.4826 times the median of the absolute difference over ``sqrt(err1^2 + err2^2)``.
    """

    column: str
    sources: int
    median: float
    largest: float
    label: int
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogChange:
    """How two catalogues differ.

    Parameters
    ----------
    matched, first_only, other_only
        Sources in both, and in one alone.
    apart, rms
        Largest distance of matched sources, and the root of the mean square [mas]; None without places.
    fluxes
        Each flux that has an error.
    changed
        Columns with another value in a matched source, or in one catalogue alone.
    beyond
        Those of them that differ by more than last bits.
    """

    matched: int
    first_only: int
    other_only: int
    apart: float | None
    rms: float | None
    fluxes: tuple[FluxChange, ...]
    changed: tuple[str, ...]
    beyond: tuple[str, ...]


def compare_catalogs(first: Table, other: Table) -> CatalogChange:
    """Compare two tables; rows are matched by place, or where they have none as they stand."""
    here, there, apart = match_sources(first, other)
    both = [name for name in first.colnames if name in other.colnames]
    alone = sorted({*first.colnames} ^ {*other.colnames})
    steps = {name: _steps(first[name][here], other[name][there]) for name in both}
    return CatalogChange(
        matched=len(here),
        first_only=len(first) - len(here),
        other_only=len(other) - len(here),
        apart=float(apart.max()) if apart.size else None,
        rms=float(np.sqrt(np.mean(np.square(apart)))) if apart.size else None,
        fluxes=tuple(
            _flux_change(name, here, *flux_differences(first[here], other[there], name)) for name in _fluxes(both)
        ),
        changed=(*(name for name, most in steps.items() if most), *alone),
        beyond=(*(name for name, most in steps.items() if most > LAST_BITS), *alone),
    )


def match_sources(first: Table, other: Table) -> tuple[Array, Array, Doubles]:
    """Return rows of both that are one source, each the nearest of the other, and their distance [mas].

    No farther apart than the FWHM of the first catalogue, 0.1 arcsec where it gives none.
    """
    if not all("sky_centroid" in table.colnames and len(table) for table in (first, other)):
        rows = np.arange(min(len(first), len(other)))
        return rows, rows, np.empty(0)
    places = [table["sky_centroid"] for table in (first, other)]
    nearest, apart, _ = places[0].match_to_catalog_sky(places[1])
    back, _, _ = places[1].match_to_catalog_sky(places[0])
    rows = np.arange(len(first))
    radius = float(first.meta.get("FWHM") or _RADIUS)
    good = (back[nearest] == rows) & (apart.arcsec <= radius)
    return rows[good], nearest[good], apart.mas[good]


def _fluxes(names: list[str]) -> list[str]:
    return [name for name in names if f"{name}_err" in names and name.endswith("flux")]


def flux_differences(first: Table, other: Table, name: str) -> tuple[Doubles, Doubles]:
    """Return other minus first over the first one's error, and over that of both; NaN where one is not known."""
    (flux, err), (other_flux, other_err) = (
        [_numbers(table[column]) for column in (name, f"{name}_err")] for table in (first, other)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        over = (other_flux - flux) / err, (other_flux - flux) / np.hypot(err, other_err)
    return over[0], over[1]


def _numbers(column: Any) -> Doubles:
    return np.ma.filled(np.ma.asarray(getattr(column, "value", column)).astype(np.float64), np.nan)


def _flux_change(name: str, rows: Array, over: Doubles, both: Doubles) -> FluxChange:
    known = np.isfinite(over) & np.isfinite(both)
    if not known.any():
        return FluxChange(column=name, sources=0, median=0.0, largest=0.0, label=0, spread=0.0)
    at = int(np.argmax(np.where(known, np.abs(over), -1)))
    return FluxChange(
        column=name,
        sources=int(known.sum()),
        median=float(np.median(over[known])),
        largest=float(over[at]),
        label=int(rows[at]),
        spread=MAD_TO_SIGMA * float(np.median(np.abs(both[known]))),
    )


def _steps(first: Any, other: Any) -> float:
    """Return the most steps of float32 between two columns; infinite where they differ in another way."""
    if hasattr(first, "ra"):
        apart = float(first.separation(other).mas.max(initial=0.0))
        return np.inf if apart > SAME_PLACE else float(any(map(np.any, (first.ra != other.ra, first.dec != other.dec))))
    one, two = (np.ma.asarray(getattr(column, "value", column)) for column in (first, other))
    if one.dtype.kind != "f" or two.dtype.kind != "f":
        return 0.0 if np.array_equal(np.ma.filled(one), np.ma.filled(two)) else np.inf
    return _most_steps(_numbers(first), _numbers(other))


def _most_steps(first: Doubles, other: Doubles) -> float:
    differs = (first != other) & ~(np.isnan(first) & np.isnan(other))
    if not differs.any():
        return 0.0
    if not (np.isfinite(first[differs]) & np.isfinite(other[differs])).all():
        return np.inf
    return max(1.0, float(steps_apart(first[differs], other[differs]).max()))
