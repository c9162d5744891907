"""The background stage with background exposures: truth in closed form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import iris_background
import numpy as np
import pytest
from iris_testkit import make_exposure, run_recipe, run_stage

from iris_core import DQ, Exposure, InputError, Removal, StageSkipped, Window

SHAPE = (8, 8)
DARK_GONE = {"S_DARK": "COMPLETE"}


def science(value: float = 100.0, **options: Any) -> Exposure:
    return make_exposure(SHAPE, value=value, **options)


def sky(value: float, name: str = "y_rate.fits", **options: Any) -> Exposure:
    return make_exposure(options.pop("shape", SHAPE), value=value, path=Path(name), **options)


def skies(*values: float, **options: Any) -> list[Exposure]:
    return [sky(value, f"y{number}.fits", **options) for number, value in enumerate(values)]


def with_pixel(exposure: Exposure, value: float, pixel: tuple[int, ...] = (2, 3)) -> Exposure:
    data = exposure.data.copy()
    data[..., pixel[0], pixel[1]] = value
    return exposure.replace(data=data)


def calibrate(exposure: Exposure, backgrounds: list[Exposure], **params: Any) -> Exposure:
    return run_stage(iris_background, exposure, backgrounds=backgrounds, **params)


@pytest.mark.parametrize("nint", [0, 3])
def test_mean_of_the_backgrounds_and_its_variance(nint: int) -> None:
    """100 - (10 + 11 + 12) / 3 = 89; each has 1.5 of variance, their mean 3 x 1.5 / 9."""
    result = calibrate(science(nint=nint), skies(10, 11, 12))
    assert result.data.shape == ((nint, 8, 8) if nint else SHAPE)
    np.testing.assert_allclose(result.data, 89, rtol=1e-6)
    assert set(result.variance) == {"poisson", "rnoise", "background"}
    np.testing.assert_allclose(result.variance["background"], 0.5, rtol=1e-6)
    np.testing.assert_array_equal(result.variance["poisson"], 1)
    assert str(result.unit) == "electron / s"
    assert not result.dq.any()


def test_input_is_left_alone() -> None:
    exposure, backgrounds = science(), skies(10, 11, 12)
    calibrate(exposure, backgrounds)
    np.testing.assert_array_equal(exposure.data, 100)
    assert [float(one.data[0, 0]) for one in backgrounds] == [10, 11, 12]


@pytest.mark.parametrize("number", range(3, 10))
def test_lone_outlier_is_clipped_from_three_exposures_on(number: int) -> None:
    """An outlier of 10 standard deviations leaves mean and variance to the others."""
    backgrounds = skies(*[10.0] * number)
    backgrounds[1] = with_pixel(backgrounds[1], 10 + 10 * 1.5**0.5)
    result = calibrate(science(), backgrounds)
    np.testing.assert_allclose(result.data, 90, rtol=1e-6)
    assert result.variance["background"][2, 3] == pytest.approx(1.5 / (number - 1))
    assert result.variance["background"][0, 0] == pytest.approx(1.5 / number)
    assert "y1.fits: level 10, 1 value clipped (1.56 %)" in result.notes[0]


@pytest.mark.parametrize(("apart", "subtracted"), [(5.1, 10.0), (4.9, 10 + 4.9 * 3**0.5 / 2)])
def test_of_two_values_the_lower_is_kept_where_they_differ_by_more_than_five_errors(
    apart: float, subtracted: float
) -> None:
    """Light only ever adds: the standard deviation of the difference is sqrt(1.5 + 1.5)."""
    result = calibrate(science(), [with_pixel(sky(10), 10 + apart * 3**0.5), sky(10)])
    assert result.data[2, 3] == pytest.approx(100 - subtracted)
    assert "the lower value kept where the two differ by more than 5 standard deviations" in result.notes[0]


def test_one_exposure_is_subtracted_as_it_is() -> None:
    result = calibrate(science(), [sky(10)])
    np.testing.assert_array_equal(result.data, 90)
    np.testing.assert_array_equal(result.variance["background"], 1.5)
    assert result.notes[0] == "one background exposure, nothing can be rejected: y_rate.fits"


@pytest.mark.parametrize("nint", [0, 2])
@pytest.mark.parametrize(("light", "lost"), [(5.2, True), (4.8, False)])
def test_light_in_the_only_background_digs_no_hole(nint: int, light: float, lost: bool) -> None:
    """The background is brighter there than the exposure, by more or less than 5 errors of sqrt(1.5 + 1.5)."""
    result = calibrate(science(10.0, nint=nint), [with_pixel(sky(10), 10 + light * 3**0.5)])
    assert np.all(np.isnan(result.data[..., 2, 3]) == lost)
    assert np.all(result.dq[..., 2, 3] == (DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL if lost else DQ.GOOD))
    assert np.count_nonzero(np.isnan(result.data)) == lost * max(nint, 1)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_few_backgrounds_say_what_they_assume(number: int) -> None:
    notes = " ".join(calibrate(science(), skies(*[10.0] * number)).notes)
    assert ("at least 4 exposures" in notes) == (number < 3)
    assert ("objects not masked" in notes) == (number > 1)


def test_lower_half_is_kept_where_the_values_fall_into_two_halves() -> None:
    """Two of four exposures have a star there: it only adds light."""
    backgrounds = skies(10, 10, 10, 10)
    for number, light in ((1, 500), (3, 900)):
        backgrounds[number] = with_pixel(backgrounds[number], light)
    result = calibrate(science(), backgrounds)
    np.testing.assert_array_equal(result.data, 90)
    assert result.variance["background"][2, 3] == pytest.approx(0.75)


def test_exposure_at_quite_another_level_is_clipped_as_a_whole() -> None:
    result = calibrate(science(), skies(10, 10, 10, 1000))
    np.testing.assert_array_equal(result.data, 90)
    assert "y3.fits: level 1000, 64 values clipped (100.00 %)" in result.notes[0]


def test_drift_of_the_sky_is_no_outlier_and_hides_none() -> None:
    """Levels apart by 8 standard deviations stay; a pixel off by 10 from its own exposure's level goes."""
    backgrounds = skies(100, 110, 120, 130)
    backgrounds[0] = with_pixel(backgrounds[0], 100 + 10 * 1.5**0.5)
    result = calibrate(science(), backgrounds)
    assert result.data[0, 0] == 100 - 115
    assert result.data[2, 3] == pytest.approx(100 - 115, abs=1e-3)
    assert "image2-dark-first" in result.notes[1]


