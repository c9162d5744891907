"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import DQ, InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from iris_core import Exposures  # it reads headers: importing it takes astropy


@stage_spec(status="S_OUTLIR", product="crf", group=True, makes="many", dq=DQ.OUTLIER)
def outlier_detection(
    exposures: Exposures, params: Params, references: References, instrument: InstrumentMode
) -> Exposures:
    """Flag the pixels in which an exposure differs from the others of the same sky: cosmic rays, moving targets.

    Units: unchanged. OUTLIER and DO_NOT_USE, and NaN, in these pixels; no other pixel is touched.

    Examples
    --------
    >>> @stage("outlier_detection")
    ... def find_nothing(exposures):
    ...     return exposures
    """
