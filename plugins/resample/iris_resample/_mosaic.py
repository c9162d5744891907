"""Many exposures on one grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from iris_drizzle import Weight

from iris_core import Exposure, Exposures, InputError, InstrumentMode, References, blank_plane
from iris_resample._coadd import Coadd, context_planes
from iris_resample._drizzle import Drop, finish, planes_of, variance_names
from iris_resample._fall import drizzle
from iris_resample._grid import Grid
from iris_resample._layout import Place, Pointing, choose_grid, place_on, pointing_of, ratio_on
from iris_resample._like import grid_like
from iris_resample._noise import View, combined_noise_factor
from iris_resample._params import MosaicParams
from iris_resample._pixmap import PixelMap, pixel_map
from iris_resample._product import annotate, assemble, cards, is_brightness, totals
from iris_resample._weights import Weighing, factors_of, sky_variance, weight_of

__all__ = ["check", "combine"]

# Of pixel scales, where values are per pixel of the detector; 0.5 % are 1 % of the flux.
_SAME_SCALE = 5e-3


@dataclass(frozen=True, slots=True)
class _Used:
    """An exposure that contributes: its index, how its pixels fall, its weight times the error of a pixel."""

    index: int
    drop: Drop
    spread: float


@dataclass(slots=True)
class _Mosaic:
    """A mosaic while exposures are added to it: which they are and how they contribute, and why others do not."""

    grid: Grid
    params: MosaicParams
    coadd: Coadd
    used: list[_Used] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def check(
    exposures: Exposures, params: MosaicParams, references: References, instrument: InstrumentMode
) -> Exposure | None:
    """Return the outline of the mosaic, from headers and WCS; None where nothing is known of the grid yet.

    Raises
    ------
    InputError
        When there is none, or a cube of integrations among them; when they are not alike, their weights are not
        known, or there is no grid for all of them.
    """
    science = _science(exposures)
    science.check_alike("unit", "removed", "instrument", "filter", "pupil")
    outlines = science.outlines
    factors_of(outlines, params)
    if params.components:
        _check_components(outlines)
    # An implementation of assign_wcs whose check does not make the WCS already: nothing is known of the grid yet.
    if not all(one.wcs is not None or "assign_wcs" not in one.done for one in outlines):
        return None
    grid, images = _grid_of(outlines, params, references, instrument)
    if not is_brightness(outlines[0].unit):
        _check_scales(grid, images)
    return _outline(science, grid, params)


def _outline(science: Exposures, grid: Grid, params: MosaicParams) -> Exposure:
    """Return the mosaic without its pixels."""
    blank, bits = blank_plane(grid.shape), blank_plane(grid.shape, np.uint32)
    number = context_planes(len(science))
    context = blank_plane((number, *grid.shape) if number > 1 else grid.shape, np.int32)
    merged = science.merged()
    return merged.replace(
        data=blank,
        dq=bits,
        variance=dict.fromkeys(_names(science.outlines, params), blank),
        planes={**merged.planes, "WHT": blank, "CON": context, **({"EXP": blank} if params.exposure_time else {})},
        area=None,
        wcs=grid.wcs,
        fits_wcs=grid.header,
        meta=replace(merged.meta, window=None),
        subarrays=(),
    )


def _check_components(outlines: Sequence[Exposure]) -> None:
    for one in outlines:
        if set(one.variance) != set(outlines[0].variance):
            theirs, ours = (", ".join(sorted(names)) or "none" for names in (outlines[0].variance, one.variance))
            raise InputError(
                f"{one.name} has the variance components {ours}, and {outlines[0].name} {theirs}; without 'components' "
                f"their sums are combined"
            )


def _check_scales(grid: Grid, images: Sequence[Pointing]) -> None:
    """Refuse values per pixel of detectors whose pixels are not alike."""
    ratios = [ratio_on(grid, image) for image in images]
    for image, ratio in zip(images, ratios, strict=True):
        if abs(ratio / ratios[0] - 1) > _SAME_SCALE:
            raise InputError(
                f"{image.name} has pixels {ratios[0] / ratio:.4f} times as large as {images[0].name}: values per pixel "
                f"cannot be combined; run photom before mosaic"
            )


def _science(exposures: Exposures) -> Exposures:
    """Return the science exposures.

    Raises
    ------
    InputError
        When there is none, or one that is a cube of integrations.
    """
    science = exposures.with_role("science")
    if not science:
        roles = ", ".join(sorted(set(exposures.roles))) or "none at all"
        raise InputError(f"mosaic combines science exposures and there is none; there are: {roles}")
    for one in science.outlines:
        if one.is_integrations:
            raise InputError(
                f"{one.name}: mosaic combines images, and this is a cube of {len(one.data)} integrations; "
                f"run average_integrations before it"
            )
    return science


def _grid_of(
    outlines: Sequence[Exposure], params: MosaicParams, references: References, instrument: InstrumentMode
) -> tuple[Grid, list[Pointing]]:
    """Return the grid, and where each exposure lies.

    Raises
    ------
    InputError
        See `choose_grid`; or when the exposures have not all the same sky frame.
    """
    images = [pointing_of(one, "mosaic") for one in outlines]
    frames = [image.wcs.output_frame.reference_frame for image in images]
    for image, frame in zip(images, frames, strict=True):
        if not frame.is_equivalent_frame(frames[0]):
            raise InputError(f"{image.name} has the sky frame {frame.name}, and {images[0].name} {frames[0].name}")
    like = references.get("like")
    if like is not None:
        return grid_like(like, images, params), images
    return choose_grid(images, params.of_one_grid(instrument.pixel_scale)), images


def combine(exposures: Exposures, params: MosaicParams, references: References, instrument: InstrumentMode) -> Exposure:
    """Return the weighted mean of the exposures on one grid; they are read one after the other, in their order."""
    exposures = _science(exposures)
    outlines = exposures.outlines
    grid, images = _grid_of(outlines, params, references, instrument)
    factors = factors_of(outlines, params)
    coadd = Coadd(grid.shape, _names(outlines, params), len(exposures), params.exposure_time)
    made = _Mosaic(grid, params, coadd)
    for index, (image, factor) in enumerate(zip(images, factors, strict=True)):
        place = place_on(grid, image)
        if place is None or factor == 0:
            reason = "lies beside the grid" if place is None else f"has the weight 0 ({params.weight_keyword})"
            made.absent.append(f"{image.name} {reason}")
        else:
            _add(made, index, exposures[index], image, place, factor)
    if not made.used:
        raise InputError(f"no exposure contributes to the mosaic: {'; '.join(made.absent)}")
    return _product_of(made, exposures, images)


def _names(outlines: Iterable[Exposure], params: MosaicParams) -> list[str]:
    """Return the components of the variance of the mosaic: none where the errors of an exposure are unknown."""
    known = [variance_names(one.variance, params.components) for one in outlines]
    return known[0] if all(known) else []


def _add(made: _Mosaic, index: int, exposure: Exposure, image: Pointing, place: Place, factor: float) -> None:
    """Add one exposure, or say why it gives nothing."""
    params = made.params
    noise = sky_variance(exposure, int(params.unusable))
    weight = weight_of(exposure, params.weighting, noise) * factor
    drop = Drop(kernel=params.kernel, pixfrac=params.pixfrac, ratio=place.ratio)
    planes = planes_of(exposure, int(params.unusable), errors=bool(made.coadd.variance))
    weighing = Weighing(Weight(constant=weight))
    one = drizzle(planes, _mapping(made.grid, image), drop, weighing, place, params.components)
    if made.coadd.add(one, place, exposure.meta.exposure_time or 0.0):
        made.used.append(_Used(index, drop, weight * (noise or 1.0) ** 0.5))
    else:
        made.absent.append(f"{image.name} has no usable pixel on the grid")


def _mapping(grid: Grid, image: Pointing) -> PixelMap:
    return pixel_map(grid.places(image.wcs), image.shape)


def _product_of(made: _Mosaic, exposures: Exposures, images: Sequence[Pointing]) -> Exposure:
    coadd, contributing = made.coadd, _only(exposures, [one.index for one in made.used])
    planes = {"WHT": coadd.weight, "CON": coadd.context, **({} if coadd.time is None else {"EXP": coadd.time})}
    drop = made.used[0].drop
    described = cards(made.grid, drop, _said(made.params), _factor(made, images), coadd.program)
    merged = contributing.merged()
    result = finish(coadd.finished())
    mosaic = assemble(merged, made.grid, result, {**described, **totals(merged)}, {**merged.planes, **planes})
    if any(one.variance for one in exposures.outlines) and not coadd.variance:
        mosaic = mosaic.note("the errors of some exposures are unknown, and so are those of the mosaic")
    for reason in made.absent:
        mosaic = mosaic.note(f"{reason}: not in the mosaic")
    return annotate(mosaic, drop, result, "")


def _factor(made: _Mosaic, images: Sequence[Pointing]) -> float:
    """Return CORRFAC; the pixel maps are made once more, so that they need not all be kept."""
    seen = ((images[one.index], one) for one in made.used)
    views = (View(_mapping(made.grid, image), image.shape, one.drop, one.spread) for image, one in seen)
    return combined_noise_factor(views, made.coadd.weight, len(made.used))


def _only(exposures: Exposures, used: Sequence[int]) -> Exposures:
    members = [exposures.members[index] for index in used]
    return Exposures(members, [exposures.roles[index] for index in used], exposures.pool)


def _said(params: MosaicParams) -> str:
    return params.weighting + (f" x {params.weight_keyword}^{params.weight_power:g}" if params.weight_keyword else "")
