"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from iris_testkit import make_reference

import iris_core
from iris_core import read_fits
from iris_core.cli import main

Write = Callable[..., Path]

PLUGIN = """\
import click
import numpy as np
from iris_core import InputError, Params, StageSkipped, parameter, stage

class FlatParams(Params):
    gain: float = parameter(2.0, "Factor.", "electron/DN", gt=0)

@stage("flat_field", params=FlatParams, optional=("flat",))
def flat(exposure, params, references):
    "Multiply by the gain."
    if exposure.meta.target == "bad":
        raise ValueError("no luck")
    flat = references.get("flat")
    return exposure.scale(params.gain * (flat.image(exposure).data if flat else 1)).note("with [care]")

@stage("background")
def background(exposure, background_exposures):
    if not background_exposures:
        raise StageSkipped("no background exposures")
    return exposure.replace(data=exposure.data - background_exposures[0].data)

@stage("dark_current")
def dark_current(exposure):
    return exposure.scale(10)

@click.command()
@click.argument("folder", required=False)
@click.option("--fail", is_flag=True)
def greet(folder, fail):
    "Say hello."
    if fail:
        raise InputError("nobody here")
    click.echo("hello" + (f" {folder}" if folder else ""))
    if folder and folder.endswith("odd"):
        raise SystemExit(3)
"""


@pytest.fixture(autouse=True)
def installed(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch, log_as_it_was: None) -> None:
    """Install one plugin, load no other, and put the log back as it was."""
    install("lab-tools", PLUGIN, command="greet")
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "iris-imager,lab-tools")


def iris(*arguments: Any, code: int = 0) -> Result:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    return result


def errors(result: Result) -> list[str]:
    return [line.removeprefix("error: ") for line in result.stderr.splitlines() if line.startswith("error: ")]


def value(path: Path) -> float:
    return float(read_fits(path).data[0, 0])


def test_help_names_every_command_with_what_it_does() -> None:
    text = " ".join(iris("--help").stdout.split())
    for words in ("run Calibrate FILES", "check Do everything", "list List plugins", "show Show", "greet Say hello."):
        assert words in text
    assert iris_core.__version__ in iris("--version").stdout


