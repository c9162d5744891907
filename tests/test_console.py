"""What a run prints survives any name, and its log goes where it is wanted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from iris_core import Overrides
from iris_core.console import check_and_print, run_with_progress

Write = Callable[..., Path]


pytestmark = pytest.mark.usefixtures("log_as_it_was")


@pytest.fixture
def recipe(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch, write_recipe: Write) -> Path:
    install(
        "lab", "from iris_core import stage\n@stage('flat_field')\ndef f(exposure): return exposure.note('[/b] [red]')"
    )
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab")
    path = write_recipe("flat_field")
    path.write_text(path.read_text().replace("name: recipe", "name: '[/] [bold]'"))
    return path


def test_names_that_look_like_markup_are_printed_as_they_are(
    recipe: Path, write_exposure: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_exposure("x[red].fits")
    report = run_with_progress(
        str(recipe), [path], [], Overrides(), as_json=False, traceback=False, log_file=None, verbose=True
    )
    assert not report.failed
    printed = capsys.readouterr()
    assert "recipe [/] [bold]" in printed.out
    assert "  flat_field: [/b] [red]" in printed.out
    assert check_and_print(str(recipe), [path], [], Overrides(overwrite=True), as_json=False)
    assert "x[red].fits" in capsys.readouterr().out


def test_the_log_file_is_added_to_and_warnings_are_always_shown(
    recipe: Path, write_exposure: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_file = tmp_path / "night.log"
    log_file.write_text("before\n")
    run_with_progress(
        str(recipe),
        [write_exposure()],
        [],
        Overrides(),
        as_json=True,
        traceback=False,
        log_file=log_file,
        verbose=False,
    )
    logging.getLogger("iris_core").warning("mind the gap")
    lines = log_file.read_text().splitlines()
    assert lines[0] == "before"
    assert any("flat_field by lab 1.2" in line for line in lines)
    shown = capsys.readouterr().err
    assert "mind the gap" in shown
    assert "flat_field by lab" not in shown
