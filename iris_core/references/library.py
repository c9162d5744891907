"""The reference files of a run: each is read once, and its hash computed beside the stages."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from iris_core.exposure import Exposure
from iris_core.io.hashing import HashedFiles
from iris_core.meta import ReferenceUse
from iris_core.plugins import Plugins
from iris_core.reference import Reference, ReferenceImage, References, ReferenceType, image_of
from iris_core.references.images import image_doubts, image_faults, refuse_faults, unit_faults

__all__ = ["ReferenceLibrary"]

# Files that exposures to come need are kept in memory up to this size, in bytes; beyond it they are read again.
KEPT_BYTES = 1 << 30

log = logging.getLogger(__name__)

_Key = tuple[Path, str]


class ReferenceLibrary:
    """Reads reference files for the stages, which read none themselves, and refuses what no reference may be.

    A file has to stay as it was when its header was read, so that its hash is that of the bytes that were used.

    Parameters
    ----------
    plugins
        Their readers read the files.
    """

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._outlines: dict[_Key, Any] = {}
        self._derived: dict[_Key, dict[Hashable, Any]] = {}
        self._contents: dict[_Key, Any] = {}
        self._expected: Counter[_Key] = Counter()
        self._files = HashedFiles()

    def close(self) -> None:
        """Release what is kept."""
        self._files.close()
        self._contents.clear()

    def outline(self, reference: Reference) -> Reference:
        """Return a reference with its headers and shape, or with its table or model.

        Raises
        ------
        InputError
            When the file cannot be read, or its image has a unit that its type must not have.
        """
        key = _key(reference)
        if key not in self._outlines:
            self._files.watch(reference.path)
            self._outlines[key] = self._plugins.read_reference(*key, pixels=False)
        content = self._outlines[key]
        if isinstance(content, Exposure):
            refuse_faults(_name(reference), unit_faults(image_of(content), self._type(reference)))
        return self._filled(reference, content)

    def _type(self, reference: Reference) -> ReferenceType:
        return self._plugins.reference_type(reference.reftype, reference.path)

    def expect(self, references: Iterable[References]) -> None:
        """Count what will be read: a file is kept until it has been used as often as it was expected; hash it."""
        for one in (one for found in references for one in found.values()):
            self._expected[_key(one)] += 1
            self._hash(one)

    def read(self, references: References) -> References:
        """Return references with the pixels of their images."""
        for reference in references.values():
            self._hash(reference)
        found = {reftype: self._whole(reference) for reftype, reference in references.items()}
        return References(found, references.notes)

    def _hash(self, reference: Reference) -> None:
        (self._files.watch if reference.sha256 else self._files.hash)(reference.path)

    def _whole(self, reference: Reference) -> Reference:
        if not isinstance(reference.content, Exposure):
            return reference
        key = _key(reference)
        content = self._contents.pop(key, None) or self._image(reference)
        self._expected[key] -= 1
        if self._expected[key] > 0:
            self._contents[key] = content
            while sum(map(_size, self._contents.values())) > KEPT_BYTES:
                del self._contents[next(iter(self._contents))]  # the one that was used least recently
        return self._filled(reference, content)

    def _filled(self, reference: Reference, content: Any) -> Reference:
        return reference.with_content(content, self._derived.setdefault(_key(reference), {}))

    def _image(self, reference: Reference) -> ReferenceImage:
        image = image_of(self._plugins.read_reference(*_key(reference)))
        kind, name = self._type(reference), _name(reference)
        refuse_faults(name, image_faults(image, kind))
        for doubt in image_doubts(image, kind):
            log.warning("%s: %s", name, doubt)
        return image

    def uses(self, references: Mapping[str, Reference]) -> tuple[ReferenceUse, ...]:
        """Return what the provenance keeps of references, with the hashes of their files.

        Raises
        ------
        InputError
            When a file has changed since its header was read: then the hash might be that of other bytes.
        """
        return tuple(one.use(self._files.sha256(one.path)) for one in references.values())


def _key(reference: Reference) -> _Key:
    return reference.path, reference.reftype


def _name(reference: Reference) -> str:
    return f"the {reference.reftype} {reference.path}"


def _size(content: ReferenceImage) -> int:
    return sum(plane.nbytes for plane in (content.data, content.err, content.dq))
