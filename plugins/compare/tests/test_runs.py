"""A run has a process of its own: what it needs is its own, and when it dies it dies alone."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from iris_compare._runs import Outcome, Trial, peak_memory, run_apart

from iris_core import StageRecord, read_fits

pytestmark = pytest.mark.slow


def run(lab: SimpleNamespace, out: Path, name: str) -> Outcome:
    options = {"use": {"flat_field": name}, "save": ("flat_field",), "directory": out}
    return run_apart(
        Trial(implementation=name, stage="flat_field", recipe=str(lab.recipe), path=lab.exposure, options=options)
    )


def test_a_run_says_what_it_made_and_what_it_took(lab: SimpleNamespace, tmp_path: Path) -> None:
    outcome = run(lab, tmp_path, "lab-percent")
    assert (outcome.error, outcome.skipped) == ("", "")
    assert {suffix: path.name for suffix, path in outcome.products.items()} == {
        "flat_field": "x_flat_field.fits",
        "cal": "x_cal.fits",
    }
    assert read_fits(outcome.products["flat_field"]).data[1, 1] == pytest.approx(100 / 0.99)
    assert outcome.record is not None
    assert (outcome.record.plugin, outcome.record.version, outcome.record.status) == ("lab-percent", "1.2", "COMPLETE")
    assert 0 < outcome.record.seconds < outcome.seconds


@pytest.mark.slow
def test_memory_is_that_of_the_run_and_not_of_who_started_it(lab: SimpleNamespace, tmp_path: Path) -> None:
    """lab-hungry needs 320 MB for itself; this process has needed 800 MB before."""
    np.ones(100_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > 8e8
    modest, hungry = (run(lab, tmp_path / name, name).peak_memory for name in ("lab-one", "lab-hungry"))
    assert 2e7 < modest < 3.2e8 < hungry < 8e8


def test_the_peak_stays_when_the_memory_is_given_back() -> None:
    before = peak_memory()
    np.ones(before // 8 + 10_000_000)
    assert peak_memory() > before + 8e7
    assert peak_memory() > 8e7


def test_an_exception_is_an_error_with_its_traceback(lab: SimpleNamespace, tmp_path: Path) -> None:
    outcome = run(lab, tmp_path, "lab-fails")
    assert "ValueError: the lamp was off" in outcome.error
    assert "in stage 'flat_field' of plugin lab-fails 1.2" in outcome.error
    assert "lab_fails.py" in outcome.traceback
    assert outcome.products == {}
    assert outcome.record is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lab-dies", "its process was killed by SIGKILL (out of memory?)"),
        ("lab-exits", "its process ended with exit code 3 before the run was done"),
    ],
)
def test_a_process_that_dies_is_an_error(lab: SimpleNamespace, tmp_path: Path, name: str, words: str) -> None:
    outcome = run(lab, tmp_path, name)
    assert (outcome.error, outcome.products, outcome.peak_memory) == (words, {}, 0)


def test_a_mistake_in_the_recipe_is_an_error_of_the_run(lab: SimpleNamespace, tmp_path: Path) -> None:
    assert "no installed plugin 'lab-none'" in run(lab, tmp_path, "lab-none").error


def test_a_stage_that_has_nothing_to_do_says_why(lab: SimpleNamespace, tmp_path: Path) -> None:
    outcome = run(lab, tmp_path, "lab-skips")
    assert (outcome.error, outcome.skipped) == ("", "flat is not needed")
    assert set(outcome.products) == {"flat_field", "cal"}


def test_a_skip_without_a_reason_is_a_skip() -> None:
    assert Outcome(implementation="a", record=StageRecord(stage="s", status="SKIPPED")).skipped == "no reason given"


def test_what_a_plugin_prints_does_not_come_into_the_output(
    lab: SimpleNamespace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(lab, tmp_path, "lab-prints").error == ""
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("a word from the plugin\n")


def test_the_folder_of_this_process_is_that_of_the_run(
    lab: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run(lab, Path("here"), "lab-one")
    assert outcome.products["cal"] == Path("here/x_cal.fits")
    assert os.listdir(tmp_path) == ["here"]
