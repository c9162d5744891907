"""The stage this package adds to the framework."""

from __future__ import annotations

from iris_core import Exposures, InstrumentMode, Params, References, stage_spec


@stage_spec(status="S_TWKREG", group=True, makes="many")
def align(exposures: Exposures, params: Params, references: References, instrument: InstrumentMode) -> Exposures:
    """Correct the WCS of exposures so that they agree with each other, and with a catalogue where there is one.

    Units: unchanged; no pixel is touched. After assign_wcs, before what needs exposures on one sky.

    Examples
    --------
    >>> @stage("align")
    ... def leave(exposures):
    ...     return exposures
    """
