"""The stage resample keeps every rule of the framework."""

from __future__ import annotations

import iris_resample
from iris_testkit import StageConformance


class TestConformance(StageConformance):
    """The rules that every stage has to keep."""

    plugin = iris_resample
    stage = "resample"
