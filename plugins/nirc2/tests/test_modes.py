"""One instrument mode for each camera, every number with its source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_nirc2 import instrument_modes, read_exposure
from iris_nirc2._keywords import filter_name

SCALES = {"narrow": 0.009971, "medium": 0.019829, "wide": 0.039686}


def test_there_is_a_mode_for_each_camera() -> None:
    assert {mode.name: mode.pixel_scale for mode in instrument_modes()} == {
        f"nirc2-{camera}": scale for camera, scale in SCALES.items()
    }


@pytest.mark.parametrize("camera", SCALES)
def test_a_frame_matches_the_mode_of_its_camera_only(make_frame: Any, camera: str) -> None:
    exposure = read_exposure(make_frame(np.zeros((8, 8)), CAMNAME=f"{camera}     "), False, "")
    assert exposure is not None
    assert [mode.name for mode in instrument_modes() if mode.matches(exposure)] == [f"nirc2-{camera}"]


def test_every_fact_says_its_source() -> None:
    for fact in instrument_modes()[0].facts.values():
        assert {"value", "unit", "source"} <= set(fact)
        assert len(fact["source"]) > 10


@pytest.mark.parametrize(
    ("composite", "name"),
    [
        ("Ks + clear", "Ks"),
        ("clear + Lp", "Lp"),
        ("clear + clear", "clear"),
        ("PK50_1.5 + J", "PK50_1.5 + J"),
        ("Kp", "Kp"),
        ("", "clear"),
    ],
)
def test_the_clear_wheel_is_not_named(composite: str, name: str) -> None:
    assert filter_name(composite) == name


@given(st.lists(st.sampled_from(["clear", "Ks", "Br_gamma", "H2O_ice", ""]), max_size=3))
def test_a_filter_name_is_its_own_filter_name(wheels: list[str]) -> None:
    once = filter_name(" + ".join(wheels))
    assert filter_name(once) == once
