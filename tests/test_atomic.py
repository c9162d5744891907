"""Under its name a file is whole or not there; what killed processes leave is removed, what others write is kept."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from iris_core import InputError, atomic, locked_folder

ERRORS = [OSError(28, "No space left on device"), ValueError("a bug"), KeyboardInterrupt()]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_file_is_written_in_a_hidden_folder_beside_its_place(tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "new" / "x_cal.fits"
    with atomic(str(path) if as_text else path) as temporary:
        temporary.write_text("whole")
        assert temporary.name == path.name
        assert temporary.parent.parent == path.parent
        assert temporary.parent.name.startswith(".")
        assert stat.S_IMODE(temporary.parent.stat().st_mode) == stat.S_IRWXU
        assert not path.exists()
    assert [(one.name, one.read_text()) for one in path.parent.iterdir()] == [("x_cal.fits", "whole")]


def test_the_hidden_name_is_another_one_each_time(tmp_path: Path) -> None:
    names = set()
    for _ in range(3):
        with atomic(tmp_path / "x.fits") as temporary:
            temporary.touch()
            names.add(temporary.parent.name)
    assert len(names) == 3


def write_half(path: Path, error: BaseException) -> None:
    with atomic(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("before", ["old", None])
def test_a_failure_leaves_nothing_and_the_old_file_as_it_was(
    tmp_path: Path, error: BaseException, before: str | None
) -> None:
    path = tmp_path / "x_cal.fits"
    if before is not None:
        path.write_text(before)
    expected = InputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        write_half(path, error)
    if isinstance(error, OSError):
        assert str(path) in str(caught.value)
        assert "No space left on device" in str(caught.value)
    assert [one.read_text() for one in tmp_path.iterdir()] == ([] if before is None else [before])


def test_two_files_of_one_name_are_not_written_into_one_another(tmp_path: Path) -> None:
    with atomic(tmp_path / "x.fits") as one, atomic(tmp_path / "x.fits") as other:
        assert one != other
        one.write_text("first to begin")
        other.write_text("last to begin")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["first to begin"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/x\.fits"), atomic(tmp_path / "file" / "x.fits"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_to_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(InputError, match=r"x\.fits: .*Permission denied"), atomic(tmp_path / "x.fits") as temporary:
        temporary.touch()


def test_a_block_that_writes_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.fits"), atomic(tmp_path / "x.fits"):
        pass
    assert list(tmp_path.iterdir()) == []


def write(path: Path, text: str = "new", **options: bool) -> None:
    with atomic(path, **options) as temporary:
        temporary.write_text(text)


@pytest.mark.parametrize("link", ["file", "dangling"])
def test_a_link_under_the_final_name_is_replaced_not_followed(tmp_path: Path, link: str) -> None:
    victim = tmp_path / "victim"
    if link == "file":
        victim.write_text("precious")
    (tmp_path / "x.fits").symlink_to(victim)
    write(tmp_path / "x.fits")
    assert not (tmp_path / "x.fits").is_symlink()
    assert victim.exists() == (link == "file")
    assert not victim.exists() or victim.read_text() == "precious"


def no_links(*_: object, **__: object) -> None:
    raise OSError(errno.ENOTSUP, "Operation not supported")


WITHOUT = {
    "all there": lambda _: None,
    "no links on the disk": lambda patch: patch.setattr(os, "link", no_links),
    "no os.link": lambda patch: patch.delattr(os, "link"),
    "no fcntl": lambda patch: (patch.setitem(sys.modules, "fcntl", None), patch.delattr(os, "link")),
    "no locks on the disk": lambda patch: (patch.setattr(fcntl, "flock", no_links), patch.delattr(os, "link")),
    "no O_NOFOLLOW": lambda patch: patch.delattr(os, "O_NOFOLLOW"),
}


@pytest.fixture(params=WITHOUT)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take from the system what others do not have."""
    WITHOUT[request.param](monkeypatch)
    return str(request.param)


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("there", ["file", "dangling link"])
def test_what_another_process_has_written_in_the_meantime_is_kept(tmp_path: Path, there: str) -> None:
    path = tmp_path / "x.fits"

    def late() -> None:
        with atomic(path, replace=False) as temporary:
            temporary.write_text("late")
            path.write_text("early") if there == "file" else path.symlink_to("nowhere")

    with pytest.raises(InputError, match=r"x\.fits exists"):
        late()
    assert path.is_symlink() if there == "dangling link" else path.read_text() == "early"
    assert [one.name for one in tmp_path.iterdir()] == ["x.fits"]


@pytest.mark.usefixtures("system")
def test_what_is_not_there_is_written_and_what_may_be_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "x.fits", "one", replace=False)
    assert (tmp_path / "x.fits").read_text() == "one"
    write(tmp_path / "x.fits", "two", replace=True)
    assert (tmp_path / "x.fits").read_text() == "two"
    assert [one.name for one in tmp_path.iterdir()] == ["x.fits"]


