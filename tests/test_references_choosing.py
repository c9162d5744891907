"""Which reference file a stage gets: one named by hand, or the one that the one provider with an answer chooses."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.modeling.models import Shift
from astropy.table import Table
from iris_testkit import make_exposure, make_reference

from iris_core import (
    Candidate,
    Choice,
    Exposure,
    Need,
    Plugins,
    Problems,
    Reference,
    ReferenceNotFound,
    ReferenceType,
    calibrate,
    check,
    hookimpl,
    load_plugins,
    run,
    stage,
)
from iris_core.recipe import Recipe
from iris_core.references.choosing import RunReferences

Write = Callable[..., Path]
Install = Callable[..., None]
START = datetime(2026, 6, 1, tzinfo=UTC)
ALWAYS = ("INSTRUME", "DETECTOR")


class Types:
    """A plugin that declares a flat, and a dark whose read mode has to match."""

    @hookimpl
    def reference_types(self) -> list[ReferenceType]:
        """Return the types."""
        dark = ReferenceType(name="dark", selectors=(*ALWAYS, "READMODE"), firm=(*ALWAYS, "READMODE"), quantity="rate")
        return [ReferenceType(name="flat"), dark]


class Preferring:
    """A plugin that declares a dark which is best of the exposure time of the exposure."""

    @hookimpl
    def reference_types(self) -> list[ReferenceType]:
        """Return the type."""
        return [ReferenceType(name="dark", preferred=("EXPTIME",), quantity="rate")]


class Provider:
    """A provider that has one file for each type, ``<folder>/<type>.fits``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @hookimpl
    def find_reference(self, reftype: str) -> Reference | None:
        """Return the file of the type."""
        path = self.folder / f"{reftype}.fits"
        return Reference(reftype=reftype, path=path, provider=self.folder.name) if path.exists() else None

    @hookimpl
    def explain_reference(self) -> list[Candidate]:
        """Return a file that is always rejected."""
        return [Candidate(self.folder / "old.fits", "it is old")]


@pytest.fixture
def plugins(bare: Plugins) -> Plugins:
    bare.add("types", Types())
    return bare


@pytest.fixture
def provide(tmp_path: Path, plugins: Plugins) -> Callable[..., Provider]:
    """Return a function that adds a provider of a name with a flat of a value."""

    def add(name: str, value: float = 1.0, version: str = "", source: str = "") -> Provider:
        (tmp_path / name).mkdir()
        put(tmp_path / name, "flat.fits", value=value)
        provider = Provider(tmp_path / name)
        plugins.add(name, provider, version, source)
        return provider

    return add


def exposure(**meta: Any) -> Exposure:
    return make_exposure((2, 2), **{"pupil": "open", "start_time": START, **meta})


def put(folder: Path, name: str, reftype: str = "flat", value: float = 1.0, **keywords: Any) -> Path:
    """Write a reference file that fits `exposure()` but for `keywords`."""
    cards = {"FILTER": "Kbb", "PUPIL": "open", "READMODE": "DEFAULT", **keywords}
    unit = "electron/s" if reftype == "dark" else ""
    return make_reference(folder / name, reftype, np.full((2, 2), value), unit=unit, **cards).path


def open_references(plugins: Plugins, providers: tuple[str, ...] = (), **files: Path) -> RunReferences:
    places = {reftype: f"night.yaml, line {number}" for number, reftype in enumerate(files, 1)}
    recipe = Recipe(
        name="night", label="night.yaml", steps=(), references=files, reference_places=places, providers=providers
    )
    return RunReferences(recipe, plugins)


def choose(plugins: Plugins, reftype: str, of: Exposure | None = None, *, needed: bool = True, **named: Any) -> Choice:
    references = open_references(plugins, **named)
    mode = plugins.modes()["iris-imager"]
    return references.choose(Need("lab", reftype, needed, "night.yaml, line 9"), of or exposure(), mode)


def chosen(choice: Choice) -> Reference:
    assert choice.chosen is not None, choice.problem
    return choice.chosen


# By hand


def test_a_file_named_by_hand_is_used(tmp_path: Path, plugins: Plugins) -> None:
    path = put(tmp_path, "flat.fits")
    found = chosen(choose(plugins, "flat", flat=path))
    assert (found.path, found.provider, found.notes) == (path, "by hand", ())


