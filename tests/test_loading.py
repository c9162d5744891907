"""Plugins are found by entry point, in name order; a broken one is named and stops only who needs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iris_core import PluginError, calibrate
from iris_core.loading import load_plugins
from iris_core.testing import make_exposure

FLAT = "from iris_core import stage\n@stage('flat_field')\ndef flat(exposure):\n    return exposure.scale({factor})\n"
Install = Callable[..., None]


def test_an_installed_plugin_is_loaded_with_the_version_of_its_distribution(install: Install) -> None:
    install("lab-flat", FLAT.format(factor=2), version="3.1")
    assert str(load_plugins(["lab-flat"]).choose("flat_field")) == "lab-flat 3.1"


def test_nothing_but_what_is_named_is_loaded(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("lab-a", FLAT.format(factor=2))
    install("lab-b", FLAT.format(factor=3))
    assert load_plugins(only=()).names() == ["iris-core"]
    assert load_plugins(["lab-b"]).names() == ["iris-core", "lab-b"]
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", " lab-a, ")
    assert load_plugins().names() == ["iris-core", "lab-a"]
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "")
    assert load_plugins().names() == ["iris-core"]
    assert load_plugins(["lab-b"]).names() == ["iris-core", "lab-b"]


def test_use_chooses_between_two_installed_implementations(install: Install, write_recipe: Callable[..., Path]) -> None:
    install("lab-a", FLAT.format(factor=2))
    install("lab-b", FLAT.format(factor=3))
    plugins = load_plugins(["lab-a", "lab-b"])
    recipe = write_recipe("flat_field: {use: lab-b}")
    assert calibrate(make_exposure(value=1), recipe, plugins=plugins)["cal"].data[0, 0] == 3
    chosen = calibrate(make_exposure(value=1), recipe, plugins=plugins, use={"flat_field": "lab-a"})
    assert chosen["cal"].data[0, 0] == 2


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def broken(:", "SyntaxError: "),
        ("from iris_core import stage\n@stage('no_stage')\ndef f(exposure): pass", "'no_stage', which is no hook"),
        (
            "from iris_core import stage\n@stage('photom')\ndef f(exposrue): pass",
            "the argument 'exposrue', which 'photom' does not have",
        ),
        (
            "from iris_core import hookimpl\n@hookimpl\ndef add_hookspecs(pluginmanager):\n    1 / 0",
            "ZeroDivisionError",
        ),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution_and_stops_only_who_needs_it(
    install: Install, write_recipe: Callable[..., Path], source: str, words: str
) -> None:
    install("lab-broken", source, plugin="photometry", version="0.9")
    install("lab-flat", FLAT.format(factor=2))
    plugins = load_plugins(["photometry", "lab-flat"])
    (broken,) = plugins.broken
    assert (broken.name, broken.distribution) == ("photometry", "lab-broken 0.9")
    assert words in broken.error
    assert "\n" not in str(broken)
    calibrate(make_exposure(), write_recipe("flat_field"), plugins=plugins)
    with pytest.raises(Exception, match=r"photom.*broken plugins: photometry \(lab-broken 0\.9\): "):
        calibrate(make_exposure(), write_recipe("photom"), plugins=plugins)
    with pytest.raises(PluginError, match=r"photometry \(lab-broken 0\.9\)"):
        plugins.require(["photometry"], "here")


def test_of_two_distributions_with_a_plugin_of_one_name_neither_is_used_and_both_are_named(install: Install) -> None:
    install("lab-one", FLAT.format(factor=2), plugin="flat")
    install("lab-two", FLAT.format(factor=3), plugin="flat", version="2.0")
    plugins = load_plugins(["flat"])
    (broken,) = plugins.broken
    assert str(broken).startswith("flat (lab-one 1.2 and lab-two 2.0): 2 distributions have a plugin of this name")
    assert plugins.implementations("flat_field") == []


def test_who_declares_a_stage_comes_before_who_implements_it(install: Install) -> None:
    """The name order of the two packages does not matter."""
    install("a-implementer", "from iris_core import stage\n@stage('ghosts')\ndef f(exposure): return exposure")
    install(
        "z-declarer",
        "import types\nfrom iris_core import hookimpl, stage_spec\n"
        "@stage_spec(status='S_GHOST')\ndef ghosts(exposure): 'Remove ghosts.'\n"
        "specs = types.SimpleNamespace(ghosts=ghosts)\ndel ghosts\n"
        "@hookimpl\ndef add_hookspecs(pluginmanager):\n    pluginmanager.add_hookspecs(specs)\n",
    )
    plugins = load_plugins(["a-implementer", "z-declarer"])
    assert plugins.broken == []
    assert plugins.choose("ghosts").plugin == "a-implementer"


def test_what_is_installed_here_loads_without_complaint() -> None:
    """True of any machine on which the packages of this repository are installed."""
    plugins = load_plugins()
    ours = [one for one in plugins.broken if one.distribution.startswith("iris-")]
    assert not ours
