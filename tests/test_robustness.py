"""A bad plugin is named with its distribution and the remedy; runs that do not need it are not affected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from iris_core import read_fits
from iris_core.cli import main

Install = Callable[..., None]
Write = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("log_as_it_was")

GOOD = "from iris_core import stage\n@stage('dark_current')\ndef good(exposure):\n    return exposure.scale(2)\n"
LOADED = "iris-imager,lab-flat,lab-dark"
HEAD = "from iris_core import stage\n@stage('flat_field')\ndef bad(exposure):\n    "
NAMED = ("lab-flat", "lab-tools 4.2")
RUNNING = ("'flat_field'", "lab-flat 4.2 (lab-tools)")
RAISED = (*RUNNING, "x_rate.fits")

BAD: dict[str, tuple[str, tuple[str, ...]]] = {
    "fails to import": ("import no_such_module", (*NAMED, "ModuleNotFoundError", "'no_such_module'")),
    "exits when imported": ("raise SystemExit(0)", (*NAMED, "SystemExit")),
    "names an unknown argument": (
        HEAD.replace("(exposure)", "(exposure, refrences)") + "return exposure",
        (*NAMED, "'flat_field'", "refrences"),
    ),
    "implements an unknown stage": (
        HEAD.replace("flat_field", "flat_feild") + "return exposure",
        (*NAMED, "'flat_feild'", "did you mean 'flat_field'?"),
    ),
    "returns None": (HEAD + "exposure.scale(2)", (*RUNNING, "NoneType", "return")),
    "returns another shape": (
        HEAD + "cut = {name: plane[:3] for name, plane in exposure.variance.items()}\n    "
        "return exposure.replace(data=exposure.data[:3], dq=exposure.dq[:3], variance=cut)",
        (*RUNNING, "(8, 9)", "(3, 9)", "reshapes"),
    ),
    "changes the unit": (
        HEAD + "return exposure.replace(unit=exposure.unit**2)",
        (*RUNNING, "electron2 / s2", "electron / s"),
    ),
    "raises": (HEAD + "raise KeyError('gain')", (*RAISED, "KeyError", "'gain'")),
    "writes into its input": (
        HEAD + "exposure.data[0, 0] = 1\n    return exposure",
        (*RAISED, "read-only", "exposure.replace()"),
    ),
    "writes into a header": (
        HEAD + "exposure.header['FILTER'] = 'J'\n    return exposure",
        (*RAISED, "read-only", "exposure.with_keywords"),
    ),
}


def iris(*arguments: object, code: int = 0) -> str:
    result = CliRunner(env={"COLUMNS": "400"}).invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize("offence", BAD)
def test_a_bad_plugin_stops_the_runs_that_need_it_and_no_others(
    install: Install,
    write_recipe: Write,
    write_exposure: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    offence: str,
) -> None:
    source, facts = BAD[offence]
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", LOADED)
    install("lab-tools", source, plugin="lab-flat", version="4.2")
    install("lab-dark", GOOD)
    path = write_exposure(value=1)
    iris("run", write_recipe("dark_current", name="other.yaml"), path)
    assert read_fits(tmp_path / "x_cal.fits").data[0, 0] == 2
    (tmp_path / "x_cal.fits").unlink()
    said = iris("run", write_recipe("flat_field"), path, code=1)
    for fact in facts:
        assert fact in said
    assert not list(tmp_path.glob("*x_cal*"))


def test_two_distributions_with_one_plugin_name_are_both_named(
    install: Install, write_recipe: Write, write_exposure: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", LOADED)
    install("lab-one", GOOD.replace("dark_current", "flat_field"), plugin="lab-flat")
    install("lab-two", GOOD.replace("dark_current", "flat_field"), plugin="lab-flat", version="2.0")
    install("lab-dark", GOOD)
    said = iris("run", write_recipe("flat_field"), write_exposure(), code=1)
    for fact in ("lab-flat", "lab-one 1.2, lab-two 2.0"):
        assert fact in said
    iris("run", write_recipe("dark_current"), write_exposure())
