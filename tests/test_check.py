"""`iris check`: each plan once, what is different, everything that is wrong; short also for forty exposures."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from iris_testkit import make_reference

from iris_core.cli import main

Write = Callable[..., Path]
START = datetime(2026, 3, 20, 8, tzinfo=UTC)

PLUGIN = """\
from iris_core import Params, StageSkipped, parameter, stage, stage_spec

@stage_spec(status="S_MEAN", group=True, makes="one", product="mean")
def mean(exposures, params, references, instrument):
    "The mean of all. Units: unchanged."

@stage("mean")
def take_mean(exposures):
    return exposures.merged()

class FlatParams(Params):
    gain: float = parameter(2.0, "Factor.")

@stage("flat_field", params=FlatParams, references=("flat",))
def flat(exposure, params, references):
    return exposure

def check_backgrounds(exposure, background_exposures):
    if not background_exposures:
        raise StageSkipped("no background exposures")

@stage("background", check=check_backgrounds)
def background(exposure, background_exposures):
    return exposure

@stage("dark_current")
def dark_current(exposure):
    return exposure
"""


@pytest.fixture(autouse=True)
def installed(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    install("lab", PLUGIN)
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab,iris-imager")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a folder with the flats of two filters."""
    folder = tmp_path / "store"
    folder.mkdir()
    for name in ("Kbb", "Hbb"):
        make_reference(folder / f"flat_{name}.fits", "flat", np.ones((8, 9)), FILTER=name)
    return folder


def iris(*arguments: Any, code: int = 0) -> Result:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_it_shows_what_would_run_and_reads_no_pixel(
    write_recipe: Write, write_exposure: Write, tmp_path: Path, store: Path
) -> None:
    recipe, path = write_recipe("flat_field, dark_current: {skip: why}"), write_exposure()
    arguments = ("check", recipe, path, "--reference", f"store={store}")
    text = iris(*arguments).stdout
    for words in ("iris-imager", "lab 1.2", "flat_Kbb.fits", "skipped: why", "x_cal.fits", "no errors found"):
        assert words in text
    assert not (tmp_path / "x_cal.fits").exists()
    (exposure,) = json.loads(iris(*arguments, "--json").stdout)["exposures"]
    flat, dark = exposure["steps"]
    assert exposure["mode"] == "iris-imager"
    assert flat["params"] == {"gain": 2.0}
    assert flat["references"] == {"flat": str(store / "flat_Kbb.fits")}
    assert flat["product"] is None
    assert dark["product"] == str(tmp_path / "x_cal.fits")
    assert dark["skip"] == "why"


def test_no_files_check_the_recipe_alone(write_recipe: Write) -> None:
    recipe = write_recipe("dark_current")
    assert iris("check", recipe).stdout.split() == [f"{recipe}:", "no", "errors", "found"]
    wrong = json.loads(iris("check", write_recipe("nope"), "--json", code=1).stdout)
    assert "no stage 'nope'" in wrong["problems"][0]


def test_forty_exposures_of_one_plan_are_one_plan(write_recipe: Write, write_exposure: Write, store: Path) -> None:
    files = [write_exposure(f"x_{number:02}.fits") for number in range(40)]
    text = iris("check", write_recipe("background, flat_field"), *files, "--reference", f"store={store}").stdout
    assert "x_00.fits ... x_39.fits (40 exposures)" in text
    assert text.count("flat_Kbb.fits") == 1
    assert "40 of 40 exposures" in text
    assert len(text.splitlines()) <= 15


