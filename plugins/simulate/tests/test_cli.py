"""The commands write what they promise, and say what is wrong in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from astropy.io import fits
from click.testing import CliRunner
from iris_simulate import SimulationSpec
from iris_simulate.cli import demo, simulate

from iris_core import InputError


def test_a_set_is_written_with_the_options_given(tmp_path: Path) -> None:
    options = [
        "--size",
        "96x64",
        "--stars",
        "2",
        "--margin",
        "12",
        "--filter",
        "Hbb",
        "--detector",
        "IMG3",
        "--seed",
        "4",
    ]
    more = ["--exposure-time", "50", "--backgrounds", "1", "--dithers", "2", "--position-angle", "30"]
    result = CliRunner().invoke(simulate, ["--out", str(tmp_path / "set"), *options, *more], catch_exceptions=False)
    assert result.exit_code == 0
    path = tmp_path / "set" / "sim_IMG3_Hbb_0002_rate.fits"
    header = fits.getheader(path)
    assert (header["FILTER"], header["DETECTOR"], header["EXPTIME"], header["SIMSEED"]) == ("Hbb", "IMG3", 50.0, 4)
    assert fits.getdata(path, "SCI").shape == (64, 96)
    for word in ("science", "blank sky", "associations", "references", "truth"):
        assert word in result.output


def test_a_single_number_is_a_square(tmp_path: Path) -> None:
    CliRunner().invoke(simulate, ["--out", str(tmp_path), "--size", "32", "--stars", "0"], catch_exceptions=False)
    assert fits.getdata(tmp_path / "sim_IMG1_Kbb_0001_rate.fits", "SCI").shape == (32, 32)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "big"], "'big' is not a size such as 1024 or 2048x1024"),
        (["--size", "256x"], "'256x' is not a size such as 1024 or 2048x1024"),
        (["--size", "x256"], "'x256' is not a size"),
        (["--stars", "-1"], "--stars: Input should be greater than or equal to 0"),
        (["--subarrays", "11"], "--subarrays: Input should be less than or equal to 10"),
        (["--exposure-time", "0"], "--exposure-time: Input should be greater than 0"),
        (["--no-such"], "No such option"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, options: list[str], message: str) -> None:
    result = CliRunner().invoke(simulate, ["--out", str(tmp_path), *options])
    assert result.exit_code == 2
    assert message in result.output


def test_what_exists_is_kept_unless_overwriting_is_asked_for(tmp_path: Path) -> None:
    words = ["--out", str(tmp_path), "--size", "32", "--stars", "0"]
    runner = CliRunner()
    assert runner.invoke(simulate, words).exit_code == 0
    with pytest.raises(InputError, match="would be overwritten"):
        runner.invoke(simulate, words, catch_exceptions=False)
    assert runner.invoke(simulate, [*words, "--overwrite"]).exit_code == 0


@pytest.mark.parametrize("command", [simulate, demo])
def test_a_folder_that_cannot_be_written_is_an_error_in_one_line(tmp_path: Path, command: click.Command) -> None:
    (tmp_path / "file").write_text("not a folder")
    out = tmp_path / "file" / "night"
    with pytest.raises(InputError, match=r"night.* cannot be written: Not a directory"):
        CliRunner().invoke(command, ["--out", str(out), "--size", "64"], catch_exceptions=False)


@pytest.mark.parametrize("name", SimulationSpec.model_fields)
def test_every_parameter_is_an_option_with_its_description(name: str) -> None:
    option = next(one for one in simulate.params if one.name == name)
    assert f"--{name.replace('_', '-')}" in option.opts
    assert SimulationSpec.model_fields[name].description in str(option.help)


def test_help_shows_how_to_go_on() -> None:
    text = CliRunner().invoke(simulate, ["--help"]).output
    assert "\n  iris simulate --out sim --size 1024 --backgrounds 4\n" in text
    assert "compare the result with the truth" in " ".join(CliRunner().invoke(demo, ["--help"]).output.split())


def test_importing_the_package_and_its_commands_is_light() -> None:
    """Neither imports astropy, scipy or matplotlib."""
    code = (
        "import sys, iris_simulate, iris_simulate.cli; "
        "print([name for name in ('astropy', 'scipy', 'matplotlib', 'gwcs', 'asdf') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_picture_that_exists_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "demo.png").write_text("mine")
    with pytest.raises(InputError, match=r"demo\.png exists"):
        CliRunner().invoke(demo, ["--out", str(tmp_path), "--size", "64"], catch_exceptions=False)
    assert [path.name for path in tmp_path.iterdir()] == ["demo.png"]
