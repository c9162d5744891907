"""How commands end: a line, an exit code, all output written, whatever goes wrong."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iris_core.cli import main

Write = Callable[..., Path]
Install = Callable[..., None]

COMMANDS = """\
import errno, logging, sys, warnings
import click

@click.command()
@click.argument("what")
@click.option("--traceback", is_flag=True)
@click.option("--json", is_flag=True)
def lab(what, traceback, json):
    logging.getLogger("iris_core").info("not shown")
    if what == "warn":
        for _ in range(3):
            warnings.warn("odd \\x1b[2J\\n value", stacklevel=1)
            logging.getLogger("library").warning("twice")
    elif what == "astropy":
        from astropy.utils.exceptions import AstropyUserWarning
        for _ in range(2):
            warnings.warn("made \\x1b[2J the\\nchange", AstropyUserWarning)
    elif what == "number":
        return 7
    elif what == "exit":
        raise SystemExit(3)
    elif what == "abort":
        raise KeyboardInterrupt
    elif what == "click":
        raise click.ClickException("no \\x1b[2J")
    elif what == "characters":
        sys.stdout.write("5 \\u00b5m \\udcff")
    elif what == "disk":
        raise OSError(errno.EACCES, "Permission denied", "a.fits")
    else:
        raise ValueError("no \\x1b[2J luck")
"""


@pytest.fixture(autouse=True)
def command(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("lab", COMMANDS, command="lab")
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "iris-imager")


def start(*arguments: object, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), **options.pop("env", {})}
    code = [sys.executable, "-c", "from iris_core.cli import main; main()", *map(str, arguments)]
    return subprocess.run(code, env=environment, text=True, check=False, **{"stderr": subprocess.PIPE, **options})


@pytest.mark.parametrize(("what", "code"), [("warn", 0), ("number", 0), ("exit", 3), ("abort", 130), ("click", 1)])
def test_exit_codes(what: str, code: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.filters", [])
        assert CliRunner().invoke(main, ["lab", what]).exit_code == code


def test_an_error_that_nobody_foresaw_is_a_line_with_its_place() -> None:
    result = CliRunner().invoke(main, ["lab", "bug"])
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 1
    assert "ValueError" in line
    assert "installed_lab.py, line" in line
    assert "\x1b" not in line


def test_with_traceback_it_is_raised_and_with_json_it_is_data() -> None:
    assert isinstance(CliRunner().invoke(main, ["lab", "bug", "--traceback"]).exception, ValueError)
    (problem,) = json.loads(CliRunner().invoke(main, ["lab", "disk", "--json"]).stdout)["problems"]
    assert problem == "a.fits: Permission denied"


def test_usage_errors_and_errors_of_commands_show_no_control_characters() -> None:
    for arguments in (["lab", "click"], ["la\x1b[2Jb"], ["lab", "--no\x1b[2J"], ["run", "\x1b[2J", "\x1b[2J"]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code
        assert "\x1b" not in result.output


def test_what_libraries_warn_of_is_one_line_each_once(tmp_path: Path) -> None:
    """Without a source line; the log of astropy, which prints by itself, is not printed twice."""
    lines = start("lab", "warn", folder=tmp_path).stderr.splitlines()
    assert lines == ["warning: UserWarning: odd \\x1b[2J value", "warning: twice"]
    assert start("lab", "astropy", folder=tmp_path).stderr.splitlines() == ["warning: made \\x1b[2J the change"]


def test_the_log_is_afterwards_as_it_was() -> None:
    root, make = logging.getLogger(), logging.getLogRecordFactory()
    before = root.handlers[:]
    CliRunner().invoke(main, ["lab", "number"])
    assert root.handlers == before
    assert logging.getLogRecordFactory() is make


def test_a_terminal_that_has_not_every_character_shows_their_numbers(tmp_path: Path) -> None:
    done = start("lab", "characters", folder=tmp_path, stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stdout == "5 \\xb5m \\udcff"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full is needed")
@pytest.mark.parametrize(
    "arguments", [("list",), ("plugins", "--json"), ("run", "none.yaml", "none.fits"), ("--help",)]
)
@pytest.mark.parametrize("both", [True, False])
def test_a_full_disk_under_the_output_is_a_line(tmp_path: Path, arguments: tuple[str, ...], both: bool) -> None:
    with open("/dev/full", "w") as full:
        options = {"stdout": full, **({"stderr": full} if both else {})}
        done = start(*arguments, folder=tmp_path, **options)
    assert done.returncode == 1
    assert both or "Traceback" not in done.stderr
    assert both or len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("list",), ("--help",)])
def test_output_that_nobody_reads_is_no_error_to_talk_of(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = start(*arguments, folder=tmp_path, stdout=writing)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == ""


def test_closed_streams_are_no_error(tmp_path: Path, write_recipe: Write, write_exposure: Write) -> None:
    closed = "import os, sys; os.close(1); os.close(2); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    called = ["-c", "from iris_core.cli import main; main()", "run", str(write_recipe("")), str(write_exposure())]
    (tmp_path / "x_cal.fits").unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    assert subprocess.run([sys.executable, "-c", closed, *called], env=environment, check=False).returncode == 1


def test_a_log_file_that_cannot_be_written_stops_no_exposure(
    write_recipe: Write, write_exposure: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.FileHandler, "_open", lambda self: _Full())
    (tmp_path / "double.py").write_text(
        "from iris_core import stage\n@stage('flat_field')\ndef double(exposure):\n    return exposure.scale(2)\n"
    )
    arguments = ["run", write_recipe(), write_exposure(), "--plugin", tmp_path / "double.py", "--log-file", "night.log"]
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == 0
    assert (tmp_path / "x_cal.fits").exists()
    assert [line for line in result.stderr.splitlines() if "night.log" in line and "No space left" in line]
    assert "Traceback" not in result.output


class _Full:
    """A stream on a full disk."""

    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        """Nothing is left."""

    def close(self) -> None:
        """Nothing is left."""


def test_an_interruption_of_any_command_is_a_line(tmp_path: Path) -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from iris_core import loading\nimport time, sys\n"
        "def slow(*_): print('at work', flush=True); time.sleep(60)\n"
        "loading.find_entry_points = slow\nfrom iris_core.cli import main; main(['plugins'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.split() == ["interrupted"]
