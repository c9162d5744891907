"""What a store chooses for an exposure: the same as a folder without an index, and never a file that has changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from iris_references import _provider, add_references, remove_references
from iris_references._index import INDEX, IndexEntry, ReferenceIndex, put, read
from iris_references._provider import IndexedStore
from iris_testkit import make_exposure

from iris_core import (
    Candidate,
    Exposure,
    InputError,
    Plugins,
    Problems,
    Reference,
    ReferenceNotFound,
    ReferenceType,
    calibrate,
    load_plugins,
    rank,
    sha256_of,
    stage,
)

Put = Callable[..., Path]
START = datetime(2026, 6, 1, tzinfo=UTC)
EMPTY = sha256(b"").hexdigest()
ALWAYS = ("INSTRUME", "DETECTOR")
TYPES = {
    "flat": ReferenceType(name="flat", stated=(*ALWAYS, "FILTER")),
    "dark": ReferenceType(name="dark", selectors=(*ALWAYS, "READMODE"), stated=ALWAYS),
    "bench": ReferenceType(name="bench", selectors=("FILTER",), stated=()),
}


def exposure(**meta: Any) -> Exposure:
    return make_exposure((8, 8), **{"start_time": START, **meta})


def find_type(name: str) -> ReferenceType:
    return TYPES[name]


@pytest.fixture
def store(tmp_path: Path, plugins: Plugins, put: Put) -> Path:
    """Return a store with a flat."""
    add_references(tmp_path / "store", [put("new/f.fits")], plugins)
    return tmp_path / "store"


def opened(store: Path) -> IndexedStore:
    return IndexedStore(ReferenceIndex(store), find_type)


def reasons(candidates: list[Candidate]) -> dict[str, str]:
    return {one.path.name: one.reason for one in candidates}


def test_a_file_of_the_store_is_found_with_its_hash(store: Path) -> None:
    found = opened(store).find_reference("flat", exposure())
    assert found is not None
    assert (found.path, found.provider, found.notes) == (store / "f.fits", "folder", ())
    (entry,) = ReferenceIndex(store).entries()
    assert found.sha256 == entry.sha256 != ""


@pytest.mark.parametrize(("seconds", "best"), [(100.0, "long.fits"), (10.0, "short.fits"), (30.0, "late.fits")])
def test_a_dark_of_the_exposure_time_is_preferred_to_a_later_one(
    tmp_path: Path, plugins: Plugins, put: Put, seconds: float, best: str
) -> None:
    """The index does not hold EXPTIME: it is read from the files that fit."""
    darks = [put("new/long.fits", "dark", EXPTIME=100.0), put("new/short.fits", "dark", EXPTIME=10.0)]
    darks += [put("new/late.fits", "dark", EXPTIME=1.0, USEAFTER="2026-01-01T00:00:00")]
    add_references(tmp_path / "store", darks, plugins)
    store = IndexedStore(ReferenceIndex(tmp_path / "store"), plugins.reference_type)
    one = exposure(exposure_time=seconds)
    found = store.find_reference("dark", one)
    assert found is not None
    assert found.path.name == best
    assert set(reasons(store.explain_reference("dark", one))) == {"long.fits", "short.fits", "late.fits"} - {best}


def test_darks_of_one_exposure_time_and_one_useafter_are_ambiguous(tmp_path: Path, plugins: Plugins, put: Put) -> None:
    add_references(tmp_path / "store", [put("new/a.fits", "dark", EXPTIME=100.0)], plugins)
    with pytest.raises(Problems, match=r"b\.fits: a\.fits fits the same exposures"):
        add_references(tmp_path / "store", [put("new/b.fits", "dark", EXPTIME=100.0)], plugins)


def test_files_in_folders_of_the_store_are_found(plugins: Plugins, put: Put, tmp_path: Path) -> None:
    add_references(tmp_path, [put("deep/f.fits")], plugins)
    found = opened(tmp_path).find_reference("flat", exposure())
    assert found is not None
    assert found.path == tmp_path / "deep" / "f.fits"


def test_what_was_removed_is_not_used_and_named_where_nothing_is_found(plugins: Plugins, put: Put, store: Path) -> None:
    add_references(store, [put("new/j.fits", FILTER="J")], plugins)
    assert reasons(opened(store).explain_reference("flat", exposure())) == {"j.fits": "FILTER is J, not Kbb"}
    remove_references(store, ["f.fits"])
    assert opened(store).find_reference("flat", exposure()) is None
    rejected = reasons(opened(store).explain_reference("flat", exposure()))
    assert rejected.pop("j.fits") == "FILTER is J, not Kbb"
    assert "not in the index" in rejected.pop("f.fits")
    assert not rejected


def test_a_file_that_has_changed_or_is_gone_is_refused_and_one_that_was_only_touched_is_not(store: Path) -> None:
    folder = opened(store)
    os.utime(store / "f.fits", (0, 0))
    assert folder.find_reference("flat", exposure()) is not None
    with fits.open(store / "f.fits", mode="update") as hdus:
        hdus[1].data[0, 0] = 2
    with pytest.raises(ReferenceNotFound, match=r"f\.fits has changed .*--replace"):
        folder.find_reference("flat", exposure())
    (store / "f.fits").write_bytes(b"shorter")
    with pytest.raises(ReferenceNotFound, match=r"f\.fits has changed"):
        folder.find_reference("flat", exposure())
    (store / "f.fits").unlink()
    with pytest.raises(ReferenceNotFound, match=r"f\.fits .*no such file"):
        folder.find_reference("flat", exposure())


def test_a_file_whose_size_and_time_were_put_back_is_refused(store: Path) -> None:
    path, folder = store / "f.fits", opened(store)
    assert folder.find_reference("flat", exposure()) is not None
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-2880] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for one in (folder, opened(store)):
        with pytest.raises(ReferenceNotFound, match=r"f\.fits has changed"):
            one.find_reference("flat", exposure())


def test_a_file_is_hashed_once_and_not_at_all_in_the_state_in_which_it_was_added(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []

    def count(path: Path) -> str:
        hashed.append(path)
        return sha256_of(path)

    monkeypatch.setattr(_provider, "sha256_of", count)
    shutil.copytree(store, tmp_path / "copy")
    for folder in (opened(store), opened(tmp_path / "copy")):
        for _ in range(3):
            assert folder.find_reference("flat", exposure()) is not None
    assert hashed == [tmp_path / "copy" / "f.fits"]


def test_a_changed_file_is_no_obstacle_where_another_one_is_better(plugins: Plugins, put: Put, store: Path) -> None:
    add_references(store, [put("new/later.fits", USEAFTER="2026-01-01")], plugins)
    (store / "f.fits").unlink()
    found = opened(store).find_reference("flat", exposure())
    assert found is not None
    assert found.path.name == "later.fits"


def test_two_equally_good_files_are_an_error_that_names_both(tmp_path: Path) -> None:
    """A store refuses the second one; an index that was made elsewhere may have both."""
    entries = [entry(name, INSTRUME="IRIS", DETECTOR="IMG1", FILTER="Kbb") for name in ("a.fits", "b.fits")]
    with pytest.raises(ReferenceNotFound, match=r"a\.fits.*b\.fits"):
        indexed(tmp_path, entries).find_reference("flat", exposure())


def test_a_look_up_writes_nothing_and_sees_what_was_added_since(plugins: Plugins, put: Put, store: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (store, *store.iterdir())}
    folder = opened(store)
    folder.find_reference("flat", exposure())
    folder.explain_reference("flat", exposure())
    assert {path.name: path.stat().st_mtime_ns for path in (store, *store.iterdir())} == before
    add_references(store, [put("new/later.fits", USEAFTER="2026-01-01")], plugins)
    found = folder.find_reference("flat", exposure())
    assert found is not None
    assert found.path.name == "later.fits"


def test_a_store_that_cannot_be_written_can_be_read(store: Path) -> None:
    os.chmod(store / INDEX, 0o444)
    os.chmod(store, 0o555)
    try:
        assert opened(store).find_reference("flat", exposure()) is not None
    finally:
        os.chmod(store, 0o755)


# The index finds what the rules rank


def entry(name: str, reftype: str = "flat", **keywords: str) -> IndexEntry:
    return IndexEntry.make(name, {"REFTYPE": reftype, **keywords})


def indexed(folder: Path, entries: list[IndexEntry]) -> IndexedStore:
    """Return a store with these entries in its index, each with an empty file."""
    folder.mkdir(exist_ok=True)
    (folder / INDEX).unlink(missing_ok=True)
    for one in entries:
        (folder / one.name).touch()
    with ReferenceIndex(folder).changing() as connection:
        put(connection, [_with_file(folder, one) for one in entries])
    return opened(folder)


def _with_file(folder: Path, one: IndexEntry) -> IndexEntry:
    status = (folder / one.name).stat()
    return IndexEntry(name=one.name, header=one.header, sha256=EMPTY, size=0, mtime_ns=status.st_mtime_ns)


words = st.sampled_from(["IRIS", "IMG1", "IMG2", "Kbb", "kbb", "J", "ANY", "N/A", ""])
headers = st.fixed_dictionaries(
    {
        "REFTYPE": st.sampled_from(["flat", "FLAT", "dark", "bench"]),
        "INSTRUME": st.sampled_from(["IRIS", "iris", "Liger", "ANY", "any", "n/a", ""]),
        "DETECTOR": st.sampled_from(["IMG1", "img1", "IMG2", "ANY", "N/A", ""]),
    },
    optional={
        "FILTER": words,
        "READMODE": words,
        "USEAFTER": st.integers(-3, 3).map(lambda days: f"{START + timedelta(days=days):%Y-%m-%d}"),
    },
)


@given(
    st.sampled_from(list(TYPES)),
    st.lists(headers, max_size=6),
    st.fixed_dictionaries(
        {
            "instrument": st.sampled_from(["IRIS", "iris", "Liger", "ANY", "N/A", ""]),
            "detector": st.sampled_from(["IMG1", "IMG2", "any", ""]),
            "filter": st.sampled_from(["Kbb", "J", "ANY", ""]),
        }
    ),
)
def test_a_store_chooses_and_rejects_what_the_rules_of_the_framework_do(
    tmp_path: Path, reftype: str, written: list[dict[str, str]], meta: dict[str, str]
) -> None:
    """The index looks up candidates by type, instrument and detector: it must not miss one that fits."""
    entries = [IndexEntry.make(f"{number}.fits", header) for number, header in enumerate(written)]
    store, one = indexed(tmp_path / "store", entries), exposure(**meta)
    of_type = [one for one in entries if one.reftype == reftype]
    ranking = rank(tmp_path / "store", TYPES[reftype], of_type, one)
    assert _outcome(lambda: store.find_reference(reftype, one)) == _outcome(ranking.choose)
    rejected = {candidate.path: candidate.reason for candidate in store.explain_reference(reftype, one)}
    assert {path: reason for path, reason in rejected.items() if "index" not in reason} == {
        candidate.path: candidate.reason for candidate in ranking.rejected()
    }


def _outcome(choose: Callable[[], Reference | None]) -> object:
    try:
        found = choose()
    except ReferenceNotFound as error:
        return str(error)
    return found and (found.path, found.notes)


def test_only_files_of_the_type_instrument_and_detector_are_looked_at(tmp_path: Path) -> None:
    """What makes a look-up among ten thousand files quick."""
    entries = [
        entry(f"{reftype}-{instrument}-{detector}.fits", reftype, INSTRUME=instrument, DETECTOR=detector)
        for reftype in ("flat", "dark")
        for instrument in ("IRIS", "Liger", "ANY")
        for detector in ("IMG1", "IMG2")
    ]
    indexed(tmp_path, entries)
    index = ReferenceIndex(tmp_path)
    assert [one.name for one in index.candidates("flat", "IRIS", "IMG1")] == [
        "flat-ANY-IMG1.fits",
        "flat-IRIS-IMG1.fits",
    ]
    assert len(index.candidates("flat", None, "IMG1")) == 3
    assert len(index.candidates("flat")) == 6
    with sqlite3.connect(index.path) as connection:
        query = "EXPLAIN QUERY PLAN SELECT * FROM reference WHERE type = '' AND camera IN ('') AND chip IN ('')"
        assert "USING INDEX by_selectors" in str(connection.execute(query).fetchall())
    connection.close()


# The index as a file


def test_an_index_of_another_version_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / INDEX) as connection:
        connection.execute("PRAGMA user_version = 9")
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(InputError, match=r"references\.sqlite has version 9; .* version 1"):
        opened(tmp_path).find_reference("flat", exposure())
    (tmp_path / INDEX).write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match=r"references\.sqlite: file is not a database"):
        opened(tmp_path).find_reference("flat", exposure())


def test_an_index_of_the_version_before_is_read(tmp_path: Path) -> None:
    """The columns of iris-core 0.1: a store need not be made anew."""
    columns = "type camera chip INSTRUME DETECTOR FILTER PUPIL READMODE REFTYPE USEAFTER REFVER PEDIGREE DESCRIP AUTHOR"
    with sqlite3.connect(tmp_path / INDEX) as connection:
        connection.execute(
            "CREATE TABLE reference (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, "
            f"mtime_ns INTEGER NOT NULL, {', '.join(f'{name} TEXT NOT NULL' for name in columns.split())}, "
            "DETXSIZE TEXT NOT NULL, DETYSIZE TEXT NOT NULL)"
        )
        connection.execute("PRAGMA user_version = 1")
        (tmp_path / "f.fits").touch()
        row = ["f.fits", EMPTY, 0, (tmp_path / "f.fits").stat().st_mtime_ns, "flat", "iris", "img1", "IRIS", "IMG1"]
        row += ["Kbb", "", "DEFAULT", "flat", "2025-01-01", "", "DUMMY", "a flat", "the tests", "8", "8"]
        connection.execute(f"INSERT INTO reference VALUES ({', '.join('?' * len(row))})", row)
    connection.close()
    found = opened(tmp_path).find_reference("flat", exposure())
    assert found is not None
    assert (found.path.name, found.sha256) == ("f.fits", EMPTY)
    (one,) = ReferenceIndex(tmp_path).entries()
    assert (one.header["AUTHOR"], one.header["DETYSIZE"], one.size) == ("the tests", "8", 0)


def test_an_error_in_a_change_leaves_the_index_as_it_was(store: Path) -> None:
    before = ReferenceIndex(store).entries()

    def change() -> None:
        with ReferenceIndex(store).changing() as connection:
            connection.execute("DELETE FROM reference")
            assert read(connection) == []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change()
    assert ReferenceIndex(store).entries() == before != []


KILLED = """\
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")  # so that pages are written before the end of the change
connection.execute("BEGIN")
connection.execute("CREATE TABLE filler (x)")
for _ in range(200):
    connection.execute("INSERT INTO filler VALUES (zeroblob(4000))")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_half_done_is_rolled_back_by_the_next_reader(store: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, store / INDEX], check=False)
    assert (store / f"{INDEX}-journal").exists()
    assert opened(store).find_reference("flat", exposure()) is not None
    assert not (store / f"{INDEX}-journal").exists()


