"""What is installed is known from metadata; a plugin is imported when it is needed, and cannot harm the others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from iris_core import IrisError, calibrate
from iris_core.installed import find_installed
from iris_core.loading import load_plugins
from iris_core.testing import make_exposure

Install = Callable[..., None]
Write = Callable[..., Path]

STAGE = "from iris_core import stage\n@stage('{stage}')\ndef work(exposure):\n    return exposure.scale({factor})\n"
FLAT = STAGE.format(stage="flat_field", factor=2)
DARK = STAGE.format(stage="dark_current", factor=3)
GHOSTS = """\
from iris_core import stage, stage_spec

@stage_spec(status="S_GHOST")
def remove_ghosts(exposure):
    "Remove ghosts."

@stage("remove_ghosts")
def work(exposure):
    return exposure.scale(5)
"""
READER = "from iris_core import hookimpl\n@hookimpl\ndef read_exposure(path):\n    return None\n"
WRAPPER = """\
from iris_core import hookimpl
@hookimpl(wrapper=True)
def run_stage(step):
    return (yield).note("wrapped")
"""


def imported() -> set[str]:
    return {name.removeprefix("installed_lab_") for name in sys.modules if name.startswith("installed_lab_")}


def value(recipe: Path, *names: str) -> float:
    cal = calibrate(make_exposure(value=1), recipe, plugins=load_plugins(names))["cal"]
    return float(cal.data[0, 0])


def test_metadata_tell_the_hooks_of_each_plugin(install: Install) -> None:
    install("lab-flat", FLAT, hooks="flat_field")
    install("lab-old", FLAT)
    installed = find_installed()
    assert installed["lab-flat"].declared == {"flat_field"}
    assert installed["lab-flat"].distribution == "lab-flat 1.2"
    assert (installed["lab-flat"].api, installed["lab-old"].api) == ("1", "")
    assert installed["lab-old"].declared is None
    assert not imported()


def test_only_what_the_recipe_needs_is_imported(install: Install, write_recipe: Write) -> None:
    install("lab-flat", FLAT, hooks="flat_field")
    install("lab-dark", DARK, hooks="dark_current")
    install("lab-ghosts", GHOSTS, hooks="remove_ghosts")
    install("lab-wrapper", WRAPPER, hooks="run_stage")
    names = ("lab-flat", "lab-dark", "lab-ghosts", "lab-wrapper")
    assert value(write_recipe("flat_field"), *names) == 2
    assert imported() == {"flat"}
    assert value(write_recipe("flat_field, remove_ghosts"), *names) == 10
    assert imported() == {"flat", "ghosts"}


def test_what_every_run_needs_and_what_does_not_say_its_hooks_is_imported_at_once(install: Install) -> None:
    install("lab-reader", READER, hooks="read_exposure")
    install("lab-silent", FLAT)
    install("lab-dark", DARK, hooks="dark_current")
    plugins = load_plugins(["lab-reader", "lab-silent", "lab-dark"])
    assert imported() == {"reader", "silent"}
    assert plugins.names() == ["iris-core", "lab-dark", "lab-reader", "lab-silent"]


def test_of_two_implementations_only_the_chosen_one_is_imported(install: Install, write_recipe: Write) -> None:
    install("lab-flat", FLAT, hooks="flat_field")
    install("lab-other", STAGE.format(stage="flat_field", factor=7), hooks="flat_field")
    assert value(write_recipe("flat_field: {use: lab-other}"), "lab-flat", "lab-other") == 7
    assert imported() == {"other"}
    with pytest.raises(IrisError, match=r"implemented by 2 plugins \(lab-flat 1\.2, lab-other 1\.2\)"):
        value(write_recipe("flat_field"), "lab-flat", "lab-other")


def test_wrappers_that_a_recipe_lists_are_imported_and_act(install: Install, write_recipe: Write) -> None:
    install("lab-flat", FLAT, hooks="flat_field")
    install("lab-wrapper", WRAPPER, hooks="run_stage")
    recipe = write_recipe("flat_field", "with: [lab-wrapper]")
    cal = calibrate(make_exposure(), recipe, plugins=load_plugins(["lab-flat", "lab-wrapper"]))["cal"]
    assert cal.history[0].notes == ("wrapped",)


def test_who_implements_a_stage_brings_in_who_declares_it(install: Install, write_recipe: Write) -> None:
    declares, _, implements = GHOSTS.partition('@stage("')
    install("lab-a-worker", f'from iris_core import stage\n@stage("{implements}', hooks="remove_ghosts")
    install("lab-z-spec", declares, hooks="remove_ghosts")
    assert value(write_recipe("remove_ghosts"), "lab-a-worker", "lab-z-spec") == 5


def test_a_mistaken_stage_name_is_answered_with_all_stages_third_parties_included(
    install: Install, write_recipe: Write
) -> None:
    install("lab-ghosts", GHOSTS, hooks="remove_ghosts")
    with pytest.raises(IrisError, match=r"no stage 'remove_ghost'; did you mean 'remove_ghosts'\? Stages: .*resample"):
        value(write_recipe("remove_ghost"), "lab-ghosts")


def test_two_packages_cannot_declare_one_stage(install: Install) -> None:
    install("lab-ghosts", GHOSTS)
    install("lab-more", GHOSTS)
    plugins = load_plugins(["lab-ghosts", "lab-more"])
    (broken,) = plugins.broken
    assert "it declares the stage 'remove_ghosts', which installed_lab_ghosts declares too" in str(broken)


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ("flat_field photom", "its metadata list the hooks flat_field, photom but it implements flat_field; correct"),
        ("photom", "its metadata list the hooks photom but it implements flat_field"),
        ("flat_feild", "its metadata list the hooks flat_feild but it implements flat_field"),
    ],
)
def test_wrong_metadata_are_named_with_the_remedy(
    install: Install, write_recipe: Write, hooks: str, words: str
) -> None:
    install("lab-flat", FLAT, hooks=hooks)
    with pytest.raises(IrisError) as caught:
        value(write_recipe("flat_field"), "lab-flat")
    assert f"lab-flat (lab-flat 1.2): {words}" in str(caught.value)
    assert 'correct its [project.entry-points."iris_core.api1"]' in str(caught.value)


@pytest.mark.parametrize(("api", "remedy"), [(2, "upgrade iris-core"), (0, "upgrade the plugin, or install an older")])
def test_a_plugin_built_for_another_version_of_the_hooks_is_refused_before_its_import(
    install: Install, write_recipe: Write, api: int, remedy: str
) -> None:
    install("lab-flat", "raise AssertionError('imported')", hooks="flat_field", api=api)
    with pytest.raises(IrisError) as caught:
        value(write_recipe("flat_field"), "lab-flat")
    assert f"it is built for version {api} of the hooks, and this iris-core has 1; {remedy}" in str(caught.value)


def test_an_import_that_hangs_is_given_up_and_the_others_work(
    install: Install, write_recipe: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRIS_IMPORT_TIMEOUT", "0.2")
    install("lab-slow", "import threading\nthreading.Event().wait()", hooks="read_exposure")
    install("lab-flat", FLAT, hooks="flat_field")
    plugins = load_plugins(["lab-slow", "lab-flat"])
    assert calibrate(make_exposure(value=1), write_recipe("flat_field"), plugins=plugins)["cal"].data[0, 0] == 2
    (broken,) = plugins.broken
    assert str(broken).startswith("lab-slow (lab-slow 1.2): its import did not end within 0.2 s; mend or uninstall it")


def test_a_limit_that_is_no_number_is_named(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_IMPORT_TIMEOUT", "soon")
    install("lab-flat", FLAT)
    (broken,) = load_plugins(["lab-flat"]).broken
    assert "IRIS_IMPORT_TIMEOUT is 'soon'; it is a number of seconds" in str(broken)


def test_a_module_that_exits_is_broken_and_the_others_work(install: Install, write_recipe: Write) -> None:
    install("lab-exit", "raise SystemExit(3)")
    install("lab-flat", FLAT)
    plugins = load_plugins(["lab-exit", "lab-flat"])
    assert [str(one) for one in plugins.broken] == ["lab-exit (lab-exit 1.2): SystemExit: 3"]
    assert plugins.choose("flat_field").plugin == "lab-flat"


def test_what_is_printed_during_an_import_goes_to_standard_error_and_is_named(
    install: Install, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    install("lab-loud", f"print('hello', 'world')\n{FLAT}")
    load_plugins(["lab-loud"])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("hello world\n")
    assert "plugin lab-loud of lab-loud 1.2 printed while it was imported to standard output" in caplog.text
    assert "'hello world'" in caplog.text