def test_a_run_writes_products_and_says_so(write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    result = iris("run", write_recipe(), write_exposure(value=3))
    assert value(tmp_path / "x_cal.fits") == 6
    assert "x_cal.fits" in result.stdout
    assert "iris-imager" in result.stdout
    assert "  flat_field: with [care]" in result.stdout
    assert errors(result) == []


@pytest.mark.parametrize(
    ("options", "result"),
    [
        (["--set", "flat_field.gain=3"], {"cal": 90.0}),
        (["--set", "flat_field.gain=3.5", "--skip", "dark_current=not today"], {"cal": 3.5}),
        (["--save", "flat_field"], {"flat_field": 2, "cal": 20}),
        (["--use", "dark_current=lab-tools"], {"cal": 20}),
        (["--instrument", "iris-imager", "--executor", "serial", "-v"], {"cal": 20}),
    ],
)
def test_options_change_the_recipe(
    write_recipe: Write, write_exposure: Write, tmp_path: Path, options: list[str], result: dict[str, float]
) -> None:
    if "flat_field.gain=3" in options:
        result = {"cal": 30.0}
    iris(
        "run",
        write_recipe("flat_field, dark_current"),
        write_exposure(value=1),
        "--output-dir",
        tmp_path / "o",
        *options,
    )
    assert {path.name: value(path) for path in (tmp_path / "o").iterdir()} == {
        f"x_{suffix}.fits": number for suffix, number in result.items()
    }


@pytest.mark.parametrize(("folder", "target", "code"), [("out", "", 0), ("odd", "", 3), ("out", "bad", 1)])
def test_a_command_looks_at_what_a_run_has_made(
    write_recipe: Write, write_exposure: Write, tmp_path: Path, folder: str, target: str, code: int
) -> None:
    """Whether or not all of it went well; the run fails where any of them does."""
    files = [write_exposure("a.fits"), write_exposure("b.fits", header={"OBJECT": target})]
    out = tmp_path / folder
    result = iris("run", write_recipe(), *files, "--output-dir", out, "--then", "greet", code=code)
    assert result.stdout.endswith(f"calibrated{', 1 failed: b.fits' if target else ''}\nhello {out}\n")


def test_a_command_that_is_not_there_is_named_before_the_run(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    assert "no command 'gret'" in iris("run", write_recipe(), write_exposure(), "--then", "gret", code=2).stderr
    both = iris("run", write_recipe(), write_exposure(), "--then", "greet", "--json", code=2)
    assert "--json" in both.stderr
    assert not list(tmp_path.glob("*_cal.fits"))


def test_backgrounds_references_and_the_documented_save_bsub(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    flat = make_reference(tmp_path / "f.fits", "flat", np.full((8, 9), 5.0), FILTER="Kbb").path
    sky = write_exposure("sky.fits", value=1)
    science = write_exposure(value=3)
    arguments = ("--background", sky, "--reference", f"flat={flat}", "--save-bsub")
    iris("run", write_recipe("background, flat_field"), science, *arguments)
    assert value(tmp_path / "x_bsub.fits") == 2
    assert value(tmp_path / "x_cal.fits") == 20


def test_a_product_that_exists_stops_the_run_unless_overwrite_is_given(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    arguments = ("run", write_recipe(), write_exposure(value=1))
    iris(*arguments)
    (message,) = errors(iris(*arguments, code=1))
    remedies = "--overwrite replaces it, --output-dir writes elsewhere"
    assert message == f"{tmp_path / 'x_cal.fits'} exists; --resume keeps what is up to date, {remedies}"
    (tmp_path / "x_cal.fits").write_text("of another")
    (message,) = errors(iris(*arguments, code=1))
    assert message == f"{tmp_path / 'x_cal.fits'} exists; {remedies}"
    iris(*arguments, "--overwrite", "--set", "flat_field.gain=7")
    assert value(tmp_path / "x_cal.fits") == 7


def test_one_bad_exposure_is_one_line_and_exit_code_1(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    bad = write_exposure("bad_rate.fits", header={"OBJECT": "bad"})
    missing = tmp_path / "missing.fits"
    result = iris("run", write_recipe(), bad, missing, write_exposure(), code=1)
    assert sorted(errors(result)) == [
        f"{bad}: ValueError: no luck (in stage 'flat_field' of plugin lab-tools 1.2, exposure bad_rate.fits)",
        f"{missing}: no such file",
    ]
    assert (tmp_path / "x_cal.fits").is_file()
    assert "failed" in result.stdout


def test_traceback_is_shown_where_it_is_asked_for(write_recipe: Write, write_exposure: Write) -> None:
    bad = write_exposure(header={"OBJECT": "bad"})
    result = CliRunner().invoke(main, ["run", str(write_recipe()), str(bad), "--traceback"])
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr
    assert "raise ValueError" in result.stderr


@pytest.mark.parametrize("command", ["run", "check"])
def test_all_mistakes_are_printed_one_a_line(write_recipe: Write, write_exposure: Write, command: str) -> None:
    recipe = write_recipe("flat_feild, flat_field: {params: {gain: 0}}", "references: {flat: no.fits}", "nmae: x")
    found = errors(iris(command, recipe, write_exposure(), "--use", "dark_current=x", code=1))
    assert len(found) == 5
    assert all(".yaml, line" in one or one.startswith("--use dark_current") for one in found)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--set", "flat_field"], "'flat_field' is not STAGE.KEY=VALUE"),
        (["--set", "flat_field.gain=["], "'flat_field.gain=['"),
        (["--set", "flat_field.gain=2026-13-45"], "'flat_field.gain=2026-13-45'"),
        (["--skip", "dark_current="], "'dark_current=' is not STAGE=REASON"),
        (["--reference", "=x"], "'=x' is not TYPE=FILE"),
        (["--workers", "0"], "0 is not in the range"),
        (["--format", "png"], "'png' is not one of 'fits', 'asdf'"),
        (["--nonsense"], "No such option"),
    ],
)
def test_an_option_that_is_not_right_is_a_usage_error(
    write_recipe: Write, write_exposure: Write, option: list[str], words: str
) -> None:
    assert words in iris("run", write_recipe(), write_exposure(), *option, code=2).stderr


def test_a_run_as_json_is_json_and_nothing_else(write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    bad = write_exposure("bad.fits", header={"OBJECT": "bad"})
    report = json.loads(iris("run", write_recipe(), write_exposure(), bad, "--json", code=1).stdout)
    good, failed = report["exposures"]
    assert report["recipe"] == "recipe"
    assert good["products"] == {"cal": str(tmp_path / "x_cal.fits")}
    assert good["history"][0]["params"] == {"gain": 2.0}
    assert "no luck" in failed["error"]


def test_a_step_that_the_recipe_skips_can_be_run(write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    recipe = write_recipe("flat_field, dark_current: {skip: why}")
    iris("run", recipe, write_exposure(value=1), "--no-skip", "dark_current")
    assert value(tmp_path / "x_cal.fits") == 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workers", "2"], ["2 workers", "processes"]),
        (["--reference", "flat=f.fits", "--skip", "flat_field=x"], ["--reference flat", "flat_field", "skip"]),
        (["--no-skip", "nope"], ["--no-skip nope", "dark_current"]),
        (["--save", "nope"], ["--save nope"]),
    ],
)
def test_an_option_that_would_do_nothing_is_an_error(
    write_recipe: Write, write_exposure: Write, tmp_path: Path, options: list[str], words: list[str]
) -> None:
    flat = make_reference(tmp_path / "f.fits", "flat", np.full((8, 9), 5.0), FILTER="Kbb").path
    options = [one.replace("f.fits", str(flat)) for one in options]
    message = " ".join(
        errors(iris("run", write_recipe("flat_field, dark_current"), write_exposure(), *options, code=1))
    )
    assert all(word in message for word in words), message


def test_background_with_a_shell_glob_names_the_remedy(write_recipe: Write, write_exposure: Write) -> None:
    """The shell makes of `--background sky*` one background exposure and several science files."""
    skies = [write_exposure(f"sky{number}.fits", header={"IMTYPE": "SKY"}) for number in range(3)]
    result = iris("run", write_recipe("background"), write_exposure(), "--background", *skies, code=1)
    assert len(errors(result)) == 2
    assert all("IMTYPE is SKY" in one and "--background" in one for one in errors(result))
    assert result.stdout.splitlines()[-1] == "1 of 3 exposures calibrated, 2 failed: sky1.fits, sky2.fits"


@pytest.mark.parametrize("command", ["run", "check"])
def test_an_instrument_that_the_header_contradicts_is_noted(
    write_recipe: Write, write_exposure: Write, command: str
) -> None:
    path = write_exposure(header={"INSTRUME": "OTHER"})
    text = iris(command, write_recipe(), path, "--instrument", "iris-imager").stdout
    assert "iris-imager" in text
    assert "INSTRUME 'OTHER'" in text


def test_a_command_of_a_package_runs_and_its_errors_are_told_alike() -> None:
    assert iris("greet").stdout == "hello\n"
    assert errors(iris("greet", "--fail", code=1)) == ["nobody here"]


def test_a_command_that_cannot_be_loaded_is_named_with_its_package(install: Callable[..., None]) -> None:
    install("lab-broken", "import nothing_of_this_name", command="broken")
    message = iris("broken", code=1).stderr
    assert "'broken' of lab-broken 1.2 cannot be loaded: ModuleNotFoundError" in message
    assert "nothing_of_this_name" in iris("broken", "--option", "x", code=1).stderr
    assert "broken: the command 'broken' of lab-broken 1.2" in " ".join(iris("--help").stdout.split())


def test_a_command_that_two_distributions_have_is_an_error_that_names_both(install: Callable[..., None]) -> None:
    install("lab-twin", PLUGIN, command="greet", version="3.0")
    message = iris("greet", "--fail", code=1).stderr
    assert "lab-tools 1.2" in message
    assert "lab-twin 3.0" in message
    assert "lab-twin 3.0" in " ".join(iris("--help").stdout.split())


def test_a_command_that_is_none_is_an_error(install: Callable[..., None]) -> None:
    install("lab-wrong", "wrong = 3", command="wrong")
    assert "lab-wrong 1.2" in iris("wrong", code=1).stderr


def test_an_unknown_command_is_a_usage_error() -> None:
    assert "No such command 'rnu'" in iris("rnu", code=2).stderr


def run_process(*arguments: Any, folder: Path) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("iris")
    command = [str(script)] if script.exists() else [sys.executable, "-c", "from iris_core.cli import main; main()"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=120, check=False
    )


def test_a_real_process_runs_from_shell_to_product(write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    bad = write_exposure("bad.fits", header={"OBJECT": "bad"})
    done = run_process("run", write_recipe(), write_exposure(value=1), bad, folder=tmp_path)
    assert done.returncode == 1
    assert value(tmp_path / "x_cal.fits") == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {bad}: ValueError: no luck")
