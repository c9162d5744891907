"""`iris plugins`: what is installed, what is broken and why, what has to be changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from iris_core import PluginError
from iris_core.cli import main
from iris_core.loading import load_plugins

Install = Callable[..., None]

FLAT = "from iris_core import stage\n@stage('flat_field')\ndef flat(exposure):\n    return exposure\n"
GHOSTS = """\
from iris_core import stage_spec

@stage_spec(status="S_GHOST", deprecated={"instrument": "ask exposure.meta.mode"})
def remove_ghosts(exposure, instrument):
    "Remove ghosts."
"""
OUTDATED = """\
from iris_core import stage

@stage("remove_ghosts")
def work(exposure, instrument):
    return exposure
"""
CAMERA = """\
from pathlib import Path
from iris_core import InstrumentMode, hookimpl

@hookimpl
def instrument_modes():
    return [InstrumentMode(name="lab", telescope="T", instrument="CAM", detectors={}, pixel_scale=SCALE, unit="DN/s")]

@hookimpl
def recipes():
    return {"lab-recipe": Path("SCALE.yaml")}
"""


@pytest.fixture(autouse=True)
def only_of_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    names = "lab-flat,lab-broken,lab-clash,lab-ghosts,lab-outdated,lab-one,lab-two"
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", names)


def output(*arguments: str, code: int = 0) -> str:
    result = CliRunner(env={"COLUMNS": "400"}).invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result.output


def content(code: int = 0) -> Any:
    return json.loads(output("plugins", "--json", code=code))


def test_each_plugin_is_listed_with_its_version_distribution_and_hooks(install: Install) -> None:
    install("lab-tools", FLAT, plugin="lab-flat", version="3.1")
    install("lab-ghosts", GHOSTS)
    found = {row["plugin"]: row for row in content()["plugins"]}
    expected = {"plugin": "lab-flat", "version": "3.1", "distribution": "lab-tools", "hooks": ["flat_field"]}
    assert found["lab-flat"] == expected
    assert found["lab-ghosts"]["hooks"] == ["remove_ghosts"]
    assert found["iris-nir"]["distribution"] == "iris-nir"
    assert "lab-tools" in output("plugins")


def test_what_is_broken_is_listed_with_the_reason_and_the_exit_code_says_so(install: Install) -> None:
    install("lab-broken", "1 / 0")
    install("lab-one", FLAT, plugin="lab-clash")
    install("lab-two", FLAT, plugin="lab-clash")
    install("lab-flat", FLAT)
    broken = {row["plugin"]: row["reason"] for row in content(code=1)["broken"]}
    assert "lab-broken 1.2" in broken["lab-broken"]
    assert "ZeroDivisionError" in broken["lab-broken"]
    assert "lab-one 1.2, lab-two 1.2" in broken["lab-clash"]
    assert "lab-flat" in [row["plugin"] for row in content(code=1)["plugins"]]
    assert "ZeroDivisionError" in output("plugins", code=1)


def test_names_that_two_plugins_bring_are_listed_with_both(install: Install) -> None:
    install("lab-one", CAMERA.replace("SCALE", "0.1"))
    install("lab-two", CAMERA.replace("SCALE", "0.2"))
    listed = json.loads(output("list", "--json"))
    assert [(row["mode"], row["plugin"]) for row in listed["modes"]] == [("lab", "lab-one"), ("lab", "lab-two")]
    recipes = [row["plugin"] for row in listed["recipes"] if row["recipe"] == "lab-recipe"]
    assert recipes == ["lab-one", "lab-two"]
    assert output("list").count("T CAM") == 2
    message = output("show", "lab", code=1)
    assert "lab-one" in message
    assert "lab-two" in message


def test_an_argument_that_will_be_dropped_is_named_with_the_line_that_uses_it(install: Install) -> None:
    install("lab-ghosts", GHOSTS)
    install("lab-outdated", OUTDATED)
    (warning,) = content()["deprecated"]
    for words in ("'instrument'", "'remove_ghosts'", "ask exposure.meta.mode"):
        assert words in warning["what"]
    assert warning["where"].endswith("installed_lab_outdated.py:3")
    assert "ask exposure.meta.mode" in output("plugins")


def test_the_tests_of_its_author_fail_with_the_warning(install: Install) -> None:
    """Where warnings are errors, as in these tests, the plugin cannot be loaded."""
    install("lab-ghosts", GHOSTS)
    install("lab-outdated", OUTDATED)
    plugins = load_plugins(["lab-ghosts", "lab-outdated"])
    assert list(plugins.broken) == ["lab-outdated"]
    assert "DeprecationWarning: the argument 'instrument'" in plugins.broken["lab-outdated"]


def test_a_plugin_that_does_not_name_the_argument_is_not_warned(install: Install) -> None:
    install("lab-ghosts", GHOSTS)
    install("lab-outdated", OUTDATED.replace("exposure, instrument", "exposure"))
    assert content()["deprecated"] == []


def test_a_name_is_given_once(install: Install) -> None:
    install("lab-flat", FLAT)
    plugins = load_plugins(["lab-flat"])
    with pytest.raises(PluginError, match="plugin lab-flat: the name is taken"):
        plugins.add("lab-flat", object())
