"""Two plugins answer one question and nobody chose: an error that names both; the recipe chooses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from iris_testkit import make_exposure, make_reference

from iris_core import (
    Candidate,
    Exposure,
    InputError,
    PluginError,
    Plugins,
    Problems,
    Reference,
    References,
    ReferenceType,
    calibrate,
    check,
    hookimpl,
    run,
    stage,
    write_fits,
)

Lab = Callable[..., Plugins]
Write = Callable[..., Path]
ORDERS = pytest.mark.parametrize("names", [("a-lab", "b-crds"), ("b-lab", "a-crds")], ids=" ".join)


class Shelf:
    """A plugin of which the owner is seen in everything that it brings."""

    def __init__(self, folder: Path, level: int) -> None:
        self.folder, self.level, self.reads = folder, level, list[str]()

    @hookimpl
    def find_reference(self, reftype: str) -> Reference:
        path = self.folder / f"{self.level}.fits"
        if not path.exists():
            make_reference(path, "flat", np.full((8, 9), self.level))
        return Reference(reftype=reftype, path=path, provider=f"shelf {self.level}")

    @hookimpl
    def explain_reference(self) -> list[Candidate]:
        return [Candidate(self.folder / f"{self.level}.fits", "it is not for this exposure")]

    @hookimpl
    def read_exposure(self, path: Path, pixels: bool) -> Exposure | None:
        return make_exposure((8, 9), value=self.level, path=path) if path.suffix == ".mine" else None

    @hookimpl
    def write_product(self, exposure: Exposure, path: Path) -> Path | None:
        return write_fits(exposure.scale(self.level), path) if "twice" in str(path) else None

    @hookimpl
    def read_reference(self, path: Path, kind: str) -> dict[str, int] | None:
        return {"level": self.level} if path.suffix == ".mine" else None


@pytest.fixture
def two(lab: Lab, tmp_path: Path) -> Callable[..., Plugins]:
    """Return a function that adds two plugins that bring the same things, of levels 1 and 2."""

    @stage("flat_field", optional=("flat",))
    def divide(exposure: Exposure, references: References) -> Exposure:
        return exposure.scale(1 / references["flat"].image(exposure).data) if references else exposure

    def add(*names: str) -> Plugins:
        plugins = lab(flat_field=divide)
        for level, name in enumerate(names, start=1):
            plugins.add(name, Shelf(tmp_path, level), f"1.{level}", f"{name[2:]}-tools")
        return plugins

    return add


def assert_both_are_named(error: object, names: tuple[str, ...]) -> None:
    for level, name in enumerate(names, start=1):
        assert f"{name} ({name[2:]}-tools 1.{level})" in str(error)


@ORDERS
def test_two_providers(two: Callable[..., Plugins], names: tuple[str, ...], write_recipe: Write) -> None:
    with pytest.raises(Problems, match=r"the flat for x_rate\.fits.*providers.*--reference") as caught:
        calibrate(make_exposure((8, 9)), write_recipe(), plugins=two(*names))
    assert_both_are_named(caught.value, names)


@ORDERS
@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0,), (1,)])
def test_the_recipe_chooses_providers_and_their_order(
    two: Callable[..., Plugins], names: tuple[str, ...], order: tuple[int, ...], write_recipe: Write
) -> None:
    recipe = write_recipe("flat_field", f"references: {{providers: [{', '.join(names[one] for one in order)}]}}")
    product = calibrate(make_exposure((8, 9), value=12), recipe, plugins=two(*names))["cal"]
    assert product.data[0, 0] == 12 / (order[0] + 1)


def test_one_provider_may_be_named_without_brackets(two: Callable[..., Plugins], write_recipe: Write) -> None:
    recipe = write_recipe("flat_field", "references: {providers: b-crds}")
    product = calibrate(make_exposure((8, 9), value=12), recipe, plugins=two("a-lab", "b-crds"))["cal"]
    assert product.data[0, 0] == 6


@ORDERS
@pytest.mark.parametrize("how", ["by hand", "store", "store and providers"])
def test_a_file_or_a_folder_that_the_recipe_names_goes_before_providers(
    two: Callable[..., Plugins], names: tuple[str, ...], how: str, write_recipe: Write, tmp_path: Path
) -> None:
    (tmp_path / "store").mkdir()
    make_reference(tmp_path / "store" / "flat.fits", "flat", np.full((8, 9), 4.0), FILTER="Kbb")
    lines = {
        "by hand": "flat: store/flat.fits",
        "store": "store: store",
        "store and providers": f"store: store, providers: [{names[0]}]",
    }
    recipe = write_recipe("flat_field", f"references: {{{lines[how]}}}")
    product = calibrate(make_exposure((8, 9), value=12), recipe, plugins=two(*names))["cal"]
    assert product.data[0, 0] == 3


def test_providers_that_are_not_chosen_are_not_asked_to_explain(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    class Empty(Shelf):
        @hookimpl
        def find_reference(self, reftype: str) -> None:  # type: ignore[override]
            return None

    plugins = lab(flat_field=stage("flat_field", references=("flat",))(lambda exposure: exposure))
    for level, name in enumerate(("a", "b"), start=1):
        plugins.add(name, Empty(tmp_path, level))
    checked = check(write_recipe("flat_field", "references: {providers: [b]}"), write_exposure(), plugins=plugins)
    (error,) = checked.errors
    assert f"{tmp_path / '2.fits'}: it is not for this exposure" in str(error)
    assert "1.fits" not in str(error)


def test_a_provider_that_is_not_there_is_an_error_that_names_those_there_are(
    two: Callable[..., Plugins], write_recipe: Write
) -> None:
    recipe = write_recipe("flat_field", "references: {providers: [a-lba]}")
    with pytest.raises(Problems, match=r"'a-lba'.*did you mean 'a-lab'\?.*a-lab, b-crds"):
        calibrate(make_exposure(), recipe, plugins=two("a-lab", "b-crds"))


@ORDERS
def test_two_readers(two: Callable[..., Plugins], names: tuple[str, ...], write_exposure: Write) -> None:
    plugins = two(*names)
    with pytest.raises(PluginError, match=r"x\.mine.*reader:") as caught:
        plugins.read_exposure(Path("x.mine"))
    assert_both_are_named(caught.value, names)
    assert plugins.read_exposure(write_exposure()).data[0, 0] == 10


@ORDERS
@pytest.mark.parametrize("level", [1, 2])
def test_the_recipe_chooses_the_reader(
    two: Callable[..., Plugins],
    names: tuple[str, ...],
    level: int,
    write_recipe: Write,
    tmp_path: Path,
    write_exposure: Write,
) -> None:
    """It is the reader of files that it knows; FITS, of exposures and references, is read as ever."""
    plugins = two(*names)
    make_reference(tmp_path / "flat.fits", "flat", np.ones((8, 9)))
    recipe = write_recipe("flat_field", f"reader: {names[level - 1]}", "references: {flat: flat.fits}")
    (tmp_path / "x.mine").touch()
    checked = check(recipe, tmp_path / "x.mine", write_exposure("y.fits"), plugins=plugins)
    assert [str(error) for error in checked.errors] == []
    report = run(recipe, tmp_path / "x.mine", plugins=plugins)
    (product,) = report.products
    assert Plugins().read_exposure(product).data[0, 0] == level


def test_a_reader_that_is_not_there_is_an_error_that_names_those_there_are(
    two: Callable[..., Plugins], write_recipe: Write
) -> None:
    with pytest.raises(Problems, match=r"'b-crd'.*did you mean 'b-crds'\?.*a-lab, b-crds"):
        calibrate(make_exposure(), write_recipe("flat_field", "reader: b-crd"), plugins=two("a-lab", "b-crds"))


@ORDERS
def test_two_readers_of_one_table(two: Callable[..., Plugins], names: tuple[str, ...]) -> None:
    plugins = two(*names)
    plugins.add("types", Tables())
    with pytest.raises(PluginError, match=r"x\.mine") as caught:
        plugins.read_reference(Path("x.mine"), "stars")
    assert_both_are_named(caught.value, names)


class Tables:
    """Declares a type of reference files that are tables."""

    @hookimpl
    def reference_types(self) -> list[ReferenceType]:
        return [ReferenceType(name="stars", kind="table")]


@ORDERS
def test_two_writers(
    two: Callable[..., Plugins], names: tuple[str, ...], write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    """The exposure whose product both would write fails; nothing is left behind."""
    recipe = write_recipe("flat_field", "references: {providers: [" + names[0] + "]}")
    report = run(recipe, write_exposure(), write_exposure("twice.fits"), plugins=two(*names))
    assert [result.name for result in report.failed] == ["twice.fits"]
    assert_both_are_named(report.failed[0].error, names)
    assert [path.name for path in tmp_path.glob("*cal*")] == ["x_cal.fits"]


class Reader:
    """Reads files that end in .mine."""

    @hookimpl
    def read_exposure(self, path: Path, pixels: bool) -> Exposure | None:
        return make_exposure(value=42) if path.suffix == ".mine" else None


def test_a_reader_answers_for_the_files_it_knows_and_no_others(bare: Plugins) -> None:
    bare.add("lab-reader", Reader())
    assert bare.read_exposure(Path("x.mine")).data[0, 0] == 42
    with pytest.raises(InputError, match=r"x\.fits"):
        bare.read_exposure(Path("x.fits"))


def test_a_plugin_goes_before_the_framework_where_both_could_answer(bare: Plugins, write_exposure: Write) -> None:
    class Fits:
        @hookimpl
        def read_exposure(self, path: Path) -> Exposure:
            return make_exposure(value=43)

    path = write_exposure()
    assert bare.read_exposure(path).data[0, 0] == 10
    bare.add("a-fits", Fits())
    assert bare.read_exposure(path).data[0, 0] == 43


def test_a_suffix_that_no_writer_knows_is_an_error(bare: Plugins, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'\.jpg'"):
        bare.write_product(make_exposure(), tmp_path / "x.jpg")
