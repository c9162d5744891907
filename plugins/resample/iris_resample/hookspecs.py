"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import Exposure, InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from iris_core import Exposures


@stage_spec(status="S_MOSAIC", product="i2d", reshapes=True, group=True, makes="one")
def mosaic(exposures: Exposures, params: Params, references: References, instrument: InstrumentMode) -> Exposure:
    """Combine many exposures on one rectified grid.

    Units: unchanged, surface brightness is conserved. Shape, WCS and area change; planes WHT and CON are added.

    Examples
    --------
    >>> @stage("mosaic")
    ... def take_the_first(exposures):
    ...     return exposures.merged().replace(data=exposures[0].data, dq=exposures[0].dq, variance={})
    """
