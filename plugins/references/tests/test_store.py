"""A store of reference files: files are added together or not at all, listed, verified and removed."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_references import add_references, list_references, remove_references
from iris_references._index import INDEX, ReferenceIndex

from iris_core import InputError, Plugins, Problems, ReferenceType, as_plugin, hookimpl, load_plugins, sha256_of

Put = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def names_in(store: Path) -> list[str]:
    return [one.entry.name for one in list_references(store)]


def files_in(store: Path) -> list[str]:
    return sorted(os.listdir(store))


# Adding


def test_a_file_that_is_added_is_copied_and_indexed_with_its_hash(plugins: Plugins, put: Put, store: Path) -> None:
    source = put("new/f.fits")
    (added,) = add_references(store, [source], plugins)
    assert (added.entry.name, added.known, added.notes) == ("f.fits", False, ())
    assert (store / "f.fits").read_bytes() == source.read_bytes()
    assert added.entry.sha256 == sha256(source.read_bytes()).hexdigest()
    assert (added.entry.size, added.entry.mtime_ns) == (source.stat().st_size, source.stat().st_mtime_ns)
    assert added.entry.header["FILTER"] == "Kbb"
    assert files_in(store) == ["f.fits", INDEX]


def test_paths_may_be_texts_and_a_file_named_twice_is_added_once(plugins: Plugins, put: Put, store: Path) -> None:
    source = put("new/f.fits")
    added = add_references(str(store), [str(source), source, source.parent / ".." / "new" / "f.fits"], plugins)
    assert [one.entry.name for one in added] == ["f.fits"]
    assert [one.entry.name for one in list_references(str(store))] == ["f.fits"]


def test_a_file_in_the_store_is_indexed_where_it_is(plugins: Plugins, put: Put, tmp_path: Path) -> None:
    (added,) = add_references(tmp_path, [put("deep/f.fits")], plugins)
    assert added.entry.name == "deep/f.fits"
    assert files_in(tmp_path) == ["deep", INDEX]


def test_a_link_in_the_store_is_indexed_and_stays_a_link(plugins: Plugins, put: Put, store: Path) -> None:
    """A store may be made of links to files in an archive."""
    store.mkdir()
    (store / "f.fits").symlink_to(put("archive/f.fits"))
    (added,) = add_references(store, [store / "f.fits"], plugins)
    assert added.entry.name == "f.fits"
    assert (store / "f.fits").is_symlink()
    assert [one.problem for one in list_references(store, verify=True)] == [""]


def test_what_is_wrong_keeps_every_file_out_and_comes_together(plugins: Plugins, put: Put, store: Path) -> None:
    good = put("new/good.fits")
    bad = [put("new/a.fits", USEAFTER=""), put("new/b.fits", DETECTOR=""), good.with_name("missing.fits")]
    with pytest.raises(Problems) as caught:
        add_references(store, [good, *bad], plugins)
    problems = [str(one) for one in caught.value.problems]
    assert [path.name in problem for path, problem in zip(bad, problems, strict=True)] == [True] * 3
    assert not store.exists()


def test_notes_come_with_the_file(plugins: Plugins, put: Put, store: Path) -> None:
    (added,) = add_references(store, [put("new/f.fits", AUTHOR="")], plugins)
    (note,) = added.notes
    assert "AUTHOR" in note


def test_adding_the_same_again_changes_nothing_and_another_one_needs_replace(
    plugins: Plugins, put: Put, store: Path
) -> None:
    path, other = put("new/f.fits"), put("newer/f.fits", data=np.full((8, 8), 1.1))
    add_references(store, [path], plugins)
    assert add_references(store, [path], plugins)[0].known
    with pytest.raises(Problems, match=r"store/f\.fits: another file .*--replace"):
        add_references(store, [other], plugins)
    assert (store / "f.fits").read_bytes() == path.read_bytes()
    assert not add_references(store, [other], plugins, replace=True)[0].known
    assert (store / "f.fits").read_bytes() == other.read_bytes()
    assert [one.problem for one in list_references(store, verify=True)] == [""]


def test_a_file_of_that_name_that_is_not_indexed_is_not_replaced_either(
    plugins: Plugins, put: Put, store: Path
) -> None:
    there, new = put("store/f.fits", USEAFTER="2020-01-01"), put("new/f.fits")
    before = there.read_bytes()
    with pytest.raises(Problems, match=r"f\.fits: another file"):
        add_references(store, [new], plugins)
    assert there.read_bytes() == before


def test_two_files_of_one_name_are_refused(plugins: Plugins, put: Put, store: Path) -> None:
    first, second = put("a/f.fits"), put("b/f.fits", FILTER="J")
    with pytest.raises(Problems, match=rf"{second}: {first} has the same name"):
        add_references(store, [first, second], plugins)
    assert not store.exists()


# Files that would be equally good


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"FILTER": "kbb"},
        {"FILTER": "ANY"},
        {"PUPIL": "open"},
        {"USEAFTER": "2025-01-01T00:00:00"},
        {"USEAFTER": "2025-01-01T01:00:00+01:00"},
    ],
)
def test_two_files_that_would_be_equally_good_are_refused(
    plugins: Plugins, put: Put, store: Path, change: dict[str, Any]
) -> None:
    first, second = put("new/a.fits"), put("new/b.fits", DESCRIP="another", **change)
    with pytest.raises(Problems, match=r"b\.fits: a\.fits .*USEAFTER.* remove a\.fits"):
        add_references(store, [first, second], plugins)
    add_references(store, [first], plugins)
    with pytest.raises(Problems, match=r"b\.fits: a\.fits"):
        add_references(store, [second], plugins)
    assert names_in(store) == ["a.fits"]
    remove_references(store, ["a.fits"])
    add_references(store, [second], plugins)
    assert names_in(store) == ["b.fits", "a.fits"]


@pytest.mark.parametrize(
    "change",
    [{"FILTER": "J"}, {"DETECTOR": "IMG2"}, {"READMODE": "CDS"}, {"USEAFTER": "2025-01-02"}, {"reftype": "dark"}],
)
def test_two_files_of_which_one_is_better_for_every_exposure_are_added(
    plugins: Plugins, put: Put, store: Path, change: dict[str, Any]
) -> None:
    add_references(store, [put("new/a.fits"), put("new/b.fits", **change)], plugins)
    assert names_in(store) in (["a.fits", "b.fits"], ["b.fits", "a.fits"])


def test_keywords_by_which_a_type_is_not_selected_tell_no_two_files_apart(
    plugins: Plugins, put: Put, store: Path
) -> None:
    """A dark is chosen by its read mode: one of another filter is equally good."""
    with pytest.raises(Problems, match=r"b\.fits: a\.fits"):
        add_references(store, [put("new/a.fits", "dark"), put("new/b.fits", "dark", FILTER="J")], plugins)


def test_a_type_of_a_third_party_is_told_apart_by_its_own_selectors(plugins: Plugins, put: Put, store: Path) -> None:
    class Lab:
        @hookimpl
        def reference_types(self) -> list[ReferenceType]:
            """Return a type that is chosen by the pupil alone."""
            return [ReferenceType(name="ghosts", selectors=("PUPIL",), stated=("PUPIL",))]

    plugins.add("lab", Lab())
    files = [put(f"new/{pupil}.fits", "ghosts", PUPIL=pupil) for pupil in ("open", "masked")]
    add_references(store, files, plugins)
    with pytest.raises(Problems, match=r"other\.fits: open\.fits"):
        add_references(store, [put("new/other.fits", "ghosts", PUPIL="open", DETECTOR="IMG2")], plugins)


def test_a_file_may_replace_the_one_it_would_be_as_good_as(plugins: Plugins, put: Put, store: Path) -> None:
    add_references(store, [put("new/f.fits")], plugins)
    add_references(store, [put("newer/f.fits", DESCRIP="better")], plugins, replace=True)
    assert [one.entry.header["DESCRIP"] for one in list_references(store)] == ["better"]


# All or none


def test_a_file_that_cannot_be_written_leaves_nothing_behind(plugins: Plugins, put: Put, store: Path) -> None:
    files = [put("new/a.fits"), put("new/b.fits", FILTER="J"), put("new/c.fits", FILTER="H")]
    (store / "b.fits").mkdir(parents=True)
    with pytest.raises(InputError, match=r"b\.fits"):
        add_references(store, files, plugins)
    assert files_in(store) == ["b.fits", INDEX]
    assert not ReferenceIndex(store).exists()


@pytest.mark.parametrize("name", ["loop.fits", "dangling.fits", "folder.fits", "n" * 300])
def test_a_link_in_a_circle_and_what_is_no_file_are_errors_with_their_names(
    plugins: Plugins, store: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "loop.fits").symlink_to("loop.fits")
    (tmp_path / "dangling.fits").symlink_to("nowhere")
    (tmp_path / "folder.fits").mkdir()
    with pytest.raises(Problems, match=name):
        add_references(store, [tmp_path / name], plugins)
    assert not store.exists()


def test_a_store_that_cannot_be_made_is_an_error_with_its_name(plugins: Plugins, put: Put, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file/store"):
        add_references(tmp_path / "file" / "store", [put("new/f.fits")], plugins)


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("have_links", [True, False])
def test_an_error_while_files_are_replaced_leaves_all_as_they_were(
    plugins: Plugins, put: Put, store: Path, monkeypatch: pytest.MonkeyPatch, failing: int, have_links: bool
) -> None:
    kinds = {"a.fits": "Kbb", "b.fits": "J", "c.fits": "H"}
    old = [put(f"old/{name}", FILTER=filter_name) for name, filter_name in kinds.items() if name != "c.fits"]
    new = [put(f"new/{name}", FILTER=filter_name, DESCRIP="new") for name, filter_name in kinds.items()]
    add_references(store, old, plugins)
    rename, calls = os.replace, iter(range(1, 100))

    def fail_once(*paths: Any) -> None:
        if next(calls) == failing:
            raise OSError(errno.EIO, "Input/output error")
        rename(*paths)

    def refuse(*_paths: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "replace", fail_once)
    if not have_links:
        monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(InputError, match="Input/output error"):
        add_references(store, new, plugins, replace=True)
    assert files_in(store) == ["a.fits", "b.fits", INDEX]
    assert [one.problem for one in list_references(store, verify=True)] == ["", ""]
    assert {(store / path.name).read_bytes() == path.read_bytes() for path in old} == {True}


def test_an_index_that_cannot_be_written_leaves_the_files_as_they_were(
    plugins: Plugins, put: Put, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = put("old/a.fits"), [put("new/a.fits", DESCRIP="new"), put("new/b.fits", FILTER="J")]
    add_references(store, [old], plugins)

    def fail(*_arguments: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("iris_references._store.put", fail)
    with pytest.raises(InputError, match="disk is full"):
        add_references(store, new, plugins, replace=True)
    assert (store / "a.fits").read_bytes() == old.read_bytes()
    assert files_in(store) == ["a.fits", INDEX]
    assert [one.problem for one in list_references(store, verify=True)] == [""]


KILLED = """\
import os, signal, sqlite3, sys
from pathlib import Path
from iris_core import load_plugins
from iris_references import _store, add_references

