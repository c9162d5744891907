"""The command prints what it made and what comes next, and asks at a terminal only."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

NewPlugin = Callable[..., Result]


def project_of(folder: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return project


def test_what_was_made_is_shown_with_the_next_commands(
    new_plugin: NewPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = new_plugin("stage", "my-dark", "--stage", "dark_current")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[:6] == ["my-dark/", "  .gitignore", "  LICENSE", "  README.md", "  pyproject.toml", "  recipe.yaml"]
    assert {"  my_dark/", "    __init__.py", "    _dark.py", "    test_conformance.py"} <= set(lines)
    assert lines[-4:] == ["", "  cd my-dark", '  pip install -e ".[test]"', "  pytest"]
    assert (tmp_path / "my-dark" / "my_dark" / "py.typed").is_file()


def test_a_folder_with_a_blank_is_quoted(new_plugin: NewPlugin, tmp_path: Path) -> None:
    result = new_plugin("mode", "my-camera", "--out", tmp_path / "my code")
    assert f"  cd '{tmp_path}/my code/my-camera'" in result.output


def test_every_kind_has_help_with_an_example(new_plugin: NewPlugin) -> None:
    assert "iris new-plugin new-stage my-destripe --stage destripe" in new_plugin("--help").output
    for kind in ("stage", "new-stage", "mode", "references"):
        assert f"  iris new-plugin {kind} my-" in new_plugin(kind, "--help").output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            "stage my-x --stage dark_curent",
            "did you mean 'dark_current'? Stages: align, ",
        ),
        (
            "new-stage my-x --stage flat_field",
            "comes with iris-nir; for another implementation of it: iris new-plugin stage my-x",
        ),
        ("new-stage my-x --stage read_exposure", "hook"),
        ("new-stage my-x --stage Destripe", "'Destripe' is not a name for a stage"),
        ("stage numpy --stage dark_current", "module 'numpy'"),
        ("references 9x", "'9x' is not a name for a package"),
        ("references iris-nir-io", "a plugin of this name"),
        ("mode iris-imager", "a module 'iris_imager'"),
        ("mode iris", "'iris'"),
        ("mode nirc2-narrow", "mode 'nirc2-narrow'"),
        ("mode nirc-2", "the instrument NIRC2"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    new_plugin: NewPlugin, arguments: str, words: str, tmp_path: Path
) -> None:
    result = new_plugin(*arguments.split(), "--out", tmp_path)
    assert result.exit_code == 1
    (line,) = result.output.strip().splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("stage my-x", "the option --stage is missing; stages: align, "),
        ("new-stage my-x", "the option --stage is missing: the name of the new stage"),
        ("mode", "Missing argument 'NAME'"),
        ("mode my-x --email nobody", "'nobody' is not an address such as me@example.org"),
        ("mode my-x --author a\nb", "one line of printable text"),
        ("mode my-x --stage flat_field", "No such option"),
    ],
)
def test_without_a_terminal_what_is_missing_or_malformed_is_an_error(
    new_plugin: NewPlugin, arguments: str, words: str, tmp_path: Path
) -> None:
    result = new_plugin(*arguments.split(" "), "--out", tmp_path)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_empty_is_left_alone(new_plugin: NewPlugin, tmp_path: Path) -> None:
    (tmp_path / "my-camera").mkdir()
    (tmp_path / "my-camera" / "mine").touch()
    result = new_plugin("mode", "my-camera", "--out", tmp_path)
    assert result.exit_code == 1
    assert "my-camera is not empty" in result.output
    assert "--out" in result.output
    assert os.listdir(tmp_path / "my-camera") == ["mine"]


def test_author_address_and_description_are_taken_as_they_are(new_plugin: NewPlugin, tmp_path: Path) -> None:
    author, description = 'Å. "Dark" \\ & <Co>', "Darks, \\n, 'quoted' and \"so\" {{ on }} << here >>"
    options = ["--author", author, "--email", "a@b.org", "--description", description]
    assert new_plugin("references", "my-x", *options, "--out", tmp_path).exit_code == 0
    project = project_of(tmp_path / "my-x")
    assert project["authors"] == [{"name": author, "email": "a@b.org"}]
    assert project["description"] == description
    assert author in (tmp_path / "my-x" / "LICENSE").read_text()


def test_the_author_is_that_of_git_by_default(
    new_plugin: NewPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Vera Git\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.chdir(tmp_path)
    new_plugin("references", "my-x", "--out", tmp_path)
    assert project_of(tmp_path / "my-x")["authors"] == [{"name": "Vera Git"}]
    monkeypatch.setenv("PATH", str(tmp_path))
    new_plugin("references", "my-y", "--out", tmp_path)
    assert project_of(tmp_path / "my-y")["authors"] == [{"name": "The my-y developers"}]


def test_at_a_terminal_the_stage_is_asked_for(tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    iris = [sys.executable, "-c", "from iris_core.cli import main; main()"]
    command = [*iris, "new-plugin", "stage", "my-x", "--out", str(tmp_path), "--author", "A"]
    os.write(terminal, b"flat_field\n")
    done = subprocess.run(command, stdin=end, capture_output=True, text=True, check=False, timeout=60)
    os.close(end)
    os.close(terminal)
    assert done.returncode == 0, done.stderr
    assert "Stage (align, " in done.stdout
    assert (tmp_path / "my-x" / "my_x" / "_flat.py").is_file()


def test_its_module_imports_click_and_nothing_else_that_is_installed() -> None:
    code = "import sys, iris_new_plugin.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"iris_core", "numpy", "jinja2", "yaml", "subprocess"} & set(done.stdout.split())
