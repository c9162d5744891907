"""The commands: exit codes, JSON for archives, and words for people."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iris_core.cli import main


def iris(*arguments: Any, code: int = 0) -> Result:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def searched(made: SimpleNamespace) -> list[Any]:
    return [part for folder in made.search for part in ("--search", folder)]


def test_all_fine_is_one_line_and_0(made: SimpleNamespace) -> None:
    assert iris("verify", made.out, *searched(made)).stdout.startswith("9 of 9 files are fine (")


def test_something_wrong_is_1_and_named(made: SimpleNamespace) -> None:
    (made.out / "a_cat.ecsv").write_text("nothing")
    said = iris("verify", made.out, *searched(made), code=1).stdout
    assert f"{made.out / 'a_cat.ecsv'}: " in said
    assert "8 of 9 files are fine" in said


def test_what_is_missing_is_a_note_and_with_strict_an_error(made: SimpleNamespace) -> None:
    said = iris("verify", made.out).stdout
    assert "note: not found: reference flat flat.fits, of 6 products\n" in said
    assert "4 inputs and references were not found" in said
    assert "\nnot found" in "\n" + iris("verify", made.out, "--strict", code=1).stdout


def test_json_has_all_of_it(made: SimpleNamespace) -> None:
    (made.out / "b_cal.fits").unlink()
    found = json.loads(iris("verify", made.out, "--json", code=1).stdout)
    assert found["ok"] is False
    assert len(found["files"]) == 9
    gone = next(one for one in found["files"] if one["path"].endswith("b_cal.fits"))
    assert len(gone["problems"]) == 1
    whole = next(one for one in found["files"] if one["path"].endswith("a_cal.fits"))
    assert [one["name"] for one in whole["missing"]] == ["a_rate.fits", "flat.fits"]
    assert len(whole["key"]) == 64


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert "no such file" in iris("verify", tmp_path / "none", code=1).stderr


def test_a_table_that_is_none_is_found_without_the_list(made: SimpleNamespace) -> None:
    (made.out / "SHA256SUMS").unlink()
    path = made.out / "a_cat.ecsv"
    path.write_text(path.read_text().rpartition(" ")[0])
    assert "not readable as an ECSV table" in iris("verify", path, code=1).stdout


@pytest.mark.parametrize("by", ["file", "name", "hash"])
def test_used_names_the_products_of_a_reference(made: SimpleNamespace, monkeypatch: Any, by: str) -> None:
    from iris_core import sha256_of

    file = {"file": made.night.flat, "name": "flat.fits", "hash": sha256_of(made.night.flat)}[by]
    monkeypatch.chdir(made.out)
    found = json.loads(iris("used", file, "--json").stdout)
    assert sorted(one["product"] for one in found) == [path.name for path in made.paths]
    assert {(one["role"], one["is_same"]) for one in found} == {("flat", by != "name")}


def test_used_tells_an_exposure_from_another_version_of_it(made: SimpleNamespace) -> None:
    said = iris("used", made.night.raw / "a_rate.fits", "--under", made.out).stdout
    assert [one in said for one in ("a_cal.fits", "a_cat.ecsv", "a_segm.fits", "b_cal.fits")] == [True] * 3 + [False]
    assert "the same" in said
    made.night.write_flat(3.0)
    said = iris("used", made.night.flat, "--under", made.out).stdout
    assert "another version" in said
    assert "the same" not in said


def test_used_says_that_nothing_was_made_of_a_file(made: SimpleNamespace) -> None:
    assert "went into no product" in iris("used", made.night.recipe, "--under", made.out).stdout


def test_what_cannot_be_read_does_not_stop_used(made: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    path = made.out / "a_cal.fits"
    path.write_bytes(path.read_bytes()[:9000])
    found = json.loads(iris("used", made.night.flat, "--under", made.out, "--json").stdout)
    assert len(found) == 8
    assert "a_cal.fits" in caplog.text
