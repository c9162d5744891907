"""The stage resample keeps every rule of the framework."""

from __future__ import annotations

import iris_resample

from iris_core.testing import StageConformance


class TestConformance(StageConformance):
    """What every stage owes."""

    plugin = iris_resample
    stage = "resample"
