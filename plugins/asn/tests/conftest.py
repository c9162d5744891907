"""Outlines for the tests of this package."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from iris_testkit import make_exposure

from iris_core import Exposure

START = datetime(2026, 6, 1, tzinfo=UTC)
Make = Callable[..., Exposure]


@pytest.fixture(scope="session")
def exposure() -> Make:
    """Return a function that makes an exposure: ``exposure(name, IMTYPE, minute, header={...}, **meta)``."""

    def make(name: str, kind: str = "SCI", minute: float | None = 0, **meta: Any) -> Exposure:
        start = None if minute is None else START + timedelta(minutes=minute)
        shape, header = meta.pop("shape", (4, 4)), meta.pop("header", None)
        said = {"detector": "IMG1", "filter": "Kbb", "read_mode": "CDS", "target": "M31", "start_time": start}
        path = Path(f"{name}_rate.fits")
        return make_exposure(shape, header=header, path=path, image_type=kind, **{**said, **meta})

    return make
