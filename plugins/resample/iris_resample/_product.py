"""The resampled exposure, put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import iris_drizzle
import numpy as np
from astropy import units as u

from iris_core import Array, Exposure
from iris_resample._drizzle import Drop, Resampled
from iris_resample._grid import Grid

__all__ = ["annotate", "assemble", "cards", "is_brightness", "totals", "weight_planes"]

Cards = Mapping[str, tuple[Any, str]]


def cards(grid: Grid, drop: Drop, weights: str, factor: float, program: str) -> Cards:
    """Return the keywords that describe the resampling; CORRFAC only where it is known."""
    area = grid.pixel_area
    described: dict[str, tuple[Any, str]] = {
        "PIXAR_SR": (float(area * np.deg2rad(1) ** 2), "[sr] area of a pixel"),
        "PIXAR_A2": (area * 3600**2, "[arcsec2] area of a pixel"),
        "PXSCLRT": (drop.ratio, "pixel scale / that of the detector"),
        "PIXFRAC": (drop.pixfrac, "drop size / pixel size"),
        "KERNEL": (drop.kernel, "shape of the drops"),
        "RESWHT": (weights, "weights of the pixels"),
        "DRIZCODE": (program, "distribution of the program that drizzled"),
    }
    if np.isfinite(factor):
        described["CORRFAC"] = (round(factor, 3), "true / ERR-propagated noise, large apertures")
    return described


def assemble(
    exposure: Exposure, grid: Grid, result: Resampled, described: Cards, planes: Mapping[str, Array]
) -> Exposure:
    """Return `exposure` with the resampled planes on their grid; what belonged to the detector's pixels is gone."""

    def plane(cube: Array) -> Array:
        return cube if exposure.is_integrations else cube[0]

    return exposure.replace(
        data=plane(result.data),
        dq=plane(result.dq),
        variance={name: plane(component) for name, component in result.variance.items()},
        planes=planes,
        area=None,
        wcs=grid.wcs,
        fits_wcs=grid.header,
        meta=dataclasses.replace(exposure.meta, window=None),
        subarrays=(),
        common=exposure.common & result.variance.keys(),
    ).with_keywords(described)


def weight_planes(exposure: Exposure, result: Resampled) -> Mapping[str, Array]:
    """Return WHT and CON of a single exposure."""
    weight = result.weight if exposure.is_integrations else result.weight[0]
    return {"WHT": weight, "CON": (weight > 0).astype(np.int32)}


def totals(merged: Exposure) -> Cards:
    """Return TOTEXP of what was made of many exposures, and the mean of their FRACREJ, where these are known."""
    seconds, each = merged.meta.exposure_time, merged.planes["HDRTAB"]
    found: dict[str, tuple[Any, str]] = {}
    if seconds is not None:
        found["TOTEXP"] = (seconds, "[s] exposure time, of several detectors once")
    if "FRACREJ" in (each.dtype.names or ()) and each["FRACREJ"].dtype.kind == "f":
        found["FRACREJ"] = (float(f"{np.nanmean(each['FRACREJ']):.4g}"), "mean share of pixels rejected as outliers")
    return found


def is_brightness(unit: u.UnitBase | None) -> bool:
    """Whether values are surface brightness, which does not depend on the size of a pixel."""
    return unit is not None and bool(unit.is_equivalent(u.MJy / u.sr))


def annotate(exposure: Exposure, drop: Drop, result: Resampled, fallback: str) -> Exposure:
    """Return the exposure with notes for its user."""
    notes = [fallback] if fallback else []
    if not iris_drizzle.instructions():
        notes.append("iris-drizzle was installed without a compiler: the drizzle library did the work, more slowly")
    if result.unweighted:
        notes.append(f"{result.unweighted} usable pixels are not used: their variance gives them no weight")
    if drop.kernel != "square" or drop.pixfrac != 1:
        shape = f"kernel {drop.kernel} with pixfrac {drop.pixfrac:g}"
        notes.append(f"{shape}: the flux of a source is conserved to some per cent; to 1e-4 with square and 1")
    if exposure.unit is not None and not is_brightness(exposure.unit):
        notes.append(
            f"values are in {exposure.unit} per mean pixel of the detector; times PXSCLRT^2 per pixel of the grid"
        )
    for note in notes:
        exposure = exposure.note(note)
    return exposure
