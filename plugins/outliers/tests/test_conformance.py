"""The stage outlier_detection keeps every rule for stages of many exposures."""

from __future__ import annotations

from collections.abc import Sequence

import iris_outliers
from iris_testkit import GroupStageConformance

from iris_core import Exposure


class TestConformance(GroupStageConformance):
    """The rules, on exposures of which each was hit by a ray."""

    plugin = iris_outliers
    stage = "outlier_detection"

    def exposures(self, number: int) -> Sequence[Exposure]:
        made = list(super().exposures(number))
        for at, one in enumerate(made):
            data = one.data.copy()
            data[20, 10 + 5 * at] += 500
            made[at] = one.replace(data=data)
        return made
