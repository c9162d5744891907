"""The stage photom keeps every rule of the framework."""

from __future__ import annotations

from typing import ClassVar

import iris_photom
from iris_testkit import StageConformance


class TestConformance(StageConformance):
    """The rules that every stage has to keep."""

    plugin = iris_photom
    stage = "photom"
    optional = ("area",)
    exempt: ClassVar = {"reference-flags": "the area map is a plane beside the pixels, which keep their own bits"}
