"""`iris plugins`: what is installed, for which version of the hooks, what is broken, what has to be changed."""

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


@pytest.fixture(autouse=True)
def only_of_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab-flat,lab-broken,lab-future,lab-ghosts,lab-outdated")


def output(*arguments: str, code: int = 0) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["plugins", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def rows(code: int = 0) -> dict[str, Any]:
    content = json.loads(output("--json", code=code))
    assert content["api"] == "1.0"
    return {row["plugin"]: row for row in content["plugins"]}


def test_each_plugin_is_listed_with_its_distribution_its_hooks_and_their_version(install: Install) -> None:
    install("lab-tools", FLAT, plugin="lab-flat", version="3.1", hooks="flat_field")
    install("lab-ghosts", GHOSTS)
    found = rows()
    assert found["lab-flat"] == {
        "plugin": "lab-flat",
        "version": "3.1",
        "distribution": "lab-tools",
        "API": "1",
        "hooks": ["flat_field"],
        "broken": "",
    }
    assert (found["lab-ghosts"]["API"], found["lab-ghosts"]["hooks"]) == ("not said", ["remove_ghosts"])
    assert found["iris-core"]["API"] == "1"
    assert "lab-tools" in output()


def test_what_is_broken_is_listed_with_the_reason_and_the_exit_code_says_so(install: Install) -> None:
    install("lab-broken", "1 / 0", hooks="flat_field")
    install("lab-future", FLAT, hooks="flat_field", api=2)
    found = rows(code=1)
    assert found["lab-broken"]["broken"] == "ZeroDivisionError: division by zero"
    assert found["lab-future"]["API"] == "2"
    assert (
        "built for version 2 of the hooks, and this iris-core has 1; upgrade iris-core" in found["lab-future"]["broken"]
    )
    assert "ZeroDivisionError" in output(code=1)


def test_an_argument_that_will_go_is_named_with_the_line_that_uses_it(install: Install) -> None:
    install("lab-ghosts", GHOSTS)
    install("lab-outdated", OUTDATED)
    (warning,) = json.loads(output("--json"))["deprecated"]
    assert warning["what"] == "the argument 'instrument' of the stage 'remove_ghosts' will go: ask exposure.meta.mode"
    assert warning["where"].endswith("installed_lab_outdated.py:3")
    assert "will go: ask exposure.meta.mode" in output()


def test_the_tests_of_its_author_fail_with_the_warning(install: Install) -> None:
    """Where warnings are errors, as in these tests, the plugin cannot be loaded."""
    install("lab-ghosts", GHOSTS)
    install("lab-outdated", OUTDATED)
    plugins = load_plugins(["lab-ghosts", "lab-outdated"])
    assert [one.name for one in plugins.broken] == ["lab-outdated"]
    assert "DeprecationWarning: the argument 'instrument'" in plugins.broken[0].error


def test_who_does_not_name_the_argument_is_not_warned(install: Install) -> None:
    install("lab-ghosts", GHOSTS)
    install("lab-outdated", OUTDATED.replace("exposure, instrument", "exposure"))
    assert json.loads(output("--json"))["deprecated"] == []


def test_a_name_may_be_given_once(install: Install) -> None:
    install("lab-flat", FLAT)
    plugins = load_plugins(["lab-flat"])
    with pytest.raises(PluginError, match="plugin lab-flat: already registered; a name is given once"):
        plugins.add("lab-flat", object())