def test_differences_of_a_file_named_by_hand_are_noted(tmp_path: Path, plugins: Plugins) -> None:
    path = put(tmp_path, "flat.fits", FILTER="J", READMODE="CDS", USEAFTER="2030-01-01")
    notes = chosen(choose(plugins, "flat", flat=path)).notes
    assert [note.split("although ")[1] for note in notes] == ["FILTER is J, not Kbb", "READMODE is CDS, not DEFAULT"]
    assert all("flat.fits" in note and "by hand" in note for note in notes)


def test_a_file_named_by_hand_may_be_used_for_an_exposure_without_keywords(tmp_path: Path, plugins: Plugins) -> None:
    path = put(tmp_path, "flat.fits")
    notes = chosen(choose(plugins, "flat", exposure(detector="", filter=""), flat=path)).notes
    assert [note.split("although ")[1].split(",")[0] for note in notes] == ["DETECTOR is IMG1", "FILTER is Kbb"]


@pytest.mark.parametrize(
    ("reftype", "keyword", "other"),
    [
        ("flat", "DETECTOR", "IMG2"),
        ("flat", "INSTRUME", "Liger"),
        ("dark", "READMODE", "CDS"),
        ("undeclared", "DETECTOR", "IMG2"),
    ],
)
def test_a_firm_selector_counts_even_by_hand(
    tmp_path: Path, plugins: Plugins, reftype: str, keyword: str, other: str
) -> None:
    keywords: dict[str, Any] = {keyword: other}
    named: dict[str, Any] = {reftype: put(tmp_path, "x.fits", reftype, **keywords)}
    problem = choose(plugins, reftype, **named).problem
    assert isinstance(problem, ReferenceNotFound)
    assert [
        one for one in (reftype, str(named[reftype]), "x_rate.fits", f"{keyword} is {other}") if one not in str(problem)
    ] == []


def test_a_file_of_another_type_is_refused_with_its_place(tmp_path: Path, plugins: Plugins) -> None:
    problem = str(choose(plugins, "flat", flat=put(tmp_path, "x.fits", "dark")).problem)
    assert re.search(r"night\.yaml, line 1: .*x\.fits is a dark .*REFTYPE.* a flat is needed", problem)


def test_a_file_without_a_type_is_used_and_the_case_of_a_type_does_not_count(tmp_path: Path, plugins: Plugins) -> None:
    for reftype in ("", "FLAT"):
        path = put(tmp_path, f"x{reftype}.fits", reftype)
        assert chosen(choose(plugins, "flat", flat=path)).path == path


def test_a_file_named_by_hand_goes_before_every_provider(
    tmp_path: Path, plugins: Plugins, provide: Callable[..., Provider]
) -> None:
    provide("lab-a")
    provide("lab-b")
    path = put(tmp_path, "mine.fits")
    assert chosen(choose(plugins, "flat", flat=path)).path == path


def test_missing_files_are_errors_with_their_places_before_anything_is_chosen(tmp_path: Path, plugins: Plugins) -> None:
    references = open_references(plugins, flat=tmp_path / "no.fits", dark=tmp_path / "none.fits")
    assert [re.sub(r"/.*/", "", str(one)) for one in references.problems] == [
        "night.yaml, line 1: no such flat reference file: no.fits",
        "night.yaml, line 2: no such dark reference file: none.fits",
    ]
    problem = choose(plugins, "flat", flat=tmp_path / "no.fits").problem
    assert str(problem) == str(references.problems[0])


@pytest.mark.parametrize(
    ("name", "kind"), [("x.fits", Exposure), ("x.ecsv", Table), ("x.asdf", Shift), ("x.fits.gz", Exposure)]
)
def test_the_kind_of_an_undeclared_type_is_known_by_the_suffix(
    tmp_path: Path, plugins: Plugins, name: str, kind: type
) -> None:
    path, keywords = tmp_path / name, {"INSTRUME": "IRIS", "DETECTOR": "IMG1", "REFTYPE": "mine"}
    if kind is Table:
        Table({"x": [1]}, meta=keywords).write(path)
    elif kind is Shift:
        asdf.AsdfFile({"model": Shift(1), "meta": {key.lower(): one for key, one in keywords.items()}}).write_to(path)
    else:
        put(tmp_path, name, "mine")
    assert isinstance(chosen(choose(plugins, "mine", mine=path)).content, kind)
    Table({"x": [1]}, meta={**keywords, "DETECTOR": "IMG2"}).write(tmp_path / "other.ecsv")
    assert "DETECTOR is IMG2" in str(choose(plugins, "mine", mine=tmp_path / "other.ecsv").problem)


