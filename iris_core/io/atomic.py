"""Files that are whole or not there: they are written in a hidden folder beside their place, then given their name."""

from __future__ import annotations

import errno
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from shutil import disk_usage, rmtree
from time import time

from iris_core.errors import InputError

__all__ = ["atomic", "locked_folder", "no_room", "real_path", "scratch_folder", "unusable"]

_PARTS = re.compile(r"\.iris-([0-9a-f]{8})-[0-9a-f]{16}\.part")
_LOCK = ".lock"
_TRIES = 8
# Locks may not be seen by other machines: what one of them has left is removed when it is older than any run.
_OLD = 7 * 86400.0  # seconds


@contextmanager
def atomic(path: str | Path, *, replace: bool = True) -> Iterator[Path]:
    """Write a file so that under its name it is whole or not there.

    Gives a temporary path with the same name, in a hidden folder beside the place of the file. At the end the file is
    synchronised to the disk and gets its place; where the block raises, nothing is left behind and a file of that name
    stays as it was. What killed processes have left in the folder is removed.

    Parameters
    ----------
    path
        The final name; folders that are missing are made. It may also be that of a folder, which the block makes.
    replace
        Whether a file of that name is replaced, also one that another process has written in the meantime.

    Raises
    ------
    InputError
        When the file cannot be written, or exists and is not to be replaced.

    Examples
    --------
    >>> with atomic("table.ecsv") as temporary:  # doctest: +SKIP
    ...     table.write(temporary)
    """
    path = Path(path)
    problem = unusable(path)
    if problem:
        raise InputError(f"{path}: cannot be written: {problem}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path.parent)
        with _hidden_folder(path.parent) as folder:
            temporary = folder / path.name
            yield temporary
            _sync(temporary)
            if replace or os.path.isdir(temporary):  # a folder replaces nothing but an empty one
                os.replace(temporary, path)
            else:
                _publish(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def no_room(folder: Path, size: int) -> str:
    """Return why a folder, which may have to be made, cannot hold `size` bytes of scratch; ``""`` where it can."""
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    free = disk_usage(there).free
    need = f"{size / 2**30:.1f} GiB are needed and {free / 2**30:.1f} GiB are free"
    remedy = f"no room for the exposures between two stages: {need}; --scratch names another"
    return f"{folder}: {remedy}" if free < size else ""


@contextmanager
def scratch_folder(parent: Path, size: int) -> Iterator[Path]:
    """Make a hidden folder for `size` bytes; it is removed at the end, or by the next run after one that was killed.

    Raises
    ------
    InputError
        When there is no room for it, or it cannot be made.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent)
        if why := no_room(parent, size):
            raise InputError(why)
        with _hidden_folder(parent) as folder:
            yield folder
    except OSError as error:
        raise InputError(f"{parent}: no folder for exposures between two stages: {error.strerror or error}") from error


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep out others that lock the same folder, in this process or another; where there are no locks, keep out none.

    What is read from a file there, changed and written with `atomic` meanwhile loses nothing that others write so.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def unusable(path: Path) -> str:
    """Return why no file can have a name (too long, a link in a circle, a NUL in it), or ``""``."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ""
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:  # NUL, or half of a surrogate pair
        return "the name has a character that no file name can have"
    return ""


def real_path(path: Path) -> str:
    """Return a path without links; unlike `Path.resolve` also for links in a circle and names that no file can have."""
    with suppress(OSError, ValueError):
        return os.path.realpath(path)
    return str(path)


def _publish(temporary: Path, path: Path) -> None:
    """Give a file its name unless that is taken: unlike a rename, a link replaces nothing."""
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        # A server may have made the link although its answer was lost, and the question came twice.
        if os.path.islink(path) or not os.path.samefile(temporary, path):
            raise _exists(path) from error
    except (OSError, AttributeError):  # not every file system has links
        with locked_folder(path.parent):
            if os.path.lexists(path):
                raise _exists(path) from None
            os.replace(temporary, path)


def _exists(path: Path) -> InputError:
    return InputError(
        f"{path} exists, written by another process in the meantime, and is kept; --overwrite replaces it"
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    try:
        _sync(path)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES):  # folders cannot be everywhere
            raise


@contextmanager
def _hidden_folder(parent: Path) -> Iterator[Path]:
    """Make a folder whose name cannot be guessed, with a lock that tells that its maker is alive."""
    folder, lock = _claim(parent)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)
        os.close(lock)


def _claim(parent: Path) -> tuple[Path, int]:
    for _ in range(_TRIES):
        folder = parent / f".iris-{_machine()}-{token_hex(8)}.part"
        folder.mkdir(mode=0o700)
        try:
            lock = _locked_file(folder / _LOCK)
        except OSError:
            rmtree(folder, ignore_errors=True)
            raise
        if lock is not None:
            return folder, lock
    raise OSError(errno.EBUSY, "no temporary file can be made", str(parent))


def _locked_file(path: Path) -> int | None:
    """Make a file and lock it; None where another process took its folder for an abandoned one just before."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileNotFoundError:
        return None
    if _lock(lock) is not False and os.path.exists(path):
        return lock
    os.close(lock)
    return None


def _machine() -> str:
    return sha256(platform.node().encode(errors="surrogateescape")).hexdigest()[:8]


def _lock(descriptor: int, wait: bool = False) -> bool | None:
    """Lock a file that is open: True; False where another process has the lock, None where there are no locks."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock

        flock(descriptor, LOCK_EX if wait else LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # not every system has locks, and not every file system
        return None
    return True


def _remove_abandoned(parent: Path) -> None:
    """Remove the hidden folders in a folder whose makers are no longer there."""
    with suppress(OSError):  # a folder may be written to and not listed
        for name in os.listdir(parent):
            found = _PARTS.fullmatch(name)
            if found and not os.path.islink(parent / name):
                _remove_if_abandoned(parent / name, found[1] == _machine())


def _remove_if_abandoned(folder: Path, is_ours: bool) -> None:
    with suppress(OSError):  # another process removes it, or it is that of another user
        is_old = time() - max(entry.lstat().st_mtime for entry in (folder, *folder.iterdir())) > _OLD
        # Without a lock its maker is gone, or is just about to make another folder.
        if is_old or (is_ours and not os.path.lexists(folder / _LOCK)):
            rmtree(folder, ignore_errors=True)
        elif is_ours:
            lock = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                if _lock(lock):
                    rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
