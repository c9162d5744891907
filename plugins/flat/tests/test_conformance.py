"""The stage flat_field keeps every rule of the framework."""

from __future__ import annotations

import iris_flat

from iris_core.testing import StageConformance


class TestConformance(StageConformance):
    """What every stage owes."""

    plugin = iris_flat
    stage = "flat_field"