def test_forty_exposures_that_all_differ_are_at_most_sixty_lines(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    """Each has references of its own, some are wrong in the same way, and all have an unknown filter."""
    (tmp_path / "store").mkdir()
    files = []
    for number in range(40):
        header = {"FILTER": f"F{number}"}
        make_reference(tmp_path / "store" / f"flat_{number}.fits", "flat", np.ones((8, 9)), **header)
        files.append(write_exposure(f"x_{number:02}.fits", header=header))
    arguments = (*files, "--reference", f"store={tmp_path / 'store'}", "--save", "flat_field")
    output = iris("check", write_recipe("background, flat_field, dark_current"), *arguments).output
    assert len(output.splitlines()) <= 60
    assert "x_07.fits: as x_00.fits, but flat:" in output


def test_what_is_different_is_one_line(write_recipe: Write, write_exposure: Write, store: Path) -> None:
    files = [write_exposure(f"{name}.fits", header={"FILTER": name[0] + "bb"}) for name in ("K1", "K2", "H1", "H2")]
    sky = write_exposure("sky.fits", header={"IMTYPE": "SKY"})
    arguments = ("check", write_recipe("flat_field, dark_current"), *files, "--reference", f"store={store}")
    lines = iris(*arguments).stdout.splitlines()
    assert lines[0].startswith("K1.fits, K2.fits: iris-imager")
    (line,) = [one for one in lines if one.startswith("H1.fits, H2.fits: as K1.fits, but ")]
    assert f"flat: {store / 'flat_Hbb.fits'}" in line
    assert "dark_current" not in line
    with_sky = ("check", write_recipe("background, flat_field"), files[0], "--reference", f"store={store}")
    assert "1 background exposure" in iris(*with_sky, "--background", sky).stdout
    assert "skipped: no background exposures" in iris(*with_sky).stdout


def test_rejected_candidates_are_not_listed(write_recipe: Write, write_exposure: Write, store: Path) -> None:
    text = iris("check", write_recipe(), write_exposure(), "--reference", f"store={store}").stdout
    assert "flat_Kbb.fits" in text
    assert "flat_Hbb.fits" not in text


def test_an_unknown_filter_is_noted_once(write_recipe: Write, write_exposure: Write) -> None:
    files = [write_exposure(f"{name}.fits", header={"FILTER": "Kbbb"}) for name in "abcd"]
    (note,) = [
        line
        for line in iris("check", write_recipe("dark_current"), *files).stdout.splitlines()
        if line.startswith("note: ")
    ]
    assert "'Kbbb'" in note
    assert "did you mean 'Kbb'" in note
    assert "a.fits ... d.fits (4 exposures)" in note


def test_an_error_that_many_exposures_have_is_one_line(write_recipe: Write, write_exposure: Write) -> None:
    files = [write_exposure(f"{name}.fits", header={"IMTYPE": "DARK"}) for name in "abcde"]
    result = iris("check", write_recipe("dark_current"), *files, write_exposure(), code=1)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "a.fits: IMTYPE is DARK" in line
    assert "b.fits ... e.fits (4 exposures)" in line
    assert "1 of 6 exposures" in result.stdout
    assert "5 errors" in result.stdout


def test_an_instrument_in_the_recipe_that_the_header_contradicts_is_refused(
    write_recipe: Write, write_exposure: Write
) -> None:
    recipe, path = write_recipe("dark_current", "instrument: iris-imager"), write_exposure(header={"INSTRUME": "OTHER"})
    message = iris("check", recipe, path, code=1).stderr
    assert "INSTRUME 'OTHER'" in message
    assert "--instrument iris-imager" in message
    note = iris("check", recipe, path, "--instrument", "iris-imager").stdout
    assert "note: " in note
    assert "INSTRUME 'OTHER'" in note


def test_products_of_many_exposures_are_counted_with_their_members(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    paths = [write_exposure(f"{name}.fits") for name in "abcde"]
    assert "1 of 1 product of 5 members can be made, no errors found" in iris(
        "check", write_recipe("dark_current, mean"), *paths
    ).stdout.replace("\n", " ")
    members = [{"expname": path.name, "exptype": "science"} for path in paths]
    products = [{"name": "one", "members": members[:3]}, {"name": "two", "members": members[3:]}]
    asn = tmp_path / "two_asn.json"
    asn.write_text(json.dumps({"asn_type": "recipe", "products": products}))
    output = iris("check", write_recipe("dark_current, mean"), asn).stdout.replace("\n", " ")
    assert "2 of 2 products of 5 members can be made" in output


def test_a_reference_that_all_members_lack_is_one_error(write_recipe: Write, write_exposure: Write) -> None:
    paths = [write_exposure(f"{name}.fits", start_time=START + timedelta(hours=at)) for at, name in enumerate("abcde")]
    recipe = write_recipe("flat_field, mean")
    for command in ("check", "run"):
        result = iris(command, recipe, *paths, code=1)
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert "flat_field needs a flat reference for a.fits" in line
        assert "(the same for b.fits ... e.fits (4 exposures))" in line
    assert "0 of 1 product of 5 members can be made, 1 error found" in iris("check", recipe, *paths, code=1).stdout


def test_a_candidate_that_is_too_late_for_all_exposures_is_listed_once(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    """The reason may not differ from exposure to exposure, as their start times do."""
    (tmp_path / "store").mkdir()
    make_reference(tmp_path / "store" / "late.fits", "flat", np.ones((8, 9)), USEAFTER="2031-01-01T00:00:00")
    paths = [write_exposure(f"{name}.fits", start_time=START + timedelta(hours=at)) for at, name in enumerate("abcde")]
    for steps in ("flat_field", "flat_field, mean"):
        given = ("check", write_recipe(steps), *paths, "--reference", f"store={tmp_path / 'store'}")
        (line,) = [line for line in iris(*given, code=1).stderr.splitlines() if line.startswith("error: ")]
        assert "late.fits: USEAFTER 2031-01-01T00:00:00 is after the exposure" in line
        assert "b.fits ... e.fits (4 exposures)" in line
