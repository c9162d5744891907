"""The stage background keeps every rule of the framework."""

from __future__ import annotations

import iris_background

from iris_core.testing import StageConformance


class TestConformance(StageConformance):
    """What every stage owes."""

    plugin = iris_background
    stage = "background"
