"""The stage of this package keeps every rule of the framework."""

from __future__ import annotations

from iris_nirc2 import plugin as nirc2
from iris_testkit import StageConformance


class TestLinearity(StageConformance):
    """The rules that every stage has to keep, on rates of up to 10 000 DN."""

    plugin = nirc2
    stage = "linearity"
    mode = nirc2.instrument_modes()[0]
