"""Completion in the shell: what bash is told for what was typed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from iris_core.cli import main

PLUGIN = """\
from iris_core import Params, ReferenceType, hookimpl, parameter, stage

class FlatParams(Params):
    gain: float = parameter(2.0, "Factor.")
    inverse: bool = parameter(False, "Multiply.")

@stage("flat_field", params=FlatParams)
def flat(exposure, params):
    return exposure

@hookimpl
def reference_types():
    return [ReferenceType(name="flat")]
"""


@pytest.fixture(autouse=True)
def installed(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    install("lab-flat", PLUGIN)
    install("lab-other", PLUGIN)
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab-flat,lab-other,iris-imager")


def complete(line: str) -> list[str]:
    """Return the completions of the last word of a command line."""
    words = line.split(" ")
    environment = {"_IRIS_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    result = CliRunner(env=environment).invoke(main, [], prog_name="iris")
    return [one.split(",", 1)[1] for one in result.stdout.splitlines() if one]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("iris ru", ["run"]),
        ("iris run image2-", ["image2-dark-first", "image2-"]),
        ("iris check image2 --us", ["--use"]),
        ("iris run image2 --use flat", ["flat_field=lab-flat", "flat_field=lab-other"]),
        ("iris run image2 --use flat_field=lab-o", ["flat_field=lab-other"]),
        ("iris run image2 --set flat_field.", ["flat_field.gain=", "flat_field.inverse="]),
        ("iris run image2 --reference ", ["flat=", "store="]),
        ("iris run image2 --skip dark", ["dark_current="]),
        ("iris run image2 --no-skip ph", ["photom"]),
        ("iris run image2 --save re", ["resample"]),
        ("iris run image2 --instrument iris", ["iris-imager"]),
        ("iris run image2 --executor ", ["processes", "serial"]),
        ("iris show iris-", ["iris-dither", "iris-imager", "iris-"]),
        ("iris show flat", ["flat_field", "flat"]),
    ],
)
def test_names_are_completed(line: str, expected: list[str]) -> None:
    assert sorted(complete(line)) == sorted(expected)


def test_files_are_offered_where_no_name_fits() -> None:
    """Bash takes its own completion of files, and forgets what it was told before that."""
    assert complete("iris run my-rec") == ["my-rec"]
    assert complete("iris run image2-")[0] == "image2-"
