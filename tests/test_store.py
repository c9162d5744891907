"""A store of reference files: judged when they are added, found by the index, and refused when they have changed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Polynomial2D
from astropy.table import Table

from iris_core import InputError, Problems, ReferenceNotFound
from iris_core.index import INDEX, ReferenceIndex
from iris_core.loading import load_plugins
from iris_core.plugins import Plugins
from iris_core.providers import ReferenceFolder
from iris_core.store import add_references, list_references, remove_references
from iris_core.testing import make_exposure, make_reference

KEYWORDS = {
    "FILTER": "Kbb",
    "READMODE": "DEFAULT",
    "USEAFTER": "2025-01-01",
    "PEDIGREE": "DUMMY",
    "DESCRIP": "a flat",
    "AUTHOR": "the tests",
    "DETXSIZE": 8,
    "DETYSIZE": 8,
}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def put(folder: Path, name: str, reftype: str = "flat", data: Any = None, **keywords: Any) -> Path:
    """Write a good reference file, but for what is given."""
    folder.mkdir(exist_ok=True)
    options = {key: keywords.pop(key) for key in ("err", "dq", "unit") if key in keywords}
    options.setdefault("unit", "electron/s" if reftype == "dark" else "")
    planes = np.ones((8, 8), np.float32) if data is None else data
    options.setdefault("err", np.full(planes.shape, 0.1, np.float32))
    return make_reference(folder / name, reftype, planes, **options, **{**KEYWORDS, **keywords}).path


def with_value(value: float) -> np.ndarray[Any, Any]:
    plane = np.ones((8, 8), np.float32)
    plane[2, 4] = value
    return plane


def test_a_file_that_is_added_is_copied_and_found(tmp_path: Path, plugins: Plugins) -> None:
    source, store = put(tmp_path / "new", "f.fits"), tmp_path / "store"
    (added,) = add_references(store, [source], plugins)
    assert (added.entry.name, added.known, added.remarks) == ("f.fits", False, ())
    assert (store / "f.fits").read_bytes() == source.read_bytes()
    found = ReferenceFolder(store).find_reference("flat", make_exposure())
    assert found is not None
    assert found.path == store / "f.fits"
    assert found.use().sha256 == sha256(source.read_bytes()).hexdigest()


def test_a_file_in_the_store_is_entered_where_it_is(tmp_path: Path, plugins: Plugins) -> None:
    path = put(tmp_path / "deep", "f.fits")
    (added,) = add_references(tmp_path, [path], plugins)
    assert added.entry.name == "deep/f.fits"
    assert sorted(os.listdir(tmp_path)) == ["deep", INDEX]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"REFTYPE": ""}, "it does not say its REFTYPE; types: area, "),
        ({"REFTYPE": "flt"}, "no installed stage uses a 'flt' reference; did you mean 'flat'?"),
        ({"DETECTOR": ""}, "it does not say its DETECTOR"),
        ({"FILTER": ""}, "it does not say its FILTER"),
        ({"USEAFTER": ""}, "it does not say its USEAFTER"),
        ({"USEAFTER": "soon"}, "USEAFTER 'soon' is not a time"),
        ({"DETXSIZE": 16}, r"it has shape \(8, 8\) but IMG1 has \(8, 16\)"),
        ({"DETXSIZE": ""}, r"it has shape \(8, 8\) but IMG1 has \(4096, 4096\)"),
        ({"data": np.ones((2, 8, 8), np.float32)}, r"it has shape \(2, 8, 8\); one image"),
        ({"SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": 4, "SUBSIZE2": 8}, "speaks of 4 x 8 pixels"),
        ({"unit": "electron/s"}, "it is in electron / s; it is relative"),
        ({"reftype": "dark", "unit": ""}, "it has no BUNIT; it is a rate"),
        ({"reftype": "dark", "unit": "MJy/sr"}, "it is in MJy / sr; it is a rate"),
        ({"data": np.full((8, 8), 5000.0)}, "its median is 5000"),
        ({"data": with_value(np.inf)}, r"1 values are infinite, the first at column 5, row 3 \(1-based\)"),
        ({"data": np.full((8, 8), np.nan)}, "not one pixel has a value that may be used"),
        ({"dq": np.ones((8, 8), np.uint32)}, "not one pixel has a value that may be used"),
        ({"err": with_value(np.nan)}, r"1 good pixels have no finite error, the first at column 5, row 3"),
    ],
)
def test_what_is_wrong_keeps_a_file_out(tmp_path: Path, plugins: Plugins, change: dict[str, Any], words: str) -> None:
    path, store = put(tmp_path / "new", "f.fits", **change), tmp_path / "store"
    with pytest.raises(Problems, match=words):
        add_references(store, [path], plugins)
    assert not store.exists()


def test_pixels_that_are_not_used_need_no_value_and_no_error(tmp_path: Path, plugins: Plugins) -> None:
    data, err, dq = with_value(np.nan), with_value(np.nan), np.zeros((8, 8), np.uint32)
    err[0, 0], dq[0, 0] = np.nan, 1
    add_references(tmp_path / "store", [put(tmp_path / "new", "f.fits", data=data, err=err, dq=dq)], plugins)


def test_what_might_be_better_is_a_remark(tmp_path: Path, plugins: Plugins) -> None:
    path = put(tmp_path / "new", "f.fits", AUTHOR="", err=None)
    (added,) = add_references(tmp_path / "store", [path], plugins)
    assert [one.removeprefix(f"{path}: ") for one in added.remarks] == [
        "AUTHOR is not given",
        "it has no errors (ERR); they are taken to be 0",
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "the table has no rows"),
        ([("Kbb", 0.5), ("Kbb", 0.6)], "2 rows are for: kbb"),
        ([("Kbb", -1.0)], "photmjsr has to be a number above 0, not as in: filter Kbb"),
    ],
)
def test_a_table_of_factors_is_judged_by_its_plugin(
    tmp_path: Path, plugins: Plugins, rows: list[Any], words: str
) -> None:
    meta = {"REFTYPE": "photom", "INSTRUME": "IRIS", "DETECTOR": "IMG1", **KEYWORDS}
    table = Table(rows=rows, names=("filter", "photmjsr"), dtype=(str, float), meta=meta)
    table["photmjsr"].unit = "MJy s / (sr electron)"
    table.write(tmp_path / "p.ecsv")
    with pytest.raises(Problems, match=words):
        add_references(tmp_path / "store", [tmp_path / "p.ecsv"], plugins)


@pytest.mark.parametrize(
    ("tree", "words"),
    [({}, "is not an ASDF file with an astropy model"), ({"model": Polynomial2D(1)}, "its model takes 2 and gives 1")],
)
def test_a_distortion_is_judged_by_its_plugin(
    tmp_path: Path, plugins: Plugins, tree: dict[str, Any], words: str
) -> None:
    meta = {"REFTYPE": "distortion", "INSTRUME": "IRIS", "DETECTOR": "IMG1", **KEYWORDS}
    asdf.AsdfFile({"meta": meta, **tree}).write_to(tmp_path / "d.asdf")
    with pytest.raises(Problems, match=words):
        add_references(tmp_path / "store", [tmp_path / "d.asdf"], plugins)


def test_all_mistakes_of_all_files_come_together_and_nothing_is_added(tmp_path: Path, plugins: Plugins) -> None:
    good = put(tmp_path / "new", "good.fits")
    bad = [put(tmp_path / "new", "a.fits", USEAFTER=""), put(tmp_path / "new", "b.fits", DETECTOR="")]
    with pytest.raises(Problems) as caught:
        add_references(tmp_path / "store", [good, *bad, tmp_path / "missing.fits"], plugins)
    assert [str(one).split(":")[0] for one in caught.value.problems][:2] == [str(path) for path in bad]
    assert "missing.fits" in str(caught.value)
    assert not (tmp_path / "store").exists()


def test_a_file_that_cannot_be_named_leaves_nothing_behind(tmp_path: Path, plugins: Plugins) -> None:
    files = [put(tmp_path / "new", "a.fits"), put(tmp_path / "new", "b.fits", FILTER="J")]
    (tmp_path / "store" / "b.fits").mkdir(parents=True)
    with pytest.raises(InputError, match=r"b.fits: cannot be"):
        add_references(tmp_path / "store", files, plugins)
    assert [path.name for path in (tmp_path / "store").iterdir() if path.is_file() and path.stat().st_size] == []
    assert not ReferenceIndex(tmp_path / "store").exists()


def test_adding_the_same_again_changes_nothing_and_another_one_needs_replace(tmp_path: Path, plugins: Plugins) -> None:
    path, store = put(tmp_path / "new", "f.fits"), tmp_path / "store"
    add_references(store, [path], plugins)
    assert add_references(store, [path], plugins)[0].known
    other = put(tmp_path / "newer", "f.fits", data=np.full((8, 8), 1.1))
    with pytest.raises(Problems, match="another file of this name is in the store"):
        add_references(store, [other], plugins)
    assert (store / "f.fits").read_bytes() == path.read_bytes()
    assert not add_references(store, [other], plugins, replace=True)[0].known
    assert (store / "f.fits").read_bytes() == other.read_bytes()
    assert [one.problem for one in list_references(store, verify=True)] == [""]


def test_two_files_for_the_same_exposures_are_refused(tmp_path: Path, plugins: Plugins) -> None:
    first, second = put(tmp_path / "new", "a.fits"), put(tmp_path / "new", "b.fits", FILTER="kbb")
    store = tmp_path / "store"
    for files in ([first, second], [first], [second]):
        if files == [first]:
            add_references(store, files, plugins)
            continue
        with pytest.raises(Problems, match=r"b.fits: a.fits is for the same exposures from the same USEAFTER on"):
            add_references(store, files, plugins)
    assert [one.entry.name for one in list_references(store)] == ["a.fits"]


def test_what_is_removed_is_not_used_and_stays_unless_deleted(tmp_path: Path, plugins: Plugins) -> None:
    store = tmp_path / "store"
    add_references(store, [put(tmp_path / "new", "a.fits"), put(tmp_path / "new", "j.fits", FILTER="J")], plugins)
    with pytest.raises(Problems, match=r"no reference file 'a.fit'; did you mean 'a.fits'"):
        remove_references(store, ["j.fits", "a.fit"])
    assert [one.name for one in remove_references(store, ["a.fits"])] == ["a.fits"]
    folder = ReferenceFolder(store)
    assert folder.find_reference("flat", make_exposure()) is None
    reasons = {one.path.name: one.reason for one in folder.explain_reference("flat", make_exposure())}
    assert reasons == {
        "j.fits": "FILTER is J, not Kbb",
        "a.fits": "it is not in the index; iris references add adds it",
    }
    remove_references(store, ["j.fits"], delete=True)
    assert sorted(os.listdir(store)) == ["a.fits", INDEX]


def test_a_file_that_has_changed_or_is_gone_is_refused_and_one_that_was_only_touched_is_not(
    tmp_path: Path, plugins: Plugins
) -> None:
    store = tmp_path / "store"
    add_references(store, [put(tmp_path / "new", "f.fits")], plugins)
    folder, exposure = ReferenceFolder(store), make_exposure()
    os.utime(store / "f.fits", (0, 0))
    assert folder.find_reference("flat", exposure) is not None
    with fits.open(store / "f.fits", mode="update") as hdus:
        hdus[1].data[0, 0] = 2
    with pytest.raises(ReferenceNotFound, match="has changed since it was added"):
        folder.find_reference("flat", exposure)
    assert [one.problem for one in list_references(store, verify=True)] == ["the file has changed since it was added"]
    (store / "f.fits").unlink()
    with pytest.raises(ReferenceNotFound, match=r"is in the index of .* and cannot be read: No such file"):
        folder.find_reference("flat", exposure)
    assert [one.problem for one in list_references(store)] == ["the file is missing"]


def test_a_look_up_writes_nothing(tmp_path: Path, plugins: Plugins) -> None:
    store = tmp_path / "store"
    add_references(store, [put(tmp_path / "new", "f.fits")], plugins)
    before = {path.name: path.stat().st_mtime_ns for path in (store, *store.iterdir())}
    ReferenceFolder(store).find_reference("flat", make_exposure())
    ReferenceFolder(store).explain_reference("flat", make_exposure())
    assert {path.name: path.stat().st_mtime_ns for path in (store, *store.iterdir())} == before


def test_several_processes_add_at_once(tmp_path: Path) -> None:
    names = [f"f{number}.fits" for number in range(12)]
    for number, name in enumerate(names):
        put(tmp_path / "new", name, USEAFTER=f"2025-01-{number + 1:02}")
    script = (
        "import sys\nfrom pathlib import Path\nfrom iris_core.loading import load_plugins\n"
        "from iris_core.store import add_references\nplugins = load_plugins()\n"
        "for name in sys.argv[2:]: add_references(Path(sys.argv[1]), [Path(name)], plugins)\n"
    )
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path / "store", *(tmp_path / "new" / name for name in names[first::3])]
        )
        for first in range(3)
    ]
    assert [job.wait() for job in jobs] == [0, 0, 0]
    assert [one.entry.name for one in list_references(tmp_path / "store", verify=True)] == sorted(names)
    assert {one.problem for one in list_references(tmp_path / "store", verify=True)} == {""}


def test_an_index_of_another_version_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / INDEX) as connection:
        connection.execute("PRAGMA user_version = 9")
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(InputError, match="has version 9; this iris-core reads version 1"):
        ReferenceFolder(tmp_path).find_reference("flat", make_exposure())
    (tmp_path / INDEX).write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="file is not a database"):
        list_references(tmp_path)


def test_a_folder_without_index_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no index; iris references add FILES --store"):
        list_references(tmp_path)