moment, store, *names = sys.argv[1:]

def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def killed_at(number, real):
    calls = iter(range(1, 100))
    return lambda *a, **k: kill() if next(calls) == number else real(*a, **k)

if moment == "put":
    _store.put = kill
elif moment == "end":
    import shutil
    shutil.rmtree = lambda path, **options: kill() if Path(path).name == ".before" else None
else:
    kind, _, number = moment.partition(" ")
    setattr(os, kind, killed_at(int(number), getattr(os, kind)))
add_references(store, names, load_plugins(), replace=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["replace 1", "replace 2", "replace 3", "replace 4", "link 1", "link 2", "put", "end"]
)
def test_a_kill_while_files_are_replaced_leaves_all_old_or_all_new(put: Put, store: Path, moment: str) -> None:
    kinds = {"a.fits": "Kbb", "b.fits": "J", "c.fits": "H"}
    plugins = load_plugins()
    old = [put(f"old/{name}", FILTER=filter_name) for name, filter_name in kinds.items() if name != "c.fits"]
    new = [put(f"new/{name}", FILTER=filter_name, DESCRIP="new") for name, filter_name in kinds.items()]
    add_references(store, old, plugins)
    command = [sys.executable, "-c", KILLED, moment, str(store), *map(str, new)]
    assert subprocess.run(command, check=False).returncode == -9
    listed = list_references(store, verify=True)
    assert {one.problem for one in listed} == {""}
    state = {one.entry.header["DESCRIP"] for one in listed}
    assert state == {"new"} if moment == "end" else "new" not in state
    assert [one.entry.name for one in listed] == (
        ["a.fits", "b.fits", "c.fits"] if moment == "end" else ["a.fits", "b.fits"]
    )
    add_references(store, new, plugins, replace=True)
    assert {one.entry.header["DESCRIP"] for one in list_references(store, verify=True)} == {"new"}
    assert sorted(path.name for path in store.iterdir()) == [*kinds, INDEX]


