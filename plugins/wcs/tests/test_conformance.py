"""The stage assign_wcs keeps every rule of the framework."""

from __future__ import annotations

import iris_wcs

from iris_core.testing import StageConformance


class TestConformance(StageConformance):
    """What every stage owes."""

    plugin = iris_wcs
    stage = "assign_wcs"