@pytest.mark.parametrize("mark", ["dq", "nan", "variance"])
def test_bad_pixel_of_one_exposure_only_loses_its_vote(mark: str) -> None:
    backgrounds = skies(10, 12, 14)
    planes = {"dq": backgrounds[2].dq.copy(), "nan": backgrounds[2].data.copy(), "variance": np.ones(SHAPE, np.float32)}
    planes["dq"][2, 3] = DQ.DO_NOT_USE | DQ.HOT
    planes["nan"][2, 3] = planes["variance"][2, 3] = np.nan
    changes = {"dq": "dq", "nan": "data"}
    if mark == "variance":
        backgrounds[2] = backgrounds[2].replace(variance={"total": planes[mark]})
    else:
        backgrounds[2] = backgrounds[2].replace(**{changes[mark]: planes[mark]})
    result = calibrate(science(), backgrounds)
    # The mean of 10 and 12, brought to the level of all three.
    assert result.data[2, 3] == pytest.approx(100 - 12)
    assert result.variance["background"][2, 3] == pytest.approx(0.75)
    assert not result.dq.any()


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("background_nint", [0, 2])
def test_pixel_that_is_bad_in_all_backgrounds_says_why(number: int, background_nint: int) -> None:
    """With the bits of all backgrounds, but for OUTLIER, which is of one exposure."""
    here = np.zeros(SHAPE, dtype=bool)
    here[2, 3] = True
    backgrounds = [one.flag(here, DQ.DO_NOT_USE | DQ.HOT) for one in skies(*[10] * number, nint=background_nint)]
    backgrounds[-1] = backgrounds[-1].flag(here, DQ.TELEGRAPH | DQ.OUTLIER)
    result = calibrate(science(100.0, nint=2), backgrounds)
    assert np.all(result.dq[:, 2, 3] == DQ.DO_NOT_USE | DQ.HOT | DQ.TELEGRAPH)
    assert np.count_nonzero(result.dq) == 2


