"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from iris_core import Exposures


# Not S_BKDSUB: a keyword records one stage only. That the background is removed, `removes` says to all stages.
@stage_spec(status="S_DITSKY", group=True, makes="many", removes="background", may_remove=("dark",))
def dither_sky(exposures: Exposures, params: Params, references: References, instrument: InstrumentMode) -> Exposures:
    """Subtract from each dithered exposure the sky that the others show.

    Units: unchanged. Adds the variance component ``background``; DO_NOT_USE where no other exposure shows the sky.
    Exposures with the role ``background`` are returned as they are.

    Examples
    --------
    >>> @stage("dither_sky")
    ... def subtract_levels(exposures):
    ...     return exposures.changed(without_median)
    """
