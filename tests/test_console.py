"""What a run shows while it runs: results as they come, the log, an interruption; names never act on the terminal."""

from __future__ import annotations

import json
import logging
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iris_core import read_fits, run
from iris_core.cli import main
from iris_core.cli.run import RunDisplay

Write = Callable[..., Path]

PLUGIN = """\
import time
from pathlib import Path
from iris_core import stage

@stage("flat_field")
def flat(exposure):
    wait = Path(exposure.meta.path).with_suffix(".wait")
    while wait.exists():
        time.sleep(0.02)
    if exposure.meta.target == "bad":
        raise ValueError("no luck")
    return exposure.note("[/b] [red] \\x1b[31m")
"""


@pytest.fixture(autouse=True)
def installed(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    install("lab", PLUGIN)
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab,iris-imager")


def iris(*arguments: Any, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def start(*arguments: Any, folder: Path, **options: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "PYTHONWARNINGS": "ignore"}
    # Where the tests themselves run in the background, SIGINT is ignored, and processes inherit that.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heed}; from iris_core.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, **options)


def wait_for(words: str, path: Path) -> None:
    deadline = time.monotonic() + 120
    while words not in (path.read_text() if path.exists() else ""):
        assert time.monotonic() < deadline, f"{words} did not appear"
        time.sleep(0.02)


@pytest.mark.slow
def test_results_appear_as_they_come_also_in_a_file(write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    files = [write_exposure(f"{name}.fits") for name in ("a", "b")]
    (tmp_path / "b.wait").touch()
    output = tmp_path / "output.txt"
    with output.open("w") as file, start("run", write_recipe(), *files, folder=tmp_path, stdout=file) as process:
        wait_for("a_cal.fits", output)
        assert "b.fits" not in output.read_text()
        (tmp_path / "b.wait").unlink()
        assert process.wait(120) == 0
    assert output.read_text().splitlines()[-1] == "2 of 2 exposures calibrated"


@pytest.mark.slow
def test_an_interrupted_run_says_how_far_it_came(write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    files = [write_exposure(f"{name}.fits") for name in ("a", "b", "c")]
    (tmp_path / "b.wait").touch()
    output, log_file = tmp_path / "output.txt", tmp_path / "night.log"
    arguments = ("run", write_recipe(), *files, "--log-file", log_file)
    with output.open("w") as file:
        process = start(*arguments, folder=tmp_path, stdout=file, stderr=subprocess.PIPE)
        wait_for("a_cal.fits", output)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    (line,) = errors.splitlines()
    assert "interrupted after 1 of 3 exposures" in line
    assert line.endswith(f"complete products: {tmp_path / 'a_cal.fits'}; run it again with --overwrite")
    assert "interrupted after 1 of 3" in log_file.read_text().splitlines()[-1]
    assert not (tmp_path / "b_cal.fits").exists()


def test_the_last_line_says_how_many_and_which_failed(write_recipe: Write, write_exposure: Write) -> None:
    files = [write_exposure(f"{name}.fits", header={"OBJECT": "bad" if name in "bc" else "good"}) for name in "abc"]
    last = iris("run", write_recipe(), *files, code=1).stdout.splitlines()[-1]
    assert last == "1 of 3 exposures calibrated, 2 failed: b.fits, c.fits"


def test_the_log_file_holds_command_version_failures_products_and_the_last_line(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    log_file = tmp_path / "night.log"
    log_file.write_text("before\n")
    files = [write_exposure("good 1.fits"), write_exposure("bad.fits", header={"OBJECT": "bad"})]
    result = iris("run", write_recipe(), *files, tmp_path / "none.fits", "--log-file", log_file, code=1)
    before, first, *others, last = log_file.read_text().splitlines()
    assert before == "before"
    assert "iris 0.2.0: iris run" in first
    assert f"'{files[0]}' {files[1]}" in first
    assert last.endswith(result.stdout.splitlines()[-1])
    assert "2 failed: bad.fits, none.fits" in last.replace("none.fits, bad.fits", "bad.fits, none.fits")
    text = "\n".join(others)
    for words in ("flat_field by lab 1.2", f"wrote {tmp_path / 'good 1_cal.fits'}", "no luck", "no such file"):
        assert words in text


def test_the_log_file_holds_why_a_run_was_refused(write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    iris("run", write_recipe("nope"), write_exposure(), "--log-file", tmp_path / "night.log", code=1)
    assert "no stage 'nope'" in (tmp_path / "night.log").read_text().splitlines()[-1]


def test_the_log_is_shown_where_asked_and_warnings_always(
    write_recipe: Write, write_exposure: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("run", write_recipe(), write_exposure(), "--overwrite")
    assert "flat_field by lab 1.2" not in iris(*arguments).stderr
    assert "flat_field by lab 1.2" in iris(*arguments, "-v").stderr
    with RunDisplay([]):
        logging.getLogger("iris_core").warning("mind the gap")
    assert "mind the gap" in capsys.readouterr().err


def test_afterwards_the_log_goes_where_it_went_before(write_recipe: Write, write_exposure: Write) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    iris("run", write_recipe(), write_exposure(), "-v")
    assert (root.handlers, root.level) == before


def test_a_log_file_that_cannot_be_written_is_an_error(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    where = tmp_path / "nowhere" / "night.log"
    assert f"--log-file {where}" in iris("run", write_recipe(), write_exposure(), "--log-file", where, code=1).stderr


def test_names_and_notes_are_shown_as_they_are_but_never_act_on_the_terminal(
    write_recipe: Write, write_exposure: Write
) -> None:
    recipe, files = write_recipe(), [write_exposure("x[red].fits"), write_exposure("y\x1b[2J\n.fits")]
    result = iris("run", recipe, *files, "-v")
    assert "x[red].fits" in result.stdout
    assert "y\\x1b[2J" in result.stdout
    assert "  flat_field: [/b] [red] \\x1b[31m" in result.stdout
    assert "\\x1b[2J" in result.stderr
    assert "\x1b" not in iris("check", recipe, *files, "--overwrite").output + result.output


def test_control_characters_in_errors_and_headers_are_escaped(write_exposure: Write, write_recipe: Write) -> None:
    bad = write_exposure("\x1b]0;title\x07.fits", header={"OBJECT": "bad"})
    result = iris("run", write_recipe(), bad, code=1)
    assert "\\x1b]0;title\\x07" in result.stderr
    assert not set(result.output) & {"\x1b", "\x07"}
    assert "\x1b" not in iris("show", "\x1b[5mnothing", code=1).stderr
    wrong = json.loads(iris("run", write_recipe("'\x1b'"), bad, "--json", code=1).stdout)
    assert wrong["problems"]


FRAMES = """\
import sys
from pathlib import Path
from iris_core import stage

@stage("flat_field")
def flat(exposure):
    frame, ours = sys._getframe(), []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if "iris_core" in path.parts or path.name == "frames.py":
            ours.append(frame.f_code.co_name)
        frame = frame.f_back
    return exposure.note(" < ".join(ours))
"""


def test_from_the_command_to_a_stage_there_are_at_most_nine_frames_of_ours(
    write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    (tmp_path / "frames.py").write_text(FRAMES)
    iris("run", write_recipe(), write_exposure(), "--plugin", tmp_path / "frames.py")
    (note,) = read_fits(tmp_path / "x_cal.fits").history[-1].notes
    frames = note.split(" < ")
    assert (frames[0], frames[-1]) == ("flat", "main")
    assert len(frames) <= 9, note


def test_a_display_is_shown_in_this_process_only(write_recipe: Write, write_exposure: Write) -> None:
    """With processes the stages run elsewhere: the results are shown all the same."""
    files = [write_exposure(f"{name}.fits") for name in "ab"]
    with RunDisplay([]) as display:
        report = run(write_recipe(), *files, watch=display, on_result=display.add)
    assert display.total == 2
    assert [result.path for result in display.results] == [result.path for result in report.results]


@pytest.mark.parametrize("stdout", ["file", "terminal"])
@pytest.mark.slow
def test_beside_the_bar_on_a_terminal_results_are_whole(
    write_recipe: Write, write_exposure: Write, tmp_path: Path, stdout: str
) -> None:
    """The results are the same wherever they go: the bar is in none of their lines, and no line is broken."""
    recipe, files = write_recipe(), [write_exposure(f"{'long' * 30}{name}.fits") for name in ("a", "[red]")]
    terminal, end = pty.openpty()
    output = tmp_path / "output.txt"
    with output.open("w") as file:
        to = file if stdout == "file" else end
        process = start("run", recipe, *files, folder=tmp_path, stdout=to, stderr=end)
        os.close(end)
        shown = read_all(terminal)
        assert process.wait(120) == 0
    assert "checking" in shown
    results = output.read_text() if stdout == "file" else shown.replace("\r\n", "\n")
    for path in files:
        assert f"  -> {path.with_name(path.stem + '_cal.fits')}" in results
    assert "2 of 2 exposures calibrated" in results
    assert stdout == "terminal" or "\x1b" not in results


def read_all(terminal: int) -> str:
    """Return what is written to a terminal until its last writer is gone."""
    parts = []
    while True:
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:  # Linux says in this way that the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode(errors="replace")