def test_a_file_of_another_kind_than_its_type_is_an_error_with_its_name(tmp_path: Path, plugins: Plugins) -> None:
    Table({"x": [1]}).write(tmp_path / "flat.ecsv")
    assert "flat.ecsv" in str(choose(plugins, "flat", flat=tmp_path / "flat.ecsv").problem)


def test_a_named_file_that_no_step_would_use_is_an_error_with_its_place(tmp_path: Path, plugins: Plugins) -> None:
    path = put(tmp_path, "x.fits")
    references = open_references(plugins, flat=path, dark=path, falt=path, store=tmp_path)
    used, skipped = [Need("flat_field", "flat", True)], [Need("dark_current", "dark", True)]
    dark, typo = map(str, references.unused(used, skipped))
    assert re.search(r"line 2: .*'dark'.* dark_current is skipped", dark)
    assert re.search(r"line 3: .*'falt'.* 'flat'\?", typo)


# Providers


def test_the_answer_of_the_one_provider_that_has_one_is_used(
    plugins: Plugins, provide: Callable[..., Provider]
) -> None:
    provider = provide("lab")
    (provide("empty").folder / "flat.fits").unlink()
    found = chosen(choose(plugins, "flat"))
    assert (found.path, found.provider) == (provider.folder / "flat.fits", "lab")
    assert isinstance(found.content, Exposure)


@pytest.mark.parametrize("names", [("a-lab", "b-crds"), ("a-crds", "b-lab")])
def test_two_answers_are_an_error_that_names_both_with_their_distributions(
    plugins: Plugins, provide: Callable[..., Provider], names: tuple[str, str]
) -> None:
    """The order of their names plays no part."""
    for number, name in enumerate(names):
        provide(name, version=f"1.{number}", source=f"dist-of-{name}")
    problem = str(choose(plugins, "flat").problem)
    facts = [f"{name} (dist-of-{name} 1.{number})" for number, name in enumerate(names)]
    assert [fact for fact in ("flat", "x_rate.fits", "providers", "--reference", *facts) if fact not in problem] == []


def test_two_answers_are_an_error_even_where_the_reference_is_optional(
    plugins: Plugins, provide: Callable[..., Provider]
) -> None:
    provide("lab-a")
    provide("lab-b")
    assert "lab-a, lab-b" in str(choose(plugins, "flat", needed=False).problem)


def test_the_recipe_chooses_among_providers_and_their_order_counts(
    plugins: Plugins, provide: Callable[..., Provider]
) -> None:
    (provide("lab-a").folder / "flat.fits").unlink()
    provide("lab-b")
    provide("lab-c")
    assert chosen(choose(plugins, "flat", providers=("lab-b",))).provider == "lab-b"
    assert chosen(choose(plugins, "flat", providers=("lab-c", "lab-b"))).provider == "lab-c"
    assert chosen(choose(plugins, "flat", providers=("lab-a", "lab-b"))).provider == "lab-b"


def test_candidates_of_a_provider_that_is_not_asked_are_not_listed(
    plugins: Plugins, provide: Callable[..., Provider]
) -> None:
    for name in ("lab-a", "lab-b"):
        (provide(name).folder / "flat.fits").unlink()
    assert [one.path.parent.name for one in choose(plugins, "flat").rejected] == ["lab-a", "lab-b"]
    assert [one.path.parent.name for one in choose(plugins, "flat", providers=("lab-b",)).rejected] == ["lab-b"]


def test_a_provider_that_is_not_there_is_an_error_that_names_those_that_are(
    plugins: Plugins, provide: Callable[..., Provider]
) -> None:
    provide("lab-refs")
    (problem,) = open_references(plugins, providers=("lab-resf",)).problems
    assert re.search(r"night\.yaml: .*'lab-resf'.*'lab-refs'\?", str(problem))
    (problem,) = open_references(plugins, providers=("types",)).problems
    assert "'types'" in str(problem)


