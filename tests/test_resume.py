"""A run that is started again keeps what it would make the same, and says of the rest why it is made anew."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from iris_testkit import make_reference

from iris_core import (
    Exposure,
    Identity,
    Job,
    Params,
    Plugins,
    References,
    Report,
    check,
    key_of,
    parameter,
    read_exposure,
    read_fits,
    records_of,
    run,
    stage,
)
from iris_core.plugins import Origin
from iris_core.prepare import start_run
from iris_core.recipe import Overrides
from iris_core.workers.code import Code
from iris_core.workers.identity import identify
from iris_core.workers.resume import key_differences

Write = Callable[..., Path]


class Offset(Params):
    """Parameters of the stage."""

    by: float = parameter(1.0, "What is subtracted.")


@stage("flat_field", references=("flat",))
def divide(exposure: Exposure, references: References) -> Exposure:
    return exposure.scale(1 / references["flat"].image(exposure).data)


@stage("dark_current", params=Offset)
def subtract(exposure: Exposure, params: Offset) -> Exposure:
    return exposure.replace(data=exposure.data - params.by)


@pytest.fixture
def night(lab: Callable[..., Plugins], write_recipe: Write, write_exposure: Write, tmp_path: Path) -> dict[str, Any]:
    """Return a recipe of two stages, each with its product, two exposures, and what else a run is given."""
    recipe = write_recipe("dark_current: {save: dark}, flat_field")
    files = [write_exposure(f"{name}_rate.fits", value=value) for name, value in (("a", 5.0), ("b", 7.0))]
    make_reference(tmp_path / "flat.fits", "flat", np.full((8, 9), 2.0))
    return {
        "recipe": recipe,
        "files": files,
        "plugins": lab(flat_field=divide, dark_current=subtract),
        "references": {"flat": tmp_path / "flat.fits"},
        "directory": tmp_path / "out",
    }


def again(night: dict[str, Any], **options: Any) -> Report:
    given = {**night, **options}
    return run(given.pop("recipe"), *given.pop("files"), **given)


def kept(report: Report) -> list[str]:
    assert not report.failed
    return [result.name for result in report.results if result.kept]


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.fits")}


def test_what_is_there_is_kept_and_its_products_are_named(night: dict[str, Any]) -> None:
    first = again(night)
    before = {path: path.stat().st_mtime_ns for path in first.products}
    second = again(night, resume=True)
    assert kept(second) == ["a_rate.fits", "b_rate.fits"]
    assert second.products == first.products
    assert second.results[0].products.keys() == {"dark", "cal"}
    assert {path: path.stat().st_mtime_ns for path in first.products} == before


def test_without_it_products_are_in_the_way_and_other_files_are_even_with_it(night: dict[str, Any]) -> None:
    again(night)
    assert again_fails(night)
    foreign = night["directory"] / "a_cal.fits"
    shutil.copy(night["files"][0], foreign)
    report = again(night, resume=True)
    assert [result.name for result in report.failed] == ["a_rate.fits"]
    assert "exists" in report.failed[0].error
    assert foreign.read_bytes() == night["files"][0].read_bytes()


def again_fails(night: dict[str, Any], **options: Any) -> bool:
    given = {**night, **options}
    return not check(given.pop("recipe"), *given.pop("files"), **given)


CHANGES = {
    "exposure": "a_rate.fits changed",
    "flat": "the reference flat changed",
    "parameter": "step dark_current: by 1.0 -> 2.0",
    "skip": "step dark_current",
    "cut": "damaged or cut",
    "deleted": "a product is missing",
    "one of another run": "different runs",
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.items(), ids=str)
def test_what_differs_is_made_anew_and_named(
    night: dict[str, Any], write_exposure: Write, caplog: pytest.LogCaptureFixture, change: str, reason: str
) -> None:
    products, options = again(night).products, {}
    own = [path for path in products if path.name.startswith("a_")]
    if change == "exposure":
        write_exposure("a_rate.fits", value=6.0)
    elif change == "flat":
        make_reference(night["references"]["flat"], "flat", np.full((8, 9), 4.0))
    elif change == "parameter":
        options = {"params": {"dark_current.by": 2.0}}
    elif change == "skip":
        options = {"skip": {"dark_current": "why not"}}
    elif change == "cut":
        own[0].write_bytes(own[0].read_bytes()[:-3000])
    elif change == "deleted":
        own[1].unlink()
    else:
        shutil.copy(products[2], own[0])
    others = [] if change in ("flat", "parameter", "skip") else ["b_rate.fits"]
    assert kept(again(night, resume=True, **options)) == others
    assert reason in caplog.text
    undisturbed = again(night, directory=night["directory"].with_name("undisturbed"), **options)
    assert hashes(night["directory"]) == hashes(undisturbed.products[0].parent) | (
        {name: digest for name, digest in hashes(night["directory"]).items() if "_dark" in name}
        if change == "skip"
        else {}
    )
    assert kept(again(night, resume=True, **options)) == ["a_rate.fits", "b_rate.fits"]


@pytest.mark.parametrize("change", ["touch", "folder", "another name of the store", "no cache", "broken cache"])
def test_what_changes_no_pixel_changes_nothing(night: dict[str, Any], tmp_path: Path, change: str) -> None:
    again(night)
    again(night, resume=True)
    cache = night["directory"] / ".iris-hashes.json"
    assert json.loads(cache.read_text())
    if change == "touch":
        night["files"][0].touch()
    elif change == "folder":
        night["directory"] = night["directory"].rename(tmp_path / "moved")
    elif change == "no cache":
        cache.unlink()
    elif change == "broken cache":
        cache.write_text('{"x": 3')
    else:
        moved = tmp_path / "calib" / "the_flat.fits"
        moved.parent.mkdir()
        night["references"] = {"flat": night["references"]["flat"].rename(moved)}
    if change != "another name of the store":  # the header of the product names the file
        assert kept(again(night, resume=True)) == ["a_rate.fits", "b_rate.fits"]


def test_limits_beyond_which_a_number_is_a_warning_are_not_in_the_key(night: dict[str, Any]) -> None:
    given = start_run(night["recipe"], Overrides(references=night["references"]), night["plugins"])
    plan = given.plan_one(Job(night["files"][0]))
    other = replace(plan, mode=replace(plan.mode, quality={"SKYRMS": (0.0, 1.0)}))
    scaled = replace(plan, mode=replace(plan.mode, pixel_scale=9.0))
    keys = [identify(one, given, [], []).key for one in (plan, other, scaled)]
    assert keys[0] == keys[1] != keys[2]


def test_a_key_that_differs_in_what_has_no_words_is_another(
    night: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    products = [path for path in again(night).products if path.name.startswith("a_")]
    for path in products:
        content = path.read_bytes()
        key = key_of(path).encode()
        path.write_bytes(content.replace(key, bytes(reversed(key))))
    assert kept(again(night, resume=True)) == ["b_rate.fits"]
    assert "nobody can say why" in caplog.text


def test_a_check_tells_the_same_and_writes_nothing(night: dict[str, Any], write_exposure: Write) -> None:
    again(night)
    write_exposure("a_rate.fits", value=6.0)
    before = hashes(night["directory"])
    given = dict(night)
    found = check(given.pop("recipe"), *given.pop("files"), resume=True, **given)
    standing = {job.path.name: (one.kept is not None, one.reasons) for job, one in found.standing.items()}
    assert standing == {"a_rate.fits": (False, ("a_rate.fits changed",)), "b_rate.fits": (True, ())}
    assert hashes(night["directory"]) == before


COMPONENTS: dict[str, Any] = {
    "recipe": [["flat_field", "iris-flat", {"inverse": False}], ["with"]],
    "references": [["flat", "f" * 64]],
    "code": {"iris-flat": "0.2.0 a1b2c3d4e5f60718"},
    "libraries": {"numpy": "2.4.1"},
    "mode": ["iris-imager", "1" * 64],
    "format": [2, [".fits"]],
}
MEMBERS = [{"file": "a.fits", "role": "science", "sha256": "0" * 64}]


@pytest.mark.parametrize(
    ("component", "value", "words"),
    [
        ("code", {"iris-flat": "0.2.1 77f4000000000000"}, "iris-flat 0.2.0 (a1b2c3) -> 0.2.1 (77f400)"),
        ("code", {"iris-flat": "0.2.0 77f4000000000000"}, "iris-flat 0.2.0 (a1b2c3) -> 0.2.0 (77f400)"),
        ("libraries", {"numpy": "2.4.2"}, "numpy 2.4.1 -> 2.4.2"),
        ("libraries", {}, "numpy 2.4.1 -> none"),
        ("mode", ["iris-imager", "2" * 64], "the instrument mode changed"),
        ("format", [3, [".fits"]], "the format of the products changed"),
        ("recipe", [["with"]], "step flat_field is gone"),
        ("recipe", [["flat_field", "lab", {"inverse": False}], ["with"]], "step flat_field: iris-flat -> lab"),
        ("recipe", [["flat_field", "", "skipped"], ["with"]], "step flat_field: iris-flat -> skipped"),
        ("references", [["flat", "e" * 64]], "the reference flat changed"),
    ],
)
def test_each_component_is_named_and_can_be_accepted(component: str, value: Any, words: str) -> None:
    before = {"key": COMPONENTS, "members": MEMBERS}
    now = Identity({**COMPONENTS, component: value}, MEMBERS)
    assert list(key_differences(before, now.provenance)) == [words]
    assert list(key_differences(before, now.provenance, [component])) == []
    assert now.key != Identity(COMPONENTS, MEMBERS).key
    if component in ("code", "libraries"):
        assert list(key_differences(before, now.provenance, list(COMPONENTS[component]))) == []


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([{"file": "a.fits", "role": "science", "sha256": "1" * 64}], "a.fits changed"),
        ([*MEMBERS, {"file": "b.fits", "role": "science", "sha256": "1" * 64}], "b.fits is new"),
        ([], "a.fits is gone"),
    ],
)
def test_exposures_that_come_and_go_are_named(members: list[dict[str, str]], words: str) -> None:
    before = {"key": COMPONENTS, "members": MEMBERS}
    assert list(key_differences(before, Identity(COMPONENTS, members).provenance)) == [words]


def test_the_order_of_the_members_counts_for_one_exposure_and_not_for_many() -> None:
    other = {"file": "b.fits", "role": "background", "sha256": "1" * 64}
    third = {**other, "sha256": "2" * 64}
    one, turned = ([*MEMBERS, *pair] for pair in ((other, third), (third, other)))
    assert Identity(COMPONENTS, one).key != Identity(COMPONENTS, turned).key
    assert Identity(COMPONENTS, one, is_group=True).key == Identity(COMPONENTS, turned, is_group=True).key


@pytest.mark.parametrize("is_group", [False, True])
def test_the_key_fits_what_a_product_keeps_and_nothing_else(is_group: bool) -> None:
    left = [{"file": "b.fits", "role": "science", "sha256": "1" * 64}]
    key = Identity(COMPONENTS, [*left, *MEMBERS], is_group).key
    kept = {"key": COMPONENTS, "members": MEMBERS, "left_out": left}
    assert Identity.fits(kept, key) is is_group, "of one exposure the order counts"
    assert Identity.fits({**kept, "members": [*left, *MEMBERS], "left_out": []}, key)
    assert not Identity.fits({**kept, "key": {**COMPONENTS, "recipe": []}}, key)
    assert not Identity.fits({}, key)


@pytest.mark.parametrize("ending", ["fits", "asdf"])
def test_records_are_those_of_the_exposure_without_its_pixels(night: dict[str, Any], ending: str) -> None:
    path = again(night, format=ending).products[1]
    records, exposure = records_of(path), read_exposure(path)
    assert records["history"] == exposure.history
    assert records["provenance"] == exposure.provenance
    assert records_of(path.with_suffix(".ecsv")) == {}


@pytest.mark.parametrize("ending", ["fits", "asdf"])
def test_two_runs_give_the_same_bytes_wherever_they_are(night: dict[str, Any], tmp_path: Path, ending: str) -> None:
    made = [again(night, directory=tmp_path / name, format=ending).products for name in ("one", "two")]
    for first, second in zip(*made, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_a_product_keeps_names_and_hashes_and_no_folders(night: dict[str, Any], tmp_path: Path) -> None:
    product = again(night).products[1]
    assert str(tmp_path).encode() not in product.read_bytes()
    provenance = read_fits(product).provenance
    (member,) = provenance["members"]
    assert member == {
        "file": "a_rate.fits",
        "role": "science",
        "sha256": sha256(night["files"][0].read_bytes()).hexdigest(),
    }
    flat = sha256(night["references"]["flat"].read_bytes()).hexdigest()
    assert provenance["key"]["references"] == [["flat", flat]]


def test_the_code_of_editable_packages_is_known_by_its_files_and_that_of_others_by_its_version() -> None:
    libraries = Code().of_libraries(["iris-sky", "iris-resample"])
    assert libraries["numpy"] == version("numpy")
    number, digest = libraries["iris-background"].split()
    assert number == version("iris-background")
    assert len(digest) == 16
    assert "iris-sky" not in libraries


def test_a_changed_line_is_another_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "my_stage"
    package.mkdir()
    (package / "__init__.py").write_text("A = 1\n")
    (package / "__pycache__").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    plugin, origin = SimpleNamespace(__name__="my_stage.plugin"), Origin("1.0", "my-stage")
    first = Code().of(origin, plugin)
    (package / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert Code().of(origin, plugin) == first
    (package / "numbers.yaml").write_text("gain: 2\n")
    assert Code().of(origin, plugin) != first
    assert Code().of(Origin("1.0", "my-stage"), SimpleNamespace(__name__="no_such_module")).startswith("1.0 ")


def test_what_has_no_files_is_the_same_in_no_other_process() -> None:
    assert str(os.getpid()) in Code().of(Origin(), object())
    assert Code().of(Origin("1.0", "my.py", "a" * 64), object()) == "a" * 64