def test_a_link_that_the_server_made_although_it_said_no_is_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS: the answer is lost, and the repeated question finds what the first one made."""
    link = os.link

    def twice(*names: Any) -> None:
        link(*names)
        link(*names)

    monkeypatch.setattr(os, "link", twice)
    write(tmp_path / "x.fits", replace=False)
    assert [one.read_text() for one in tmp_path.iterdir()] == ["new"]


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("before", [True, False])
def test_a_folder_is_made_whole_too(tmp_path: Path, before: bool) -> None:
    if before:
        (tmp_path / "made").mkdir()
    with atomic(tmp_path / "made", replace=False) as temporary:
        temporary.mkdir()
        (temporary / "file").write_text("whole")
    assert [(one.name, one.read_text()) for one in (tmp_path / "made").iterdir()] == [("file", "whole")]
    assert [one.name for one in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize("name", ["a\0b.fits", "a\ud800.fits", "n" * 256, "loop/x.fits"])
def test_a_name_that_no_file_can_have_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="cannot be written"), atomic(tmp_path / name):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["loop"]


@pytest.mark.parametrize("name", ["n" * 255, "new\nline.fits", "\x1b[2J.fits", "\udcff.fits", "-o", " "])
def test_a_name_that_a_file_can_have_is_written(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_disk_that_cannot_synchronise_folders_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fsync = os.fsync

    def of_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files)
    write(tmp_path / "x.fits")
    assert [one.name for one in tmp_path.iterdir()] == ["x.fits"]


KILLED = """\
import os, signal, sys
from iris_core import atomic
name, moment = sys.argv[1:]
def kill(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
if moment in ("link", "fsync", "open"):
    setattr(os, moment, kill)
with atomic(name, replace=False) as temporary:
    temporary.write_text("half")
    if moment == "alive":
        print(temporary.parent.name, flush=True)
        sys.stdin.read()
    elif moment == "block":
        kill()
"""


def start(path: Path, moment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", KILLED, str(path), moment]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("moment", ["open", "block", "fsync", "link"])
def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path, moment: str) -> None:
    with start(tmp_path / "x.fits", moment) as process:
        assert process.wait() < 0
    assert len(hidden(tmp_path)) == 1
    write(tmp_path / "another.fits")
    assert [path.name for path in tmp_path.iterdir()] == ["another.fits"]


def test_what_a_live_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    with start(tmp_path / "x.fits", "alive") as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        write(tmp_path / "another.fits")
        assert [path.name for path in hidden(tmp_path)] == [name]
        process.communicate("")
    assert process.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another.fits", "x.fits"]


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """Return what a killed process has left."""
    with start(tmp_path / "x.fits", "block") as process:
        process.wait()
    (found,) = hidden(tmp_path)
    return found


def age(folder: Path, days: float) -> None:
    for path in (*folder.iterdir(), folder):
        moment = path.stat().st_mtime - days * 86400
        os.utime(path, (moment, moment))


@pytest.mark.parametrize(("days", "stays"), [(6, True), (8, False)])
@pytest.mark.parametrize("why", ["another machine", "no locks"])
def test_where_locks_do_not_tell_it_stays_for_a_week(
    left: Path, monkeypatch: pytest.MonkeyPatch, days: float, stays: bool, why: str
) -> None:
    if why == "another machine":
        monkeypatch.setattr(platform, "node", lambda: "another")
    else:
        monkeypatch.setattr(fcntl, "flock", no_links)
    age(left, days)
    write(left.parent / "another.fits")
    assert left.exists() == stays


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("elsewhere")])
def test_hidden_files_of_others_are_never_removed(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    for name in (".x.part", ".iris-part", f".iris-{'a' * 8}-{'0' * 16}.part.fits"):
        make(tmp_path / name)
    if make is not Path.mkdir:
        make(tmp_path / f".iris-{'a' * 8}-{'0' * 16}.part")
    before = {path.name for path in tmp_path.rglob("*")}
    write(tmp_path / "new.fits")
    assert {path.name for path in tmp_path.rglob("*")} == before | {"new.fits"}


def test_a_folder_taken_before_it_was_locked_is_made_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Path] = []
    make = Path.mkdir

    def lose(path: Path, *args: Any, **options: Any) -> None:
        make(path, *args, **options)
        if not taken and path.name.startswith("."):
            taken.append(path)
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", lose)
    write(tmp_path / "x.fits")
    assert taken
    assert [path.name for path in tmp_path.iterdir()] == ["x.fits"]


def test_what_is_changed_in_a_locked_folder_loses_nothing_of_others(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("")

    def add(line: str) -> None:
        with locked_folder(tmp_path):
            before = path.read_text()
            with atomic(path) as temporary:
                temporary.write_text(f"{before}{line}\n")

    lines = [str(number) for number in range(60)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(add, lines))
    assert sorted(path.read_text().split()) == sorted(lines)
