"""The stages keep every rule of the framework."""

from __future__ import annotations

from typing import ClassVar

import iris_masters
import numpy as np
from iris_testkit import GroupStageConformance, StageConformance, make_exposure

from iris_core import Exposure

ONE_IMAGE = {"integrations": "one image is measured; integrations are refused by name"}


class TestNormalize(StageConformance):
    """The rules, on a gradient."""

    plugin = iris_masters
    stage = "normalize"
    exempt: ClassVar = {**ONE_IMAGE, "subarray": "the level is that of the pixels that there are"}


class TestFlagDark(StageConformance):
    """The rules, on a dark with three hot pixels."""

    plugin = iris_masters
    stage = "flag_dark"
    exempt: ClassVar = ONE_IMAGE

    def truth(self) -> Exposure:
        truth = super().truth()
        data = np.array(truth.data)
        data[[10, 20, 30], [12, 40, 50]] += 5000
        return truth.replace(data=data)


class TestFlagFlat(StageConformance):
    """The rules, on a flat with three dead pixels."""

    plugin = iris_masters
    stage = "flag_flat"
    exempt: ClassVar = ONE_IMAGE

    def truth(self) -> Exposure:
        truth = super().truth()
        data = np.array(truth.data)
        data[[10, 20, 30], [12, 40, 50]] *= 0.01
        return truth.replace(data=data)


class TestMakeReference(StageConformance):
    """The rules, for a dark of a known time."""

    plugin = iris_masters
    stage = "make_reference"
    params: ClassVar = {"reftype": "dark"}
    exempt: ClassVar = ONE_IMAGE

    def truth(self) -> Exposure:
        rows, columns = self.shape
        gradient = np.linspace(50, 150, rows * columns).reshape(self.shape)
        return make_exposure(self.shape, value=gradient, header={"DATE-OBS": "2026-11-26T07:00:00"})


class TestCombineFrames(GroupStageConformance):
    """The rules for stages of many exposures, on repetitions of one scene."""

    plugin = iris_masters
    stage = "combine_frames"
