"""Installed plugins are loaded in name order; a broken one is named and stops only those who need it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from iris_testkit import make_exposure

from iris_core import IrisError, Plugins, calibrate, load_plugins

STAGE = "from iris_core import stage\n@stage('{stage}')\ndef work(exposure):\n    return exposure.scale({factor})\n"
FLAT = STAGE.format(stage="flat_field", factor=2)
OTHER = STAGE.format(stage="flat_field", factor=3)
GHOSTS = """\
from iris_core import stage, stage_spec

@stage_spec(status="S_GHOST")
def remove_ghosts(exposure):
    "Remove ghosts."

@stage("remove_ghosts")
def work(exposure):
    return exposure.scale(5)
"""
WRAPPER = """\
from iris_core import hookimpl
@hookimpl(wrapper=True)
def run_stage(step):
    return (yield).note("wrapped")
"""
Install = Callable[..., None]
Write = Callable[..., Path]


def value(recipe: Path, *names: str, **options: dict[str, str]) -> float:
    plugins = load_plugins(("iris-imager", *names))
    return float(calibrate(make_exposure(value=1), recipe, plugins=plugins, **options)["cal"].data[0, 0])  # type: ignore[arg-type]


def others(plugins: Plugins) -> list[str]:
    """Return the names of the plugins beside the framework's own."""
    return sorted({*plugins.names()} - {*Plugins().names()})


def test_an_installed_plugin_is_loaded_with_the_version_of_its_distribution(install: Install) -> None:
    install("lab-flat", FLAT, version="3.1")
    plugins = load_plugins(["lab-flat"])
    assert str(plugins.choose("flat_field")) == "lab-flat 3.1"
    assert str(plugins.origins["lab-flat"]) == "lab-flat 3.1"


