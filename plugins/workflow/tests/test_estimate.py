"""Estimates: they grow with pixels, stages and exposures, and fit the files and the memory of a real run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from iris_testkit import make_exposure
from iris_workflow import estimate
from iris_workflow._estimate import BASE, START, mebibytes, minutes

from iris_core import check, write_fits

IRIS = {"INSTRUME": "IRIS", "TELESCOP": "TMT", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT"}


def of(recipe: str, *files: Path, **options: Any) -> Any:
    checked = check(recipe, *files, directory="out", **options)
    assert checked, checked.errors
    return estimate(next(iter(checked.plans.values())))


def write(name: str, side: int) -> Path:
    write_fits(make_exposure(value=1.0, shape=(side, side), header=IRIS), name)
    return Path(name)


def test_four_times_the_pixels_take_four_times_what_depends_on_them(night: Any) -> None:
    skies = [write(f"sky{side}_rate.fits", side) for side in (600, 1200)]
    files = [write(f"s{side}_rate.fits", side) for side in (600, 1200)]
    small, large = (of("sky.yaml", one, backgrounds=[sky]) for one, sky in zip(files, skies, strict=True))
    assert large.bytes == 4 * small.bytes
    assert large.memory - BASE == pytest.approx(4 * (small.memory - BASE), abs=4)
    assert large.seconds > small.seconds > START


def test_a_background_exposure_takes_memory_and_time(night: Any) -> None:
    file, *skies = (write(f"{name}_rate.fits", 1200) for name in ("x", "y", "z", "u"))
    one, three = (of("sky.yaml", file, backgrounds=some) for some in (skies[:1], skies))
    assert three.memory > one.memory
    assert three.seconds > one.seconds
    assert three.bytes == one.bytes


def test_what_is_written_is_estimated_within_a_factor_of_two(night: Any) -> None:
    file, sky = write("x_rate.fits", 1000), write("y_rate.fits", 1000)
    words = ("sky.yaml", file, "--background", sky, "--output-dir", "out")
    (task,) = night.plan(*words)["tasks"]
    night.run(task["argv"])
    assert len(task["outputs"]) == 1
    written = sum(Path(path).stat().st_size for path in task["outputs"])
    assert written / 2 < task["bytes"] < 2 * written


def test_a_skipped_stage_costs_nothing(night: Any) -> None:
    files = write("x_rate.fits", 2000), write("y_rate.fits", 2000)
    many = ("--plugin", "mean.py", "many.yaml", *files)
    done, skipped = night.plan(*many), night.plan(*many, "--skip", "mean=no")
    assert done["tasks"][0]["seconds"] > skipped["tasks"][0]["seconds"]


def test_more_exposures_of_a_group_take_longer(night: Any) -> None:
    files = [write(f"x{number}_rate.fits", 1000) for number in range(4)]
    two, four = (of("many.yaml", *some, plugin_files=["mean.py"]) for some in (files[:2], files))
    assert four.seconds > two.seconds
    assert four.memory >= two.memory > BASE
    assert four.bytes == two.bytes


@pytest.mark.parametrize(("seconds", "limit"), [(0.0, 5), (150.0, 5), (151.0, 6), (3600.0, 120)])
def test_the_limit_of_time_is_twice_the_estimate_and_at_least_five_minutes(seconds: float, limit: int) -> None:
    assert minutes(seconds) == limit


def test_sizes_are_rounded_up() -> None:
    assert [mebibytes(size) for size in (0, 1, 1 << 20, (1 << 20) + 1)] == [0, 1, 1, 2]