def test_a_provider_that_fails_is_a_problem_of_the_exposure(plugins: Plugins) -> None:
    class Broken:
        @hookimpl
        def find_reference(self) -> Reference:
            """Fail."""
            raise OSError("the archive is down")

    plugins.add("broken", Broken())
    problem = str(choose(plugins, "flat").problem)
    assert [one for one in ("night.yaml, line 9", "x_rate.fits", "archive is down") if one not in problem] == []


def test_a_provider_whose_file_cannot_be_read_is_a_problem_with_the_file(
    plugins: Plugins, provide: Callable[..., Provider]
) -> None:
    (provide("lab").folder / "flat.fits").write_bytes(b"no fits at all")
    assert "lab/flat.fits" in str(choose(plugins, "flat").problem)


def test_where_there_is_none_the_error_has_the_stage_and_the_rejected_candidates(
    plugins: Plugins, provide: Callable[..., Provider]
) -> None:
    provide("lab")
    choice = choose(plugins, "dark")
    assert isinstance(choice.problem, ReferenceNotFound)
    facts = ("night.yaml, line 9", "lab", "dark", "x_rate.fits", "lab/old.fits: it is old", "--reference dark=FILE")
    assert [one for one in facts if one not in str(choice.problem)] == []
    assert [one.reason for one in choice.rejected] == ["it is old"]
    optional = choose(plugins, "dark", needed=False)
    assert (optional.chosen, optional.problem) == (None, None)
    assert [one.reason for one in optional.rejected] == ["it is old"]


def test_without_any_provider_the_error_names_no_candidate(plugins: Plugins) -> None:
    assert "Candidates: none" in str(choose(plugins, "flat").problem)


# The folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "calib").mkdir()
    return put(tmp_path / "calib", "right.fits").parent


def test_a_folder_is_searched_by_headers(plugins: Plugins, folder: Path) -> None:
    found = chosen(choose(plugins, "flat", store=folder))
    assert (found.path, found.provider) == (folder / "right.fits", "folder")


def test_a_folder_that_the_recipe_names_goes_before_installed_providers(
    plugins: Plugins, provide: Callable[..., Provider], folder: Path
) -> None:
    provide("lab")
    assert chosen(choose(plugins, "flat", store=folder)).path == folder / "right.fits"


@pytest.mark.parametrize(
    ("providers", "provider"), [(("lab",), "folder"), (("lab", "store"), "lab"), (("store", "lab"), "folder")]
)
def test_a_folder_and_providers_are_asked_in_the_order_of_the_recipe(
    plugins: Plugins, provide: Callable[..., Provider], folder: Path, providers: tuple[str, ...], provider: str
) -> None:
    """A folder that `providers` does not have is asked first."""
    provide("lab")
    found = chosen(choose(plugins, "flat", store=folder, providers=providers))
    assert found.provider.split()[0] == provider


def test_a_folder_that_does_not_exist_is_an_error_with_its_place(plugins: Plugins, tmp_path: Path) -> None:
    (problem,) = open_references(plugins, store=tmp_path / "no").problems
    assert re.search(r"night\.yaml, line 1: .*/no$", str(problem))


def test_a_recipe_that_asks_a_folder_it_does_not_name_is_an_error(
    plugins: Plugins, provide: Callable[..., Provider]
) -> None:
    """Otherwise every provider would be asked."""
    provide("lab")
    (problem,) = open_references(plugins, providers=("store",)).problems
    assert re.search(r"night\.yaml: .*store", str(problem))


