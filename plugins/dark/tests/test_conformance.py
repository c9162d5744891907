"""The stage dark_current keeps every rule of the framework."""

from __future__ import annotations

import iris_dark

from iris_core.testing import StageConformance


class TestConformance(StageConformance):
    """What every stage owes."""

    plugin = iris_dark
    stage = "dark_current"
