"""The rules of the framework for stages of many exposures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import iris_sky
import pytest
from iris_testkit import GroupStageConformance

from iris_core import Exposure


@pytest.mark.slow
class TestDitherSky(GroupStageConformance):
    """On a dither of three stars."""

    plugin = iris_sky
    shape = (64, 64)
    numbers = (1, 2, 3, 5)
    exempt: ClassVar[Mapping[str, str]] = {"memory": "it is measured on exposures of one place, which it refuses"}
    many: ClassVar[list[Exposure]]

    @pytest.fixture(autouse=True)
    def _made(self, dither: Any) -> None:
        type(self).many = dither(5, size=64, step=25.0, stars=3, brightest=30.0).exposures

    def exposures(self, number: int) -> Sequence[Exposure]:
        return type(self).many[:number]
