"""Files that are hashed beside the work."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from os.path import isfile
from pathlib import Path

from iris_core.errors import InputError
from iris_core.meta import FileHash
from iris_core.provenance import sha256_of

__all__ = ["HashedFiles", "state_of"]


def state_of(path: Path) -> tuple[int, ...]:
    """Return what changes with every change of a file, even where its size and its time are put back.

    Device, inode, size [byte], and the times of the last change of its content and of its inode [ns]; nothing where
    there is no such file.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):  # a name that no file can have
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class HashedFiles:
    """Files that must not change while they are used; their SHA-256 is computed beside the work.

    Hashing a file takes as long as a stage, and leaves the interpreter to the stages meanwhile.
    """

    def __init__(self) -> None:
        self._states: dict[Path, tuple[int, ...]] = {}
        self._digests: dict[Path, Future[str]] = {}
        self._hashing = ThreadPoolExecutor(max_workers=1)

    def close(self) -> None:
        """Stop; what is not hashed yet will not be."""
        self._hashing.shutdown(cancel_futures=True)

    def watch(self, path: Path) -> None:
        """From now on the file must not change."""
        if path not in self._states:
            self._states[path] = state_of(path)

    def hash(self, path: Path) -> None:
        """Begin to compute the hash of a file, if that has not begun yet; from now on it must not change."""
        self.watch(path)
        if isfile(path) and path not in self._digests:  # a plugin may read what is none, and a pipe has no end
            self._digests[path] = self._hashing.submit(sha256_of, path)

    def know(self, path: Path, found: FileHash) -> None:
        """Take over the hash of a file from whoever wrote it."""
        self._states[path], self._digests[path] = found.state, Future()
        self._digests[path].set_result(found.sha256)

    def sha256(self, path: Path) -> str:
        """Return the hash of a file, ``""`` where it was only watched or is no file.

        Raises
        ------
        InputError
            When the file has changed: then the hash might be that of other bytes than were used.
        """
        digest = self._digests[path].result() if path in self._digests else ""
        if state_of(path) != self._states[path]:
            raise InputError(f"{path} has changed during the run; run it again")
        return digest

    def unchanged(self, paths: Iterable[Path]) -> dict[Path, FileHash]:
        """Return the hashes of those files that were given to `hash` and are still there, as they were then."""
        found = {}
        for path in paths:
            with suppress(KeyError, OSError):  # some are moved on as soon as they are there
                found[path] = FileHash(self._digests[path].result(), self._states[path])
        return {path: one for path, one in found.items() if state_of(path) == one.state}
