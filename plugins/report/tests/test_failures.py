"""FAILED.jsonl: what a run could not calibrate, until it can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from iris_report._failures import FAILED, Failure, read_failures, read_run, record_failures

from iris_core import ExposureResult, InputError, Report


def result(folder: Path, name: str, error: str = "", exposures: int = 1) -> ExposureResult:
    products = {} if error else {"cal": folder / f"{name}_cal.fits"}
    return ExposureResult(path=Path(f"raw/{name}_rate.fits"), products=products, error=error, exposures=exposures)


def report(*results: ExposureResult, recipe: str = "image2") -> Report:
    return Report(recipe=recipe, results=results)


def test_what_failed_is_written_beside_what_was_made(tmp_path: Path) -> None:
    record_failures(report(result(tmp_path, "a"), result(tmp_path, "b", "no luck"), result(tmp_path, "c", "cut", 5)))
    assert read_failures(tmp_path) == [
        Failure("b_rate.fits", 1, "image2", "no luck"),
        Failure("c_rate.fits", 5, "image2", "cut"),
    ]
    assert read_failures(tmp_path)[1].label == "c_rate.fits and 4 others"
    assert read_failures(tmp_path)[0].label == "b_rate.fits"


def test_a_run_without_failures_leaves_nothing(tmp_path: Path) -> None:
    record_failures(report(result(tmp_path, "a")))
    assert not list(tmp_path.iterdir())


def test_a_later_run_takes_away_what_it_could_do_and_what_failed_again(tmp_path: Path) -> None:
    record_failures(report(result(tmp_path, "a"), result(tmp_path, "b", "no luck"), result(tmp_path, "c", "cut")))
    record_failures(report(result(tmp_path, "b"), result(tmp_path, "c", "cut again")))
    assert [one.error for one in read_failures(tmp_path)] == ["cut again"]
    record_failures(report(result(tmp_path, "c"), recipe="other"))
    assert len(read_failures(tmp_path)) == 1
    record_failures(report(result(tmp_path, "c")))
    assert not (tmp_path / FAILED).exists()


def test_each_folder_of_products_is_told(tmp_path: Path) -> None:
    for name in "xy":
        (tmp_path / name).mkdir()
    results = result(tmp_path / "x", "a"), result(tmp_path / "y", "b"), result(tmp_path, "c", "no luck")
    record_failures(report(*results))
    expected = [Failure("c_rate.fits", 1, "image2", "no luck")]
    assert read_failures(tmp_path / "x") == read_failures(tmp_path / "y") == expected
    assert not (tmp_path / FAILED).exists()


def test_a_run_that_made_nothing_has_no_folder_and_leaves_nothing(tmp_path: Path) -> None:
    record_failures(report(result(tmp_path, "a", "no luck")))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["{", '{"file": "x"}\n', "[1]\n", '{"file": "x", "exposures": "many"}', "\xff"])
def test_a_record_that_makes_no_sense_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / FAILED).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=rf"{FAILED}: no record of failures"):
        read_failures(tmp_path)


@pytest.mark.slow
def test_a_real_run_that_fails_in_part_is_recorded(tmp_path: Path, lab: Any) -> None:
    night = lab.simulate(tmp_path / "raw", dithers=2)
    lab.cut(lab.rate_of(night, 2))
    lab.calibrate(night, tmp_path / "out")
    (failure,) = read_failures(tmp_path / "out")
    assert failure.file == "sim_IMG1_Kbb_0002_rate.fits"
    assert failure.recipe == "image2"
    assert "truncated" in failure.error or "cut" in failure.error or "end" in failure.error


def test_what_run_prints_as_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(report(result(tmp_path, "a"), result(tmp_path, "b", "no luck", 3)).plain()))
    assert read_run(path) == [Failure("b_rate.fits", 3, "image2", "no luck")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"exposures": [{"path": "x"}]}', '{"exposures": 1}'])
def test_another_file_is_no_run(text: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"run\.json: not what 'iris run --json' prints"):
        read_run(path)
    with pytest.raises(InputError, match=r"none\.json"):
        read_run(tmp_path / "none.json")
