"""Exposures of several detectors: the sky of each comes from its own exposures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_sky import SkyParams, check_dither, subtract_dither_sky
from iris_testkit import make_exposure

from iris_core import Exposure, Exposures, InputError, References


def of_detector(exposures: list[Exposure], name: str, factor: float = 1.0) -> list[Exposure]:
    """Return exposures as another detector would have taken them, `factor` times as bright."""
    return [
        one.replace(
            data=one.data * np.float32(factor),
            variance={key: plane * np.float32(factor**2) for key, plane in one.variance.items()},
            meta=replace(one.meta, detector=name, path=Path(f"{name}_{one.name}")),
        )
        for one in exposures
    ]


@pytest.fixture(scope="module")
def detectors(dither: Any) -> tuple[list[Exposure], list[Exposure]]:
    """Return a dither as two detectors see it: other stars, and a sky five times as bright."""
    first = dither(4, size=64, step=30.0, stars=2, brightest=30.0, seed=1)
    second = dither(3, size=64, step=30.0, stars=2, brightest=30.0, seed=2)
    return of_detector(first.exposures, "IMG1"), of_detector(second.exposures, "IMG2", 5.0)


@pytest.fixture(scope="module")
def mixed(detectors: tuple[list[Exposure], list[Exposure]]) -> Exposures:
    """Return both in the order of their times."""
    first, second = detectors
    return Exposures.of([first[0], second[0], first[1], second[1], first[2], second[2], first[3]])


def test_each_detector_gets_the_pixels_it_gets_alone(detectors: Any, mixed: Exposures) -> None:
    alone = {
        one.name: one
        for part in detectors
        for one in subtract_dither_sky(Exposures.of(part), SkyParams(), References())
    }
    together = list(subtract_dither_sky(mixed, SkyParams(), References()))
    assert [one.name for one in together] == [one.name for one in mixed.outlines]
    for one in together:
        np.testing.assert_array_equal(one.data, alone[one.name].data)
        np.testing.assert_array_equal(one.dq, alone[one.name].dq)
        np.testing.assert_array_equal(one.variance["background"], alone[one.name].variance["background"])


def test_no_sky_comes_from_another_detector(mixed: Exposures) -> None:
    for one in subtract_dither_sky(mixed, SkyParams(), References()):
        own, level = (3, 1000) if one.meta.detector == "IMG1" else (2, 5000)
        assert one.sci_header["BKGNEXP"] == own
        assert one.sci_header["BKGSKY"] == pytest.approx(level, rel=0.06)
        (note,) = (note for note in one.notes if note.startswith("sky of "))
        assert note.count("_rate.fits") == note.count(f"{one.meta.detector}_x") == own


def test_one_exposure_of_a_detector_is_refused_by_name_before_the_run(detectors: Any) -> None:
    first, second = detectors
    with pytest.raises(InputError, match=r"has 1 of IMG2 \(IMG2_x0_rate\.fits\)"):
        check_dither(Exposures.of([*first, second[0]]), SkyParams(), References())


def test_detectors_may_have_units_and_components_of_their_own(detectors: Any) -> None:
    """What has to be alike is alike within a detector."""
    first, second = detectors
    bare = [one.replace(variance={}) for one in second]
    check_dither(Exposures.of([*first, *bare]), SkyParams(), References())
    with pytest.raises(InputError, match="different variance components"):
        check_dither(Exposures.of([*first, bare[0], *second[1:]]), SkyParams(), References())


def test_no_science_exposure_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="no science exposure"):
        check_dither(Exposures.of([make_exposure((8, 8))] * 2, ["background"] * 2), SkyParams(), References())
