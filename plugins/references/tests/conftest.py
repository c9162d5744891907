"""What the tests of the store share: a good reference file, and plugins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from iris_testkit import make_reference

from iris_core import Plugins, load_plugins

# A folder of the test may serve all its examples; a slow machine is no failure.
settings.register_profile("store", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("store")

KEYWORDS = {
    "FILTER": "Kbb",
    "READMODE": "DEFAULT",
    "USEAFTER": "2025-01-01",
    "PEDIGREE": "DUMMY",
    "DESCRIP": "a flat",
    "AUTHOR": "the tests",
    "DETXSIZE": 8,
    "DETYSIZE": 8,
}


@pytest.fixture
def plugins() -> Plugins:
    """Return what is installed: the types of references come with the stages that use them."""
    return load_plugins()


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a reference file that is good but for what it is given, and returns its path."""

    def write(name: str, reftype: str = "flat", data: Any = None, **keywords: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {key: keywords.pop(key) for key in ("err", "dq", "unit") if key in keywords}
        options.setdefault("unit", "electron/s" if reftype == "dark" else "")
        plane = np.ones((8, 8), np.float32) if data is None else data
        options.setdefault("err", np.full(plane.shape, 0.1, np.float32))
        return make_reference(path, reftype, plane, **options, **{**KEYWORDS, **keywords}).path

    return write
