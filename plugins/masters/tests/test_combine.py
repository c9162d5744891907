"""What combine_frames makes of a few values, in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import iris_masters
import numpy as np
import pytest
from iris_masters import _planes
from iris_testkit import make_exposure

from iris_core import DQ, Exposure, Exposures, InputError, Removal, Window

Frames = Callable[..., list[Exposure]]
Combine = Callable[..., Exposure]


def pixel(exposure: Exposure) -> tuple[float, float]:
    """Return value and error of the first pixel."""
    assert exposure.err is not None
    return float(exposure.data[0, 0]), float(exposure.err[0, 0])


@pytest.mark.parametrize(
    ("values", "params", "wanted"),
    [
        ([1, 2, 4], {"sigma": None}, (7 / 3, 1 / 3**0.5)),
        ([1, 2, 9], {"sigma": None}, (4, 1 / 3**0.5)),
        ([1, 2, 9], {"sigma": 4}, (1.5, 0.5**0.5)),
        ([1, 2, 9], {"sigma": 8}, (4, 1 / 3**0.5)),
        ([1, 2, 9], {"sigma": None, "method": "median"}, (2, (1.346 / 3) ** 0.5)),
        ([1, 2, 3, 9], {"method": "median"}, (2, (1.346 / 3) ** 0.5)),
        ([1, 2, 3, 4], {"method": "median"}, (2.5, (1.193 / 4) ** 0.5)),
        ([3], {}, (3, 1)),
        ([3], {"method": "median"}, (3, 1)),
        ([1, 8], {}, (4.5, 0.5**0.5)),
        ([1, 8.2], {}, (1, 1)),
        ([0, 0.5, 50, 50.5], {}, (0.25, 0.5**0.5)),
        ([0, 100, 200], {}, (100, 1)),
    ],
)
def test_values_with_an_error_of_1(
    frames: Frames, combine: Combine, values: list[float], params: dict[str, Any], wanted: tuple[float, float]
) -> None:
    """Two are 5 sqrt(2) apart at 7.07; of two halves the lower one is kept."""
    assert pixel(combine(frames(values), "science", **params)) == pytest.approx(wanted, rel=1e-6)


def test_a_dark_of_three_rates(frames: Frames, combine: Combine) -> None:
    darks = frames([1, 2, 4], poisson=0.005, rnoise=0.005)
    assert pixel(combine(darks, sigma=None, leak=2)) == pytest.approx((2.33333, 0.0577350), rel=1e-5)


def test_the_components_are_those_of_the_result(frames: Frames, combine: Combine) -> None:
    """Of three: a third of each component; errors of 1, 1, 3 give 1.11, not 0.69."""
    made = combine(frames([5, 5, 5], poisson=0.9, rnoise=0.3))
    assert {name: float(plane[0, 0]) for name, plane in made.variance.items()} == pytest.approx(
        {"poisson": 0.3, "rnoise": 0.1}
    )
    unlike = [*frames([5, 5], poisson=1, rnoise=0), *frames([5], poisson=9, rnoise=0)]
    assert pixel(combine(unlike))[1] == pytest.approx(11**0.5 / 3)


def test_weights_are_one_number_for_each_exposure(frames: Frames, combine: Combine) -> None:
    """1/v: (4 x 1 + 4 x 1 + 1 x 4)/9, and its variance (16 x 0.25 x 2 + 1)/81."""
    unlike = [*frames([1, 1], poisson=0.2, rnoise=0.05), *frames([4], poisson=0.5, rnoise=0.5)]
    made = combine(unlike, "science", method="wmean", sigma=None)
    assert pixel(made) == pytest.approx((12 / 9, 1 / 3), rel=1e-5)


def test_the_weighted_median_of_equal_weights_is_the_median(frames: Frames, combine: Combine) -> None:
    rng = np.random.default_rng(1)
    for number in (1, 2, 3, 4, 5, 8):
        values = list(rng.normal(size=(number, 3, 4)))
        weighted, plain = (combine(frames(values), method=name, leak=9) for name in ("wmedian", "median"))
        np.testing.assert_allclose(weighted.data, plain.data, atol=1e-6)
        # Weights that differ by nothing but rounding go the way of the weighted median.
        given = np.array(values, dtype=np.float32).reshape(number, -1)
        found = _weighted(given)
        np.testing.assert_allclose(found.reshape(3, 4), np.median(values, axis=0), atol=1e-6)


def _weighted(values: Any) -> Any:
    from iris_masters._combine import _weighted_median

    return _weighted_median(values, np.full_like(values, 0.3))


def test_the_weighted_median_follows_the_weight(frames: Frames, combine: Combine) -> None:
    """9 and 1 and 1: half of the weight is within the first value's own."""
    unlike = [*frames([1], poisson=0.1, rnoise=0.0), *frames([2, 3], poisson=0.9, rnoise=0.0)]
    assert pixel(combine(unlike, "science", method="wmedian", sigma=None))[0] == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"low": 3}, (0 + 1 + 4) / 3),
        ({"high": 3}, (-4 + 0 + 1) / 3),
        ({"low": 3, "high": 3}, 0.5),
        ({"low": 0.7, "high": 0.7, "max_low": 0}, (-4 + 0 + 1) / 3),
        ({"low": 0.7, "high": 0.7, "max_high": 0}, (0 + 1 + 4) / 3),
        ({"sigma": 2, "max_high": 0}, 5 / 3),
        ({"sigma": 2, "max_low": 0, "max_high": 0}, 0.25),
    ],
)
def test_thresholds_and_numbers(frames: Frames, combine: Combine, params: dict[str, Any], wanted: float) -> None:
    """About the median of -4, 0, 1, 4, which is 0.5."""
    found = pixel(combine(frames([-4, 0, 1, 4]), "science", **{"sigma": None, **params}))[0]
    assert found == pytest.approx(wanted, rel=1e-5)


