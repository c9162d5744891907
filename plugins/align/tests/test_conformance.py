"""The stage align keeps every rule for stages of many exposures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import iris_align
import pytest
from iris_testkit import GroupStageConformance

from iris_core import Exposure

START = datetime(2026, 3, 20, 8, tzinfo=UTC)


class TestConformance(GroupStageConformance):
    """The rules, on a dither of a field of stars."""

    plugin = iris_align
    stage = "align"
    numbers = (1, 2, 3)
    dither: Any = None

    @pytest.fixture(autouse=True)
    def _stars(self, sky: Any) -> None:
        self.dither = sky.dither

    def exposures(self, number: int) -> Sequence[Exposure]:
        dither, _ = self.dither(number, shape=(128, 120), stars=12, step=0.03)
        return [
            one.replace(meta=replace(one.meta, start_time=START + timedelta(seconds=100 * at)))
            for at, one in enumerate(dither)
        ]
