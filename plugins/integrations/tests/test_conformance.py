"""The stage average_integrations keeps every rule of the framework."""

from __future__ import annotations

from typing import ClassVar

import iris_integrations
import numpy as np
from iris_testkit import StageConformance, make_exposure

from iris_core import Exposure


class TestConformance(StageConformance):
    """The rules that every stage has to keep."""

    plugin = iris_integrations
    stage = "average_integrations"
    params: ClassVar = {"weight": "variance"}
    exempt: ClassVar = {"integrations": "the stage makes one image of them"}

    def truth(self) -> Exposure:
        """Return a cube: nine integrations of a gradient."""
        rows, columns = self.shape
        gradient = np.linspace(50, 150, rows * columns).reshape(self.shape)
        return make_exposure(self.shape, value=gradient, nint=9)
