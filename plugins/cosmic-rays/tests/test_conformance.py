"""The stage cosmic_rays keeps every rule of the framework."""

from __future__ import annotations

from dataclasses import replace

import iris_cosmic_rays
import numpy as np
from iris_testkit import StageConformance

from iris_core import Exposure


class TestConformance(StageConformance):
    """The rules that every stage has to keep, on a sky with three rays."""

    plugin = iris_cosmic_rays
    stage = "cosmic_rays"

    def truth(self) -> Exposure:
        truth = super().truth()
        data = np.array(truth.data)
        data[[10, 20, 30], [12, 40, 50]] += 5000
        return truth.replace(data=data, meta=replace(truth.meta, read_mode="CDS"))
