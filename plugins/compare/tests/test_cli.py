"""The command, as it is called: tables, JSON, errors, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from iris_compare.cli import compare_stages

IRIS = Path(sysconfig.get_path("scripts")) / "iris"


def invoke(*words: object) -> Result:
    (script,) = entry_points(group="console_scripts", name="iris")
    iris: click.Command = script.load()
    return CliRunner().invoke(iris, ["compare-stages", *map(str, words)])


def compare(
    lab: SimpleNamespace, out: Path, *words: object, use: tuple[str, ...] = ("lab-one", "lab-pixels")
) -> Result:
    chosen = [word for name in use for word in ("--use", name)]
    return invoke(lab.recipe, lab.exposure, "--stage", "flat_field", *chosen, "--out", out, *words)


def rows(output: str) -> list[str]:
    return [" ".join(line.split()) for line in output.splitlines()]


@pytest.mark.slow
def test_the_tables_say_what_was_run_and_what_differs(lab: SimpleNamespace, tmp_path: Path) -> None:
    result = compare(lab, tmp_path / "out")
    assert (result.exit_code, result.stderr) == (0, "")
    printed = rows(result.stdout)
    assert printed[:3] == ["runs", "flat_field whole run peak memory", "implementation version [s] [s] [MB] outcome"]
    assert printed[3].startswith("lab-one 1.2 0.")
    assert printed[3].endswith(" done")
    assert "lab-pixels against lab-one" in printed
    for line in (
        "flat_field cal",
        "result of the stage product",
        "pixels valid in both 118 118",
        "in the first only 1 1",
        "largest +8 +8",
        "at (4, 7) (4, 7)",
        "DQ HOT: gained, lost 3, 0 3, 0",
        "flat_field: the variance component 'flat' is in the other only",
        f"-> {tmp_path / 'out' / 'lab-one'}",
        f"-> {tmp_path / 'out' / 'flat_field_lab-pixels_vs_lab-one.png'}",
    ):
        assert line in printed


@pytest.mark.slow
def test_json_is_all_that_is_printed(lab: SimpleNamespace, tmp_path: Path) -> None:
    result = compare(lab, tmp_path / "out", "--json", use=("lab-prints", "lab-same"))
    assert result.exit_code == 0
    printed: dict[str, Any] = json.loads(result.stdout)
    assert [one["implementation"] for one in printed["runs"]] == ["lab-prints", "lab-same"]
    assert all(one["peak_memory"] > 2e7 and one["seconds"] > 0 for one in printed["runs"])
    assert (printed["stage"], printed["product"], printed["file"]) == ("flat_field", "flat_field", str(lab.exposure))
    assert {name: one["identical"] for name, one in printed["differences"]["lab-same"].items()} == {
        "flat_field": True,
        "cal": True,
    }
    assert printed["pictures"] == []


@pytest.mark.acceptance
def test_a_run_that_fails_is_an_error_and_the_others_are_compared(lab: SimpleNamespace, tmp_path: Path) -> None:
    result = compare(lab, tmp_path / "out", use=("lab-one", "lab-fails", "lab-same"))
    assert result.exit_code == 1
    (error,) = result.stderr.splitlines()
    assert error.startswith("error: lab-fails: ")
    assert "ValueError: the lamp was off" in error
    printed = rows(result.stdout)
    assert re.fullmatch(r"lab-fails - - \d+\.\d\d \d+ failed", printed[4])
    assert "only lab-one made: flat_field, cal" in printed
    assert "identical identical" in printed


@pytest.mark.acceptance
def test_the_traceback_is_shown_where_it_is_asked_for(lab: SimpleNamespace, tmp_path: Path) -> None:
    result = compare(lab, tmp_path / "out", "--traceback", use=("lab-fails", "lab-same"))
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr
    assert "lab_fails.py" in result.stderr
    assert "only lab-same made: flat_field, cal" in rows(result.stdout)


@pytest.mark.slow
def test_what_a_stage_noted_and_why_it_was_skipped_is_said(lab: SimpleNamespace, tmp_path: Path) -> None:
    use = ("lab-scaled", "lab-late", "lab-skips")
    result = compare(lab, tmp_path / "out", "--set", "lab-scaled:flat_field.factor=1", use=use)
    assert result.exit_code == 0
    printed = rows(result.stdout)
    assert "lab-scaled: multiplied" in printed
    assert "lab-skips: the stage was skipped: flat is not needed" in printed


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--use", "lab-one"], 1, "error: two or more implementations of flat_field can be compared, not 1 (lab-one)"),
        (["--use", "lab-one", "--use", "lab-non"], 1, "no installed plugin 'lab-non' implements it; did you mean"),
        (["--use", "a", "--use", "b", "--set", "x"], 2, "Invalid value for '--set': 'x' is not STAGE.KEY=VALUE"),
        (["--use", "a", "--use", "b", "--set", "x.y=[1"], 2, "'x.y=[1': not a valid YAML value"),
        (["--use", "a", "--use", "b", "--set", "x.y=2026-13-45"], 2, "'x.y=2026-13-45': not a valid YAML value"),
        (["--use", "a", "--use", "b", "--reference", "flat"], 2, "'flat' is not TYPE=FILE"),
    ],
)
def test_a_mistake_is_one_line(lab: SimpleNamespace, tmp_path: Path, words: list[str], code: int, message: str) -> None:
    result = compare(lab, tmp_path / "out", *words, use=())
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_a_stage_has_to_be_named() -> None:
    result = invoke("image2", "x_rate.fits", "--use", "a", "--use", "b")
    assert result.exit_code == 2
    assert "Missing option '--stage'" in result.stderr


@pytest.mark.acceptance
def test_references_and_backgrounds_reach_the_runs(lab: SimpleNamespace, tmp_path: Path) -> None:
    """iris-flat divides by 0.5 where lab-one does nothing; the background is subtracted before."""
    import numpy as np
    from iris_testkit import make_reference

    flat = make_reference(tmp_path / "flat.fits", "flat", np.full((10, 12), 0.5)).path
    keywords = {"TELESCOP": "TMT", "FILTER": "Kbb", "READMODE": "DEFAULT", "EXPTIME": 100.0}
    sky = make_reference(
        tmp_path / "sky_rate.fits",
        "none",
        np.full((10, 12), 60.0),
        err=np.ones((10, 12)),
        unit="electron/s",
        **keywords,
    ).path
    recipe = tmp_path / "own.yaml"
    recipe.write_text("recipe: 1\nname: own\nsteps: [background, flat_field]\n")
    words = ["--stage", "flat_field", "--use", "lab-one", "--use", "iris-flat", "--out", tmp_path / "out", "--json"]
    result = invoke(recipe, lab.exposure, *words, "--reference", f"iris-flat:flat={flat}", "--background", sky)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["differences"]["iris-flat"]
    assert found["flat_field"]["data"]["median"] == 40  # (100 - 60) / 0.5 - (100 - 60)
    assert found["flat_field"]["err"]["median"] == pytest.approx(2)


@pytest.mark.acceptance
def test_a_plugin_of_one_file_is_compared_with_an_installed_one(lab: SimpleNamespace, tmp_path: Path) -> None:
    file = tmp_path / "my_flat.py"
    file.write_text(
        "from iris_core import stage\n@stage('flat_field')\ndef triple(exposure):\n    return exposure.scale(3)\n"
    )
    result = compare(lab, tmp_path / "out", "--plugin", file, "--json", use=("lab-one", "my_flat"))
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["differences"]["my_flat"]["flat_field"]["err"]["median"] == pytest.approx(3)


def test_help_is_quick_and_shows_how_to_go_on() -> None:
    text = invoke("--help").output
    assert "iris compare-stages image2 x_rate.fits --stage flat_field --use iris-flat --use my-flat" in text
    code = (
        "import sys, iris_compare, iris_compare.cli; heavy = {'astropy', 'numpy', 'matplotlib', 'rich', 'yaml'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_option_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    for option in compare_stages.params:
        assert isinstance(option, click.Argument) or option.opts[0] in readme, option.name


@pytest.mark.slow
def test_an_interrupted_comparison_ends_its_run_and_is_quiet(lab: SimpleNamespace, tmp_path: Path) -> None:
    words = [lab.short, lab.exposure, "--stage", "flat_field", "--use", "lab-sleeps", "--use", "lab-one"]
    environment = {**os.environ, "PYTHONPATH": str(lab.site)}
    command = [IRIS, "compare-stages", *words, "--out", tmp_path / "out"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background ignores it
    try:
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert process.stderr is not None
        assert process.stderr.readline() == "asleep\n"
        os.killpg(process.pid, signal.SIGINT)  # as the key does on a terminal: to both processes
        output = process.stderr.read()  # ends when both have ended
    assert process.returncode == 130
    assert output.strip().endswith("interrupted")
    assert "Traceback" not in output


@pytest.mark.slow
def test_the_installed_command_does_it_with_real_processes(lab: SimpleNamespace, tmp_path: Path) -> None:
    words = [lab.short, lab.exposure, "--stage", "flat_field", "--use", "lab-one", "--use", "lab-dies", "--use"]
    environment = {**os.environ, "PYTHONPATH": str(lab.site)}
    run = subprocess.run(
        [IRIS, "compare-stages", *words, "lab-percent"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 1
    (error,) = run.stderr.splitlines()
    assert "lab-dies" in error
    assert "SIGKILL" in error
    assert "other - first: median +1.01" in rows(run.stdout)
    assert sorted(path.name for path in (tmp_path / "compare").iterdir()) == [
        "flat_field_lab-percent_vs_lab-one.png",
        "lab-one",
        "lab-percent",
    ]
    again = subprocess.run(
        [IRIS, "compare-stages", *words, "lab-percent"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert again.returncode == 1
    assert again.stderr.startswith("error: compare holds files already")
