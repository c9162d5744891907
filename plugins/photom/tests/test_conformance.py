"""The stage photom keeps every rule of the framework."""

from __future__ import annotations

import iris_photom

from iris_core.testing import StageConformance


class TestConformance(StageConformance):
    """What every stage owes."""

    plugin = iris_photom
    stage = "photom"
    optional = ("area",)
