"""Resampling: an exposure, or many, are drizzled onto a rectified grid."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core import Exposure, InstrumentMode, References, ReferenceType, hookimpl, stage
from iris_resample._params import MosaicParams, ResampleParams
from iris_resample.hookspecs import mosaic

if TYPE_CHECKING:
    from iris_core import Exposures

__all__ = [
    "MosaicParams",
    "ResampleParams",
    "check_grid",
    "check_mosaic",
    "combine",
    "mosaic",
    "read_reference",
    "reference_types",
    "resample",
]


@hookimpl
def reference_types() -> list[ReferenceType]:
    """Return the type ``like``: a product of resample or mosaic whose grid is wanted, named by hand."""
    return [ReferenceType(name="like", kind="model", selectors=(), stated=(), firm=(), has_errors=False)]


@hookimpl
def read_reference(path: Path, kind: str) -> Any:
    """Read the grid of a product of resample or mosaic."""
    if kind != "model" or ".fits" not in path.suffixes:
        return None
    from iris_resample._like import read_grid

    return read_grid(path)


def check_grid(exposure: Exposure, params: ResampleParams, instrument: InstrumentMode) -> None:
    """Refuse an exposure without WCS, or one for which there is no such grid, from its shape and its WCS alone."""
    from iris_resample._layout import choose_grid, pointing_of

    # An implementation of assign_wcs whose check does not make the WCS already: nothing is known of the grid yet.
    if exposure.wcs is not None or "assign_wcs" not in exposure.done:
        choose_grid([pointing_of(exposure)], params.of_one_grid(instrument.pixel_scale))


def _by_integration(params: ResampleParams) -> bool:
    """Whether the integrations are treated alone: they share the median of a weight."""
    return params.weight_type != "ivm-sky" and not params.kernel.startswith("lanczos")


@stage("resample", params=ResampleParams, check=check_grid, by_integration=_by_integration)
def resample(exposure: Exposure, params: ResampleParams, instrument: InstrumentMode) -> Exposure:
    """Drizzle the exposure onto a TAN grid without distortion, along the detector or with north up.

    Parameters
    ----------
    exposure
        With a gWCS; ``(ny, nx)`` or ``(nint, ny, nx)``, in any unit: values are surface brightness, which is conserved.
    params
        The grid, the shape in which pixels fall on it, their weights.
    instrument
        Gives the pixel scale of a grid that is the same for several exposures.

    Returns
    -------
    Exposure
        In the same unit, with planes WHT (float32) and CON (int32, bit 0 where the exposure contributes). NaN with
        DO_NOT_USE where nothing fell, elsewhere the DQ bits of all contributing pixels; where pixels that are not used
        leave it blank, or would have given more than half of its weight, their bits too. The variance, component
        ``total``, is that of single pixels; the keyword CORRFAC is the ratio of the noise of a large aperture to what
        they add up to. A sum of components cannot say which part of it integrations have in common: for a mean of
        them, average before, or keep the components, of which `common` then tells.

    Raises
    ------
    InputError
        When there is no WCS, or no part of the exposure falls on the grid.
    """
    from iris_resample import _drizzle, _fall, _layout, _noise, _pixmap, _product, _weights

    image = _layout.pointing_of(exposure)
    grid = _layout.choose_grid([image], params.of_one_grid(instrument.pixel_scale))
    place = _layout.whole_grid(grid, image)
    mapping = _pixmap.pixel_map(grid.places(image.wcs), exposure.shape)
    drop = _drizzle.Drop(kernel=params.kernel, pixfrac=params.pixfrac, ratio=place.ratio)
    weighing, fallback = _weights.choose_weights(exposure, params.weight_type)
    planes = _drizzle.planes_of(exposure, int(params.unusable))
    with ThreadPoolExecutor(1) as beside:  # what is compiled leaves the interpreter to others
        measure = partial(_noise.correlated_noise_factor, mapping, exposure.shape, drop)
        factor = beside.submit(copy_context().run, measure)  # np.errstate is of the context
        result = _drizzle.finish(_fall.drizzle(planes, mapping, drop, weighing, place, params.components))
    weight_type = "uniform" if fallback else params.weight_type
    cards = _product.cards(grid, drop, weight_type, factor.result(), result.program)
    made = _product.assemble(exposure, grid, result, cards, _product.weight_planes(exposure, result))
    return _product.annotate(made, drop, result, fallback)


def check_mosaic(
    exposures: Exposures, params: MosaicParams, references: References, instrument: InstrumentMode
) -> Exposure | None:
    """Refuse, from headers and WCS alone, exposures that cannot be combined, and grids that are far too large.

    Returns
    -------
    Exposure
        The outline of the mosaic; None where nothing is known of the grid yet.
    """
    from iris_resample import _mosaic

    return _mosaic.check(exposures, params, references, instrument)


@stage("mosaic", params=MosaicParams, optional=("like",), check=check_mosaic)
def combine(exposures: Exposures, params: MosaicParams, references: References, instrument: InstrumentMode) -> Exposure:
    """Drizzle many exposures onto one TAN grid without distortion, around all of them.

    Parameters
    ----------
    exposures
        Images ``(ny, nx)`` with a gWCS, all in one unit and one filter: surface brightness, which is conserved, or
        rates. They are read one after the other. Detectors of one exposure are exposures like any other.
    params
        The grid, the shape in which pixels fall on it, the weight of each exposure.
    references
        ``like``: a product of resample or mosaic whose grid is used.
    instrument
        Gives the pixel scale of a grid that does not depend on the exposures.

    Returns
    -------
    Exposure
        In the same unit, with planes WHT (float32, sum of weights), CON (int32, ``(ny, nx)`` or, beyond 32 exposures,
        ``(planes, ny, nx)``: bit k % 32 of plane k // 32 where the exposure of row k of HDRTAB contributes) and, on
        request, EXP (float32, s). NaN, DQ, variance and CORRFAC as of `resample`. An exposure without a usable pixel
        on the grid is not counted in NEXP, EXPTIME and HDRTAB; a note names it.

    Raises
    ------
    InputError
        When an exposure has no WCS, none has a usable pixel on the grid, or the grid would be far too large.
    """
    from iris_resample import _mosaic

    return _mosaic.combine(exposures, params, references, instrument)
