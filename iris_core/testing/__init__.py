"""The kit for authors of plugins: exposures and reference files with known truth, fixtures, and conformance tests.

With iris-core installed, pytest knows the fixtures ``make_exposure``, ``make_reference``, ``plugin_manager``,
``run_stage``, ``run_recipe`` and ``swap_stage``. A class derived from `StageConformance` tests everything that any
stage owes. The kit has a version of its own: what a new minor version adds can fail a stage that passed before,
what it checked before stays as it was until the next major version.
"""

from __future__ import annotations

from iris_core.testing._make import iris_mode, make_exposure, make_reference
from iris_core.testing._run import run_recipe, run_stage
from iris_core.testing._truth import FileTruth, ImageTruth, add_wcs, cut_window
from iris_core.testing.conformance import StageConformance

__all__ = [
    "FileTruth",
    "ImageTruth",
    "StageConformance",
    "add_wcs",
    "cut_window",
    "iris_mode",
    "make_exposure",
    "make_reference",
    "run_recipe",
    "run_stage",
]

__version__ = "1.0"
