"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import Exposure, InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from collections.abc import Sequence


@stage_spec(status="S_NLCORR")
def linearity(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Exposure:
    """Undo the non-linearity of the array, before anything is subtracted.

    Units: unchanged. Every variance component is multiplied by the square of the slope of the correction.

    Examples
    --------
    >>> @stage("linearity")
    ... def straighten(exposure):
    ...     seconds = exposure.meta.exposure_time
    ...     return exposure.scale(1 / (1 - 1e-6 * exposure.data * seconds))
    """