def test_pixel_that_is_bad_in_all_backgrounds_is_lost() -> None:
    here = np.zeros(SHAPE, dtype=bool)
    here[2, 3] = True
    result = calibrate(science(nint=2), [one.flag(here, DQ.DO_NOT_USE) for one in skies(10, 10, 10)])
    np.testing.assert_array_equal(result.dq, np.broadcast_to(here, (2, 8, 8)) * DQ.DO_NOT_USE)
    np.testing.assert_array_equal(np.isnan(result.data), result.dq != 0)
    np.testing.assert_array_equal(np.isnan(result.err), result.dq != 0)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("nint", [0, 2])
def test_backgrounds_without_a_single_valid_pixel_are_an_error(number: int, nint: int) -> None:
    """The product would be NaN all over."""
    blank = [one.replace(data=one.data * np.nan).mask_invalid() for one in skies(*[10] * number, nint=nint)]
    names = ", ".join(one.name for one in blank)
    with pytest.raises(InputError, match=f"no pixel of the background exposures {names} .*x_rate.fits"):
        calibrate(science(), blank)


def test_one_blank_background_among_good_ones_only_loses_its_vote() -> None:
    first, *others = skies(10, 10, 10)
    result = calibrate(science(), [first.replace(data=first.data * np.nan).mask_invalid(), *others])
    np.testing.assert_array_equal(result.data, 90)


def test_invalid_pixels_of_the_exposure_stay_so() -> None:
    result = calibrate(science().flag(np.eye(8, dtype=bool), DQ.DO_NOT_USE), skies(10, 10, 10))
    np.testing.assert_array_equal(np.isnan(result.data), np.eye(8, dtype=bool))


def test_integrations_of_a_background_are_combined_first() -> None:
    """A cube of 4 counts as one exposure: the mean of 10 (four times) and 12 is 11, not 10.4."""
    cube = sky(10, "cube.fits", nint=4)
    data = cube.data.copy()
    data[1, 2, 3] = 1000
    result = calibrate(science(), [cube.replace(data=data), sky(12)])
    np.testing.assert_array_equal(result.data, 89)
    np.testing.assert_allclose(result.variance["background"][0, 0], (1.5 / 4 + 1.5) / 4)
    np.testing.assert_allclose(result.variance["background"][2, 3], (1.5 / 3 + 1.5) / 4)
    assert "cube.fits (4 integrations, 1 value clipped (0.39 %)): level 10" in result.notes[0]


