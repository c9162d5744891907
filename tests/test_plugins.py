"""Plugins are registered, and one implementation is chosen; what does not fit is refused when it is added."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from iris_testkit import make_exposure

from iris_core import Exposure, PluginError, Plugins, as_plugin, calibrate, hookimpl, stage, stage_spec
from iris_core.plugins import BUILTIN

Lab = Callable[..., Plugins]


def leave(exposure: Exposure) -> Exposure:
    return exposure


def plugin(name: str = "flat_field", function: Callable[..., Any] = leave, **declared: Any) -> ModuleType:
    """Return a plugin that implements a stage; each has a function of its own."""

    def call(exposure: Exposure) -> Exposure:
        result: Exposure = function(exposure)
        return result

    return as_plugin(name, stage(name, **declared)(call), "of_a_test")


def module(**members: Any) -> ModuleType:
    """Return a plugin with these members."""
    made = ModuleType("of_a_test")
    made.__dict__.update(members)
    return made


def test_one_implementer_is_taken(lab: Lab) -> None:
    chosen = lab(flat_field=leave).choose("flat_field")
    assert (chosen.plugin, chosen.version, str(chosen)) == ("lab-flat_field", "1.0", "lab-flat_field 1.0")


def test_no_implementer_is_an_error(bare: Plugins) -> None:
    with pytest.raises(PluginError, match="'flat_field'"):
        bare.choose("flat_field")


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_several_and_no_choice_is_an_error_that_names_them_with_versions_and_distributions(
    bare: Plugins, order: tuple[str, ...]
) -> None:
    for name in order:
        bare.add(name, plugin(), "1.1", {"a": "a", "b": "lab-tools"}[name])
    with pytest.raises(PluginError) as caught:
        bare.choose("flat_field")
    for fact in ("'flat_field'", "a 1.1, b 1.1 (lab-tools)", "use:", "--use flat_field="):
        assert fact in str(caught.value)
    assert bare.choose("flat_field", "b").plugin == "b"


def test_an_unknown_name_is_an_error_that_names_the_implementers(bare: Plugins) -> None:
    bare.add("lab-flat", plugin(), "1.1")
    bare.add("lab-dark", plugin("dark_current"))
    with pytest.raises(PluginError, match=r"'lab-flt'.*did you mean 'lab-flat'\?.*lab-flat 1\.1"):
        bare.choose("flat_field", "lab-flt")
    with pytest.raises(PluginError, match="'lab-dark'"):
        bare.choose("flat_field", "lab-dark")


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b")])
def test_implementations_come_in_name_order(bare: Plugins, order: tuple[str, ...]) -> None:
    for name in order:
        bare.add(name, plugin())
    assert list(bare.implementations("flat_field")) == ["a", "b", "c"]


def test_an_implementation_used_only_by_name_leaves_the_choice_as_it_was(bare: Plugins) -> None:
    bare.add("a", plugin(only_by_name=True))
    bare.add("b", plugin())
    assert bare.choose("flat_field").plugin == "b"
    assert bare.choose("flat_field", "a").plugin == "a"


def test_where_all_implementations_are_used_only_by_name_one_has_to_be_named(bare: Plugins) -> None:
    bare.add("a", plugin(only_by_name=True), "1.1")
    with pytest.raises(PluginError, match=r"'flat_field'.*a 1\.1.*--use flat_field="):
        bare.choose("flat_field")
    assert bare.choose("flat_field", "a").plugin == "a"


def misspelt(exposure: Exposure, referenses: Any) -> Exposure:
    raise NotImplementedError


def unknown_hook(exposure: Exposure) -> None:
    raise NotImplementedError


def both(exposure: Exposure) -> Exposure:
    return exposure


@hookimpl(wrapper=True, specname="photom")
def around_photom(exposure: Exposure) -> Iterator[Any]:
    return (yield)


@pytest.mark.parametrize(
    ("bad", "facts"),
    [
        (module(f=stage("flat_field")(misspelt)), ["'flat_field'", "referenses"]),
        (module(f=stage("flat_feild")(lambda exposure: 1)), ["'flat_feild'", "did you mean 'flat_field'?", "photom"]),
        (module(no_hook=hookimpl(unknown_hook)), ["'no_hook'", "find_reference"]),
        (module(photom=hookimpl(lambda exposure: exposure)), ["'photom'", "@stage('photom')"]),
        (
            module(a=stage("photom")(lambda exposure: 1), b=stage("photom")(lambda exposure: 2)),
            ["'photom'", "2 times"],
        ),
        (module(a=stage("photom")(both), b=around_photom), ["'photom'", "implements", "wraps"]),
        (module(photom=hookimpl(wrapper=True)(leave)), ["generator"]),
        (SimpleNamespace(), ["SimpleNamespace", "hash"]),
        ({}, ["dict", "hash"]),
    ],
)
def test_a_plugin_that_does_not_fit_is_refused_by_name_and_leaves_nothing_behind(
    bare: Plugins, bad: Any, facts: list[str]
) -> None:
    if isinstance(bad, ModuleType):
        bad.__dict__["good"] = stage("dark_current")(lambda exposure: exposure)
    with pytest.raises(PluginError) as caught:
        bare.add("lab-bad", bad)
    for fact in ["plugin lab-bad: ", *facts]:
        assert fact in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "lab-bad" not in bare.names()
    assert bare.implementations("dark_current") == {}
    bare.add("lab-bad", plugin("dark_current"))


def test_a_hook_is_implemented_and_wrapped_by_two_plugins(bare: Plugins) -> None:
    """What is refused in one plugin is possible as two."""
    bare.add("one", module(f=stage("photom")(lambda exposure: exposure)))
    bare.add("two", module(f=around_photom))
    assert list(bare.implementations("photom")) == ["one"]


def test_a_name_is_given_once_and_the_first_stays(bare: Plugins) -> None:
    bare.add("lab", plugin(), "1")
    with pytest.raises(PluginError, match=r"plugin lab: .*name"):
        bare.add("lab", plugin("photom"), "2")
    assert bare.choose("flat_field").version == "1"
    assert bare.implementations("photom") == {}
    with pytest.raises(PluginError, match=BUILTIN):
        bare.add(BUILTIN, plugin("photom"))


def test_one_object_is_one_plugin(bare: Plugins) -> None:
    twin = plugin()
    bare.add("a", twin)
    with pytest.raises(PluginError, match=r"plugin b: .*already"):
        bare.add("b", twin)
    assert bare.choose("flat_field").plugin == "a"


def test_an_optional_hook_of_another_program_may_be_missing(bare: Plugins) -> None:
    bare.add("lab", module(of_another=hookimpl(optionalhook=True)(lambda: None)))
    assert "lab" in bare.names()


def test_a_third_party_declares_a_stage_and_implements_it_too(bare: Plugins) -> None:
    """A new stage is a package: nothing in the kernel knows its name."""

    @stage_spec(status="S_GHOST", product="ghost")
    def remove_ghosts(exposure: Exposure) -> Exposure:
        """Remove ghosts."""
        raise NotImplementedError

    ours = stage("remove_ghosts")(lambda exposure: exposure)
    bare.add("lab-ghosts", module(remove_ghosts=remove_ghosts, ours=ours))
    assert bare.stages()["remove_ghosts"].status == "S_GHOST"
    assert bare.choose("remove_ghosts").plugin == "lab-ghosts"
    assert bare.documentation("remove_ghosts") == "Remove ghosts."
    assert bare.copy().choose("remove_ghosts").plugin == "lab-ghosts"
    assert bare.hooks_of("lab-ghosts") == {"remove_ghosts"}


def test_a_third_party_declares_a_stage_by_the_hook_of_pluggy(bare: Plugins) -> None:
    @stage_spec(status="S_GHOST")
    def remove_ghosts(exposure: Exposure) -> Exposure:
        """Remove ghosts."""
        raise NotImplementedError

    @hookimpl
    def add_hookspecs(pluginmanager: Any) -> None:
        pluginmanager.add_hookspecs(module(remove_ghosts=remove_ghosts))

    bare.add("lab-ghosts", module(add_hookspecs=add_hookspecs, ours=stage("remove_ghosts")(lambda exposure: exposure)))
    assert bare.choose("remove_ghosts").plugin == "lab-ghosts"
    assert bare.copy().choose("remove_ghosts").plugin == "lab-ghosts"


def test_two_plugins_cannot_declare_one_stage(bare: Plugins) -> None:
    def declaring() -> ModuleType:
        @stage_spec(status="S_GHOST")
        def remove_ghosts(exposure: Exposure) -> Exposure:
            """Remove ghosts."""
            raise NotImplementedError

        return module(remove_ghosts=remove_ghosts)

    bare.add("a", declaring())
    with pytest.raises(PluginError, match=rf"plugin b: .*'remove_ghosts'.*{__name__}"):
        bare.add("b", declaring())


def test_what_is_added_to_a_copy_is_not_in_the_original(lab: Lab) -> None:
    original = lab(flat_field=leave)
    original.active |= {"lab-flat_field"}
    original.chosen["read_exposure"] = ("lab-flat_field",)
    copied = original.copy()
    assert (copied.active, copied.chosen) == (original.active, original.chosen)
    copied.chosen.clear()
    copied.add("other", plugin())
    assert original.chosen
    assert original.choose("flat_field").plugin == copied.choose("flat_field", "lab-flat_field").plugin
    assert "other" not in original.names()


def test_missing_plugins_are_named_with_the_nearest_and_all_that_there_are(lab: Lab) -> None:
    plugins = lab(flat_field=leave)
    assert plugins.missing(["lab-flat_field"], "here") == []
    (error,) = plugins.missing(["lab-flat"], "here")
    for fact in ("here: ", "'lab-flat'", "did you mean 'lab-flat_field'?", BUILTIN):
        assert fact in str(error)


def test_broken_plugins_are_named_where_they_are_missed(bare: Plugins) -> None:
    bare.broken["lab-flat"] = "lab-tools 1.2: ImportError: no module named 'cupy'"
    (missed,) = bare.missing(["lab-flat"], "here")
    with pytest.raises(PluginError) as caught:
        bare.choose("flat_field")
    for error in (missed, caught.value):
        assert "lab-flat: lab-tools 1.2: ImportError: no module named 'cupy'" in str(error)


class Loud:
    """Wraps every stage, and flat_field, and keeps a record."""

    def __init__(self, seen: list[str], name: str) -> None:
        self.seen, self.name = seen, name

    @hookimpl(wrapper=True)
    def run_stage(self, step: Any) -> Iterator[Any]:
        self.seen.append(f"{self.name} around {step.stage}")
        return (yield)

    @hookimpl(wrapper=True)
    def flat_field(self, exposure: Exposure) -> Iterator[Any]:
        self.seen.append(f"{self.name} at {exposure.name}")
        return (yield)


@pytest.mark.parametrize(("listed", "names"), [("", ""), ("b", "b"), ("a, b", "ba")])
def test_wrappers_act_only_where_the_recipe_lists_their_plugin(
    lab: Lab, write_recipe: Callable[..., Any], listed: str, names: str
) -> None:
    seen: list[str] = []
    plugins = lab(flat_field=leave, photom=leave)
    for name in "ab":
        plugins.add(name, Loud(seen, name))
    recipe = write_recipe("flat_field, photom", f"with: [{listed}]")
    calibrate(make_exposure(), recipe, plugins=plugins)
    assert seen == [
        *(f"{name} around flat_field" for name in names),
        *(f"{name} at x_rate.fits" for name in names),
        *(f"{name} around photom" for name in names),
    ]


@pytest.mark.parametrize("listed", [True, False])
def test_a_wrapper_of_one_stage_changes_its_result_where_the_recipe_lists_it(
    lab: Lab, write_recipe: Callable[..., Any], listed: bool
) -> None:
    @hookimpl(wrapper=True)
    def flat_field(exposure: Exposure) -> Generator[None, Exposure, Exposure]:
        result = yield
        return result.scale(3).note(f"tripled {exposure.data[0, 0]:g}")

    plugins = lab(flat_field=lambda exposure: exposure.scale(2))
    plugins.add("tripler", module(flat_field=flat_field))
    recipe = write_recipe("flat_field", "with: [tripler]" if listed else "")
    product = calibrate(make_exposure(value=1), recipe, plugins=plugins)["cal"]
    assert product.data[0, 0] == (6 if listed else 2)
    assert product.history[0].notes == (("tripled 1",) if listed else ())
