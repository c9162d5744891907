"""SHA-256 of files, computed in threads beside the rest; each file is read once."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from iris_core import sha256_of

__all__ = ["Hashes"]


class Hashes:
    """What is begun with `begin` is there when `of` asks for it."""

    def __init__(self, threads: int = 2) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads)
        self._known: dict[Path, Future[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, path: Path) -> None:
        """Begin to hash a file."""
        if path not in self._known:
            self._known[path] = self._pool.submit(sha256_of, path)

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file, ``""`` where it cannot be read."""
        self.begin(path)
        try:
            return self._known[path].result()
        except OSError:
            return ""