def test_a_bad_pixel_loses_its_vote(frames: Frames, combine: Combine) -> None:
    """Rows of three with one NaN, one flagged; one pixel is bad in all."""
    first, second, third = frames([np.ones((2, 2)), np.full((2, 2), 2.0), np.full((2, 2), 3.0)])
    data = np.array(first.data)
    data[0, 0] = np.nan
    first = first.replace(data=data).flag([[False, False], [False, True]], DQ.DEAD | DQ.DO_NOT_USE)
    second = second.flag([[False, True], [False, True]], DQ.JUMP_DET | DQ.DO_NOT_USE)
    third = third.flag([[True, False], [False, False]], DQ.WARM).flag([[False, False], [False, True]], DQ.OUTLIER)
    third = third.flag([[False, False], [False, True]], DQ.HOT | DQ.DO_NOT_USE)
    made = combine([first, second, third])
    assert made.data[0].tolist() == [2.5, 2.0]
    assert made.data[1, 0] == 2
    assert np.isnan(made.data[1, 1])
    assert made.dq.tolist() == [[DQ.WARM, 0], [0, DQ.DO_NOT_USE | DQ.DEAD | DQ.JUMP_DET | DQ.HOT]]
    assert made.err is not None
    np.testing.assert_allclose(made.err[0], 0.5**0.5)


def test_what_was_clipped_hands_no_flag_on(frames: Frames, combine: Combine) -> None:
    one, other, hit = frames([1, 2, 9])
    everywhere = np.ones(hit.shape, dtype=bool)
    made = combine([one.flag(everywhere, DQ.WARM), other, hit.flag(everywhere, DQ.JUMP_DET)], "science")
    assert np.all(made.dq == DQ.WARM)


@pytest.mark.parametrize("method", ["mean", "median"])
def test_an_error_that_all_share_does_not_average(frames: Frames, combine: Combine, method: str) -> None:
    """One dark was subtracted from all; the error of a flat has the sign of what it divides."""
    shared = [
        one.replace(variance={**one.variance, "dark": np.full(one.shape, 4.0), "flat": np.full(one.shape, 9.0)})
        for one in frames([-1, 1, 1, 1])
    ]
    made = combine(shared, "science", method=method)
    values = {name: float(plane[0, 0]) for name, plane in made.variance.items()}
    assert (values["dark"], values["flat"]) == pytest.approx((4.0, 9 / 4))
    assert values["poisson"] == pytest.approx(0.125 * (1.193 if method == "median" else 1))


def test_a_shared_error_of_integrations_stays_too(combine: Combine) -> None:
    cube = make_exposure((4, 5), nint=4, poisson=1, rnoise=0).replace(common=frozenset({"poisson"}))
    made = combine([cube])
    assert made.data.shape == (4, 5)
    np.testing.assert_allclose(made.variance["poisson"], 1)
    np.testing.assert_allclose(made.variance["rnoise"], 0)
    assert made.common == frozenset()


