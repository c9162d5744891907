"""The stage as a whole: what it takes away, what it leaves, and what it says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iris_core import DQ, Exposure, InputError
from iris_testkit import run_stage
from scenes import alternating, observed

import iris_destripe

SHAPE = (160, 192)


def clean(exposure: Exposure, **params: Any) -> Exposure:
    return run_stage(iris_destripe, exposure, **{"box_size": 32, **params})


def striped(amplitude: float = 3.0, seed: int = 1) -> Exposure:
    return observed(50 + alternating(SHAPE[0], amplitude)[:, np.newaxis], SHAPE, seed)


def rows_of(exposure: Exposure) -> float:
    """Return the scatter of the means of rows."""
    return float(np.nanmean(exposure.data, axis=-1).std())


def test_stripes_come_down_to_the_noise_of_their_means() -> None:
    result = clean(striped())
    assert rows_of(striped()) == pytest.approx(3.0, rel=0.02)
    assert rows_of(result) < 2 / SHAPE[1] ** 0.5


def test_the_mean_of_each_channel_stays() -> None:
    before = striped()
    after = clean(before, channels_x=2, channels_y=2)
    for rows in (slice(0, 80), slice(80, 160)):
        for columns in (slice(0, 96), slice(96, 192)):
            assert after.data[rows, columns].mean() == pytest.approx(before.data[rows, columns].mean(), abs=1e-3)


@pytest.mark.parametrize("level", [-40.0, 1e3])
def test_the_level_of_the_sky_plays_no_part(level: float) -> None:
    before = striped()
    raised = before.replace(data=before.data + np.float32(level))
    np.testing.assert_allclose(clean(raised).data - level, clean(before).data, atol=5e-3)


@pytest.mark.parametrize("factor", [0.1, 8.0])
def test_data_in_another_unit_give_the_same_in_that_unit(factor: float) -> None:
    before = striped()
    first, second = clean(before), clean(before.scale(factor))
    np.testing.assert_allclose(second.data, first.data * factor, rtol=1e-3, atol=1e-3 * factor)
    assert first.err is not None
    assert second.err is not None
    np.testing.assert_allclose(second.err, first.err * factor, rtol=1e-3)


def test_columns_are_rows_of_the_image_on_its_side() -> None:
    before = striped()
    turned = before.replace(
        data=before.data.T, dq=before.dq.T, variance={name: plane.T for name, plane in before.variance.items()}
    )
    along, across = clean(before), clean(turned, direction="columns")
    np.testing.assert_allclose(across.data.T, along.data, atol=1e-4)


def test_channels_have_stripes_of_their_own() -> None:
    """The right half has the stripes of the left half upside down: the means of whole rows are level."""
    pattern = alternating(SHAPE[0], 3.0)[:, np.newaxis] * np.where(np.arange(SHAPE[1]) < 96, 1, -1)
    before = observed((50 + pattern).astype(np.float32), SHAPE, 3)
    left = clean(before, channels_x=2).data[:, :96]
    assert before.data[:, :96].mean(axis=1).std() == pytest.approx(3.0, rel=0.05)
    assert left.mean(axis=1).std() < 0.2
    assert clean(before).data[:, :96].mean(axis=1).std() > 2.5


def test_each_integration_has_its_own() -> None:
    cube = [striped(amplitude, seed) for seed, amplitude in enumerate((0.5, 3.0, 9.0))]
    stack = cube[0].replace(
        data=np.stack([one.data for one in cube]),
        dq=np.stack([one.dq for one in cube]),
        variance={name: np.stack([one.variance[name] for one in cube]) for name in cube[0].variance},
    )
    for found, one in zip(clean(stack).data, cube, strict=True):
        np.testing.assert_allclose(found, clean(one).data, atol=1e-5)


def test_an_exposure_without_stripes_is_as_good_as_before() -> None:
    before = observed(50.0, SHAPE, 5)
    after = clean(before)
    assert (after.data - 50).std() <= 1.005 * (before.data - 50).std()
    assert np.abs(after.data - before.data).max() < 0.2
    assert after.err is not None
    assert after.err == pytest.approx(1.0, rel=0.02)


def test_pixels_that_see_no_sky_tell_nothing_and_are_corrected_as_their_row_is() -> None:
    """Hot pixels far above the sky in half of a row."""
    before = striped()
    hot = np.zeros(SHAPE, dtype=np.bool_)
    hot[40, ::2] = True
    hotter = before.replace(data=np.where(hot, before.data + np.float32(500), before.data)).flag(hot, DQ.HOT)
    result = clean(hotter)
    np.testing.assert_allclose(result.data[40, 1::2], clean(before).data[40, 1::2], atol=0.5)
    np.testing.assert_allclose(result.data[40, ::2].mean() - 500, result.data[40, 1::2].mean(), atol=0.5)


def test_a_row_without_enough_sky_is_not_corrected_and_flagged() -> None:
    lost = np.zeros(SHAPE, dtype=np.bool_)
    lost[40, 10:] = True
    before = striped().flag(lost, DQ.DO_NOT_USE)
    result = clean(before)
    np.testing.assert_array_equal(result.data[40, :10], before.data[40, :10])
    assert np.all(result.dq[40] & DQ.UNRELIABLE_ERROR)
    assert not np.any(result.dq[41] & DQ.UNRELIABLE_ERROR)
    assert any("1 of 160" in note and "UNRELIABLE_ERROR" in note for note in result.notes)


def test_unknown_errors_stay_unknown() -> None:
    result = clean(striped().replace(variance={}))
    assert result.err is None
    assert rows_of(result) < 0.2


def test_the_notes_have_the_size_of_the_stripes_and_their_unit() -> None:
    (note,) = clean(striped()).notes
    assert note.startswith("rows: stripes of 3")
    assert "electron / s rms" in note
    both = clean(striped(), direction="both").notes
    assert [one.partition(":")[0] for one in both] == ["rows", "columns"]


def test_an_exposure_of_sources_alone_is_refused() -> None:
    with pytest.raises(InputError, match=r"x_rate\.fits: .*16 pixels \(min_pixels\)"):
        clean(striped().flag(np.ones(SHAPE, dtype=np.bool_), DQ.DO_NOT_USE))


def test_the_input_is_not_changed() -> None:
    before = striped()
    data = before.data.copy()
    clean(before)
    np.testing.assert_array_equal(before.data, data)
    assert set(before.variance) == {"poisson", "rnoise"}