def test_the_environment_names_a_folder_where_nothing_else_does(
    plugins: Plugins, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRIS_REFERENCES", str(folder))
    assert chosen(choose(plugins.copy(), "flat")).path == folder / "right.fits"
    (tmp_path / "other").mkdir()
    other = put(tmp_path / "other", "other.fits")
    assert chosen(choose(plugins.copy(), "flat", store=other.parent)).path == other
    monkeypatch.setenv("IRIS_REFERENCES", str(tmp_path / "no"))
    (problem,) = open_references(plugins.copy()).problems
    assert re.search(r"IRIS_REFERENCES: .*/no$", str(problem))


def test_a_folder_in_the_environment_is_one_provider_among_others(
    plugins: Plugins, provide: Callable[..., Provider], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sets it for every session has not chosen it over what a recipe's site has installed."""
    provide("lab", version="1.0", source="lab-refs")
    monkeypatch.setenv("IRIS_REFERENCES", str(folder))
    problem = str(choose(plugins.copy(), "flat").problem)
    assert [one for one in ("lab (lab-refs 1.0)", f"store ({folder})") if one not in problem] == []
    assert chosen(choose(plugins.copy(), "flat", providers=("store",))).path == folder / "right.fits"
    assert chosen(choose(plugins.copy(), "flat", providers=("lab",))).provider == "lab"


def test_a_package_may_open_folders_of_its_own_kind(
    plugins: Plugins, provide: Callable[..., Provider], folder: Path
) -> None:
    own = provide("lab")
    plugins.manager.unregister(own)
    del plugins.origins["lab"]

    class Opener:
        @hookimpl
        def open_store(self, folder: Path) -> object | None:
            """Open folders with a list."""
            return own if (folder / "list.txt").exists() else None

    plugins.add("opener", Opener())
    assert chosen(choose(plugins.copy(), "flat", store=folder)).path == folder / "right.fits"
    (folder / "list.txt").touch()
    assert chosen(choose(plugins.copy(), "flat", store=folder)).provider == "lab"


# In a run


@stage("flat_field", references=("flat",))
def divide(exposure: Exposure, references: Any) -> Exposure:
    return exposure.scale(1 / references["flat"].image(exposure).data)


PROVIDER = """\
from pathlib import Path
from iris_core import Reference, hookimpl

@hookimpl
def find_reference(reftype):
    return Reference(reftype=reftype, path=Path({path!r}), provider="lab") if reftype == "flat" else None
"""


def with_stage(plugins: Plugins) -> Plugins:
    module = ModuleType("lab_flat")
    module.__dict__["divide"] = divide
    plugins.add("lab-flat", module)
    return plugins


def test_of_two_installed_providers_the_recipe_or_the_command_line_chooses(
    tmp_path: Path, install: Install, write_recipe: Write, write_exposure: Write
) -> None:
    for name, value in (("lab-refs", 2.0), ("crds", 4.0)):
        path = put(tmp_path, f"{name}.fits", value=value)
        install(name, PROVIDER.format(path=str(path)), version="1.3")
    plugins = with_stage(load_plugins(only=("iris-imager", "lab-refs", "crds")))
    files = write_exposure(shape=(2, 2), value=8.0)
    with pytest.raises(Problems, match=r"crds \(crds 1\.3\), lab-refs \(lab-refs 1\.3\)"):
        run(write_recipe(), files, plugins=plugins)
    chosen_by_recipe = write_recipe("flat_field", "references: {providers: [crds]}")
    assert calibrate(exposure(value=8.0), chosen_by_recipe, plugins=plugins)["cal"].data[0, 0] == 2
    by_hand = {"flat": tmp_path / "lab-refs.fits"}
    assert calibrate(exposure(value=8.0), write_recipe(), plugins=plugins, references=by_hand)["cal"].data[0, 0] == 4


def test_a_check_has_each_choice_and_every_error_of_every_exposure(
    tmp_path: Path, plugins: Plugins, folder: Path, write_recipe: Write, write_exposure: Write
) -> None:
    good = write_exposure("good_rate.fits", shape=(2, 2), header={"PUPIL": "open"})
    bad = write_exposure("bad_rate.fits", shape=(2, 2), header={"FILTER": "J", "PUPIL": "open"})
    checked = check(write_recipe(), good, bad, plugins=with_stage(plugins), references={"store": folder})
    (plan,) = checked.plans.values()
    (choice,) = plan.steps[0].choices
    assert chosen(choice).path == folder / "right.fits"
    assert folder / "right.fits" in plan.inputs
    (error,) = checked.errors
    assert re.search(r"bad_rate\.fits .*right\.fits: FILTER is Kbb, not J", str(error))


@pytest.mark.parametrize("how", ["by hand", "folder"])
def test_a_dark_of_another_exposure_time_is_noted(bare: Plugins, tmp_path: Path, how: str) -> None:
    bare.add("types", Preferring())
    (tmp_path / "refs").mkdir()
    path = tmp_path / "refs" / "d.fits"
    make_reference(path, "dark", np.ones((4, 4)), unit="electron/s", EXPTIME=10.0, COADDS=2)
    named = {"dark": path} if how == "by hand" else {"store": tmp_path / "refs"}
    (note,) = chosen(choose(bare, "dark", make_exposure((4, 4), exposure_time=100.0), **named)).notes
    assert [fact for fact in ("d.fits", "EXPTIME is 10, not 100") if fact not in note] == []
