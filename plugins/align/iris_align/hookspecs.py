"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from iris_core import Exposures


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
