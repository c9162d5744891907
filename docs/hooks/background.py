"""Subtract one level, the median of all background exposures: for a sky that is the same everywhere."""

from collections.abc import Sequence

import numpy as np

from iris_core import Exposure, InputError, StageSkipped, stage


def check(exposure: Exposure, background_exposures: Sequence[Exposure]) -> None:
    if not background_exposures:
        raise StageSkipped("no background exposures")
    if exposure.status.get("S_DARK") != "COMPLETE":
        raise InputError(f"{exposure.name}: one level cannot take the dark with it; put dark_current before background")


@stage("background", check=check)
def subtract_level(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
    level = float(np.median([np.nanmedian(one.data) for one in background_exposures]))
    return exposure.replace(data=exposure.data - level).note(f"level {level:.4g} {exposure.unit}")
