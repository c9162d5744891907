"""SHA256SUMS beside products: the sums of their bytes, as ``sha256sum -c`` of GNU coreutils reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from iris_core import FileHash, atomic, locked_folder, sha256_of, state_of

__all__ = ["SUMS", "add_sums", "outdated", "read_sums", "unlisted"]

SUMS = "SHA256SUMS"

# A line that begins with a backslash has a name in which backslash and the ends of lines are escaped.
_LINE = re.compile(rb"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
_ESCAPES = {b"\\": rb"\\", b"\n": rb"\n", b"\r": rb"\r"}
_CHARACTERS = {escaped: one for one, escaped in _ESCAPES.items()}


def read_sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of files by their names, as the file SHA256SUMS of a folder gives them.

    Nothing where there is no such file; lines that are none are passed over.
    """
    try:
        lines = (folder / SUMS).read_bytes().split(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = (_LINE.fullmatch(line) for line in lines)
    return {os.fsdecode(_name(*one.group(1, 3))): one[2].decode().lower() for one in found if one}


def add_sums(paths: Iterable[Path], known: Mapping[Path, FileHash] | None = None, threads: int = 2) -> tuple[int, int]:
    """Write the SHA-256 of files into SHA256SUMS in their folders, in the place of what stands there of them.

    Runs that write into one folder at a time lose nothing of each other.

    Parameters
    ----------
    paths
        The files; what is no file, or is replaced by another run meanwhile, is passed over.
    known
        Hashes that need not be computed again, of files that have not changed since.
    threads
        How many are hashed at a time: that takes 0.1 s for 150 MB, and leaves the interpreter to others.

    Returns
    -------
    int, int
        The number of files, and their size [byte].
    """
    files = {path: state_of(path) for path in paths if path.is_file()}
    digests = {path: one.sha256 for path, one in (known or {}).items() if files.get(path) == one.state}
    others = [path for path in files if path not in digests]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        digests |= zip(others, pool.map(sha256_of, others), strict=True)
    for folder in dict.fromkeys(path.parent for path in files):
        with locked_folder(folder):
            inside = {path: state for path, state in files.items() if path.parent == folder}
            _write(folder, {path.name: digests[path] for path, state in inside.items() if state_of(path) == state})
    return len(files), sum(state[2] for state in files.values())


def unlisted(paths: Iterable[Path]) -> list[Path]:
    """Return the files that SHA256SUMS in their folder does not name."""
    paths = list(paths)
    listed = {folder: read_sums(folder) for folder in {path.parent for path in paths}}
    return [path for path in paths if path.name not in listed[path.parent]]


def outdated(paths: Iterable[Path]) -> list[Path]:
    """Return the files that are newer than SHA256SUMS in their folder: their run was killed, or they were edited."""
    return [path for path in paths if _changed(path) > _changed(path.parent / SUMS)]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _write(folder: Path, sums: Mapping[str, str]) -> None:
    merged = sorted({**read_sums(folder), **sums}.items())
    with atomic(folder / SUMS) as temporary:
        temporary.write_bytes(b"".join(_line(os.fsencode(name), digest) for name, digest in merged))


def _line(name: bytes, digest: str) -> bytes:
    escaped = re.sub(rb"[\\\n\r]", lambda found: _ESCAPES[found[0]], name)
    return (b"\\" if escaped != name else b"") + digest.encode() + b"  " + escaped + b"\n"


def _name(mark: bytes, name: bytes) -> bytes:
    return re.sub(rb"\\[\\nr]", lambda found: _CHARACTERS[found[0]], name) if mark else name