def test_only_the_named_plugins_are_loaded(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller names goes before the environment variable."""
    install("lab-a", FLAT)
    install("lab-b", OTHER)
    assert others(load_plugins(only=())) == []
    assert others(load_plugins(["lab-b"])) == ["lab-b"]
    assert {"lab-a", "lab-b"} <= {*others(load_plugins())}
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", " lab-a, ")
    assert others(load_plugins()) == ["lab-a"]
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "")
    assert others(load_plugins()) == []
    assert others(load_plugins(["lab-b"])) == ["lab-b"]
    assert others(load_plugins(name for name in ("lab-b", "lab-a"))) == ["lab-a", "lab-b"]


def test_use_chooses_between_two_installed_implementations(install: Install, write_recipe: Write) -> None:
    install("lab-a", FLAT)
    install("lab-b", OTHER)
    recipe = write_recipe("flat_field: {use: lab-b}")
    assert value(recipe, "lab-a", "lab-b") == 3
    assert value(recipe, "lab-a", "lab-b", use={"flat_field": "lab-a"}) == 2
    with pytest.raises(IrisError, match=r"lab-a 1\.2, lab-b 1\.2"):
        value(write_recipe("flat_field"), "lab-a", "lab-b")


def test_wrappers_that_a_recipe_lists_act(install: Install, write_recipe: Write) -> None:
    install("lab-flat", FLAT)
    install("lab-wrapper", WRAPPER)
    recipe = write_recipe("flat_field", "with: [lab-wrapper]")
    cal = calibrate(make_exposure(), recipe, plugins=load_plugins(["iris-imager", "lab-flat", "lab-wrapper"]))["cal"]
    assert cal.history[0].notes == ("wrapped",)


PROPERTY = """\
from iris_core import hookimpl
class Reader:
    @property
    def camera(self):
        1 / 0
    @hookimpl
    def read_exposure(self, path):
        return None
import sys
sys.modules[__name__] = Reader()
"""


@pytest.mark.parametrize(
    ("source", "fact"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError: "),
        ("from iris_core import stage\n@stage('no_stage')\ndef f(exposure): pass", "'no_stage'"),
        ("from iris_core import stage\n@stage('photom')\ndef f(exposrue): pass", "exposrue"),
        ("from iris_core import hookimpl\n@hookimpl\ndef add_hookspecs(pluginmanager):\n    1 / 0", "ZeroDivision"),
        (PROPERTY, "ZeroDivisionError"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution_and_stops_only_those_who_need_it(
    install: Install, write_recipe: Write, source: str, fact: str
) -> None:
    install("lab-broken", source, plugin="photometry", version="0.9")
    install("lab-flat", FLAT)
    plugins = load_plugins(["iris-imager", "photometry", "lab-flat"])
    assert list(plugins.broken) == ["photometry"]
    assert plugins.broken["photometry"].startswith("lab-broken 0.9: ")
    assert fact in plugins.broken["photometry"]
    assert "\n" not in plugins.broken["photometry"]
    calibrate(make_exposure(), write_recipe("flat_field"), plugins=plugins)
    for recipe in (write_recipe("photom"), write_recipe("flat_field", "with: [photometry]")):
        with pytest.raises(IrisError, match=r"photometry: lab-broken 0\.9: "):
            calibrate(make_exposure(), recipe, plugins=plugins)


def test_of_two_distributions_with_a_plugin_of_one_name_neither_is_used_and_both_are_named(install: Install) -> None:
    install("lab-one", FLAT, plugin="flat")
    install("lab-two", OTHER, plugin="flat", version="2.0")
    plugins = load_plugins(["flat"])
    assert list(plugins.broken) == ["flat"]
    assert "lab-one 1.2, lab-two 2.0" in plugins.broken["flat"]
    assert plugins.implementations("flat_field") == {}


def test_broken_plugins_come_in_name_order_whatever_broke_them(install: Install) -> None:
    install("lab-b", "1 / 0")
    install("lab-a", STAGE.format(stage="no_stage", factor=2))
    assert list(load_plugins(["lab-b", "lab-a"]).broken) == ["lab-a", "lab-b"]


def test_a_plugin_with_the_name_of_one_of_the_framework_is_broken(install: Install) -> None:
    install("lab-flat", FLAT, plugin="iris-nir")
    plugins = load_plugins(["iris-nir"])
    assert plugins.broken["iris-nir"].startswith("lab-flat 1.2: ")
    assert plugins.implementations("flat_field") == {}


@pytest.mark.parametrize("names", [("lab-a", "lab-z"), ("lab-z", "lab-a")])
def test_a_stage_is_declared_before_it_is_implemented(
    install: Install, write_recipe: Write, names: tuple[str, str]
) -> None:
    """The name order of the two packages does not matter."""
    declares, _, implements = GHOSTS.partition('@stage("')
    install(names[0], f'from iris_core import stage\n@stage("{implements}')
    install(names[1], declares)
    assert value(write_recipe("remove_ghosts"), *names) == 5


def test_a_stage_is_declared_by_the_hook_of_pluggy_before_it_is_implemented(
    install: Install, write_recipe: Write
) -> None:
    install("a-implementer", STAGE.format(stage="ghosts", factor=7))
    install(
        "z-declarer",
        "import types\nfrom iris_core import hookimpl, stage_spec\n"
        "@stage_spec(status='S_GHOST')\ndef ghosts(exposure): 'Remove ghosts.'\n"
        "specs = types.SimpleNamespace(ghosts=ghosts)\ndel ghosts\n"
        "@hookimpl\ndef add_hookspecs(pluginmanager):\n    pluginmanager.add_hookspecs(specs)\n",
    )
    assert value(write_recipe("ghosts"), "a-implementer", "z-declarer") == 7


def test_a_misspelt_stage_is_answered_with_all_stages_those_of_third_parties_included(
    install: Install, write_recipe: Write
) -> None:
    install("lab-ghosts", GHOSTS)
    with pytest.raises(IrisError, match=r"'remove_ghost'; did you mean 'remove_ghosts'\?.*background.*resample"):
        value(write_recipe("remove_ghost"), "lab-ghosts")


def test_of_two_packages_that_declare_one_stage_the_second_is_broken(install: Install) -> None:
    install("lab-ghosts", GHOSTS)
    install("lab-more", GHOSTS)
    plugins = load_plugins(["lab-ghosts", "lab-more"])
    assert list(plugins.broken) == ["lab-more"]
    for fact in ("'remove_ghosts'", "installed_lab_ghosts"):
        assert fact in plugins.broken["lab-more"]


def test_the_plugins_of_this_repository_load_without_complaint() -> None:
    """True of any machine on which they are installed."""
    assert not [name for name in load_plugins().broken if name.startswith("iris-")]
