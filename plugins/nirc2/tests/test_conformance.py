"""The stage flag_bad_pixels keeps every rule of the framework."""

from __future__ import annotations

import iris_nirc2

from iris_core.testing import StageConformance


class TestConformance(StageConformance):
    """What every stage owes."""

    plugin = iris_nirc2
    stage = "flag_bad_pixels"
