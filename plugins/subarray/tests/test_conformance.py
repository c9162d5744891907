"""The stage parse_subarray_map keeps every rule of the framework."""

from __future__ import annotations

import iris_subarray.plugin
import numpy as np
from iris_testkit import StageConformance

from iris_core import Exposure


class TestConformance(StageConformance):
    """The rules that every stage has to keep, on an exposure with two windows, inside and outside of the middle."""

    plugin = iris_subarray.plugin
    stage = "parse_subarray_map"

    def truth(self) -> Exposure:
        """Return the exposure with its map."""
        labels = np.zeros(self.shape, dtype=np.int16)
        labels[20:25, 20:40] = 1
        labels[2:6, 50:60] = 3
        return super().truth().replace(planes={"SUBARR_MAP": labels})