def test_integrations_are_frames(combine: Combine) -> None:
    value = np.ones((4, 3, 3))
    value[0] = 9
    cube = make_exposure((3, 3), value=value, nint=4, poisson=0.01, rnoise=0)
    made = combine([cube, cube], skip_first=1)
    assert pixel(made) == pytest.approx((1, 0.1 / 6**0.5))
    assert [note for note in made.notes if "x_rate.fits[1] was skipped; its level is 9" in note]


def test_the_first_exposures_of_a_sequence_can_be_skipped(frames: Frames, combine: Combine) -> None:
    made = combine(frames([7, 1, 1]), skip_first=1)
    assert pixel(made) == pytest.approx((1, 0.5**0.5))
    assert (made.header["NEXP"], made.header["EXPTIME"]) == (2, 200)
    assert "x0_rate.fits was skipped; its level is 7" in made.notes[0]
    with pytest.raises(InputError, match=r"skip_first: 3 leaves none of 3"):
        combine(frames([7, 1, 1]), skip_first=3)


def test_one_frame_is_a_copy_with_its_own_error(frames: Frames, combine: Combine) -> None:
    (one,) = frames([3], seed=1, poisson=2.0)
    made = combine([one])
    assert np.array_equal(made.data, one.data)
    assert all(np.array_equal(made.variance[name], plane) for name, plane in one.variance.items())
    assert "one frame, x0_rate.fits: nothing can be rejected" in made.notes


def test_the_headers_are_merged(frames: Frames, combine: Combine) -> None:
    made = combine(frames([1, 2, 3]), "science")
    assert (made.header["NEXP"], made.header["EXPTIME"], made.header["DATALVL"]) == (3, 300, 3)
    assert made.planes["HDRTAB"]["EXPTIME"].tolist() == [100, 100, 100]
    assert made.unit == frames([1])[0].unit


def test_the_record_says_what_was_rejected_of_each(frames: Frames, combine: Combine) -> None:
    notes = " ".join(combine(frames([1, 2, 9]), "science").notes)
    assert "mean of 3 frames, clipped at 4 sigma" in notes
    assert "x0_rate.fits 0.000%, x1_rate.fits 0.000%, x2_rate.fits 100.000%" in notes


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("detector", "IMG2", "detector"),
        ("read_mode", "CDS", "read_mode"),
        ("exposure_time", 100.2, "exposure_time"),
        ("window", Window(1, 1, 5, 4), "window"),
        ("NREADS", 4, "NREADS"),
        ("COADDS", 2, "COADDS"),
    ],
)
def test_frames_that_are_no_repetitions_are_refused(
    frames: Frames, combine: Combine, field: str, value: Any, named: str
) -> None:
    given = frames([1, 1, 1], header={"NREADS": 2, "COADDS": 1})
    if field.isupper():
        header = given[1].header.copy()
        header[field] = value
        given[1] = given[1].replace(header=header)
    else:
        given[1] = given[1].replace(meta=replace(given[1].meta, **{field: value}))
    with pytest.raises(InputError, match=rf"{named}.*x1_rate\.fits"):
        combine(given)


def test_an_exposure_time_within_a_thousandth_is_the_same(frames: Frames, combine: Combine) -> None:
    given = frames([1, 1])
    given[1] = given[1].replace(meta=replace(given[1].meta, exposure_time=100.05))
    assert combine(given).header["EXPTIME"] == pytest.approx(200.05)


def test_the_filter_matters_where_there_is_light(frames: Frames, combine: Combine) -> None:
    given = [*frames([1]), *frames([1], header={"FILTER": "Hbb"})]
    assert combine(given).header["NEXP"] == 2
    with pytest.raises(InputError, match=r"filter"):
        combine(given, "science")


def test_other_units_components_and_states_are_refused(frames: Frames, combine: Combine) -> None:
    one, other = frames([1, 1])
    with pytest.raises(InputError, match=r"unit"):
        combine([one, *frames([1], unit="DN/s")])
    with pytest.raises(InputError, match=r"poisson, rnoise"):
        combine([one, other.replace(variance={})])
    with pytest.raises(InputError, match=r"removed"):
        combine([one, other.replace(removed={"dark": Removal.WHOLE})])
    with pytest.raises(InputError, match=r"no exposure"):
        combine([])
    with pytest.raises(InputError, match=r"x1_rate\.fits has no valid pixel"):
        combine([one, other.flag(np.ones(other.shape, dtype=bool), DQ.DO_NOT_USE)])


