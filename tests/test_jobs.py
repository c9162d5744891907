"""From the files of a run to the exposures to calibrate: associations, background exposures, each for the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from iris_core import Job, Plugins, ReferenceType, hookimpl
from iris_core.workers.jobs import read_jobs


def member(name: str, kind: str = "science") -> dict[str, str]:
    return {"expname": name, "exptype": kind}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("x_rate.fits", "y_rate.fits", "z_rate.fits"):
        (tmp_path / name).touch()
    return tmp_path


def write(folder: Path, *products: Any) -> Path:
    path = folder / "asn.json"
    path.write_text(json.dumps({"asn_type": "image2", "products": list(products)}))
    return path


def test_files_and_associations_can_be_mixed_and_all_mistakes_are_found(bare: Plugins, folder: Path) -> None:
    path = write(folder, {"name": "one", "members": [member("x_rate.fits")]})
    (folder / "bad.json").write_text("{")
    jobs = read_jobs([folder / "z_rate.fits", path, folder / "bad.json", folder / "no.json"], [], bare)
    assert [job.path.name for job in jobs] == ["z_rate.fits", "x_rate.fits", "bad.json", "no.json"]
    assert [bool(job.problem) for job in jobs] == [False, False, True, True]
    assert jobs[-1].problem == f"{folder / 'no.json'}: no such file"


def test_backgrounds_of_the_command_line_are_those_of_files_not_of_associations(bare: Plugins, folder: Path) -> None:
    path = write(folder, {"name": "one", "members": [member("x_rate.fits")]})
    jobs = read_jobs([folder / "z_rate.fits", path], [folder / "y_rate.fits"], bare)
    assert not any(job.problem for job in jobs)
    assert [job.backgrounds for job in jobs] == [(folder / "y_rate.fits",), ()]


def test_with_others_each_exposure_has_all_the_other_ones(bare: Plugins) -> None:
    files = [Path("a"), Path("b"), Path("c")]
    jobs = read_jobs(files, [], bare, use_others=True)
    assert [job.backgrounds for job in jobs] == [
        (Path("b"), Path("c")),
        (Path("a"), Path("c")),
        (Path("a"), Path("b")),
    ]


def test_one_exposure_has_no_others(bare: Plugins) -> None:
    (job,) = read_jobs([Path("a")], [], bare, use_others=True)
    assert job.problem.startswith("a: the recipe takes the other exposures as background exposures")


def test_backgrounds_that_were_named_go_before_the_others(bare: Plugins) -> None:
    jobs = read_jobs([Path("a"), Path("b")], [Path("sky")], bare, use_others=True)
    assert [job.backgrounds for job in jobs] == [(Path("sky"),)] * 2


@pytest.mark.parametrize(
    ("backgrounds", "words"),
    [
        (["x_rate.fits"], "its own background"),
        (["./x_rate.fits", "y_rate.fits"], "its own background"),
        (["y_rate.fits", "sub/../y_rate.fits"], "y_rate.fits"),
    ],
)
def test_an_exposure_cannot_be_its_own_background_nor_one_count_twice(
    bare: Plugins, folder: Path, backgrounds: list[str], words: str
) -> None:
    (folder / "sub").mkdir()
    (job,) = read_jobs([folder / "x_rate.fits"], [folder / name for name in backgrounds], bare)
    assert words in job.problem
    assert str(folder / "x_rate.fits") in job.problem


def test_a_member_outside_the_folder_is_allowed_on_request(bare: Plugins, folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    path = write(inner, {"name": "p", "members": [member("../x_rate.fits")]})
    assert [bool(job.problem) for job in read_jobs([path], [], bare)] == [True]
    assert [bool(job.problem) for job in read_jobs([path], [], bare, allow_outside=True)] == [False]


def test_an_exposure_that_failed_already_is_no_background_of_others(bare: Plugins, folder: Path) -> None:
    bad = write(folder, {"name": "bad", "members": []})
    jobs = read_jobs([folder / "x_rate.fits", bad, folder / "y_rate.fits"], [], bare, use_others=True)
    assert [job.backgrounds for job in jobs if not job.problem] == [
        (folder / "y_rate.fits",), (folder / "x_rate.fits",),
    ]  # fmt: skip


class Lists:
    """Reads lists of files, one a line."""

    @hookimpl
    def read_association(self, path: Path) -> list[Job] | None:
        if path.suffix != ".list":
            return None
        return [Job(path.parent / line, name=f"p{number}") for number, line in enumerate(path.read_text().split())]


def test_a_plugin_may_read_associations_of_another_format(bare: Plugins, folder: Path) -> None:
    bare.add("lab", Lists())
    (folder / "night.list").write_text("x_rate.fits y_rate.fits")
    jobs = read_jobs([folder / "night.list", folder / "z_rate.fits"], [], bare)
    assert [(job.path.name, job.name) for job in jobs] == [
        ("x_rate.fits", "p0"), ("y_rate.fits", "p1"), ("z_rate.fits", ""),
    ]  # fmt: skip


ROLES = {"flat": (1, None), "flat_off": (0, None)}


def test_files_of_a_recipe_for_many_are_one_group_in_its_first_role(bare: Plugins, folder: Path) -> None:
    files = [folder / "x_rate.fits", folder / "y_rate.fits"]
    (job,) = read_jobs(files, [], bare, roles=ROLES)
    assert job.members == (("flat", files[0]), ("flat", files[1]))
    assert job.path == files[0]
    assert not job.problem


def test_each_product_of_an_association_is_a_group_and_the_files_beside_it_another(bare: Plugins, folder: Path) -> None:
    flats = [member("x_rate.fits", "flat"), member("y_rate.fits", "flat_off")]
    path = write(folder, {"name": "K", "members": flats})
    own, listed = read_jobs([path, folder / "z_rate.fits"], [], bare, roles=ROLES)
    assert own.members == (("flat", folder / "z_rate.fits"),)
    assert [role for role, _ in listed.members] == ["flat", "flat_off"]
    assert listed.name == "K"


def test_background_members_are_those_of_every_exposure_and_reference_files_are_apart(
    bare: Plugins, folder: Path
) -> None:
    bare.add("lab", Types())
    members = [member("x_rate.fits"), member("y_rate.fits", "background"), member("z_rate.fits", "refcat")]
    path = write(folder, {"name": "deep", "members": members})
    roles = {"science": (1, None), "background": (0, None), "refcat": (0, 1)}
    (job,) = read_jobs([path], [], bare, roles=roles)
    assert job.members == (("science", folder / "x_rate.fits"),)
    assert job.backgrounds == (folder / "y_rate.fits",)
    assert job.references == (("refcat", folder / "z_rate.fits"),)


class Types:
    """A plugin with a type of reference files."""

    @hookimpl
    def reference_types(self) -> list[ReferenceType]:
        return [ReferenceType(name="refcat", kind="table"), ReferenceType(name="science")]


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (["flat_off"], "0 flat; the recipe takes flat (1 or more), flat_off (0 or more)"),
        (["flat", "lamp"], "1 lamp; the recipe takes"),
        (["flat", "science"], "1 science; the recipe takes"),
    ],
)
def test_wrong_roles_and_numbers_are_named(bare: Plugins, folder: Path, kinds: list[str], words: str) -> None:
    names = ("x_rate.fits", "y_rate.fits", "z_rate.fits")
    members = [member(name, kind) for name, kind in zip(names, kinds, strict=False)]
    (job,) = read_jobs([write(folder, {"name": "K", "members": members})], [], bare, roles=ROLES)
    assert job.problem == f"K: {words}" or job.problem.startswith(f"K: {words}")


def test_many_science_exposures_are_refused_by_a_recipe_for_one(bare: Plugins, folder: Path) -> None:
    path = write(folder, {"name": "p", "members": [member("x_rate.fits"), member("y_rate.fits")]})
    (job,) = read_jobs([path], [], bare)
    assert "x_rate.fits (science), y_rate.fits (science); the recipe takes one science exposure" in job.problem


def test_an_exposure_that_is_a_member_twice_is_named(bare: Plugins, folder: Path) -> None:
    path = write(folder, {"name": "K", "members": [member("x_rate.fits", "flat"), member("x_rate.fits", "flat_off")]})
    (job,) = read_jobs([path], [], bare, roles=ROLES)
    assert "exposures named more than once" in job.problem
    assert "x_rate.fits" in job.problem
