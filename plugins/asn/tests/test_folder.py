"""A folder as the input of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from astropy.table import Table
from iris_testkit import make_exposure

from iris_core import Job, Recipe, load_plugins, write_exposure
from iris_core.workers.jobs import read_jobs

START = datetime(2026, 3, 20, 8, tzinfo=UTC)
Jobs = Callable[..., list[Job]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with darks of two exposure times, science exposures in two filters, and a text file."""
    kinds = (
        [("DARK", "Kbb", 100.0)] * 2 + [("DARK", "Kbb", 10.0)] + [("SCI", "Kbb", 100.0)] * 2 + [("SCI", "Hbb", 50.0)]
    )
    for at, (kind, name, seconds) in enumerate(kinds):
        header = {"IMTYPE": kind, "FILTER": name, "OBJECT": "field"}
        start = START + timedelta(seconds=200 * at)
        exposure = make_exposure((4, 4), header=header, exposure_time=seconds, start_time=start)
        write_exposure(exposure, tmp_path / f"e{at}_rate.fits")
    (tmp_path / "notes.txt").write_text("clear")
    return tmp_path


@pytest.fixture
def jobs(folder: Path) -> Jobs:
    """Return the jobs of a recipe for the folder."""

    def make(name: str, **members: tuple[int, int | None]) -> list[Job]:
        plugins = load_plugins(["iris-imager", "iris-asn"])
        return read_jobs([folder], [], plugins, roles=members, recipe=Recipe(name=name, steps=(), members=members))

    return make


@pytest.fixture
def named(folder: Path) -> Callable[..., Job]:
    """Return the job of a recipe for exposures of the folder that are named, and for one of another type each."""
    for at, kind in enumerate(("SKY", "FOO", ""), start=6):
        exposure = make_exposure((4, 4), header={"IMTYPE": kind, "FILTER": "Kbb"}, start_time=START)
        write_exposure(exposure, folder / f"e{at}_rate.fits")

    def make(name: str, *at: int, **members: tuple[int, int | None]) -> Job:
        files = [folder / f"e{number}_rate.fits" for number in at]
        plugins = load_plugins(["iris-imager", "iris-asn"])
        (job,) = read_jobs(files, [], plugins, roles=members, recipe=Recipe(name=name, steps=(), members=members))
        return job

    return make


def names(job: Job) -> list[str]:
    return [path.name for _, path in job.members]


def test_darks_alike_are_one_group_each(jobs: Jobs) -> None:
    first, second = sorted(jobs("create-dark", dark=(1, None)), key=lambda job: len(job.members))
    assert names(first) == ["e2_rate.fits"]
    assert names(second) == ["e0_rate.fits", "e1_rate.fits"]
    assert {role for role, _ in second.members} == {"dark"}
    assert not first.problem


@pytest.mark.parametrize("recipe", ["image3", "my-deep-image"])
def test_science_exposures_are_grouped_by_filter(jobs: Jobs, recipe: str) -> None:
    found = {tuple(names(job)) for job in jobs(recipe, science=(1, None), background=(0, None))}
    assert found == {("e3_rate.fits", "e4_rate.fits"), ("e5_rate.fits",)}


def test_own_recipes_are_grouped_by_the_role_that_they_start_with(jobs: Jobs) -> None:
    """Two darks or more: that of the other exposure time is left out."""
    (job,) = jobs("lab-dark", dark=(2, None))
    assert names(job) == ["e0_rate.fits", "e1_rate.fits"]


def test_a_recipe_of_single_exposures_gets_each_science_exposure(jobs: Jobs) -> None:
    assert sorted(job.path.name for job in jobs("image2")) == ["e3_rate.fits", "e4_rate.fits", "e5_rate.fits"]


def test_a_folder_without_exposures_for_the_recipe_is_an_error_that_names_it(jobs: Jobs, folder: Path) -> None:
    (job,) = jobs("create-flat", flat=(1, None))
    assert str(folder) in job.problem
    assert "create-flat" in job.problem


def test_other_files_are_not_its_business(folder: Path) -> None:
    plugins = load_plugins(["iris-imager", "iris-asn"])
    (job,) = read_jobs([folder / "e3_rate.fits"], [], plugins, recipe=Recipe(name="image2", steps=()))
    assert job == Job(folder / "e3_rate.fits")


@pytest.mark.parametrize("order", [(3, 4, 6), (6, 3, 4), (3, 6, 4)])
def test_exposures_that_are_named_have_the_roles_of_their_headers(
    named: Callable[..., Job], order: Sequence[int]
) -> None:
    job = named("image3", *order, science=(1, None), background=(0, None))
    assert (names(job), [path.name for path in job.backgrounds]) == (["e3_rate.fits", "e4_rate.fits"], ["e6_rate.fits"])


@pytest.mark.parametrize(("kind", "tells"), [(0, False), (3, True), (7, True), (8, False)])
def test_an_exposure_that_is_named_is_taken_and_what_its_header_says_against_it_is_told(
    named: Callable[..., Job], kind: int, tells: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A dark, a science exposure, one of a type that is not known, and one of no type."""
    job = named("create-dark", kind, dark=(1, None))
    assert job.members == (("dark", job.path),)
    assert (f"e{kind}_rate.fits is taken as dark" in caplog.text) == tells


def test_a_damaged_exposure_fails_beside_the_groups(jobs: Jobs, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It may have been a member of any of them; a file that holds something else is no exposure."""
    whole = (folder / "e3_rate.fits").read_bytes()
    (folder / "e3_rate.fits").write_bytes(whole[:-3000])
    Table({"ra": [1.0]}).write(folder / "stars.fits")
    *groups, failed = jobs("image3", science=(1, None))
    assert {tuple(names(job)) for job in groups} == {("e4_rate.fits",), ("e5_rate.fits",)}
    assert failed.path == folder / "e3_rate.fits"
    assert str(failed.path) in failed.problem
    assert failed.problem in caplog.text
