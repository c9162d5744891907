"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import DQ, Exposure, InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from collections.abc import Sequence


@stage_spec(status="S_COSRAY", dq=DQ.OUTLIER)
def cosmic_rays(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Exposure:
    """Flag the pixels that cosmic rays, or unstable hot pixels, have changed in a single exposure.

    Units: unchanged, not MJy/sr. OUTLIER and DO_NOT_USE, and NaN, in these pixels; no other pixel is touched.

    Examples
    --------
    >>> @stage("cosmic_rays")
    ... def flag_the_highest(exposure):
    ...     return exposure.flag(exposure.data > 1e5, DQ.OUTLIER | DQ.DO_NOT_USE)
    """
