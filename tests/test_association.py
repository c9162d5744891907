"""What a run is asked to work on: files, and associations that group them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_core.association import Request, read_association, read_requests


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
    assert read_association(path) == [
        Request(folder / "x_rate.fits", (folder / "y_rate.fits",), "one"),
        Request(folder / "z_rate.fits", (), "two"),
    ]


@pytest.mark.parametrize(
    ("product", "words"),
    [
        ({"name": "p", "members": [member("x_rate.fits"), member("y_rate.fits")]},
         "product 'p' has 2 science members (x_rate.fits, y_rate.fits); one is needed"),
        ({"name": "p", "members": [member("y_rate.fits", "background")]}, "0 science members (none); one is needed"),
        ({"name": "p", "members": []}, "has 0 science members"),
        ({"name": "p", "members": [member("missing.fits")]}, "product 'p': no such file: "),
        ({"name": "p", "members": [member("x_rate.fits"), member("missing.fits", "background")]}, "missing.fits"),
        ({"name": "p", "members": [member("x_rate.fits", "sky")]}, "members.0.exptype: Input should be 'science' or"),
        ({"name": "p"}, "products.0.members: Field required"),
        ({"members": []}, "products.0.name: Field required"),
        ("p", "products.0: Input should be a valid dictionary"),
    ],
)  # fmt: skip
def test_a_product_that_is_not_right_is_named(folder: Path, product: Any, words: str) -> None:
    path = write(folder, product)
    (request,) = read_association(path)
    assert request.problem.startswith(f"{path}: ")
    assert words in request.problem


@pytest.mark.parametrize("name", ["../far_rate.fits", "deep/../../far_rate.fits", "{folder}/far_rate.fits"])
def test_a_member_outside_the_folder_needs_to_be_allowed(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    (tmp_path / "far_rate.fits").touch()
    path = write(inner, {"name": "p", "members": [member(name.format(folder=tmp_path))]})
    (request,) = read_association(path)
    assert re.search(r"product 'p': outside the folder of the association: .*far_rate.fits; --allow", request.problem)
    (request,) = read_requests([path], allow_outside=True)
    assert request.problem == ""
    assert request.path.resolve() == (tmp_path / "far_rate.fits").resolve()


@pytest.mark.parametrize("name", ["deep/x_rate.fits", "./deep/../x_rate.fits", "l_rate.fits", "{folder}/x_rate.fits"])
def test_a_member_below_the_folder_is_inside_and_so_is_a_link(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    for path in (tmp_path / "far", inner / "x_rate.fits", inner / "deep" / "x_rate.fits"):
        path.touch()
    (inner / "l_rate.fits").symlink_to(tmp_path / "far")
    (request,) = read_association(write(inner, {"name": "p", "members": [member(name.format(folder=inner))]}))
    assert request.problem == ""


def test_an_association_of_another_type_is_refused(folder: Path) -> None:
    (request,) = read_association(write(folder, {"name": "p", "members": [member("x_rate.fits")]}, asn_type="image3"))
    assert "asn_type: Input should be 'image2', not 'image3'" in request.problem


def test_a_product_that_is_not_right_leaves_the_others_as_they_are(folder: Path) -> None:
    good = {"name": "good", "members": [member("x_rate.fits")]}
    bad, fine = read_association(write(folder, {"name": "bad", "members": [member("missing.fits")]}, good))
    assert "missing.fits" in bad.problem
    assert fine == Request(folder / "x_rate.fits", (), "good")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"products": []}', '{"products": {}}', "\udc80", "[" * 100_000])
def test_a_file_that_is_no_association_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "asn.json"
    path.write_text(text, errors="surrogateescape")
    (request,) = read_association(path)
    assert re.search(r"asn\.json: (not an association|the association has no products)", request.problem)


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
    assert not [request for request in read_association(path) if "\n" in request.problem]


def test_files_and_associations_can_be_mixed_and_all_mistakes_are_found(folder: Path) -> None:
    path = write(folder, {"name": "one", "members": [member("x_rate.fits")]})
    (folder / "bad.json").write_text("{")
    requests = read_requests([folder / "z_rate.fits", path, folder / "bad.json", folder / "no.json"])
    assert [request.path.name for request in requests] == ["z_rate.fits", "x_rate.fits", "bad.json", "no.json"]
    assert [bool(request.problem) for request in requests] == [False, False, True, True]
    assert requests[-1].problem == f"{folder / 'no.json'}: no such file"


def test_backgrounds_of_the_command_line_are_those_of_files_and_not_of_associations(folder: Path) -> None:
    path = write(folder, {"name": "one", "members": [member("x_rate.fits")]})
    requests = read_requests([folder / "z_rate.fits", path], [folder / "y_rate.fits"])
    assert not any(request.problem for request in requests)
    assert [request.backgrounds for request in requests] == [(folder / "y_rate.fits",), ()]


def test_with_others_each_exposure_has_all_the_other_ones() -> None:
    files = [Path("a"), Path("b"), Path("c")]
    requests = read_requests(files, use_others=True)
    assert [request.backgrounds for request in requests] == [
        (Path("b"), Path("c")),
        (Path("a"), Path("c")),
        (Path("a"), Path("b")),
    ]
    assert read_requests(files[:1], use_others=True)[0].backgrounds == ()


def test_backgrounds_that_were_named_go_before_the_others() -> None:
    requests = read_requests([Path("a"), Path("b")], [Path("sky")], use_others=True)
    assert [request.backgrounds for request in requests] == [(Path("sky"),)] * 2


@pytest.mark.parametrize(
    ("backgrounds", "words"),
    [
        (["x_rate.fits"], "x_rate.fits: it is its own background"),
        (["./x_rate.fits", "y_rate.fits"], "it is its own background"),
        (["y_rate.fits", "sub/../y_rate.fits"], "named more than once"),
    ],
)
def test_an_exposure_cannot_be_its_own_background_nor_one_count_twice(
    folder: Path, backgrounds: list[str], words: str
) -> None:
    (folder / "sub").mkdir()
    (request,) = read_requests([folder / "x_rate.fits"], [folder / name for name in backgrounds])
    assert words in request.problem
