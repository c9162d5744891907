"""The stages resample and mosaic keep every rule of the framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import iris_resample
import pytest
from iris_testkit import GroupStageConformance, StageConformance

from iris_core import Exposure


class TestConformance(StageConformance):
    """The rules that every stage has to keep."""

    plugin = iris_resample
    stage = "resample"


class TestMosaic(GroupStageConformance):
    """The rules for stages of many exposures, on a dither by 2.5 and 1.25 pixels."""

    plugin = iris_resample
    stage = "mosaic"
    numbers = (1, 2, 3)
    make_wcs: Any = None

    @pytest.fixture(autouse=True)
    def _wcs(self, make_wcs: Any) -> None:
        self.make_wcs = make_wcs

    def exposures(self, number: int) -> Sequence[Exposure]:
        step = 0.004 / 3600
        pointings = [(150.1 + 2.5 * step * at, 2.2 + 1.25 * step * at) for at in range(number)]
        return [
            one.replace(wcs=self.make_wcs(self.shape, crval=at), fits_wcs=None)
            for one, at in zip(super().exposures(number), pointings, strict=True)
        ]
