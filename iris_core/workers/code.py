"""The code that makes a product: that of plugins by their files, that of the libraries beneath by their versions."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from iris_core.plugins import Origin

__all__ = ["Code"]

_EXTRA = re.compile(r"extra\s*==")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Code:
    """What the code of plugins and libraries is; each file, and what each distribution says, is read once."""

    hashes: dict[str, str] = field(default_factory=dict)
    libraries: dict[frozenset[str], dict[str, str]] = field(default_factory=dict)

    def of(self, origin: Origin, plugin: object) -> str:
        """Return the version of a plugin and a hash of its files, or its hash where it is a single file.

        A changed line counts, also where nobody has changed the version: a package that is installed in editable form
        has the same version for weeks. What was added in this process has no files, and is the same nowhere else.
        """
        if origin.sha256:
            return origin.sha256
        if not origin.source:
            return f"of process {os.getpid()}: {id(plugin):x}"
        return f"{origin.version} {self._hash(getattr(plugin, '__name__', type(plugin).__module__).partition('.')[0])}"

    def of_libraries(self, names: Iterable[str]) -> dict[str, str]:
        """Return the versions of the distributions that others require, by name; of an editable one its files, too."""
        own = frozenset(_canonical(name) for name in names if name)
        if own not in self.libraries:
            required = sorted({one for name in own for one in _required(name)} - own)
            found = {name: _distribution(name) for name in required}
            self.libraries[own] = {name: " ".join(self._version(one)) for name, one in found.items() if one}
        return self.libraries[own]

    def _version(self, found: Distribution) -> Iterator[str]:
        yield found.version
        if json.loads(found.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable"):
            usual = found.name.replace("-", "_").lower()  # not every builder says what the modules are
            yield from map(self._hash, (found.read_text("top_level.txt") or usual).split())

    def _hash(self, module: str) -> str:
        """Return a hash of the files of a package, or of a module: what is compiled from them, too."""
        if module not in self.hashes:
            whole = sha256()
            for path, name in _files(module):
                whole.update(f"{name}\0{sha256(path.read_bytes()).hexdigest()}\n".encode())
            self.hashes[module] = whole.hexdigest()[:16]
        return self.hashes[module]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(name: str) -> Iterator[str]:
    found = _distribution(name)
    lines = (line for line in (found.requires if found else None) or () if not _EXTRA.search(line))
    return (_canonical(match[0]) for line in lines if (match := _NAME.match(line)))


def _distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:  # for another system, or another Python
        return None


def _files(module: str) -> Iterator[tuple[Path, str]]:
    spec = find_spec(module) if module not in sys.modules else sys.modules[module].__spec__
    if spec is None:
        return
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders and spec.origin:
        yield Path(spec.origin), Path(spec.origin).name
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                yield path, path.relative_to(folder).as_posix()
