"""The stage dark_current keeps every rule of the framework."""

from __future__ import annotations

import iris_dark
from iris_testkit import StageConformance


class TestConformance(StageConformance):
    """The rules that every stage has to keep."""

    plugin = iris_dark
    stage = "dark_current"
