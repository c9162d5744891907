"""From a table of conversion factors to the one of an exposure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from astropy import units as u

from iris_core import InputError
from iris_photom._table import Entry, read_entries

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import UnitBase

__all__ = ["SURFACE_BRIGHTNESS", "Conversion", "find_conversion"]

SURFACE_BRIGHTNESS = u.MJy / u.sr
# The two ways of stating a pixel's area may differ by their rounding, not by more.
_AREA_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What a rate means in surface brightness.

    Parameters
    ----------
    photmjsr
        MJy/sr for 1 of the exposure's unit.
    uncertainty
        Its standard deviation, in the same unit; None where the table gives none.
    pixar_sr
        Solid angle of a pixel, in sr; None where the table gives none.
    """

    photmjsr: float
    uncertainty: float | None
    pixar_sr: float | None

    @property
    def photuja2(self) -> float:
        """uJy/arcsec2 for 1 of the exposure's unit."""
        return float((self.photmjsr * SURFACE_BRIGHTNESS).to_value(u.uJy / u.arcsec**2))

    @property
    def pixar_a2(self) -> float | None:
        """Solid angle of a pixel, in arcsec2."""
        return None if self.pixar_sr is None else float((self.pixar_sr * u.sr).to_value(u.arcsec**2))


def find_conversion(
    table: Table, selectors: Mapping[str, str], unit: UnitBase, name: str, keywords: Collection[str] = ()
) -> Conversion:
    """Return the conversion of the one row of a table that is for an exposure.

    Parameters
    ----------
    table
        Columns ``filter`` and ``photmjsr``; ``detector``, ``pupil``, ``readmode``, ``subarray``, ``uncertainty``,
        ``pixar_sr``, ``pixar_a2`` where there are such.
    selectors
        The exposure's ``filter``, ``detector``, ``pupil`` ...
    unit
        Unit of the exposure.
    name
        What to call the table in a message.
    keywords
        Those of the exposure, in lower case.

    Raises
    ------
    InputError
        When no row or more than one is for the exposure, or a number or unit in it makes no sense.
    """
    entry = _only(read_entries(table, name, keywords), selectors, name)
    photmjsr = _factor(entry, "photmjsr", unit, name)
    if photmjsr is None or photmjsr <= 0:
        raise InputError(f"{name}: photmjsr has to be a number above 0, not as in: {entry}")
    uncertainty = _factor(entry, "uncertainty", unit, name)
    if uncertainty is not None and uncertainty < 0:
        raise InputError(f"{name}: the uncertainty of photmjsr is {uncertainty:g}; it cannot be negative")
    return Conversion(
        photmjsr=photmjsr,
        uncertainty=uncertainty,
        pixar_sr=_pixel_area(entry, name),
    )


def _only(entries: list[Entry], selectors: Mapping[str, str], name: str) -> Entry:
    matching = [entry for entry in entries if entry.is_for(selectors)]
    if len(matching) == 1:
        return matching[0]
    columns = set().union(*(entry.cells for entry in entries)) | {"filter", "detector", "pupil"}
    wanted = ", ".join(f"{key} '{value}'" for key, value in selectors.items() if key in columns)
    listed = "; ".join(str(entry) for entry in (matching or entries))
    raise InputError(
        f"{name} has {len(matching) or 'no'} rows for {wanted}; one is needed; there are: {listed or 'none'}"
    )


def _factor(entry: Entry, column: str, unit: UnitBase, name: str) -> float | None:
    """Return a number of the table in MJy/sr per `unit`."""
    stated = entry.units.get(column) or entry.units.get("photmjsr")
    if stated is None:
        raise InputError(f"{name}: the column photmjsr has no unit; it has to be MJy/sr per ({unit})")
    if not (stated * unit).is_equivalent(SURFACE_BRIGHTNESS):
        raise InputError(
            f"{name}: the column {column} is in {stated} but the exposure is in {unit}; "
            f"give a table in MJy/sr per ({unit})"
        )
    return _times(entry.number(column), (stated * unit).to(SURFACE_BRIGHTNESS))


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _pixel_area(entry: Entry, name: str) -> float | None:
    """Return the solid angle of a pixel in sr, from either statement of it."""
    both = [_solid_angle(entry, "pixar_sr", u.sr, name), _solid_angle(entry, "pixar_a2", u.arcsec**2, name)]
    stated = [area for area in both if area is not None]
    if stated and (min(stated) <= 0 or max(stated) / min(stated) - 1 > _AREA_TOLERANCE):
        given = " and ".join(f"{area:.6g} sr" for area in stated)
        raise InputError(
            f"{name}: PIXAR_SR and PIXAR_A2 have to be above 0 and to agree; they give {given} for {entry}"
        )
    return stated[0] if stated else None


def _solid_angle(entry: Entry, column: str, default: UnitBase, name: str) -> float | None:
    unit = entry.units.get(column, default)
    if not unit.is_equivalent(u.sr):
        raise InputError(f"{name}: the column {column} is in {unit}; it has to be in {default}")
    return _times(entry.number(column), unit.to(u.sr))
