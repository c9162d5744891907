"""The stage sky_match keeps every rule for stages of many exposures."""

from __future__ import annotations

from collections.abc import Sequence

import iris_skymatch
import numpy as np
from iris_testkit import GroupStageConformance

from iris_core import Exposure


class TestConformance(GroupStageConformance):
    """The rules, on exposures whose skies differ by 3 from each to the next, at one place of the sky."""

    plugin = iris_skymatch
    stage = "sky_match"

    def exposures(self, number: int) -> Sequence[Exposure]:
        return [one.replace(data=one.data + np.float32(3 * at)) for at, one in enumerate(super().exposures(number))]
