"""Association files: each product is one exposure with its background exposures, and what is wrong is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_core import Job
from iris_core.io.association import read_asn, write_asn


def member(name: str, kind: str = "science") -> dict[str, str]:
    return {"expname": name, "exptype": kind}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("x_rate.fits", "y_rate.fits", "z_rate.fits"):
        (tmp_path / name).touch()
    return tmp_path


def write(folder: Path, *products: Any, **further: Any) -> Path:
    path = folder / "asn.json"
    path.write_text(json.dumps({"asn_type": "image2", "products": list(products), **further}))
    return path


def test_each_product_is_one_run_and_paths_are_relative_to_the_association(folder: Path) -> None:
    path = write(
        folder,
        {"name": "one", "members": [member("x_rate.fits"), member("y_rate.fits", "background")]},
        {"name": "two", "members": [member("z_rate.fits")], "what_else": 1},
        asn_id="a3001",
    )
    assert read_asn(path) == [
        Job(folder / "x_rate.fits", (folder / "y_rate.fits",), "one"),
        Job(folder / "z_rate.fits", (), "two"),
    ]


@pytest.mark.parametrize(
    ("product", "words"),
    [
        ({"name": "p", "members": []}, "product 'p' has no members"),
        ({"name": "p", "members": [member("missing.fits")]}, "product 'p': no such file: "),
        ({"name": "p", "members": [member("x_rate.fits"), member("missing.fits", "background")]}, "missing.fits"),
        ({"name": "p", "members": [member("x_rate.fits", "")]}, "members.0.exptype: "),
        ({"name": "p"}, "products.0.members: "),
        ({"members": []}, "products.0.name: "),
        ("p", "products.0: "),
    ],
)  # fmt: skip
def test_a_product_that_is_not_right_is_named(folder: Path, product: Any, words: str) -> None:
    path = write(folder, product)
    (job,) = read_asn(path)
    assert job.problem.startswith(f"{path}: ")
    assert words in job.problem


@pytest.mark.parametrize("name", ["../far_rate.fits", "deep/../../far_rate.fits", "{folder}/far_rate.fits"])
def test_a_member_outside_the_folder_needs_to_be_allowed(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    (tmp_path / "far_rate.fits").touch()
    path = write(inner, {"name": "p", "members": [member(name.format(folder=tmp_path))]})
    (job,) = read_asn(path)
    assert re.search(r"product 'p': .*far_rate.fits.*--allow-outside", job.problem)
    (job,) = read_asn(path, allow_outside=True)
    assert job.problem == ""
    assert job.path.resolve() == (tmp_path / "far_rate.fits").resolve()


@pytest.mark.parametrize("name", ["deep/x_rate.fits", "./deep/../x_rate.fits", "l_rate.fits", "{folder}/x_rate.fits"])
def test_a_member_below_the_folder_is_inside_and_so_is_a_link(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    for path in (tmp_path / "far", inner / "x_rate.fits", inner / "deep" / "x_rate.fits"):
        path.touch()
    (inner / "l_rate.fits").symlink_to(tmp_path / "far")
    (job,) = read_asn(write(inner, {"name": "p", "members": [member(name.format(folder=inner))]}))
    assert job.problem == ""


def test_members_of_any_role_and_number_are_kept_in_their_order_whatever_the_case(folder: Path) -> None:
    members = [member("x_rate.fits", "FLAT"), member("y_rate.fits", "flat_off"), member("z_rate.fits", "Flat")]
    (job,) = read_asn(write(folder, {"name": "p", "members": members}, asn_type="create-flat"))
    names = ("x_rate.fits", "y_rate.fits", "z_rate.fits")
    roles = ("flat", "flat_off", "flat")
    assert job.members == tuple((role, folder / name) for role, name in zip(roles, names, strict=True))
    assert job.path == folder / "x_rate.fits"
    assert not job.problem


def test_what_is_made_of_many_is_written_as_it_is_read(folder: Path) -> None:
    paths = [folder / name for name in ("x_rate.fits", "y_rate.fits", "z_rate.fits")]
    members = (("science", paths[0]), ("science", paths[1]))
    made = Job(paths[0], (), "deep", members=members)
    path = write_asn([made], folder / "deep_asn.json", recipe="image3")
    assert json.loads(path.read_text())["asn_type"] == "image3"
    assert read_asn(path) == [made]


def test_a_product_that_is_not_right_leaves_the_others_as_they_are(folder: Path) -> None:
    good = {"name": "good", "members": [member("x_rate.fits")]}
    bad, fine = read_asn(write(folder, {"name": "bad", "members": [member("missing.fits")]}, good))
    assert "missing.fits" in bad.problem
    assert fine == Job(folder / "x_rate.fits", (), "good")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"products": []}', '{"products": {}}', "\udc80", "[" * 100_000])
def test_a_file_that_is_no_association_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "asn.json"
    path.write_text(text, errors="surrogateescape")
    (job,) = read_asn(path)
    assert re.search(r"asn\.json: .*(association|products)", job.problem)


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["name", "members", "expname", "exptype", "products"]), inner, max_size=4),
    ),
)


@given(st.fixed_dictionaries({"products": st.lists(values, max_size=3)}))
def test_any_json_is_an_association_or_a_problem_on_one_line(tmp_path: Path, tree: Any) -> None:
    path = tmp_path / "asn.json"
    path.write_text(json.dumps(tree))
    assert not [job for job in read_asn(path) if "\n" in job.problem]
