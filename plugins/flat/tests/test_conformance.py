"""The stage flat_field keeps every rule of the framework."""

from __future__ import annotations

import iris_flat
from iris_testkit import StageConformance


class TestConformance(StageConformance):
    """The rules that every stage has to keep."""

    plugin = iris_flat
    stage = "flat_field"
