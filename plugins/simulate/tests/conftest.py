"""What several tests share: the installed camera, and one small set."""

from __future__ import annotations

import pytest
from iris_simulate import SimulatedSet, WrittenSet, simulate, write_set
from iris_testkit import iris_mode

from iris_core import InstrumentMode


@pytest.fixture(scope="session")
def mode() -> InstrumentMode:
    return iris_mode()


@pytest.fixture(scope="session")
def field(mode: InstrumentMode) -> SimulatedSet:
    """Return a small field with two dithers and two background exposures."""
    return simulate(instrument=mode, size=(320, 256), stars=6, dithers=2, backgrounds=2, defects=0.01, seed=7)


@pytest.fixture(scope="session")
def written(field: SimulatedSet, tmp_path_factory: pytest.TempPathFactory) -> WrittenSet:
    return write_set(field, tmp_path_factory.mktemp("set"))