def test_a_plan_that_leads_out_of_the_store_is_refused(plugins: Plugins, put: Put, store: Path) -> None:
    """A store may be shared: what somebody has put there must not remove files elsewhere."""
    add_references(store, [put("new/a.fits")], plugins)
    victim = store.parent / "victim"
    victim.write_text("precious")
    (store / ".before").mkdir()
    plan = {"../victim": {"new": sha256_of(victim), "old": None}}
    (store / ".before" / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(InputError, match="victim is not a name"):
        list_references(store)
    assert victim.read_text() == "precious"


def test_a_store_that_cannot_be_written_is_read_with_the_journal_of_a_killed_process(
    plugins: Plugins, put: Put, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_references(store, [put("new/a.fits")], plugins)
    code = (
        "import os, signal, sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('pragma cache_size=1')\nc.execute('begin')\nc.execute('create table filler (x)')\n"
        "for _ in range(200): c.execute('insert into filler values (zeroblob(4000))')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(store / INDEX)], check=False)
    assert len(files_in(store)) == 3
    monkeypatch.setattr("iris_references._index.access", lambda *_: False)
    before = (store / INDEX).read_bytes()
    assert names_in(store) == ["a.fits"]
    assert (store / INDEX).read_bytes() == before


def test_a_copy_is_on_the_disk_before_the_index_says_so(
    plugins: Plugins, put: Put, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        order.append(f"sync {os.fstat(descriptor).st_ino}")
        fsync(descriptor)

    def note_put(*_arguments: Any) -> None:
        order.append("index")

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr("iris_references._store.put", note_put)
    add_references(store, [put("new/a.fits")], plugins)
    place = f"sync {(store / 'a.fits').stat().st_ino}"
    folder = f"sync {store.stat().st_ino}"
    assert order.index(place) < order.index(folder) < order.index("index")


def test_nothing_is_written_through_a_link_that_is_put_in_the_way(plugins: Plugins, put: Put, store: Path) -> None:
    """The temporary name cannot be guessed; a link under the name itself is replaced, not followed."""
    victim = store.parent / "victim"
    victim.write_text("precious")
    store.mkdir()
    (store / f".f.fits.{os.getpid()}.part").symlink_to(victim)
    (store / "f.fits").symlink_to(victim)
    add_references(store, [put("new/f.fits")], plugins, replace=True)
    assert victim.read_text() == "precious"
    assert not (store / "f.fits").is_symlink()


def test_several_processes_add_at_once(put: Put, tmp_path: Path) -> None:
    names = [f"f{number}.fits" for number in range(12)]
    for number, name in enumerate(names):
        put(f"new/{name}", USEAFTER=f"2025-01-{number + 1:02}")
    script = (
        "import sys\nfrom iris_core import load_plugins\nfrom iris_references import add_references\n"
        "plugins = load_plugins()\nfor name in sys.argv[2:]: add_references(sys.argv[1], [name], plugins)\n"
    )
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path / "store", *(tmp_path / "new" / name for name in names[first::3])]
        )
        for first in range(3)
    ]
    assert [job.wait() for job in jobs] == [0, 0, 0]
    listed = list_references(tmp_path / "store", verify=True)
    assert [one.entry.name for one in listed] == sorted(names)
    assert {one.problem for one in listed} == {""}


# Listing and removing


def test_a_list_has_what_is_wrong_with_each_file(plugins: Plugins, put: Put, store: Path) -> None:
    add_references(store, [put(f"new/{name}.fits", FILTER=name) for name in ("good", "changed", "gone")], plugins)
    (store / "changed.fits").write_bytes((store / "good.fits").read_bytes())
    (store / "gone.fits").unlink()
    put("store/other.fits")
    listed = {one.entry.name: one.problem for one in list_references(store)}
    assert listed.pop("changed.fits") == listed.pop("good.fits") == ""
    assert "missing" in listed.pop("gone.fits")
    assert "not in the index" in listed.pop("other.fits")
    assert not listed
    verified = {one.entry.name: one.problem for one in list_references(store, verify=True)}
    assert "changed" in verified["changed.fits"]
    assert verified["good.fits"] == ""


def test_what_is_removed_stays_on_the_disk_unless_deleted(plugins: Plugins, put: Put, store: Path) -> None:
    add_references(store, [put("new/a.fits"), put("new/j.fits", FILTER="J")], plugins)
    assert [one.name for one in remove_references(store, ["a.fits", "a.fits"])] == ["a.fits"]
    assert files_in(store) == ["a.fits", "j.fits", INDEX]
    remove_references(store, ["j.fits"], delete=True)
    assert files_in(store) == ["a.fits", INDEX]


def test_an_unknown_name_removes_nothing(plugins: Plugins, put: Put, store: Path) -> None:
    add_references(store, [put("new/a.fits"), put("new/j.fits", FILTER="J")], plugins)
    with pytest.raises(Problems, match=r"'a\.fit'; did you mean 'a\.fits'"):
        remove_references(store, ["j.fits", "a.fit"], delete=True)
    assert names_in(store) == ["a.fits", "j.fits"]
    assert files_in(store) == ["a.fits", "j.fits", INDEX]


@pytest.mark.parametrize("act", [list_references, lambda folder: remove_references(folder, ["a.fits"])])
def test_a_folder_without_an_index_is_an_error_with_the_command_that_makes_one(
    tmp_path: Path, act: Callable[[Path], object]
) -> None:
    with pytest.raises(InputError, match=rf"iris references add FILES --store {tmp_path}"):
        act(tmp_path)
    assert files_in(tmp_path) == []


def test_stages_that_use_a_type_are_enough_for_a_file_to_be_added(plugins: Plugins, put: Put, store: Path) -> None:
    from iris_core import stage

    use = stage("flat_field", references=("ghosts",))(lambda exposure: exposure)
    plugins.add("lab-flat", as_plugin("flat_field", use, "lab_flat"))
    add_references(store, [put("new/g.fits", "ghosts")], plugins)
    assert names_in(store) == ["g.fits"]
