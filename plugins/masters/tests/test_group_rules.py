"""What holds for every stage of many exposures here: for one exposure and five, whole, flagged and bad ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import iris_masters
import numpy as np
import pytest
from iris_masters import _sample
from iris_testkit import iris_mode, make_exposure

from iris_core import DQ, Exposure, Exposures, InputError, Removal

SHAPE = (40, 50)
Stage = Callable[[Sequence[Exposure]], Exposure]


def members(number: int, level: float = 1000.0) -> list[Exposure]:
    """Return exposures with noise, one ray and one bad pixel in each, each with its own file and start."""
    made = []
    for seed in range(number):
        header = {"DATE-OBS": f"2026-11-27T08:0{seed}:00", "OBSGEO-L": -155.5}
        bad = np.zeros(SHAPE, dtype=bool)
        bad[3, seed] = True
        one = make_exposure(
            SHAPE, value=level, poisson=4, rnoise=5, seed=seed, bad=bad, header=header, exposure_time=10.0
        )
        data = np.array(one.data)
        data[7, 2 * seed] += 500
        made.append(one.replace(data=data, meta=replace(one.meta, path=Path(f"x{seed}_rate.fits"))))
    return made


def darks(given: Sequence[Exposure]) -> Exposure:
    return _frames(given, "dark")


def medians(given: Sequence[Exposure]) -> Exposure:
    return _frames(given, "science", method="median")


def weighted(given: Sequence[Exposure]) -> Exposure:
    return _frames(given, "science", method="wmean", error="measure")


def _frames(given: Sequence[Exposure], role: str, **params: Any) -> Exposure:
    exposures, known = Exposures.of(given, [role] * len(given)), iris_masters.CombineParams(**params)
    iris_masters.check_frames(exposures, known)
    return iris_masters.combine_exposures(exposures, known)


def lamps(given: Sequence[Exposure]) -> Exposure:
    return _flats(given, thermal=9)


def twilight(given: Sequence[Exposure]) -> Exposure:
    without = [one.replace(removed={"dark": Removal.WHOLE}) for one in given]
    return _flats(without, method="scaled", allow=1)


def _flats(given: Sequence[Exposure], **params: Any) -> Exposure:
    exposures, known = Exposures.of(given, ["flat"] * len(given)), iris_masters.FlatParams(**params)
    iris_masters.check_flats(exposures, known, iris_mode())
    return iris_masters.combine_flats(exposures, known, iris_mode())


def masks(given: Sequence[Exposure]) -> Exposure:
    exposures = Exposures.of([*given, given[0]], ["dark"] * len(given) + ["flat"])
    known = iris_masters.MaskParams()
    iris_masters.check_members(exposures, known)
    return iris_masters.mask_pixels(exposures, known)


COMBINE = pytest.mark.parametrize("stage", [darks, medians, weighted, lamps, twilight])
EVERY = pytest.mark.parametrize("stage", [darks, medians, weighted, lamps, twilight, masks])


@EVERY
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_nan_and_do_not_use_go_together(stage: Stage, number: int) -> None:
    made = stage(members(number))
    unusable = (made.dq & DQ.DO_NOT_USE) != 0
    for plane in (made.data, *made.variance.values()):
        assert np.array_equal(~np.isfinite(plane), unusable)
    assert made.data.shape == SHAPE
    assert made.unit is not None
    assert made.header["NEXP"] == number + (stage is masks)
    assert made.notes


@EVERY
@pytest.mark.parametrize("number", [1, 3])
def test_what_the_framework_records_is_not_changed(stage: Stage, number: int) -> None:
    given = members(number)
    made = stage(given)
    assert made.history == ()
    assert made.done == frozenset()
    assert "HDRTAB" in made.planes
    assert len(made.planes["HDRTAB"]) == number + (stage is masks)


@EVERY
def test_the_same_bits_come_out_again(stage: Stage) -> None:
    one, other = stage(members(5)), stage(members(5))
    assert np.array_equal(one.data, other.data, equal_nan=True)
    assert np.array_equal(one.dq, other.dq)
    assert all(np.array_equal(plane, other.variance[name], equal_nan=True) for name, plane in one.variance.items())


@EVERY
def test_inputs_stay_as_they_are(stage: Stage) -> None:
    given, before = members(3), members(3)
    stage(given)
    for one, other in zip(given, before, strict=True):
        assert np.array_equal(one.data, other.data, equal_nan=True)
        assert np.array_equal(one.dq, other.dq)


@COMBINE
@pytest.mark.parametrize("number", [3, 5])
def test_rays_go_and_bad_pixels_lose_their_vote(stage: Stage, number: int) -> None:
    made = stage(members(number))
    assert not made.dq.any()
    assert made.err is not None
    pulls = (made.data - 1000) / made.err
    assert np.abs(pulls).max() < 5
    assert np.std(pulls) == pytest.approx(1, abs=0.06)


@COMBINE
def test_a_bad_pixel_has_the_error_of_the_others(stage: Stage) -> None:
    made = stage(members(3))
    assert made.err is not None
    with_three, with_two = made.err[20, 20], made.err[3, 1]
    more = {medians: (3 / 2 / 1.346) ** 0.5}.get(stage, 1.5**0.5)
    assert with_two / with_three == pytest.approx(more, rel=1e-3)


@COMBINE
def test_one_exposure_that_is_bad_everywhere_is_named(stage: Stage) -> None:
    given = members(3)
    given[1] = given[1].flag(np.ones(SHAPE, dtype=bool), DQ.DO_NOT_USE)
    with pytest.raises(InputError, match=r"x1_rate\.fits has no valid pixel"):
        stage(given)


@COMBINE
def test_a_pixel_that_is_bad_in_all_has_all_reasons(stage: Stage) -> None:
    where = np.zeros(SHAPE, dtype=bool)
    where[30, 31] = True
    bits = (DQ.DEAD, DQ.HOT, DQ.OUTLIER)
    given = [one.flag(where, bit | DQ.DO_NOT_USE) for one, bit in zip(members(3), bits, strict=True)]
    made = stage(given)
    assert made.dq[30, 31] == DQ.DEAD | DQ.HOT | DQ.DO_NOT_USE
    assert np.count_nonzero(made.dq) == 1


@COMBINE
def test_the_time_of_the_product_is_that_of_all(stage: Stage) -> None:
    made = stage(members(3))
    assert made.header["DATE-OBS"] == "2026-11-27T08:00:00"
    assert made.header["DATE-END"] == "2026-11-27T08:02:10"
    assert made.header["EXPTIME"] == 30
    assert made.wcs is None


@COMBINE
def test_a_window_gives_what_the_full_frame_gives(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what is known of the frames as a whole is the same: here it is fixed."""
    monkeypatch.setattr(_sample.Sample, "scatter", lambda self, levels: 1.0)
    monkeypatch.setattr(_sample.Sample, "levels", lambda self: np.full(len(self), 1000.0))
    monkeypatch.setattr(_sample.Sample, "relative_variances", lambda self, levels: np.ones(len(self)))
    part = (slice(2, 12), slice(0, 20))
    given = members(3)
    cut = [
        one.replace(data=one.data[part], dq=one.dq[part], variance={name: v[part] for name, v in one.variance.items()})
        for one in given
    ]
    whole, window = stage(given), stage(cut)
    assert np.array_equal(whole.data[part], window.data, equal_nan=True)
    assert np.array_equal(whole.dq[part], window.dq)
