"""Weights of the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np
from iris_drizzle import Weight

from iris_core import Exposure, Image, InputError
from iris_resample._params import MosaicParams

__all__ = ["Weighing", "choose_weights", "factors_of", "sky_variance", "weight_of"]

# Of the median of the poisson component: enough pixels for a part in a thousand.
_SAMPLE = 512
# Components whose size follows that of the sources.
_OF_SOURCES = ("poisson", "flat")


@dataclass(frozen=True, slots=True)
class Weighing:
    """Gives the weights of a band from its variances, and says to the compiled kernel how it does that."""

    weight: Weight

    def __call__(self, variance: Mapping[str, Image]) -> Any:
        """Return the weights, one for all or an array."""
        constant, over = self.weight.constant, self.weight.over
        if over is None:
            return constant
        summed = sum((variance[name] for name in over), start=np.full(1, constant, dtype=np.float32))
        return np.asarray(1 / summed, dtype=np.float32)


def choose_weights(exposure: Exposure, weight_type: str) -> tuple[Weighing, str]:
    """Return what gives the weights of a band, and a note where it is not what was asked for.

    Parameters
    ----------
    exposure
        The exposure.
    weight_type
        ``exptime``: the exposure time [s]. ``ivm``: 1/rnoise. ``ivm-sky``: 1/(all components but poisson and flat
        + the median of poisson, which is the Poisson noise of the sky). The last two in 1/unit2.
    """
    if weight_type == "exptime":
        return Weighing(Weight(constant=exposure.meta.exposure_time or 1.0)), ""
    if weight_type == "ivm" and _is_positive(exposure, "rnoise"):
        return Weighing(Weight(constant=0.0, over=("rnoise",))), ""
    if weight_type == "ivm-sky" and "total" not in exposure.variance and exposure.variance:
        others = tuple(name for name in exposure.variance if name not in _OF_SOURCES)
        return Weighing(Weight(constant=_median(exposure.variance.get("poisson")), over=others)), ""
    known = ", ".join(exposure.variance) or "none"
    needed = "a component rnoise" if weight_type == "ivm" else "components"
    note = f"{weight_type} needs {needed} of the variance (known: {known}); all pixels have weight 1"
    return Weighing(Weight()), note


def _is_positive(exposure: Exposure, name: str) -> bool:
    plane = exposure.variance.get(name)
    # Integrations without a valid pixel say nothing against it.
    return plane is not None and bool(np.any(plane > 0) or np.isnan(plane).all())


def _median(plane: Image | None) -> float:
    """Return the median of an evenly spread sample; 0 for None and for a plane without values."""
    return 0.0 if plane is None else _median_of(plane[_sample(plane.shape)])


def _sample(shape: tuple[int, ...]) -> tuple[EllipsisType | slice, ...]:
    row_step, column_step = (max(1, size // _SAMPLE) for size in shape[-2:])
    return ..., slice(None, None, row_step), slice(None, None, column_step)


def _median_of(values: Image) -> float:
    valid = values[np.isfinite(values)]
    return float(np.median(valid)) if valid.size else 0.0


def sky_variance(exposure: Exposure, unusable: int) -> float:
    """Return the median variance of the usable pixels, of an evenly spread sample; 0 where there is none."""
    if not exposure.variance:
        return 0.0
    cut = _sample(exposure.data.shape)
    total = sum((plane[cut] for plane in exposure.variance.values()), start=np.float32(0))
    usable = ((exposure.dq[cut] & np.uint32(unusable)) == 0) & np.isfinite(exposure.data[cut])
    return _median_of(np.asarray(total, dtype=np.float32)[usable])


def factors_of(outlines: Sequence[Exposure], params: MosaicParams) -> list[float]:
    """Return by how much the weight of each exposure is multiplied.

    Raises
    ------
    InputError
        When the errors or the exposure times that make the weights are not known; when the keyword is missing, no
        number, or gives no weight: negative, not finite, or all are 0.
    """
    needed = {"sky": "errors", "exptime": "an exposure time (EXPTIME)", "equal": ""}[params.weighting]
    others = {"sky": "exptime, or equal", "exptime": "equal", "equal": ""}[params.weighting]
    for one in outlines:
        known = {"sky": one.variance, "exptime": one.meta.exposure_time, "equal": True}[params.weighting]
        if not known:
            raise InputError(
                f"mosaic: {one.name} lacks {needed}, which weighting: {params.weighting} needs; use --set "
                f"mosaic.weighting={others}"
            )
    if not params.weight_keyword:
        return [1.0 for _ in outlines]
    factors = [_factor(one, params.weight_keyword, params.weight_power) for one in outlines]
    if not any(factors):
        raise InputError(f"{params.weight_keyword} gives every exposure the weight 0")
    return factors


def _factor(outline: Exposure, keyword: str, power: float) -> float:
    value = outline.header.get(keyword, outline.sci_header.get(keyword))
    if isinstance(value, bool) or not isinstance(value, int | float):
        found = "there is none" if value is None else f"it is {value!r}"
        raise InputError(f"{outline.name}: weight_keyword {keyword} has to be a number, and {found}")
    if value < 0 or not np.isfinite(value) or (value == 0 and power <= 0):
        raise InputError(f"{outline.name}: {keyword} = {value} to the power of {power:g} is no weight")
    return float(float(value) ** power)


def weight_of(exposure: Exposure, weighting: str, noise: float) -> float:
    """Return the weight of an exposure, all its pixels alike; 0 where it has no usable pixel.

    Parameters
    ----------
    exposure
        The exposure.
    weighting
        ``sky``: 1/`noise`, in 1/unit2. ``exptime``: the exposure time [s]. ``equal``: 1.
    noise
        Its `sky_variance`.

    Raises
    ------
    InputError
        When its errors are 0, that is, not known.
    """
    if weighting == "exptime":
        return float(exposure.meta.exposure_time or 0.0)
    if weighting == "equal":
        return 1.0
    if noise < 0 or (noise == 0 and bool(np.any(np.isfinite(exposure.data)))):
        raise InputError(f"{exposure.name}: its errors are 0 and give it no weight; see 'weighting' of mosaic")
    return 1 / noise if noise else 0.0
