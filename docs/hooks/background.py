"""Subtract one level, the median of all background exposures: for a sky that is the same everywhere."""

from collections.abc import Sequence

import numpy as np

from iris_core import Exposure, Removal, StageSkipped, stage


def check(background_exposures: Sequence[Exposure]) -> None:
    if not background_exposures:
        raise StageSkipped("no background exposures")


# One level removes the mean of a dark current that is still in, but not its pattern.
@stage("background", check=check, removes={"dark": Removal.PART})
def subtract_level(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
    level = float(np.median([np.nanmedian(one.data) for one in background_exposures]))
    return exposure.replace(data=exposure.data - level).note(f"level {level:.4g} {exposure.unit}")