# In a run


@stage("flat_field", references=("flat",))
def divide(exposure: Exposure, references: Any) -> Exposure:
    return exposure.scale(1 / references["flat"].image(exposure).data)


def test_a_run_opens_a_store_by_its_index(store: Path, put: Put) -> None:
    put("store/not_indexed.fits", data=np.full((8, 8), 5.0), USEAFTER="2026-01-01")
    recipe = store.parent / "recipe.yaml"
    recipe.write_text("recipe: 1\nname: one\nsteps: [flat_field]\n")
    product = calibrate(exposure(value=3.0), recipe, stages={"flat_field": divide}, references={"store": store})["cal"]
    assert (product.data == 3).all()
    (used,) = product.history[-1].references
    assert (used.path, used.provider) == (str(store / "f.fits"), "folder")
    assert len(used.sha256) == 64


def test_a_folder_without_an_index_is_left_to_the_framework(put: Put, tmp_path: Path) -> None:
    flat = put("calib/f.fits")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("recipe: 1\nname: one\nsteps: [flat_field]\nreferences: {store: calib}\n")
    product = calibrate(exposure(value=3.0), recipe, stages={"flat_field": divide})["cal"]
    assert product.history[-1].references[0].path == str(flat)


def test_without_this_package_the_folder_is_refused_with_its_name(store: Path) -> None:
    with pytest.raises(Problems, match="iris-references"):
        calibrate(
            exposure(), "image2", references={"store": store}, plugins=load_plugins(only=("iris-imager", "iris-flat"))
        )
