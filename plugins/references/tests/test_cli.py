"""`iris references` from the command line, from new files to products."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from iris_testkit import make_exposure

from iris_core import read_fits, write_exposure
from iris_core.cli import main

Put = Callable[..., Path]
RECIPE = "recipe: 1\nname: one\nsteps:\n  - dark_current\n  - flat_field: {save: cal}\n"


def iris(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def as_json(*words: object) -> Any:
    return json.loads(iris(*words, "--json").stdout)


@pytest.fixture(autouse=True)
def night(tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a folder with an exposure, a recipe and new reference files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("one.yaml").write_text(RECIPE)
    header = {"DATE-OBS": "2026-06-01T00:00:00"}
    write_exposure(make_exposure((8, 8), value=11.0, header=header), "x_rate.fits")
    put("new/dark.fits", "dark")
    put("new/old.fits", USEAFTER="2024-01-01")
    put("new/flat.fits", data=np.full((8, 8), 2.0))
    put("new/j.fits", FILTER="J")


@pytest.fixture
def store() -> Path:
    """Return a store of all the new files."""
    assert iris("references", "add", *sorted(Path("new").glob("*.fits")), "--store", "store").exit_code == 0
    return Path("store")


def explain(*words: object) -> tuple[str, ...]:
    return ("references", "explain", "x_rate.fits", "--recipe", "one.yaml", *map(str, words))


def test_a_store_from_new_files_to_products() -> None:
    done = iris("references", "add", *sorted(Path("new").glob("*.fits")), "--store", "store")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.count("added") == 4
    assert iris("run", "one.yaml", "x_rate.fits", "--reference", "store=store").exit_code == 0
    product = read_fits("x_cal.fits")
    assert (product.data == (11.0 - 1.0) / 2.0).all()
    listed = {row["file"]: row for row in as_json("references", "list", "--store", "store")}
    assert set(listed) == {"dark.fits", "flat.fits", "j.fits", "old.fits"}
    used = {one.reftype: one for record in product.history for one in record.references}
    assert used["flat"].path == "flat.fits"
    assert used["flat"].sha256 == listed["flat.fits"]["sha256"]


def test_a_list_has_the_keywords_of_each_file(store: Path) -> None:
    rows = {row["file"]: row for row in as_json("references", "list", "--store", store)}
    assert rows["j.fits"].items() >= {
        "reftype": "flat",
        "instrume": "IRIS",
        "detector": "IMG1",
        "filter": "J",
        "readmode": "DEFAULT",
        "useafter": "2025-01-01",
        "pedigree": "DUMMY",
        "problem": "",
    }.items()  # fmt: skip
    done = iris("references", "list", "--store", store)
    assert done.exit_code == 0
    assert ["j.fits", "flat", "IRIS", "IMG1", "J", "DEFAULT", "2025-01-01"] in [
        line.split() for line in done.stdout.splitlines()
    ]


@pytest.mark.parametrize(("columns", "lines"), [(80, 6), (40, 17)])
def test_a_list_has_a_line_for_each_file_and_a_block_of_lines_where_there_is_no_room(
    store: Path, monkeypatch: pytest.MonkeyPatch, columns: int, lines: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = iris("references", "list", "--store", store).stdout.strip().splitlines()
    assert len(shown) == lines
    assert max(map(len, shown)) <= columns


def test_the_store_may_be_named_by_the_environment(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_REFERENCES", str(store))
    assert len(as_json("references", "list")) == 4
    assert [row["chosen"] for row in as_json(*explain())["exposures"]["x_rate.fits"]] == [
        "store/dark.fits",
        "store/flat.fits",
    ]


def test_explain_has_what_is_chosen_and_why_each_other_candidate_was_rejected(store: Path) -> None:
    done = iris(*explain("--store", store))
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["dark", "store/dark.fits", "chosen", "(folder)"] in lines
    assert ["flat", "store/flat.fits", "chosen", "(folder)"] in lines
    assert ["store/j.fits", "FILTER", "is", "J,", "not", "Kbb"] in lines
    assert any("store/old.fits" in line and "2024-01-01" in line for line in lines)


def test_explain_as_json(store: Path) -> None:
    dark, flat = as_json(*explain("--store", store))["exposures"]["x_rate.fits"]
    assert dark == {
        "stage": "dark_current",
        "type": "dark",
        "chosen": "store/dark.fits",
        "outcome": "chosen (folder)",
        "rejected": {},
    }
    assert (flat["stage"], flat["chosen"]) == ("flat_field", "store/flat.fits")
    assert flat["rejected"] == {
        "store/j.fits": "FILTER is J, not Kbb",
        "store/old.fits": "its USEAFTER 2024-01-01 is earlier than that of flat.fits",
    }


def test_explain_needs_no_product_to_be_free_and_no_step_to_be_possible(store: Path) -> None:
    """It is asked why a run failed, or gave what it gave."""
    assert iris("run", "one.yaml", "x_rate.fits", "--reference", f"store={store}").exit_code == 0
    done = iris("references", "explain", "x_rate.fits", "x_cal.fits", "--recipe", "one.yaml", "--store", store)
    assert done.exit_code == 0
    assert done.stdout.count("store/flat.fits") == 2


def test_what_is_missing_is_exit_code_1() -> None:
    iris("references", "add", "new/dark.fits", "new/j.fits", "--store", "store")
    done = iris(*explain("--store", "store"))
    assert done.exit_code == 1
    assert "none; flat_field needs one" in done.stdout
    assert "FILTER is J, not Kbb" in done.stdout
    flat = as_json(*explain("--store", "store"))["exposures"]["x_rate.fits"][1]
    assert (flat["chosen"], flat["rejected"]) == ("", {"store/j.fits": "FILTER is J, not Kbb"})


def test_where_there_is_no_candidate_either_the_outcome_has_what_to_do() -> None:
    iris("references", "add", "new/dark.fits", "--store", "store")
    done = iris(*explain("--store", "store"))
    assert done.exit_code == 1
    assert "--reference flat=FILE" in done.stdout


def test_an_exposure_that_cannot_be_read_is_named_and_the_others_are_explained(store: Path) -> None:
    words = ("references", "explain", "missing.fits", "x_rate.fits", "--recipe", "one.yaml", "--store", store)
    done = iris(*words)
    assert done.exit_code == 1
    assert "missing.fits" in done.stderr
    assert "store/flat.fits" in done.stdout
    found = as_json(*words)
    assert list(found["exposures"]) == ["x_rate.fits"]
    assert "missing.fits" in found["problems"][0]


def test_a_recipe_that_is_wrong_is_exit_code_1(store: Path) -> None:
    Path("one.yaml").write_text(RECIPE + "  - resampel\n")
    done = iris(*explain("--store", store))
    assert done.exit_code == 1
    assert "'resample'?" in done.stderr
    assert "store/flat.fits" in done.stdout


def test_the_instrument_mode_may_be_named(store: Path) -> None:
    write_exposure(make_exposure((8, 8), header={"INSTRUME": "OTHER"}), "x_rate.fits", overwrite=True)
    done = iris(*explain("--store", store))
    assert done.exit_code == 1
    assert "OTHER" in done.stderr
    done = iris(*explain("--store", store, "--instrument", "iris-imager"))
    assert "INSTRUME is IRIS, not OTHER" in done.stdout


def test_problems_are_lines_of_their_own_and_nothing_is_added(put: Put) -> None:
    put("new/a.fits", USEAFTER="")
    put("new/b.fits", "flt")
    words = ("references", "add", *sorted(Path("new").glob("*.fits")), "--store", "store")
    done = iris(*words)
    assert done.exit_code == 1
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["new/a.fits", "new/b.fits"]
    assert len(as_json(*words)["problems"]) == 2
    assert not Path("store").exists()


def test_notes_are_lines_of_their_own_and_files_that_were_there_are_told_apart(put: Put, store: Path) -> None:
    put("new/h.fits", FILTER="H", AUTHOR="")
    done = iris("references", "add", "new/flat.fits", "new/h.fits", "--store", store)
    assert done.exit_code == 0
    (note,) = done.stderr.splitlines()
    assert note.startswith("note: new/h.fits: AUTHOR")
    found = as_json("references", "add", "new/flat.fits", "new/h.fits", "--store", store)
    assert len(found["notes"]) == 1
    assert {row["outcome"] for row in found["references"]} == {"in the store already"}


def test_files_of_a_folder_that_are_not_indexed_are_named() -> None:
    iris("references", "add", "new/dark.fits", "--store", "new")
    problems = {row["file"]: row["problem"] for row in as_json("references", "list", "--store", "new")}
    assert problems.pop("dark.fits") == ""
    assert set(problems) == {"flat.fits", "j.fits", "old.fits"}
    assert all("not in the index" in problem for problem in problems.values())
    done = iris("references", "add", "new/flat.fits", "--store", "new")
    assert "j.fits, old.fits" in done.stderr


def test_another_file_of_a_name_needs_replace(put: Put, store: Path) -> None:
    newer = put("newer/flat.fits", DESCRIP="newer")
    done = iris("references", "add", newer, "--store", store)
    assert done.exit_code == 1
    assert "--replace" in done.stderr
    assert iris("references", "add", newer, "--store", store, "--replace").exit_code == 0
    assert (store / "flat.fits").read_bytes() == newer.read_bytes()


def test_a_changed_file_is_found_by_verify(store: Path) -> None:
    assert iris("references", "list", "--store", store, "--verify").exit_code == 0
    (store / "dark.fits").write_bytes(Path("new/flat.fits").read_bytes())
    assert iris("references", "list", "--store", store).exit_code == 0
    done = iris("references", "list", "--store", store, "--verify")
    assert done.exit_code == 1
    assert "changed since it was added" in done.stdout


def test_removing_shows_what_was_removed(store: Path) -> None:
    assert [row["file"] for row in as_json("references", "remove", "dark.fits", "--store", store)] == ["dark.fits"]
    assert (store / "dark.fits").exists()
    done = iris("references", "remove", "j.fits", "--store", store, "--delete")
    assert "j.fits" in done.stdout
    assert not (store / "j.fits").exists()
    assert iris("references", "remove", "j.fits", "--store", store).exit_code == 1


@pytest.mark.parametrize("words", [["list"], ["add", "x.fits"], ["remove", "x.fits"]])
def test_a_store_has_to_be_named(words: list[str]) -> None:
    done = iris("references", *words)
    assert done.exit_code == 2
    assert "--store" in done.stderr


def test_the_help_of_each_command_is_there_without_numpy_and_the_framework() -> None:
    """`iris --help` imports this module for one line."""
    code = "import iris_references.cli, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"numpy", "pydantic", "astropy", "sqlite3", "iris_core.exposure"}
    shown = iris("references", "--help").stdout
    assert [name for name in ("add", "explain", "list", "remove") if f"\n  {name} " not in shown] == []
