"""Two plugins that bring a mode, recipe, executor, reference type or stage keyword: an error where it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from iris_testkit import make_exposure

from iris_core import (
    Exposure,
    InstrumentMode,
    IrisError,
    PluginError,
    Plugins,
    Problems,
    ReferenceType,
    calibrate,
    hookimpl,
    run,
    stage,
    stage_spec,
)

Lab = Callable[..., Plugins]
Write = Callable[..., Path]
ORDERS = pytest.mark.parametrize("names", [("a-lab", "b-crds"), ("b-lab", "a-crds")], ids=" ".join)


class Shelf:
    """A plugin of which the owner is seen in everything that it brings."""

    def __init__(self, folder: Path, level: int) -> None:
        self.folder, self.level, self.reads = folder, level, list[str]()

    @hookimpl
    def instrument_modes(self) -> list[InstrumentMode]:
        facts: dict[str, Any] = {"telescope": "T", "detectors": {"A": None}, "unit": "DN/s"}
        return [InstrumentMode(name="cam", instrument="CAM", pixel_scale=self.level, **facts)]

    @hookimpl
    def recipes(self) -> dict[str, Path]:
        path = self.folder / f"{self.level}.yaml"
        path.write_text("recipe: 1\nname: dither\nsteps: [flat_field]")
        return {"dither": path}

    @hookimpl
    def executors(self) -> Mapping[str, Callable[[int], Executor]]:
        return {"threads": lambda workers: ThreadPoolExecutor(self.level)}

    @hookimpl
    def reference_types(self) -> list[ReferenceType]:
        return [ReferenceType(name="ghosts", selectors=("DETECTOR",) * self.level)]


@pytest.fixture
def two(lab: Lab, tmp_path: Path) -> Callable[..., Plugins]:
    """Return a function that adds two plugins that bring the same things, of levels 1 and 2."""

    def add(*names: str) -> Plugins:
        plugins = lab(photom=lambda exposure: exposure)
        for level, name in enumerate(names, start=1):
            plugins.add(name, Shelf(tmp_path, level), f"1.{level}", f"{name[2:]}-tools")
        return plugins

    return add


def assert_both_are_named(error: object, names: tuple[str, ...]) -> None:
    for level, name in enumerate(names, start=1):
        assert f"{name} ({name[2:]}-tools 1.{level})" in str(error)


@ORDERS
@pytest.mark.parametrize("by", ["header", "recipe"])
def test_two_modes(two: Callable[..., Plugins], names: tuple[str, ...], by: str, write_recipe: Write) -> None:
    plugins = two(*names)
    recipe = write_recipe("photom", "instrument: cam" if by == "recipe" else "")
    exposure = make_exposure(instrument="CAM", detector="A")
    with pytest.raises(IrisError, match="'cam'") as caught:
        calibrate(exposure, recipe, plugins=plugins)
    assert_both_are_named(caught.value, names)
    calibrate(make_exposure(), write_recipe("photom"), plugins=plugins)


@ORDERS
def test_two_recipes(two: Callable[..., Plugins], names: tuple[str, ...], write_recipe: Write) -> None:
    plugins = two(*names)
    with pytest.raises(IrisError, match="'dither'") as caught:
        calibrate(make_exposure(), "dither", plugins=plugins)
    assert_both_are_named(caught.value, names)
    calibrate(make_exposure(), write_recipe("photom"), plugins=plugins)


@ORDERS
def test_a_recipe_that_extends_one_that_is_there_twice(
    two: Callable[..., Plugins], names: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text("recipe: 1\nname: mine\nextends: dither")
    with pytest.raises(IrisError, match="'dither'") as caught:
        calibrate(make_exposure(), tmp_path / "mine.yaml", plugins=two(*names))
    assert_both_are_named(caught.value, names)


@ORDERS
def test_two_executors(
    two: Callable[..., Plugins], names: tuple[str, ...], write_recipe: Write, write_exposure: Write
) -> None:
    plugins = two(*names)
    with pytest.raises(IrisError, match="'threads'") as caught:
        run(write_recipe("photom"), write_exposure(), plugins=plugins, executor="threads")
    assert_both_are_named(caught.value, names)
    assert not run(write_recipe("photom"), write_exposure(), plugins=plugins).failed


@ORDERS
def test_two_reference_types(two: Callable[..., Plugins], names: tuple[str, ...]) -> None:
    plugins = two(*names)
    with pytest.raises(PluginError, match="'ghosts'") as caught:
        plugins.reference_type("ghosts")
    assert_both_are_named(caught.value, names)
    assert plugins.reference_type("flat").kind == "image"


def declaring(name: str) -> ModuleType:
    """Return a plugin that declares and implements a stage whose keyword is S_GHOST."""

    def declared(exposure: Exposure) -> Exposure:
        """Remove ghosts."""
        raise NotImplementedError

    declared.__name__ = name
    plugin = ModuleType("of_a_test")
    plugin.__dict__[name] = stage_spec(status="S_GHOST")(declared)
    plugin.__dict__["work"] = stage(name)(lambda exposure: exposure)
    return plugin


@ORDERS
@pytest.mark.parametrize("used", [0, 1])
def test_two_stages_of_one_status_keyword(
    bare: Plugins, names: tuple[str, ...], used: int, write_recipe: Write, write_exposure: Write
) -> None:
    stages = ("ghosts", "spirits")
    for level, (name, one) in enumerate(zip(names, stages, strict=True), start=1):
        bare.add(name, declaring(one), f"1.{level}", f"{name[2:]}-tools")
    bare.add("lab-flat", as_flat())
    with pytest.raises(Problems, match="S_GHOST") as caught:
        calibrate(make_exposure(), write_recipe(stages[used]), plugins=bare)
    for level, name in enumerate(names, start=1):
        assert name in str(caught.value)
        assert f"{name[2:]}-tools" in str(caught.value)
        assert f"1.{level}" in str(caught.value)
    calibrate(make_exposure(), write_recipe("flat_field"), plugins=bare)


def as_flat() -> ModuleType:
    plugin = ModuleType("of_a_test")
    plugin.__dict__["work"] = stage("flat_field")(lambda exposure: exposure)
    return plugin


def test_two_plugins_that_bring_one_and_the_same_mode_are_no_conflict(bare: Plugins) -> None:
    class Mode:
        @hookimpl
        def instrument_modes(self) -> list[InstrumentMode]:
            return [bare.modes()["iris-imager"]]

    copied = bare.copy()
    copied.add("a", Mode())
    assert copied.modes()["iris-imager"] == bare.modes()["iris-imager"]


def test_what_a_plugin_brings_and_cannot_be_used_is_told_and_the_rest_is_there(
    bare: Plugins, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        @hookimpl
        def instrument_modes(self) -> list[InstrumentMode]:
            raise OSError("no camera.yaml")

    bare.add("lab-broken", Broken())
    assert list(bare.modes()) == ["iris-imager"]
    assert "lab-broken" in caplog.text
    assert "OSError: no camera.yaml" in caplog.text
