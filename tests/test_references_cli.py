"""`iris references` from the command line, and what `iris check` says of the files that were not chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from iris_core import read_fits
from iris_core.cli import main
from iris_core.fitswrite import write_fits
from iris_core.testing import make_exposure, make_reference

HEADER = {"INSTRUME": "IRIS", "TELESCOP": "TMT", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT"}
RECIPE = "recipe: 1\nname: one\nsteps:\n  - dark_current\n  - flat_field: {save: cal}\n"


def iris(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def put(name: str, reftype: str, **keywords: Any) -> Path:
    said = {
        "FILTER": "Kbb",
        "READMODE": "DEFAULT",
        "USEAFTER": "2025-01-01",
        "PEDIGREE": "DUMMY",
        "DESCRIP": "x",
        "AUTHOR": "x",
        "DETXSIZE": 32,
        "DETYSIZE": 32,
    }
    unit, plane = ("electron/s", 1.0) if reftype == "dark" else ("", 2.0)
    planes = np.full((32, 32), plane), np.full((32, 32), 0.1)
    return make_reference(Path("new") / name, reftype, planes[0], err=planes[1], unit=unit, **{**said, **keywords}).path


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with an exposure, a recipe and new reference files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "new").mkdir()
    (tmp_path / "one.yaml").write_text(RECIPE)
    header = {**HEADER, "DATE-OBS": "2026-06-01T00:00:00"}
    write_fits(make_exposure(value=11.0, header=header), tmp_path / "x_rate.fits")
    put("dark.fits", "dark")
    put("old.fits", "flat", USEAFTER="2024-01-01")
    put("flat.fits", "flat")
    put("j.fits", "flat", FILTER="J")
    return tmp_path


def test_a_store_from_new_files_to_products(night: Path) -> None:
    done = iris("references", "add", *sorted(Path("new").glob("*.fits")), "--store", "store")
    assert done.exit_code == 0
    assert done.stdout.count("added") == 4
    done = iris("run", "one.yaml", "x_rate.fits", "--reference", "store=store")
    assert done.exit_code == 0
    cal = read_fits(Path("x_cal.fits"))
    assert (cal.data == (11.0 - 1.0) / 2.0).all()
    listed = {row["file"]: row for row in json.loads(iris("references", "list", "--store", "store", "--json").stdout)}
    assert set(listed) == {"dark.fits", "flat.fits", "j.fits", "old.fits"}
    used = {one.reftype: one for record in cal.history for one in record.references}
    assert used["flat"].path == "store/flat.fits"
    assert used["flat"].sha256.startswith(listed["flat.fits"]["sha256"])


def test_explain_and_check_say_on_what_each_candidate_lost(night: Path) -> None:
    iris("references", "add", *Path("new").glob("*.fits"), "--store", "store")
    done = iris("references", "explain", "x_rate.fits", "--recipe", "one.yaml", "--store", "store", "--json")
    dark, flat = json.loads(done.stdout)["exposures"]["x_rate.fits"]
    assert (dark["chosen"], dark["lost"]) == ("store/dark.fits", {})
    assert (flat["chosen"], flat["lost"]) == (
        "store/flat.fits",
        {
            "store/j.fits": "FILTER is J, not Kbb",
            "store/old.fits": "its USEAFTER 2024-01-01 is earlier than that of flat.fits",
        },
    )
    done = iris("references", "explain", "x_rate.fits", "--recipe", "one.yaml", "--store", "store")
    assert "store/j.fits" in done.stdout
    assert done.exit_code == 0
    done = iris("check", "one.yaml", "x_rate.fits", "--reference", "store=store")
    assert "not j.fits: FILTER is J, not Kbb" in done.stdout
    assert "not old.fits: its USEAFTER 2024-01-01 is earlier than that of flat.fits" in done.stdout
    done = iris("check", "one.yaml", "x_rate.fits", "--reference", "store=store", "--json")
    steps = json.loads(done.stdout)["exposures"][0]["steps"]
    assert steps[1]["references_lost"]["store/j.fits"] == "FILTER is J, not Kbb"


def test_check_shows_the_first_of_many(night: Path) -> None:
    files = [put(f"old{day}.fits", "flat", USEAFTER=f"2023-01-0{day}") for day in range(1, 9)]
    iris("references", "add", *Path("new").glob("*.fits"), *files, "--store", "store")
    done = iris("check", "one.yaml", "x_rate.fits", "--reference", "store=store")
    assert done.stdout.count("      not ") == 5
    assert "and 5 more: iris references explain x_rate.fits" in done.stdout


def test_what_is_missing_is_exit_code_1(night: Path) -> None:
    iris("references", "add", "new/dark.fits", "new/j.fits", "--store", "store")
    done = iris("references", "explain", "x_rate.fits", "--recipe", "one.yaml", "--store", "store")
    assert done.exit_code == 1
    assert "needed, and there is none" in done.stdout
    assert "FILTER is J, not Kbb" in done.stdout
    done = iris("references", "explain", "missing.fits", "--recipe", "one.yaml", "--store", "store")
    assert done.exit_code == 1
    assert "missing.fits" in done.stderr


def test_faults_are_lines_of_their_own_and_nothing_is_added(night: Path) -> None:
    put("a.fits", "flat", USEAFTER="")
    put("b.fits", "flt")
    done = iris("references", "add", *sorted(Path("new").glob("*.fits")), "--store", "store")
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["new/a.fits", "new/b.fits"]
    assert not Path("store").exists()


def test_files_of_a_folder_that_are_not_entered_are_named(night: Path) -> None:
    iris("references", "add", "new/dark.fits", "--store", "new")
    done = iris("references", "list", "--store", "new", "--json")
    problems = {row["file"]: row["problem"] for row in json.loads(done.stdout)}
    assert problems["dark.fits"] == ""
    assert problems["flat.fits"] == "not in the index, so not used"
    done = iris("references", "add", "new/flat.fits", "--store", "new")
    assert "not in the index, so not used: j.fits, old.fits" in done.stderr


def test_a_changed_file_is_found_by_verify(night: Path) -> None:
    iris("references", "add", "new/dark.fits", "--store", "store")
    assert iris("references", "list", "--store", "store", "--verify").exit_code == 0
    Path("store/dark.fits").write_bytes(Path("new/flat.fits").read_bytes())
    done = iris("references", "list", "--store", "store", "--verify")
    assert done.exit_code == 1
    assert "changed since it was added" in done.stdout


def test_removing_says_what_went(night: Path) -> None:
    iris("references", "add", "new/dark.fits", "--store", "store")
    done = iris("references", "remove", "dark.fits", "--store", "store", "--delete", "--json")
    assert [row["file"] for row in json.loads(done.stdout)] == ["dark.fits"]
    assert not Path("store/dark.fits").exists()
