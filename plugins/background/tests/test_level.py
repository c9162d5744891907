"""What is left of the sky: its level, its error, and when it is worth a warning."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import iris_background
import numpy as np
import pytest
from iris_background._level import measure_level
from iris_testkit import make_exposure, make_reference, run_recipe, run_stage

from iris_core import DQ, Exposure, InputError, Problems

SHAPE = (160, 160)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]


def frame(level: float, seed: int, light: Any = 0.0, name: str = "x_rate.fits", nint: int = 0) -> Exposure:
    exposure = make_exposure(SHAPE, nint=nint, path=Path(name))
    noise = np.sqrt(1.5) * np.random.default_rng(seed).normal(size=exposure.data.shape)
    return exposure.replace(data=(level + light + noise).astype(np.float32))


def skies(level: float, number: int = 3, light: Any = 0.0) -> list[Exposure]:
    return [frame(level, 10 + seed, light, f"y{seed}.fits") for seed in range(number)]


def stars(number: int, seed: int = 1) -> np.ndarray:
    rng, image = np.random.default_rng(seed), np.zeros(SHAPE)
    for x, y, flux in zip(*rng.uniform(0, 160, (2, number)), 10 ** rng.uniform(2, 4, number), strict=True):
        image += flux / 12.6 * np.exp(-((X - x) ** 2 + (Y - y) ** 2) / 4)
    return image


@pytest.mark.parametrize("nint", [0, 3])
@pytest.mark.parametrize(("level", "left"), [(42.0, 2.0), (38.0, -2.0), (40.0, 0.0)])
def test_what_is_left_is_measured_always_and_told_where_it_is_certain(
    caplog: pytest.LogCaptureFixture, level: float, left: float, nint: int
) -> None:
    with caplog.at_level(logging.WARNING):
        result = run_stage(iris_background, frame(level, 1, nint=nint), backgrounds=skies(40.0))
    header = result.sci_header
    assert header["BKGSKY"] == pytest.approx(40, abs=0.05)
    assert header["BKGRESID"] == pytest.approx(left, abs=0.05)
    assert 0.005 < header["BKGRERR"] < 0.15
    assert header.comments["BKGRESID"] == "[electron/s] level of the sky left"
    told = [note for note in result.notes if "residual sky" in note]
    assert len(told) == (left != 0)
    assert [record for record in caplog.records if "residual sky" in record.message] == caplog.records
    assert len(caplog.records) == len(told)


@pytest.mark.parametrize("match", ["factor", "offset"])
def test_nothing_is_left_where_the_levels_are_matched(match: str) -> None:
    gone = {"S_DARK": "COMPLETE"}
    exposure, backgrounds = frame(42, 1), skies(40)
    exposure, *backgrounds = (one.replace(header=make_exposure(header=gone).header) for one in (exposure, *backgrounds))
    result = run_stage(iris_background, exposure, backgrounds=backgrounds, match=match)
    assert abs(result.sci_header["BKGRESID"]) < 0.05
    assert not any("residual sky" in note for note in result.notes)


def test_stars_and_a_galaxy_are_no_sky() -> None:
    light = stars(60) + 300 * np.exp(-np.hypot(X - 80, Y - 70) / 8)
    result = run_stage(iris_background, frame(40, 1, light), backgrounds=skies(40.0))
    assert result.sci_header["BKGRESID"] == pytest.approx(0, abs=0.5)


def test_smooth_sky_of_the_exposure_itself_is_measured_too() -> None:
    result = run_stage(iris_background, frame(40, 1), method="from_science", box_size=32)
    assert result.sci_header["BKGSKY"] == pytest.approx(40, abs=0.1)
    assert abs(result.sci_header["BKGRESID"]) < 0.05


def test_sources_in_the_backgrounds_are_told() -> None:
    crowded = run_stage(iris_background, frame(40, 1), backgrounds=skies(40.0, light=stars(150)))
    assert any("sources in the background exposures" in note for note in crowded.notes)
    clean = run_stage(iris_background, frame(40, 1), backgrounds=skies(40.0))
    assert not any("sources in the background exposures" in note for note in clean.notes)


def test_error_of_the_level_is_true() -> None:
    rng = np.random.default_rng(2)
    found = [measure_level(rng.normal(size=4000).astype(np.float32)) for _ in range(300)]
    pulls = [level.value / level.error for level in found]
    assert np.std(pulls) == pytest.approx(1, abs=0.1)
    assert np.mean(pulls) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("level", [0.0, 5.0])
def test_level_of_equal_values_is_their_value(level: float) -> None:
    assert measure_level(np.full(100, level, np.float32)).value == level
    assert np.isnan(measure_level(np.full(4, np.nan, np.float32)).value)


def test_backgrounds_with_errors_of_zero_are_refused_where_one_is_all_there_is() -> None:
    """Two have a scatter, from which their errors are measured."""
    zero = [one.replace(variance={"total": np.zeros(SHAPE, np.float32)}) for one in skies(40.0)]
    with pytest.raises(InputError, match=r"y0\.fits has no errors, or errors of 0"):
        run_stage(iris_background, frame(40, 1), backgrounds=zero[:1])
    result = run_stage(iris_background, frame(40, 1), backgrounds=zero)
    assert np.nanstd(result.data / result.err) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_errors_are_true_for_a_dither_of_n_and_no_star_leaves_half_a_hole(number: int) -> None:
    """Each frame less the mean of the others; variance sigma^2 n / (n - 1), and holes of 4 sigma at most, or NaN."""
    frames = [frame(40, seed, name=f"{seed}.fits") for seed in range(number)]
    light = np.zeros(SHAPE)
    light[::20, ::20] = 1000
    frames[1] = frames[1].replace(data=frames[1].data + np.float32(light))
    result = run_stage(iris_background, frames[0], backgrounds=frames[1:])
    blank = light == 0
    pulls = (result.data / result.err)[blank & np.isfinite(result.data)]
    assert pulls.std() == pytest.approx(1.0, abs=0.02)
    assert np.nanmedian(result.variance["background"]) == pytest.approx(1.5 / (number - 1), rel=1e-3)
    under = result.data[~blank]
    assert np.isnan(under).all() if number == 2 else under.min() > -6


def test_smooth_sky_before_a_flat_that_follows_is_refused(tmp_path: Path) -> None:
    import iris_flat

    exposure = frame(40, 1)
    flat = make_reference(tmp_path / "flat.fits", "flat", np.ones(SHAPE, np.float32))
    background, flat_field = {"background": {"params": {"method": "from_science"}}}, "flat_field"
    plugins = {"iris-background": iris_background, "iris-flat": iris_flat}
    options: dict[str, Any] = {"folder": tmp_path, "plugins": plugins, "references": [flat]}
    with pytest.raises(Problems, match="from_science was before flat_field"):
        run_recipe([background, flat_field], exposure, **options, save="flat_field")
    product = run_recipe([flat_field, background], exposure, **options, save="background")["bsub"]
    assert np.isfinite(product.data).all()
    assert not np.any(product.dq & np.uint32(DQ.DO_NOT_USE))
