"""Measure the zero point of a product again, or for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import Exposure, InputError, StageRecord, load_plugins, parse_unit, read_fits, unit_string
from iris_photom_stars._catalog import ZERO_JY, Catalog, catalog_of
from iris_photom_stars._measure import measure_zero_point
from iris_photom_stars._params import ZeroPointParams
from iris_photom_stars._result import ZeroPoint

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Measured", "measure_product"]

_PLUGIN = "iris-photom-stars"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A product with the zero point of its stars.

    Parameters
    ----------
    zero
        What was measured.
    catalog, product
        The stars, and the product they were measured in.
    unit
        Of the rate, as text; of the product itself where that is a rate.
    stated
        The zero point with which the product was calibrated, AB magnitudes; None for a rate.
    params
        Parameters of the measurement.
    """

    zero: ZeroPoint
    catalog: Catalog
    product: Exposure
    unit: str
    stated: float | None
    params: ZeroPointParams

    @property
    def difference(self) -> float | None:
        """Measured minus stated zero point: above 0 where the product makes its stars too bright."""
        return None if self.stated is None else self.zero.value - self.stated


def measure_product(path: Path, catalog: Path | None, changes: Mapping[str, Any]) -> Measured:
    """Return the zero point that the stars in a product give.

    Parameters
    ----------
    path
        A rate with a gWCS, or a calibrated product, which is brought back to a rate with its PHOTMJSR.
    catalog
        The stars; by default those with which the product was calibrated.
    changes
        Parameters that differ from those with which it was calibrated, or from the defaults.

    Raises
    ------
    InputError
        When it has no WCS, no PHOTMJSR, or no catalogue; and what the measurement raises.
    """
    product = read_fits(path)
    if product.wcs is None:
        raise InputError(f"{path} has no gWCS; give a product that went through assign_wcs, x_cal.fits for example")
    record = _own_record(product)
    params = ZeroPointParams(**{**(record.params if record else {}), **changes})
    file = catalog or _recorded_catalog(record, path)
    table = load_plugins([_PLUGIN]).read_reference(file, "catalog")
    stars = catalog_of(table, file.name, product, params)
    rate, unit, stated = _as_rate(product)
    zero = measure_zero_point(rate, stars, params)
    return Measured(zero=zero, catalog=stars, product=product, unit=unit, stated=stated, params=params)


def _own_record(product: Exposure) -> StageRecord | None:
    """Return the product's own record of its calibration with stars."""
    mine = [one for one in product.history if one.stage == "photom" and one.plugin == _PLUGIN]
    return mine[-1] if mine else None


def _recorded_catalog(record: StageRecord | None, path: Path) -> Path:
    used = [Path(one.path) for one in record.references if one.reftype == "catalog"] if record else []
    if not used:
        raise InputError(f"{path} was not calibrated with a catalogue of stars; name one with --catalog FILE")
    if not used[0].is_file():
        raise InputError(f"the catalogue of {path}, {used[0]}, is not there any more; name it with --catalog FILE")
    return used[0]


def _as_rate(product: Exposure) -> tuple[Exposure, str, float | None]:
    """Return a product as a rate, the rate's unit, and the zero point with which it was calibrated."""
    # Neighbours of a resampled image share their noise, so that a sum is less certain than its ERR.
    spread = float(product.sci_header.get("CORRFAC", 1.0)) ** 2
    product = product.replace(variance={name: plane * spread for name, plane in product.variance.items()})
    unit = product.unit
    if unit is None or not unit.is_equivalent(parse_unit("MJy/sr")):
        return product, "unit" if unit is None else unit_string(unit), None
    header = product.sci_header
    if "PHOTMJSR" not in header or "PIXAR_SR" not in header:
        raise InputError(f"{product.name} is in {unit} and has no PHOTMJSR and PIXAR_SR to turn it into a rate")
    factor = float(header["PHOTMJSR"])
    _, _, per = str(header.comments["PHOTMJSR"]).partition(" per ")
    stated = -2.5 * float(np.log10(factor * float(header["PIXAR_SR"]) * 1e6 / ZERO_JY))
    return product.scale(1 / factor), per.strip() or "unit of the rate", stated
