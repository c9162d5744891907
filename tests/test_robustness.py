"""A bad plugin is named with its distribution and the remedy; who does not need it does not notice."""

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
HEAD = "from iris_core import stage\n@stage('flat_field')\ndef bad(exposure):\n    "
NAMED = "lab-flat (lab-tools 4.2): "
RUNNING = "stage 'flat_field' of lab-flat 4.2 (lab-tools)"
RAISED = "in stage 'flat_field' of plugin lab-flat 4.2 (lab-tools), exposure x_rate.fits"

BAD: dict[str, tuple[str, tuple[str, ...]]] = {
    "fails to import": ("import no_such_module", (NAMED, "ModuleNotFoundError: No module named 'no_such_module'")),
    "exits when imported": ("raise SystemExit(0)", (NAMED, "SystemExit")),
    "hangs when imported": (
        "import threading; threading.Event().wait()",
        (
            "lab-flat (lab-hanging 4.2): ",
            "its import did not end within 0.3 s; mend or uninstall it, leave it out with IRIS_LOAD_PLUGINS",
        ),
    ),
    "names an unknown argument": (
        HEAD.replace("(exposure)", "(exposure, refrences)") + "return exposure",
        (
            NAMED,
            "names the argument 'refrences', which 'flat_field' does not have; did you mean 'references'? "
            "Arguments: exposure, params, references, background_exposures, instrument",
        ),
    ),
    "implements an unknown stage": (
        HEAD.replace("flat_field", "flat_feild") + "return exposure",
        (NAMED, "it implements 'flat_feild', which is no hook; did you mean 'flat_field'?"),
    ),
    "returns None": (HEAD + "exposure.scale(2)", (RUNNING, "returned NoneType", "end without 'return'?")),
    "returns another shape": (
        HEAD + "cut = {name: plane[:3] for name, plane in exposure.variance.items()}\n    "
        "return exposure.replace(data=exposure.data[:3], dq=exposure.dq[:3], variance=cut)",
        (RUNNING, "changed the shape from (8, 9) to (3, 9); only a stage declared with reshapes=True may"),
    ),
    "changes the unit": (
        HEAD + "return exposure.replace(unit=exposure.unit**2)",
        (RUNNING, "returned an exposure in electron2 / s2; it keeps the unit, electron / s"),
    ),
    "raises": (HEAD + "raise KeyError('gain')", (RAISED, "KeyError: 'gain'")),
    "writes into its input": (
        HEAD + "exposure.data[0, 0] = 1\n    return exposure",
        (RAISED, "read-only", "compute new ones and return exposure.replace()"),
    ),
}


def iris(*arguments: object, code: int = 0) -> str:
    result = CliRunner(env={"COLUMNS": "400"}).invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize("offence", BAD)
def test_a_bad_plugin_stops_who_needs_it_and_nobody_else(
    install: Install,
    write_recipe: Write,
    write_exposure: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    offence: str,
) -> None:
    source, words = BAD[offence]
    monkeypatch.setenv("IRIS_IMPORT_TIMEOUT", "0.3")
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab-flat,lab-dark")
    # The name of a module whose import hangs cannot be imported again in this process.
    distribution = "lab-hanging" if "hangs" in offence else "lab-tools"
    install(distribution, source, plugin="lab-flat", version="4.2")
    install("lab-dark", GOOD)
    path = write_exposure(value=1)
    iris("run", write_recipe("dark_current", name="other.yaml"), path)
    assert read_fits(tmp_path / "x_cal.fits").data[0, 0] == 2
    (tmp_path / "x_cal.fits").unlink()
    said = iris("run", write_recipe("flat_field"), path, code=1)
    for one in words:
        assert one in said
    assert not list(tmp_path.glob("*x_cal*"))


def test_two_distributions_with_one_plugin_name_are_both_named(
    install: Install, write_recipe: Write, write_exposure: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab-flat,lab-dark")
    install("lab-one", GOOD.replace("dark_current", "flat_field"), plugin="lab-flat")
    install("lab-two", GOOD.replace("dark_current", "flat_field"), plugin="lab-flat", version="2.0")
    install("lab-dark", GOOD)
    said = iris("run", write_recipe("flat_field"), write_exposure(), code=1)
    assert (
        "lab-flat (lab-one 1.2 and lab-two 2.0): 2 distributions have a plugin of this name; uninstall all but" in said
    )
    iris("run", write_recipe("dark_current"), write_exposure())