def test_a_dark_into_which_light_has_leaked_is_refused(frames: Frames, combine: Combine) -> None:
    """20 % above the others; 5 % are noted, and a dark of another role is none."""
    level = np.full((64, 64), 2.0)
    noise = {"poisson": 5e-3, "rnoise": 5e-3}
    with pytest.raises(InputError, match=r"2\.4 in x1_rate\.fits, more than 10%"):
        combine(frames([level, 1.2 * level, level], **noise))
    noted = combine(frames([level, 1.05 * level, level], **noise))
    assert "the level of x1_rate.fits is 2.1, that of the darks 2" in noted.notes
    assert not [note for note in combine(frames([level, 1.2 * level], **noise), "science").notes if "level" in note]


def test_a_leak_that_no_pixel_shows_is_noted(frames: Frames, combine: Combine) -> None:
    """A level of 0.001 that triples, with a noise of 0.1."""
    level = np.full((512, 512), 1e-3)
    made = combine(frames([level, 3 * level, level], poisson=5e-3, rnoise=5e-3))
    assert [note for note in made.notes if "the level of x1_rate.fits is 0.003" in note]


def test_noisy_pixels_are_telegraph(frames: Frames, combine: Combine) -> None:
    """Two levels 40 errors apart, in one pixel of six frames; a ray, and fewer frames, make none."""
    values = np.zeros((6, 3, 3))
    values[::2, 1, 1] = 40
    values[3, 0, 0] = 1000
    made = combine(frames(list(values)))
    assert np.argwhere(made.dq).tolist() == [[1, 1]]
    assert made.dq[1, 1] == DQ.TELEGRAPH | DQ.DO_NOT_USE
    assert np.isnan(made.data[1, 1])
    assert made.data[0, 0] == 0
    assert not combine(frames(list(values)), noisy=None).dq.any()
    assert not combine(frames(list(values[:4]))).dq.any()


def test_without_errors_they_are_measured_from_all_pixels(frames: Frames, combine: Combine) -> None:
    rng = np.random.default_rng(3)
    values = list(rng.normal(10, 2, size=(4, 128, 128)))
    made = combine([one.replace(variance={}) for one in frames(values)])
    assert list(made.variance) == ["total"]
    assert pixel(made)[1] == pytest.approx(1.0, rel=0.02)
    assert combine([frames(values)[0].replace(variance={})]).variance == {}


@pytest.mark.parametrize("error", ["propagate", "measure"])
def test_errors_that_are_too_small(frames: Frames, combine: Combine, error: str) -> None:
    """The scatter is 3 times what is foretold: it is said, nothing is clipped for it, and `measure` makes it good."""
    rng = np.random.default_rng(4)
    values = list(rng.normal(10, 3, size=(5, 128, 128)))
    made = combine(frames(values), error=error)
    assert pixel(made)[1] == pytest.approx((3 if error == "measure" else 1) / 5**0.5, rel=0.02)
    assert "scatter by 3" in " ".join(made.notes)
    assert np.std(made.data - 10) == pytest.approx(3 / 5**0.5, rel=0.02)


@pytest.mark.parametrize("method", ["mean", "wmean", "median", "wmedian"])
def test_how_pixels_are_cut_up_changes_no_bit(
    frames: Frames, combine: Combine, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(10, 1, size=(5, 40, 7))
    values[2, ::3] += 100
    values[3, ::4] = np.nan
    given = [one.mask_invalid() for one in frames(list(values))]
    whole = combine(given, method=method, leak=99)
    monkeypatch.setattr(_planes, "_CHUNK", 1)
    rows = combine(given, method=method, leak=99)
    assert np.array_equal(whole.data, rows.data, equal_nan=True)
    assert np.array_equal(whole.dq, rows.dq)
    assert all(np.array_equal(whole.variance[name], plane) for name, plane in rows.variance.items())


def test_the_inputs_are_not_changed(frames: Frames, combine: Combine) -> None:
    given = frames([1, 2, 9], seed=1)
    before = [np.array(one.data) for one in given]
    combine(given, "science")
    assert all(np.array_equal(one.data, data) for one, data in zip(given, before, strict=True))


def test_no_order_of_three_changes_what_is_kept(frames: Frames, combine: Combine) -> None:
    found = {pixel(combine(frames(list(order)), "science")) for order in permutations([1, 2, 9])}
    assert len(found) == 1


def test_the_check_looks_at_headers_only(frames: Frames) -> None:
    """Outlines are all that it sees before a run."""
    outlines = Exposures.of(frames([1, 2])).outlines
    assert not any(any(one.data.strides) for one in outlines)
    iris_masters.check_frames(Exposures.of(outlines), iris_masters.CombineParams())
