"""What a run of many exposures needs: foretold from headers, refused before the first pixel, measured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_testkit import make_exposure

from iris_core import Exposure, Problems, blank_plane, check, outline_of, run, write_exposure
from iris_core.recipe import ExecutorOptions
from iris_core.workers.needs import Needs, needs_of

RECIPE = """
recipe: 1
name: mean
members: {science: 1+}
instrument: iris-imager
steps: [{combine_frames: {save: mean}}]
"""
# Of an exposure of the kit: data, DQ and the variance components poisson and rnoise.
BYTES = 16


def outline(side: int) -> Exposure:
    return outline_of(make_exposure((side, side), poisson=1.0, rnoise=1.0))


def big(side: int, **planes: type) -> Exposure:
    """Return an outline of any size, which takes no memory."""
    shape = (side, side)
    blank = blank_plane(shape)
    return outline(4).replace(
        data=blank,
        dq=blank_plane(shape, np.uint32),
        variance={"poisson": blank, "rnoise": blank},
        planes={name: blank_plane(shape, kind) for name, kind in planes.items()},
    )


def test_memory_is_that_of_exposures_at_work_and_of_what_is_made() -> None:
    """Four times an exposure, or twice the rows of all of them; three times the product."""
    one, product = big(4096), big(8500, WHT=np.float32, CON=np.int32)
    options = ExecutorOptions(memory=32 << 30)
    for workers, name, asked in ((2, "serial", None), (3, "processes", 3)):
        needs = needs_of([one] * 8, [product], options.model_copy(update={"name": name, "workers": asked}))
        assert needs.workers == workers
        assert needs.memory == 4 * workers * BYTES * 4096**2 + 3.5 * (BYTES + 8) * 8500**2
    small = needs_of([big(100)] * 8, [], options)
    assert small.memory == 2 * 8 * BYTES * 100**2


def test_background_exposures_are_in_memory_with_each_exposure() -> None:
    options = ExecutorOptions(memory=32 << 30)
    alone, with_sky = (needs_of([big(4096)], [], options, backgrounds=number).memory for number in (0, 3))
    assert with_sky - alone == 2 * 3 * BYTES * 4096**2


def test_fewer_exposures_are_worked_on_where_memory_is_short() -> None:
    options = ExecutorOptions(name="processes", workers=8, memory=3 << 30)
    needs = needs_of([big(4096)] * 20, [], options)
    assert needs.workers == 2
    assert needs.memory <= needs.allowed


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=5), st.integers(64, 8192), st.integers(1, 9))
def test_more_memory_and_disk_are_needed_for_more_exposures(sides: list[int], memory: int, workers: int) -> None:
    options = ExecutorOptions(name="processes", workers=workers, memory=memory << 20)
    less, more = (needs_of([big(side) for side in some], [], options) for some in (sides, [*sides, 1000]))
    assert less.scratch == 4 * BYTES * sum(side**2 for side in sides) < more.scratch
    assert 1 <= less.workers <= workers
    assert less.memory >= 4 * BYTES * max(sides) ** 2


def test_more_than_is_allowed_is_refused_with_what_would_do() -> None:
    needs = Needs(memory=(3 << 30) + 1, allowed=2 << 30, workers=1, scratch=0)
    (error,) = needs.refuse("field")
    for fact in ("field", "3.00 GiB", "2.00 GiB", "--memory 3073M"):
        assert fact in str(error)
    assert not list(Needs(memory=1 << 30, allowed=1 << 30, workers=1, scratch=0).refuse("field"))


@pytest.fixture
def night(tmp_path: Path) -> tuple[Path, list[Path]]:
    """Return a recipe that makes the mean of exposures, and three exposures."""
    recipe = tmp_path / "mean.yaml"
    recipe.write_text(RECIPE)
    files = [tmp_path / f"e{at}_rate.fits" for at in range(3)]
    for at, path in enumerate(files):
        write_exposure(make_exposure((48, 64), poisson=1.0, rnoise=1.0, seed=at), path)
    return recipe, files


def test_a_check_tells_sizes_and_needs(night: tuple[Path, list[Path]]) -> None:
    recipe, files = night
    found = check(recipe, *files, memory="1G")
    (plan,) = found.plans.values()
    assert plan.facts["size after combine_frames"] == "64 x 48 pixels"
    assert "(1.00 allowed, exposures at a time: 2)" in plan.facts["needs"]


def refused(recipe: Path, files: Sequence[Path], **options: object) -> list[str]:
    """Return the errors of a check, which are those of a run."""
    found = check(recipe, *files, **options)  # type: ignore[arg-type]
    with pytest.raises(Problems) as raised:
        run(recipe, *files, **options)  # type: ignore[arg-type]
    assert all(str(error) in str(raised.value) for error in found.errors)
    return [str(error) for error in found.errors]


def test_a_run_is_refused_by_the_numbers_of_the_check(
    night: tuple[Path, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first pixel, and with nothing written."""
    recipe, files = night
    monkeypatch.setattr("iris_core.workers.needs._AT_WORK", 1 << 20)
    (error,) = refused(recipe, files, memory="64M")
    assert "GiB of memory are needed and 0.06 GiB allowed" in error
    monkeypatch.undo()
    monkeypatch.setattr("iris_core.workers.needs._ON_DISK", 1 << 50)
    (error,) = refused(recipe, files, scratch=recipe.parent / "not" / "there")
    assert f"{recipe.parent / 'not' / 'there'}: no room" in error
    assert not (recipe.parent / "not").exists()
    assert sorted(recipe.parent.iterdir()) == sorted([recipe, *files])


MEASURE = """
import resource
import scipy.ndimage, gwcs, sys
from pathlib import Path
from iris_core import check, load_plugins, run

def peak():
    status = Path("/proc/self/status")  # the peak of getrusage is at first that of whoever started this process
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))

recipe, *files = sys.argv[1:]
load_plugins()
(plan,) = check(recipe, *files, memory="2G").plans.values()
before = peak()
assert not run(recipe, *files, memory="2G").failed
print(plan.needs.memory + plan.needs.held, peak() - before)
"""


@pytest.mark.slow
def test_memory_foretold_is_one_to_four_times_what_a_run_takes(night: tuple[Path, list[Path]]) -> None:
    """Twelve exposures of 1024 x 1024, of which all rows are read at once."""
    recipe, (first, *_) = night
    files = [first.with_name(f"big{at}_rate.fits") for at in range(12)]
    for at, path in enumerate(files):
        write_exposure(make_exposure((1024, 1024), poisson=1.0, rnoise=1.0, seed=at), path)
    command = [sys.executable, "-c", MEASURE, str(recipe), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    foretold, taken = map(int, done.stdout.split()[-2:])
    assert taken <= foretold <= 4 * taken
