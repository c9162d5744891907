"""Who implements what, and which implementation is meant; what does not fit is refused when it is added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from iris_core import Exposure, InputError, PluginError, hookimpl, stage, stage_spec
from iris_core.implementations import BrokenPlugin
from iris_core.instruments import InstrumentMode
from iris_core.plugins import Plugins
from iris_core.testing import make_exposure

Lab = Callable[..., Plugins]


def leave(exposure: Exposure) -> Exposure:
    return exposure


def plugin(name: str, function: Callable[..., Any] = leave) -> SimpleNamespace:
    """Return a plugin that implements a stage; each has a function of its own."""

    def call(exposure: Exposure) -> Exposure:
        result: Exposure = function(exposure)
        return result

    return SimpleNamespace(implementation=stage(name)(call))


def test_one_implementer_is_taken(lab: Lab) -> None:
    chosen = lab(flat_field=leave).choose("flat_field")
    assert (chosen.plugin, chosen.version, str(chosen)) == ("lab-flat_field", "1.0", "lab-flat_field 1.0")


def test_nobody_implements_it(bare: Plugins) -> None:
    with pytest.raises(PluginError, match="stage 'flat_field': no installed plugin implements it"):
        bare.choose("flat_field")


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_several_and_no_choice_is_an_error_that_lists_them_with_their_versions(
    bare: Plugins, order: tuple[str, ...]
) -> None:
    for name in order:
        bare.add(name, plugin("flat_field"), "1.1")
    with pytest.raises(PluginError) as caught:
        bare.choose("flat_field")
    words = "stage 'flat_field' is implemented by 2 plugins (a 1.1, b 1.1); name one with 'use:'"
    assert str(caught.value) == f"{words}, or --use flat_field=PLUGIN"
    assert bare.choose("flat_field", "b").plugin == "b"


def test_an_unknown_name_is_an_error_that_lists_who_does_implement_it(bare: Plugins) -> None:
    bare.add("lab-flat", plugin("flat_field"), "1.1")
    bare.add("lab-dark", plugin("dark_current"))
    with pytest.raises(PluginError) as caught:
        bare.choose("flat_field", "lab-flt")
    assert (
        "no installed plugin 'lab-flt' implements it; did you mean 'lab-flat'? It is implemented by: lab-flat 1.1"
        in str(caught.value)
    )
    with pytest.raises(PluginError, match="no installed plugin 'lab-dark' implements it"):
        bare.choose("flat_field", "lab-dark")


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b")])
def test_implementations_come_in_name_order(bare: Plugins, order: tuple[str, ...]) -> None:
    for name in order:
        bare.add(name, plugin("flat_field"))
    assert [one.plugin for one in bare.implementations("flat_field")] == ["a", "b", "c"]


def misspelt(exposure: Exposure, referenses: Any) -> Exposure:
    raise NotImplementedError


def unknown_hook(exposure: Exposure) -> None:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (
            SimpleNamespace(f=stage("flat_field")(misspelt)),
            "the argument 'referenses', which 'flat_field' does not have; did you mean 'references'?",
        ),
        (
            SimpleNamespace(f=stage("flat_feild")(plugin("photom").implementation)),
            "'flat_feild', which is no hook; did you mean 'flat_field'? Hooks: ",
        ),
        (
            SimpleNamespace(no_hook=hookimpl(unknown_hook)),
            "it implements 'no_hook', which is no hook; did you mean 'add_hookspecs'? Hooks: ",
        ),
        (SimpleNamespace(photom=hookimpl(lambda exposure: exposure)), "the stage 'photom' without @stage('photom')"),
        (
            SimpleNamespace(a=stage("photom")(lambda exposure: 1), b=stage("photom")(lambda exposure: 2)),
            "'photom' 2 times",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_leaves_nothing_behind(bare: Plugins, bad: Any, words: str) -> None:
    bad.good = stage("dark_current")(lambda exposure: exposure)
    with pytest.raises(PluginError) as caught:
        bare.add("lab-bad", bad)
    assert str(caught.value).startswith("plugin lab-bad: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "lab-bad" not in bare.names()
    assert bare.implementations("dark_current") == []
    bare.add("lab-bad", plugin("dark_current"))


def test_a_name_is_given_once_and_the_first_stays(bare: Plugins) -> None:
    bare.add("lab", plugin("flat_field"), "1")
    with pytest.raises(PluginError, match=r"plugin lab: .*already registered"):
        bare.add("lab", plugin("photom"), "2")
    assert bare.choose("flat_field").version == "1"
    assert bare.implementations("photom") == []


def test_one_object_is_one_plugin(bare: Plugins) -> None:
    twin = plugin("flat_field")
    bare.add("a", twin)
    with pytest.raises(PluginError, match="already registered"):
        bare.add("b", twin)
    assert bare.choose("flat_field").plugin == "a"


def test_an_optional_hook_of_somebody_else_may_be_missing(bare: Plugins) -> None:
    bare.add("lab", SimpleNamespace(of_another=hookimpl(optionalhook=True)(lambda: None)))
    assert "lab" in bare.names()


def test_a_third_party_declares_a_stage_and_implements_it_too(bare: Plugins) -> None:
    """A new stage is a package: nothing in the core knows its name."""

    @stage_spec(status="S_GHOST", product="ghost")
    def remove_ghosts(exposure: Exposure) -> Exposure:
        """Remove ghosts."""
        raise NotImplementedError

    @hookimpl
    def add_hookspecs(pluginmanager: Any) -> None:
        pluginmanager.add_hookspecs(SimpleNamespace(remove_ghosts=remove_ghosts))

    bare.add("lab-ghosts", SimpleNamespace(add_hookspecs=add_hookspecs, ours=plugin("remove_ghosts").implementation))
    assert bare.stages()["remove_ghosts"].status == "S_GHOST"
    assert bare.choose("remove_ghosts").plugin == "lab-ghosts"
    assert bare.stage_documentation("remove_ghosts") == "Remove ghosts."
    assert bare.copy().choose("remove_ghosts").plugin == "lab-ghosts"


def test_what_is_added_to_a_copy_is_not_in_the_original(lab: Lab) -> None:
    original = lab(flat_field=leave)
    copied = original.copy()
    copied.add("other", plugin("flat_field"))
    assert original.choose("flat_field").plugin == copied.choose("flat_field", "lab-flat_field").plugin
    assert "other" not in original.names()


def test_required_plugins_have_to_be_there(lab: Lab) -> None:
    plugins = lab(flat_field=leave)
    plugins.require(["lab-flat_field"], "here")
    with pytest.raises(
        PluginError, match="here: no plugin 'lab-flat'; did you mean 'lab-flat_field'\\? Installed: iris-core"
    ):
        plugins.require(["lab-flat"], "here")


def test_broken_plugins_are_named_where_they_are_missed(bare: Plugins) -> None:
    bare.broken.append(BrokenPlugin("lab-flat", "lab-tools 1.2", "ImportError: no module named 'cupy'"))
    for ask in (lambda: bare.choose("flat_field"), lambda: bare.require(["lab-flat"], "here")):
        with pytest.raises(PluginError, match=r"lab-flat \(lab-tools 1\.2\): ImportError: no module named 'cupy'"):
            ask()


class Reader:
    """Reads files that end in .mine."""

    @hookimpl
    def read_exposure(self, path: Path, pixels: bool) -> Exposure | None:
        return make_exposure(value=42) if path.suffix == ".mine" else None


def test_a_reader_answers_for_the_files_it_knows_and_no_others(bare: Plugins) -> None:
    bare.add("lab-reader", Reader())
    assert bare.read_exposure(Path("x.mine")).data[0, 0] == 42
    with pytest.raises(InputError, match=r"x\.fits: no such file"):
        bare.read_exposure(Path("x.fits"))


def test_a_suffix_that_no_writer_knows_is_an_error(bare: Plugins, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no installed writer knows the suffix '\.jpg'"):
        bare.write_product(make_exposure(), tmp_path / "x.jpg")


class Shelf:
    """Brings one of everything that can be brought."""

    @hookimpl
    def instrument_modes(self) -> list[InstrumentMode]:
        return [InstrumentMode(name="cam", telescope="T", instrument="C", detectors={}, pixel_scale=1, unit="DN/s")]

    @hookimpl
    def recipes(self) -> dict[str, Path]:
        return {"dither": Path("dither.yaml")}

    @hookimpl
    def executors(self) -> dict[str, Any]:
        return {"threads": object}


def test_packages_bring_modes_recipes_and_executors(bare: Plugins) -> None:
    bare.add("lab-shelf", Shelf())
    assert list(bare.modes()) == ["cam", "iris-imager"]
    assert bare.recipes()["dither"] == Path("dither.yaml")
    assert sorted(bare.executors()) == ["processes", "serial", "threads"]


class Loud:
    """Wraps every stage and says so."""

    def __init__(self, said: list[str], name: str) -> None:
        self.said, self.name = said, name

    @hookimpl(wrapper=True)
    def run_stage(self) -> Iterator[Any]:
        self.said.append(self.name)
        return (yield)


@pytest.mark.parametrize(("named", "said"), [((), []), (("b",), ["b"]), (("a", "b"), ["b", "a"])])
def test_wrappers_act_only_when_they_are_named(bare: Plugins, named: tuple[str, ...], said: list[str]) -> None:
    heard: list[str] = []
    for name in ("a", "b"):
        bare.add(name, Loud(heard, name))
    step = SimpleNamespace(call=lambda exposure, *_: exposure)
    exposure = make_exposure()
    bare.active |= set(named)
    assert bare.run_stage(step, exposure, None, (), None) is exposure  # type: ignore[arg-type]
    assert heard == said


def by_name(name: str) -> SimpleNamespace:
    """Return a plugin that implements a stage only for those who name it."""

    def call(exposure: Exposure) -> Exposure:
        return exposure

    return SimpleNamespace(implementation=stage(name, only_by_name=True)(call))


def test_who_has_to_be_named_leaves_the_choice_as_it_was(bare: Plugins) -> None:
    bare.add("a", by_name("flat_field"))
    bare.add("b", plugin("flat_field"))
    assert bare.choose("flat_field").plugin == "b"
    assert bare.choose("flat_field", "a").plugin == "a"


def test_where_all_have_to_be_named_somebody_has_to_be(bare: Plugins) -> None:
    bare.add("a", by_name("flat_field"), "1.1")
    with pytest.raises(PluginError) as caught:
        bare.choose("flat_field")
    words = "stage 'flat_field' is implemented by 1 plugin (a 1.1), for those who name it"
    assert str(caught.value) == f"{words}; name one with 'use:', or --use flat_field=PLUGIN"
    assert bare.choose("flat_field", "a").plugin == "a"
