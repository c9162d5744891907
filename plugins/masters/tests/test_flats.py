"""Flats of a lamp, the twilight and the slope: values, errors, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import iris_masters
import numpy as np
import pytest
from iris_testkit import iris_mode, make_exposure

from iris_core import DQ, Exposure, InputError, InstrumentMode, Removal

Flat = Callable[..., Exposure]
SHAPE = (256, 256)
FLAT = (1 + 0.05 * np.random.default_rng(3).standard_normal(SHAPE)).astype(np.float32)
WHOLE = {"dark": Removal.WHOLE}
LEVELS = (1e4, 2e4, 3e4, 4e4)


def lit(mean: Any, seed: int, **options: Any) -> Exposure:
    """Return an exposure of 1 s, in electrons, with photon noise and a read noise of 10."""
    removed = options.pop("removed", {})
    path = Path(f"x{seed}_rate.fits")
    options = {"exposure_time": 1.0, "poisson": np.maximum(mean, 0), "rnoise": 100.0, "seed": seed, **options}
    return make_exposure(SHAPE, value=mean, path=path, **options).replace(removed=removed)


def lamp(number: int = 5) -> tuple[list[Exposure], list[Exposure]]:
    on = [lit(1e4 * FLAT + 3000, seed) for seed in range(number)]
    return on, [lit(np.full(SHAPE, 3000.0), 10 + seed) for seed in range(number)]


def pulls(made: Exposure) -> Any:
    """Return the deviations from the flat of a normalized combination over their errors."""
    flat = iris_masters.divide_by_level(made, iris_masters.NormalizeParams())
    assert flat.err is not None
    return (flat.data - FLAT / np.median(FLAT)) / flat.err


def test_a_lamp_on_and_off(combine_flat: Flat) -> None:
    """Relative error (v_on/5 + v_off/5)/m^2: 0.569 %."""
    made = combine_flat(*lamp())
    flat = iris_masters.divide_by_level(made, iris_masters.NormalizeParams())
    assert flat.err is not None
    assert np.median(flat.err) == pytest.approx(((13100 + 3100) / 5) ** 0.5 / 1e4, rel=1e-3)
    assert np.std(pulls(made)) == pytest.approx(1, abs=0.02)
    assert flat.sci_header["FLATNORM"] == pytest.approx(1e4, rel=2e-3)


def test_a_lamp_that_drifts_loses_no_frame(combine_flat: Flat) -> None:
    """By 5 %, five errors of a pixel; without a common level the highest and the lowest would be clipped."""
    on = [lit((1 + 0.05 * seed) * 1e4 * FLAT, seed) for seed in range(3)]
    made = combine_flat(on, thermal=9)
    assert "rejected: x0_rate.fits 0.0" in made.notes[0]
    assert np.std(pulls(made)) == pytest.approx(1, abs=0.02)


def test_an_error_that_on_and_off_share_cancels(combine_flat: Flat) -> None:
    on, off = lamp(2)
    with_dark = [
        one.replace(variance={**one.variance, "dark": np.full(SHAPE, 1e4)}, removed=WHOLE) for one in (*on, *off)
    ]
    made = combine_flat(with_dark[:2], with_dark[2:])
    np.testing.assert_allclose(made.variance["dark"], 0, atol=1e-3)


def test_twilight_frames_are_brought_to_one_level(combine_flat: Flat) -> None:
    """Sum of the frames over the sum of their levels; v = sum(v)/(sum m)^2."""
    made = combine_flat([lit(level * FLAT, 20 + i, removed=WHOLE) for i, level in enumerate(LEVELS)], method="scaled")
    assert np.std(pulls(made)) == pytest.approx(1, abs=0.02)
    flat = iris_masters.divide_by_level(made, iris_masters.NormalizeParams())
    assert flat.err is not None
    assert np.median(flat.err) == pytest.approx((1e5 + 400) ** 0.5 / 1e5, rel=5e-3)


def test_exposure_times_of_twilight_may_differ(combine_flat: Flat) -> None:
    frames = [lit(1e4 * FLAT, i, removed=WHOLE, exposure_time=1.0 + i) for i in range(3)]
    assert combine_flat(frames, method="scaled").header["EXPTIME"] == 6
    with pytest.raises(InputError, match=r"exposure_time"):
        combine_flat(frames, thermal=9)


def test_a_star_in_one_of_four_frames_is_gone(combine_flat: Flat) -> None:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    star = np.exp(-((rows - 100) ** 2 + (columns - 150) ** 2) / 8)
    frames = []
    for i, level in enumerate((1e4, 1.2e4, 1.4e4, 1.1e4)):
        frames.append(lit(level * FLAT + (i == 1) * 1e5 * star, 60 + i, removed=WHOLE))
    around = pulls(combine_flat(frames, method="scaled"))[80:121, 130:171]
    assert np.abs(around).max() < 5
    assert np.std(around) == pytest.approx(1, abs=0.06)


def test_the_slope_has_no_thermal_pattern(combine_flat: Flat) -> None:
    """A pattern of 500 electrons: gone to 1e-3 of it, while frames brought to one level keep 2 % of the flat."""
    pattern = 600 + 500 * np.random.default_rng(8).standard_normal(SHAPE)
    frames = [lit(level * FLAT + pattern, 20 + i) for i, level in enumerate(LEVELS)]
    made = combine_flat(frames, method="slope")
    assert np.std(pulls(made)) == pytest.approx(1, abs=0.02)
    assert abs(_part_of(pattern, made)) < 1e-3
    kept = combine_flat([one.replace(removed=WHOLE) for one in frames], method="scaled")
    assert _part_of(pattern, kept) > 1e-2


def _part_of(pattern: Any, made: Exposure) -> float:
    """Return the amplitude of a pattern in a normalized flat."""
    flat = iris_masters.divide_by_level(made, iris_masters.NormalizeParams())
    left, shape = flat.data - FLAT / np.median(FLAT), pattern - pattern.mean()
    return float(np.nansum(left * shape) / np.sum(shape * shape) * np.std(pattern))


def test_the_error_of_a_slope(combine_flat: Flat) -> None:
    """The sum of (m - <m>)^2 v / (sum (m - <m>)^2)^2, over that of (m - <m>)^2 squared."""
    frames = [lit(level * FLAT, i, poisson=0.0) for i, level in enumerate(LEVELS)]
    made = combine_flat(frames, method="slope")
    assert made.err is not None
    assert np.median(made.err) == pytest.approx(10 / (5 * 1e8) ** 0.5 * 2.5e4, rel=1e-3)


@pytest.mark.parametrize("method", ["on-off", "scaled", "slope"])
def test_a_bad_pixel_of_one_frame_loses_its_vote(combine_flat: Flat, method: str) -> None:
    where = np.zeros(SHAPE, dtype=bool)
    where[5, 6] = True
    frames = [lit(level * FLAT, i, removed=WHOLE) for i, level in enumerate(LEVELS)]
    frames[1] = frames[1].flag(where, DQ.DEAD | DQ.DO_NOT_USE)
    made = combine_flat(frames, method=method, thermal=9)
    assert made.dq[5, 6] == 0
    assert abs(pulls(made)[5, 6]) < 5
    for i, one in enumerate(frames):
        frames[i] = one.flag(where, DQ.HOT | DQ.DO_NOT_USE)
    made = combine_flat(frames, method=method, thermal=9)
    assert made.dq[5, 6] == DQ.DEAD | DQ.HOT | DQ.DO_NOT_USE


def mode_with(**changes: Any) -> InstrumentMode:
    return replace(iris_mode(), **changes)


@pytest.mark.parametrize(
    ("filter_name", "header", "wanted"),
    [
        ("Jbb", {}, None),
        ("Kbb", {}, r"Kbb reaches to 2\.412 um"),
        ("X", {"WAVEMAX": 1.4}, None),
        ("X", {"WAVEMAX": 2.4}, r"X reaches to 2\.4 um"),
        ("X", {}, r"wavelength of the filter 'X' is unknown"),
    ],
)
def test_lamp_flats_without_off(
    combine_flat: Flat, filter_name: str, header: dict[str, Any], wanted: str | None
) -> None:
    on = [lit(1e4 * FLAT, seed, filter=filter_name, header=header) for seed in range(2)]
    if wanted:
        with pytest.raises(InputError, match=wanted):
            combine_flat(on)
    else:
        assert "no exposure with the lamp off" in combine_flat(on).notes[-1]


def test_on_and_off_confused_is_no_flat(combine_flat: Flat) -> None:
    """The combined "on" in place of "off" makes 0, and off minus on less than that."""
    on, off = lamp(2)
    with pytest.raises(InputError, match=r"the light is .* x0_rate\.fits \(flat\)"):
        combine_flat(on, on)
    with pytest.raises(InputError, match=r"the light is -1e\+04"):
        combine_flat(off, on)


@pytest.mark.parametrize(
    ("number", "params", "wanted"),
    [
        (1, {"method": "scaled"}, r"needs 2 exposures, there is 1; 'allow: 1'"),
        (1, {"method": "slope"}, r"method slope needs 2 exposures, there is 1"),
        (3, {"method": "slope"}, r"spread by more than 20% of their mean; these spread by 0\.\d%: levels \d"),
    ],
)
def test_too_few_and_too_equal(combine_flat: Flat, number: int, params: dict[str, Any], wanted: str) -> None:
    with pytest.raises(InputError, match=wanted):
        combine_flat([lit(1e4 * FLAT, i, removed=WHOLE) for i in range(number)], **params)


def test_a_single_twilight_frame_where_it_is_allowed(combine_flat: Flat) -> None:
    made = combine_flat([lit(1e4 * FLAT, 1, removed=WHOLE)], method="scaled", allow=1)
    assert "no star stays" in made.notes[-1]


def test_what_each_method_refuses(combine_flat: Flat) -> None:
    on, off = lamp(2)
    with pytest.raises(InputError, match=r"without their dark, .* x0_rate\.fits it is removed: no"):
        combine_flat(on, method="scaled")
    with pytest.raises(InputError, match=r"uses no exposures with the lamp off, and there are 2"):
        combine_flat(on, off, method="slope")
    with pytest.raises(InputError, match=r"no exposure has the role flat; there are flat_off, flat_off"):
        combine_flat([], off)
    with pytest.raises(InputError, match=r"x0_rate\.fits has none"):
        combine_flat([one.replace(variance={}) for one in on], method="slope")
    with pytest.raises(InputError, match=r"filter"):
        combine_flat(on, [lit(FLAT, 5, filter="Hbb")])


@pytest.mark.parametrize(
    ("unit", "facts", "coadds", "refused"),
    [
        ("electron/s", {"saturation": {"value": 12000.0, "unit": "electron"}}, 1, True),
        ("electron/s", {"saturation": {"value": 13000.0, "unit": "electron"}}, 1, False),
        ("electron/s", {"saturation": {"value": 12000.0, "unit": "electron"}}, 2, False),
        ("DN/s", {"saturation": {"value": 12000.0, "unit": "DN"}}, 1, True),
        ("DN/s", {"saturation": {"value": 48000.0, "unit": "electron"}, "gain": {"value": 4.0}}, 1, True),
        ("DN/s", {"saturation": {"value": 48000.0, "unit": "electron"}}, 1, False),
        ("electron/s", {"saturation": {"value": 3000.0, "unit": "DN"}, "gain": {"value": 4.0}}, 1, True),
        ("electron/s", {}, 1, False),
    ],
)
def test_levels_near_saturation_are_refused(
    combine_flat: Flat, unit: str, facts: dict[str, Any], coadds: int, refused: bool
) -> None:
    """80 % of it, for each coadd: 10^4 within 1 s."""
    known = {name: {"unit": "electron/DN", "source": "here", **fact} for name, fact in facts.items()}
    on = [lit(1e4 * FLAT, i, unit=unit, header={"COADDS": coadds}) for i in range(2)]
    if refused:
        with pytest.raises(InputError, match=r"x0_rate\.fits, \d+\.?\d*, is above 80% of saturation, 12000 "):
            combine_flat(on, mode=mode_with(facts=known), thermal=9)
    else:
        assert combine_flat(on, mode=mode_with(facts=known), thermal=9).header["NEXP"] == 2


def test_a_frame_without_light_is_refused(combine_flat: Flat) -> None:
    with pytest.raises(InputError, match=r"x2_rate\.fits, .* is not above its noise, 10"):
        combine_flat([lit(1e4 * FLAT, 1), lit(0 * FLAT, 2)], thermal=9)


def test_the_error_of_frames_without_errors_is_measured(combine_flat: Flat) -> None:
    frames = [lit(1e4 * FLAT, i).replace(variance={}) for i in range(4)]
    made = combine_flat(frames, thermal=9)
    assert made.err is not None
    assert made.err[0, 0] == pytest.approx((1e4 + 100) ** 0.5 / 2, rel=0.03)
