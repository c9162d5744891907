"""The command ``iris report``."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from iris_core.cli import main


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, words)])


def test_it_says_the_night_what_needs_a_person_and_where_the_page_is(copied: Path, lab: SimpleNamespace) -> None:
    lab.change(copied / "sim_IMG1_Kbb_0003_cal.fits", lab.spoil_pixels)
    done = invoke(copied)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0].startswith("4 exposures calibrated, 1 of them with a warning, none failed")
    assert lines[1].startswith("limit: sim_IMG1_Kbb_0003: Bad pixels: 5.")
    assert lines[2] == f"-> {copied / 'report' / 'index.html'}"


def test_json_has_the_same_for_scripts(copied: Path, lab: SimpleNamespace) -> None:
    lab.change(copied / "sim_IMG1_Kbb_0003_cal.fits", lab.spoil_pixels)
    content = json.loads(invoke(copied, "--json", "--zip", "--out", copied.parent / "page").output)
    assert content["index"] == str(copied.parent / "page" / "index.html")
    assert content["archive"] == str(copied.parent / "page.zip")
    assert Path(content["archive"]).is_file()
    (one,) = content["attention"]
    assert (one["figure"], one["low"], one["high"]) == ("bad_fraction", 0, 0.05)
    assert one["value"] == pytest.approx(0.06, abs=0.01)


def test_failures_come_from_what_a_run_printed(lab: SimpleNamespace, tmp_path: Path) -> None:
    """Of a run in which nothing could be calibrated there is no folder with a record."""
    night = lab.simulate(tmp_path / "raw", dithers=1, backgrounds=0)
    lab.cut(lab.rate_of(night, 1))
    run = ["run", "image2", str(lab.rate_of(night, 1)), "--reference", f"store={night.references}", "--json"]
    printed = CliRunner().invoke(main, [*run, "--output-dir", str(tmp_path / "out")])
    assert printed.exit_code == 1
    (tmp_path / "run.json").write_text(printed.stdout)
    (tmp_path / "out").mkdir(exist_ok=True)
    done = invoke(tmp_path / "out", "--run", tmp_path / "run.json")
    assert done.exit_code == 0, done.output
    assert "No exposure calibrated, 1 failed" in done.output
    assert "sim_IMG1_Kbb_0001_rate.fits: the file is truncated" in done.output


@pytest.mark.parametrize(
    "words", [["nowhere"], ["."], ["--search", "nowhere", "."], ["--limits", "nowhere.yaml", "."]], ids=str
)
def test_what_is_not_there_is_an_error(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "mine.txt").write_text("")
    done = invoke(*words)
    assert done.exit_code != 0
    assert "nowhere" in done.output or "holds something else than a report" in done.output
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["mine.txt"]


def test_wrong_limits_are_an_error_with_their_file(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text("noise: [2, 1]")
    done = invoke(copied, "--limits", tmp_path / "limits.yaml")
    assert done.exit_code == 1
    assert "limits.yaml: noise is [2, 1]" in done.output
    assert not (copied / "report").exists()


def test_control_characters_of_a_header_do_not_act_on_the_terminal(copied: Path) -> None:
    (copied / "FAILED.jsonl").write_text(
        json.dumps({"file": "x\x1b[31m.fits", "exposures": 1, "recipe": "image2", "error": "no"}) + "\n"
    )
    assert "\x1b" not in invoke(copied).output
