"""Options: NAME=VALUE pairs, and one option for each field of a model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from iris_core import ModelCommand, pairs, yaml_pairs

MODEL = """\
from typing import Literal
from iris_core import Params, parameter
from pydantic import model_validator

class Spec(Params):
    star_count: int = parameter(3, "Number of stars.", ge=0)
    sky: float | None = parameter(None, "Sky.", "mag/arcsec2")
    system: Literal["", "AB", "Vega"] = parameter("", "System.")
    ghosts: bool = parameter(False, "Add ghosts.")
    size: tuple[int, int] = parameter((8, 8), "Columns and rows.")

    @model_validator(mode="after")
    def fits(self):
        if self.star_count > 10 and self.sky is None:
            raise ValueError("many stars need a sky")
        return self
"""


class Size(click.ParamType):  # type: ignore[type-arg] # click 8.1 has no type argument
    """Columns and rows, 4x5."""

    name = "NXxNY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        columns, rows = value.split("x")
        return int(columns), int(rows)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that calls a command with the options of a model; it prints what it is given."""
    (tmp_path / "lab_spec.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lab_spec", raising=False)

    @click.command(cls=ModelCommand, model="lab_spec:Spec", kinds={"size": Size()})
    @click.option("--out", default="here")
    def simulate(out: str, given: dict[str, Any]) -> None:
        from lab_spec import Spec  # type: ignore[import-not-found] # written above

        click.echo(f"{out} {given} {Spec(**given).star_count}")

    assert "lab_spec" not in sys.modules
    return lambda *arguments: CliRunner().invoke(simulate, arguments)


def test_a_command_gets_what_was_given(command: Callable[..., Result]) -> None:
    assert command().stdout == "here {} 3\n"
    result = command("--star-count", "4", "--out", "there", "--size", "4x5", "--ghosts", "--system", "vega")
    assert result.stdout == "there {'star_count': 4, 'system': 'Vega', 'ghosts': True, 'size': (4, 5)} 4\n"


def test_help_gives_description_unit_and_default_of_each_field(command: Callable[..., Result]) -> None:
    text = " ".join(command("--help").stdout.split())
    for words in ("--star-count INTEGER Number of stars. [default: 3]", "Sky. [mag/arcsec2]", "--ghosts / --no-ghosts"):
        assert words in text
    assert "[ab|vega]" in text.lower()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--star-count", "-1"], "--star-count: Input should be greater than or equal to 0"),
        (["--star-count", "11"], "many stars need a sky"),
        (["--star-count", "x"], "'x' is not a valid integer"),
    ],
)
def test_a_wrong_value_is_a_usage_error_that_names_the_option(
    command: Callable[..., Result], arguments: list[str], words: str
) -> None:
    result = command(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_wrong_value_of_another_model_is_not_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab_spec2.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))

    @click.command(cls=ModelCommand, model="lab_spec2:Spec")
    def simulate(given: dict[str, Any]) -> None:
        from pydantic import BaseModel

        class Other(BaseModel):
            number: int

        Other.model_validate({"number": "x"})

    result = CliRunner().invoke(simulate, [])
    assert type(result.exception).__name__ == "ValidationError"


@click.command()
@click.option("--use", multiple=True, callback=pairs, metavar="STAGE=PLUGIN")
@click.option("--set", "params", multiple=True, callback=yaml_pairs, metavar="STAGE.KEY=VALUE")
def show(use: dict[str, str], params: dict[str, Any]) -> None:
    click.echo(f"{use} {params}")


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], "{} {}"),
        (["--use", "a=b=c", "--use", " d =e"], "{'a': 'b=c', 'd': 'e'} {}"),
        (
            ["--set", "a.b=3.5", "--set", "a.c=[1, x]", "--set", "a.d=true"],
            "{} {'a.b': 3.5, 'a.c': [1, 'x'], 'a.d': True}",
        ),
        (["--set", "a.b=none"], "{} {'a.b': 'none'}"),
    ],
)
def test_pairs_are_dictionaries(arguments: list[str], printed: str) -> None:
    assert CliRunner().invoke(show, arguments).stdout == printed + "\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--use", "a"], "'a' is not STAGE=PLUGIN"),
        (["--use", "=b"], "'=b' is not STAGE=PLUGIN"),
        (["--set", "a.b="], "'a.b=' is not STAGE.KEY=VALUE"),
        (["--set", "a.b=["], "'a.b=['"),
        (["--set", "a\x1b=["], "\\x1b"),
    ],
)
def test_what_is_no_pair_is_a_usage_error(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(show, arguments)
    assert result.exit_code == 2
    assert words in result.stderr
