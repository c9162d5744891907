"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from iris_core import Exposures  # it reads headers: importing it takes astropy


@stage_spec(status="S_SKYMAT", group=True, makes="many")
def sky_match(exposures: Exposures, params: Params, references: References, instrument: InstrumentMode) -> Exposures:
    """Bring overlapping exposures to one level of the sky.

    Units: unchanged. One number, or one plane, is subtracted from each exposure. Its error is the same in all pixels
    of the exposure: it goes into the header, not into the variance.

    Examples
    --------
    >>> @stage("sky_match")
    ... def leave_the_levels(exposures):
    ...     return exposures
    """
