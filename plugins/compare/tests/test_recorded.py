"""The store that a replay lays out: each exposure gets the file that the product names for it, or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from iris_compare._recorded import LIST, RecordedReferences
from iris_compare._versions import OtherVersion, file_plugins, install_line, other_python, other_versions
from iris_compare.plugin import open_store
from iris_testkit import make_exposure

from iris_core import Exposure, InputError, load_plugins

FLAT = {"type": "flat", "file": "f.fits", "path": "0/f.fits", "sha256": "a" * 64, "provider": "folder"}


def named(name: str) -> Exposure:
    return make_exposure(path=Path(name))


def store(folder: Path, *choices: dict[str, Any]) -> RecordedReferences:
    (folder / LIST).write_text(json.dumps({"references": choices}))
    found = open_store(folder)
    assert isinstance(found, RecordedReferences)
    return found


def test_a_folder_without_the_list_of_a_replay_is_left_to_others(tmp_path: Path) -> None:
    assert open_store(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", "{"])
def test_a_damaged_list_is_an_error_that_names_it(content: str, tmp_path: Path) -> None:
    (tmp_path / LIST).write_text(content)
    with pytest.raises(InputError, match=LIST):
        open_store(tmp_path)


def test_a_file_comes_with_the_provider_the_notes_and_the_hash_that_it_had(tmp_path: Path) -> None:
    found = store(tmp_path, {**FLAT, "notes": ["an old one"]}).find_reference("flat", named("x_rate.fits"))
    assert found is not None
    assert (found.path, found.provider, found.sha256) == (tmp_path / "0/f.fits", "folder", "a" * 64)
    assert found.notes == ("an old one",)


def test_one_that_is_for_some_exposures_is_for_no_other(tmp_path: Path) -> None:
    one, two = {**FLAT, "exposures": ["a.fits"]}, {**FLAT, "path": "1/g.fits", "exposures": ["b.fits"]}
    found = store(tmp_path, one, two)
    given = [found.find_reference("flat", named(name)) for name in ("a.fits", "b.fits", "c.fits")]
    assert [one and one.path.name for one in given] == ["f.fits", "g.fits", None]


def test_why_none_was_used_is_said_again(tmp_path: Path) -> None:
    found = store(tmp_path, {"type": "area", "rejected": [["x.fits", "FILTER is J, not Kbb"]]})
    assert found.find_reference("area", named("a.fits")) is None
    (candidate,) = found.explain_reference("area", named("a.fits"))
    assert (candidate.path.name, candidate.reason) == ("x.fits", "FILTER is J, not Kbb")
    assert found.explain_reference("flat", named("a.fits")) == []


def test_versions_are_those_of_distributions_and_of_no_file() -> None:
    key = {
        "code": {
            "iris-nir": "0.0.1 abcdef",
            "no-such-plugin": "2.0 abcdef",
            "mine": "f" * 64,
            "here": "of process 1: 2",
        },
        "libraries": {"numpy": "0.1", "no-such-library": "3"},
    }
    found = {one.name: one for one in other_versions(key, load_plugins(only=()))}
    assert set(found) == {"iris-nir", "no-such-plugin", "numpy", "no-such-library"}
    assert (found["no-such-plugin"].before, found["no-such-plugin"].now) == ("2.0", "")
    assert str(found["no-such-library"]) == "no-such-library 3 -> not installed"
    assert file_plugins(key) == {"mine": "f" * 64}


def test_the_install_line_can_be_pasted_into_a_shell() -> None:
    changes = [OtherVersion("numpy", "2.1", "2.4"), OtherVersion("lab", "1.0+it's", "")]
    assert install_line(changes) == "pip install numpy==2.1 'lab==1.0+it'\"'\"'s'"
    assert install_line([]) == ""


def test_another_python_is_named() -> None:
    (words,) = other_python("2.7.18")
    assert words.startswith("Python 2.7.18 -> ")
    assert list(other_python("")) == []
