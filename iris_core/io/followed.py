"""A file that is hashed while it is written, so that nobody has to read it again."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from iris_core.io.hashing import state_of

__all__ = ["FollowedPath"]

# Pieces that may wait to be hashed: they are in memory.
_WAITING = 16

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())


class FollowedPath(_Path):
    """A path; what is appended to the file that its ``open("wb")`` makes is hashed in a thread meanwhile.

    Attributes
    ----------
    followed
        The file, once it has been opened.
    """

    followed: _Followed | None = None

    def open(self, mode: str = "r", *args: Any, **options: Any) -> Any:
        """Open the file."""
        opened = super().open(mode, *args, **options)
        if mode != "wb":
            return opened
        self.followed = _Followed(opened, Path(self))
        return self.followed

    def sha256(self) -> str:
        """Return the hash of the file, ``""`` where it was not written from its beginning to its end, and left so."""
        return "" if self.followed is None else self.followed.digest()


class _Followed:
    """A file that is open for writing, and the hash of what has been appended."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path, self._hash, self._size = file, path, sha256(), 0
        self._pool, self._begun = ThreadPoolExecutor(1, "iris-hash"), list[Future[None]]()
        self._closed: tuple[int, ...] = ()
        self._only_appended = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def seek(self, *where: int) -> int:
        """Go to a place: what is written there is not appended, and the file is not followed."""
        self._only_appended = False
        return self._file.seek(*where)

    def write(self, piece: Any) -> int:
        """Append a piece, and begin to hash it: a copy, where it can be written to."""
        if len(self._begun) >= _WAITING:
            self._begun.pop(0).result()
        kept = piece if memoryview(piece).readonly else bytes(piece)
        self._begun.append(self._pool.submit(self._hash.update, kept))
        self._file.write(piece)
        self._size += memoryview(piece).nbytes
        return memoryview(piece).nbytes

    def close(self) -> None:
        """Close the file."""
        if not self._file.closed:
            self._file.close()
            self._closed = state_of(self._path)
            self._pool.shutdown(wait=False)

    def digest(self) -> str:
        """Return the hash, ``""`` where it is not that of the file as it is now."""
        if not self._closed or self._closed != state_of(self._path):
            return ""
        if not self._only_appended or self._path.stat().st_size != self._size:
            return ""
        for waiting in self._begun:
            waiting.result()
        return self._hash.hexdigest()