@pytest.mark.parametrize(
    ("params", "removed"),
    [
        ({}, Removal.WHOLE),
        ({"match": "factor"}, Removal.WHOLE),
        ({"match": "offset"}, Removal.WHOLE),
        ({"scale": "median"}, Removal.WHOLE),
        ({"method": "from_science"}, Removal.PART),
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_how_much_of_the_dark_is_removed_with_the_background(
    tmp_path: Path, params: dict[str, str], removed: Removal, before: bool
) -> None:
    """The mean of exposures that contain the dark removes all of it, smoothed only a part; it is never multiplied."""
    header = DARK_GONE if before else {}
    product = run_recipe(
        [{"background": {"params": params}}],
        science(header=header),
        folder=tmp_path,
        plugins={"iris-background": iris_background},
        backgrounds=skies(10, 10, 10, header=header),
        save="background",
    )["bsub"]
    assert product.removed["dark"] is (Removal.WHOLE if before else removed)
    assert product.removed["background"] is Removal.WHOLE


@pytest.mark.parametrize("params", [{"match": "factor"}, {"scale": "median"}])
def test_factor_brings_each_background_to_the_level_of_the_sky(params: dict[str, str]) -> None:
    """Skies of 50, 100 and 200 become 100: variance 1.5 x (4 + 1 + 0.25) / 9; the star stays."""
    exposure = with_pixel(science(100.0, header=DARK_GONE), 5000)
    result = calibrate(exposure, skies(50, 100, 200, header=DARK_GONE), **params)
    assert result.data[2, 3] == 4900
    assert np.count_nonzero(result.data) == 1
    np.testing.assert_allclose(result.variance["background"], 1.5 * 5.25 / 9, rtol=1e-6)
    assert "y0.fits x 2: level 100" in result.notes[0]


@pytest.mark.parametrize("header", [{}, DARK_GONE])
def test_offset_shifts_each_background_to_the_level_of_the_sky(header: dict[str, str]) -> None:
    """The variance stays that of the mean, and the dark current is removed as a whole."""
    result = calibrate(science(100.0, header=header), skies(-50, 100, 200, header=header), match="offset")
    assert not result.data.any()
    np.testing.assert_allclose(result.variance["background"], 0.5, rtol=1e-6)
    assert "y0.fits +150: level 100" in result.notes[0]


def test_no_factor_is_applied_while_the_dark_is_in_the_data() -> None:
    """A sky of 10 % more on a dark of 50: a factor would take 5 of the dark too much."""
    result = calibrate(science(160.0), skies(150, 150, 150), match="factor")
    np.testing.assert_array_equal(result.data, 10)
    assert any("image2-dark-first" in note and "not to multiply" in note for note in result.notes)


def test_factor_needs_a_sky_above_zero() -> None:
    with pytest.raises(InputError, match=r"match: factor .* y0\.fits is -1; .*match: offset"):
        calibrate(science(header=DARK_GONE), skies(-1, 10, 10, header=DARK_GONE), match="factor")


def test_no_backgrounds_is_a_reason_to_skip() -> None:
    with pytest.raises(StageSkipped, match="no background exposures"):
        calibrate(science(), [])


def test_full_frame_backgrounds_are_cut_to_the_subarray() -> None:
    rows, columns = np.mgrid[:16, :16]
    frame = (100 * rows + columns).astype(np.float32)
    full = [one.replace(data=frame) for one in skies(0, 0, 0, shape=(16, 16))]
    result = calibrate(science(0.0, window=Window(xstart=3, ystart=5, xsize=8, ysize=8)), full)
    np.testing.assert_array_equal(result.data, -frame[4:12, 2:10])


def test_pixels_outside_of_the_background_are_lost() -> None:
    part = sky(10, shape=(4, 6), window=Window(xstart=5, ystart=3, xsize=6, ysize=4))
    result = calibrate(science(window=Window(xstart=3, ystart=1, xsize=8, ysize=8)), [part, part, part])
    known = np.zeros(SHAPE, dtype=bool)
    known[2:6, 2:8] = True
    np.testing.assert_array_equal(result.data[known], 90)
    np.testing.assert_array_equal(np.isnan(result.data), ~known)
    np.testing.assert_array_equal(result.dq, ~known * np.uint32(DQ.DO_NOT_USE))


def test_unknown_errors_of_the_exposure_stay_unknown() -> None:
    result = calibrate(science().replace(variance={}), skies(10, 10, 10))
    assert result.err is None
    np.testing.assert_array_equal(result.data, 90)
