"""The stage destripe: removes the stripes that the readout leaves in the rows and columns of an exposure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from iris_core import (
    DQ,
    Exposure,
    InputError,
    InstrumentMode,
    Params,
    References,
    hookimpl,
    parameter,
    stage,
    stage_spec,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iris_destripe._image import Pattern

__all__ = ["DestripeParams", "check_channels", "destripe", "remove_stripes"]

# Pixels with one of these bits see another sky than their neighbours, or none: they contain no information on a stripe.
UNFIT = (
    DQ.DO_NOT_USE
    | DQ.SATURATED
    | DQ.OUTLIER
    | DQ.PERSISTENCE
    | DQ.NON_SCIENCE
    | DQ.DEAD
    | DQ.HOT
    | DQ.LOW_QE
    | DQ.TELEGRAPH
    | DQ.OPEN
    | DQ.ADJ_OPEN
    | DQ.OTHER_BAD_PIXEL
    | DQ.REFERENCE_PIXEL
)


@stage_spec(status="S_DESTRP", dq=DQ.UNRELIABLE_ERROR)
def destripe(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Exposure:
    """Remove the offsets that the readout gives to the rows and columns of an exposure.

    Units: unchanged. The mean of each readout channel stays, and so does what is smooth. Adds the variance component
    ``destripe``; UNRELIABLE_ERROR where a stripe could not be measured and is still there.

    Examples
    --------
    >>> @stage("destripe")
    ... def subtract_medians(exposure):
    ...     offsets = np.nanmedian(exposure.data, axis=-1, keepdims=True)
    ...     return exposure.replace(data=exposure.data - offsets + np.nanmedian(offsets))
    """


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipe ``image2-destripe``."""
    return {"image2-destripe": Path(__file__).with_name("image2-destripe.yaml")}


class DestripeParams(Params):
    """Parameters of destripe."""

    direction: Literal["rows", "columns", "both"] = parameter("rows", "Which stripes are removed.")
    channels_x: int = parameter(
        1, "Readout channels side by side on the whole detector; each has stripes of its own.", ge=1
    )
    channels_y: int = parameter(1, "Readout channels above each other on the whole detector.", ge=1)
    box_size: int = parameter(
        128, "What is smooth over boxes of this side is sky, not stripes: it stays in the exposure.", "pixel", ge=8
    )
    sigma: float = parameter(
        3.0, "Threshold in standard deviations above which pixels, or groups of pixels, count as a source.", gt=0
    )
    min_pixels: int = parameter(
        16, "A row or column with fewer pixels of sky in its channel is not corrected.", "pixel", ge=2
    )

    @property
    def rows(self) -> bool:
        """Whether the stripes of rows are removed."""
        return self.direction != "columns"

    @property
    def columns(self) -> bool:
        """Whether those of columns are."""
        return self.direction != "rows"


def check_channels(exposure: Exposure, params: DestripeParams, instrument: InstrumentMode) -> None:
    """Refuse channels that do not fit the detector.

    Raises
    ------
    InputError
        When they do not divide it, or are too narrow for `min_pixels`.
    """
    from iris_destripe._channels import find_channels

    find_channels(exposure, instrument, params)


@stage("destripe", params=DestripeParams, check=check_channels)
def remove_stripes(exposure: Exposure, params: DestripeParams, instrument: InstrumentMode) -> Exposure:
    """Subtract the offset of each row, of each column, or of both, of each readout channel.

    Parameters
    ----------
    exposure
        In any unit; of a cube each integration by itself.
    params
        Which stripes, and how they differ from sky and sources.
    instrument
        Gives the size of the detector, of which the exposure may be a window.

    Returns
    -------
    Exposure
        In the same unit and with the same mean. UNRELIABLE_ERROR in rows and columns with too few pixels of sky.

    Raises
    ------
    InputError
        When not a single offset can be measured.

    Notes
    -----
    An offset is the mean of n pixels, of which the corrected pixel may be one. The part k of it is subtracted that is
    stripe rather than noise. With variances v of the pixels and s of the stripes the result has the variance
    ``(1 - k/n)^2 v + k^2 sum of the others' v / n^2 + (1 - k)^2 s + b s``: every component is scaled by the first
    factor, and the rest is the component ``destripe``. For equal v, k = 1 and weak stripes that is ``v (1 - 1/n)``.
    In a pixel that is not one of the n the first term is v. The last term is the part of the stripes that is smooth
    and stays, b = boxes / (rows - boxes).
    """
    from iris_destripe._channels import find_channels
    from iris_destripe._image import find_pattern
    from iris_destripe._stripes import Search

    search = Search(
        rows=params.rows,
        columns=params.columns,
        box_size=params.box_size,
        sigma=params.sigma,
        min_pixels=params.min_pixels,
    )
    channels = find_channels(exposure, instrument, params)
    regions = [(*image, *channel) for image in np.ndindex(exposure.data.shape[:-2]) for channel in channels]
    usable = (exposure.dq & np.uint32(UNFIT)) == 0
    return _subtract(exposure, find_pattern(exposure.data, exposure.err, usable, regions, search), params)


def _subtract(exposure: Exposure, pattern: Pattern, params: DestripeParams) -> Exposure:
    from iris_destripe._notes import describe

    if pattern.left.all():
        raise InputError(
            f"{exposure.name}: no stripe can be measured: nowhere are {params.min_pixels} pixels (min_pixels) and a "
            "quarter of a line certainly sky; skip the stage with 'skip:', or use fewer, wider channels"
        )
    factor = pattern.share * pattern.share
    scaled = {name: plane * factor for name, plane in exposure.variance.items()}
    result = exposure.replace(data=exposure.data - pattern.offsets, variance=scaled)
    for name, found in (("rows", pattern.rows), ("columns", pattern.columns)):
        for note in describe(name, found, str(exposure.unit), params.min_pixels):
            result = result.note(note)
    return result.add_variance("destripe", pattern.added).flag(pattern.left, DQ.UNRELIABLE_ERROR).mask_invalid()
