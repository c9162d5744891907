"""The camera, and where real frames are."""

from __future__ import annotations

from pathlib import Path

import pytest
from iris_core import InstrumentMode
from iris_testkit import iris_mode

REAL = Path(__file__).parents[4] / "shared" / "data" / "nirc2_cosmos01_ks"


@pytest.fixture(scope="session")
def mode() -> InstrumentMode:
    """Return the mode of the IRIS imager, whose detectors have 4096 x 4096 pixels."""
    return iris_mode()


@pytest.fixture(scope="session")
def real() -> Path:
    """Return the folder of the real COSMOS01 dither."""
    if not REAL.is_dir():
        pytest.skip("the COSMOS01 frames are not here: shared/data/nirc2_cosmos01_ks beside the project")
    return REAL
