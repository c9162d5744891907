"""The reference files of a run: each is read once, and its hash computed beside the stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import file_digest
from pathlib import Path
from typing import Any

from iris_core.exposure import Exposure
from iris_core.meta import ReferenceUse
from iris_core.plugins import Plugins
from iris_core.reference import Reference, ReferenceImage, References, image_of

__all__ = ["ReferenceLibrary", "sha256_of"]

# Files that exposures to come need are kept in memory up to this size, in bytes; beyond it they are read again.
KEPT_BYTES = 1 << 30

_Key = tuple[Path, str]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


class ReferenceLibrary:
    """Reads reference files for the stages, which read none themselves.

    Parameters
    ----------
    plugins
        Their readers read the files.
    """

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._outlines: dict[_Key, Any] = {}
        self._contents: dict[_Key, Any] = {}
        self._expected: Counter[_Key] = Counter()
        self._digests: dict[Path, Future[str]] = {}
        # Hashing a file takes as long as a stage, and leaves the interpreter to the stages meanwhile.
        self._hashing = ThreadPoolExecutor(max_workers=1)

    def close(self) -> None:
        """Release what is kept."""
        self._hashing.shutdown(cancel_futures=True)
        self._contents.clear()

    def outline(self, reference: Reference) -> Reference:
        """Return a reference with its headers and shape, or with its table or model."""
        key = (reference.path, reference.reftype)
        if key not in self._outlines:
            self._outlines[key] = self._plugins.read_reference(*key, pixels=False)
        return reference.with_content(self._outlines[key])

    def expect(self, references: Iterable[References]) -> None:
        """Count what will be read: a file is kept until it has been used as often as it was expected."""
        self._expected.update(_key(one) for found in references for one in found.values())

    def read(self, references: References) -> References:
        """Return references with the pixels of their images."""
        for reference in references.values():
            if reference.sha256 == "" and reference.path not in self._digests:
                self._digests[reference.path] = self._hashing.submit(sha256_of, reference.path)
        found = {reftype: self._whole(reference) for reftype, reference in references.items()}
        return References(found, references.notes)

    def _whole(self, reference: Reference) -> Reference:
        if not isinstance(reference.content, Exposure):
            return reference
        key = _key(reference)
        content = self._contents.pop(key, None) or image_of(self._plugins.read_reference(*key))
        self._expected[key] -= 1
        if self._expected[key] > 0:
            self._contents[key] = content
            while sum(map(_size, self._contents.values())) > KEPT_BYTES:
                del self._contents[next(iter(self._contents))]  # the one that was used least recently
        return reference.with_content(content)

    def uses(self, references: Mapping[str, Reference]) -> tuple[ReferenceUse, ...]:
        """Return what the provenance keeps of references, with the hashes of their files."""
        digests = {one.path: self._digests[one.path].result() for one in references.values() if not one.sha256}
        return tuple(one.use(digests.get(one.path, "")) for one in references.values())


def _key(reference: Reference) -> _Key:
    return reference.path, reference.reftype


def _size(content: ReferenceImage) -> int:
    return sum(plane.nbytes for plane in (content.data, content.err, content.dq))
