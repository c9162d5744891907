"""The mean of integrations: closed form, bad pixels, weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import iris_integrations
import numpy as np
import pytest
from iris_testkit import make_exposure, run_stage

from iris_core import DQ, Exposure, StageSkipped, read_exposure, run, write_exposure

SHAPE = (5, 7)


def average(exposure: Exposure, **params: Any) -> Exposure:
    return run_stage(iris_integrations, exposure, **params)


def ramp(nint: int = 4, **options: Any) -> Exposure:
    """Return integrations of the values 0, 1, 2 ..."""
    return make_exposure(SHAPE, value=np.arange(nint, dtype=float)[:, None, None], nint=nint, **options)


def test_the_variance_of_a_mean_is_own_over_n_and_common_as_it_is() -> None:
    exposure = ramp().add_variance("background", np.full(SHAPE, 2.0))
    mean = average(exposure)
    assert mean.data.shape == SHAPE
    np.testing.assert_allclose(mean.data, 1.5)
    np.testing.assert_allclose(mean.variance["poisson"], 1 / 4)
    np.testing.assert_allclose(mean.variance["rnoise"], 0.5 / 4)
    np.testing.assert_allclose(mean.variance["background"], 2.0)


def test_a_common_error_that_follows_the_signal_is_that_of_the_mean_signal() -> None:
    """A flat that is 1 % wrong makes the mean of the integrations 1 % wrong, however the star varied."""
    exposure = ramp()
    mean = average(exposure.add_variance("flat", (0.01 * exposure.data) ** 2, common=True))
    np.testing.assert_allclose(mean.variance["flat"], (0.01 * mean.data) ** 2, rtol=1e-6)


def test_a_component_that_is_added_as_a_cube_is_new_in_each_integration() -> None:
    exposure = ramp()
    mean = average(exposure.add_variance("background", np.full(exposure.data.shape, 2.0)))
    np.testing.assert_allclose(mean.variance["background"], 2.0 / 4)


def test_a_pixel_that_is_bad_in_some_integrations_is_the_mean_of_the_others() -> None:
    bad = np.zeros((4, *SHAPE), dtype=bool)
    bad[3, 0, 0] = bad[2:, 0, 1] = bad[:, 0, 2] = True
    exposure = ramp().flag(bad, DQ.DO_NOT_USE | DQ.JUMP_DET).add_variance("dark", np.full(SHAPE, 3.0))
    mean = average(exposure)
    np.testing.assert_allclose(mean.data[0, :4], [1.0, 0.5, np.nan, 1.5])
    np.testing.assert_allclose(mean.variance["poisson"][0, :4], [1 / 3, 1 / 2, np.nan, 1 / 4])
    np.testing.assert_allclose(mean.variance["dark"][0, :4], [3, 3, np.nan, 3])
    assert mean.dq[0, :4].tolist() == [DQ.JUMP_DET, DQ.JUMP_DET, DQ.JUMP_DET | DQ.DO_NOT_USE, 0]
    assert any(note.startswith("2 pixels") for note in mean.notes)


def test_saturation_in_one_integration_stays_visible() -> None:
    saturated = np.zeros((4, *SHAPE), dtype=bool)
    saturated[1, 2, 3] = True
    mean = average(ramp().flag(saturated, DQ.SATURATED))
    assert mean.dq[2, 3] == DQ.SATURATED
    assert np.isfinite(mean.data[2, 3])


def test_integrations_can_be_weighted_by_their_own_variance() -> None:
    """Weights 1 and 1/3, whatever is common; the mean of the first alone where the second is bad."""
    poisson = np.array([1.0, 3.0])[:, None, None]
    exposure = ramp(2, poisson=poisson, rnoise=0.0).add_variance("dark", np.full(SHAPE, 100.0))
    bad = np.zeros((2, *SHAPE), dtype=bool)
    bad[1, 0, 0] = True
    mean = average(exposure.flag(bad, DQ.DO_NOT_USE), weight="variance")
    np.testing.assert_allclose([mean.data[0, 0], mean.data[1, 1]], [0, 1 / 4])
    np.testing.assert_allclose(mean.variance["poisson"][1, 1], (9 * 1 + 3) / 16)
    np.testing.assert_allclose(mean.variance["dark"], 100.0)


def test_weights_by_a_variance_that_is_not_known_are_equal() -> None:
    exposure = ramp().replace(variance={})
    mean = average(exposure, weight="variance")
    assert mean.err is None
    np.testing.assert_allclose(mean.data, 1.5)
    infinite = ramp().replace(variance={"total": np.full((4, *SHAPE), np.inf)})
    assert np.isnan(average(infinite.mask_invalid(), weight="variance").data).all()


def test_a_component_of_unknown_nature_is_said_to_be_taken_as_independent() -> None:
    exposure = ramp().replace(variance={"total": np.ones((4, *SHAPE))})
    mean = average(exposure)
    np.testing.assert_allclose(mean.variance["total"], 1 / 4)
    assert any("total" in note and "independent" in note for note in mean.notes)
    assert not any("independent" in note for note in average(ramp()).notes)


def test_planes_of_all_integrations_are_kept_and_those_of_single_ones_are_named() -> None:
    planes = {"SUBARR_MAP": np.ones(SHAPE, np.int16), "WHT": np.ones((4, *SHAPE), np.float32)}
    mean = average(ramp().replace(planes=planes))
    assert list(mean.planes) == ["SUBARR_MAP"]
    assert any("WHT" in note for note in mean.notes)


def test_the_exposure_keeps_its_times_and_its_number_of_integrations() -> None:
    exposure = ramp(header={"NINTS": 4, "EFFINTTM": 25.0})
    mean = average(exposure)
    assert (mean.header["NINTS"], mean.header["EFFINTTM"]) == (4, 25.0)
    assert mean.meta.exposure_time == exposure.meta.exposure_time


def test_a_single_image_is_skipped() -> None:
    with pytest.raises(StageSkipped):
        average(make_exposure(SHAPE))


def test_large_planes_are_averaged_in_blocks_of_rows() -> None:
    rng = np.random.default_rng(1)
    value = rng.normal(size=(3, 600, 500))
    exposure = make_exposure((600, 500), value=value, nint=3)
    np.testing.assert_allclose(average(exposure).data, exposure.data.mean(axis=0, dtype=float), atol=1e-6)


def test_the_product_is_named_as_that_of_an_image(tmp_path: Path) -> None:
    """And is one, as it says: x_rateints.fits gives x_cal.fits."""
    write_exposure(ramp(), tmp_path / "x_rateints.fits")
    recipe = tmp_path / "mean.yaml"
    recipe.write_text("recipe: 1\nname: mean\nsteps:\n  - average_integrations: {save: cal}\n")
    report = run(recipe, tmp_path / "x_rateints.fits")
    assert [path.name for path in report.results[0].products.values()] == ["x_cal.fits"]
    assert read_exposure(tmp_path / "x_cal.fits").status["S_AVGINT"] == "COMPLETE"
