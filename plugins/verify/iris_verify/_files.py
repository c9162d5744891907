"""Which files are meant: products by their endings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from iris_core import InputError

__all__ = ["KNOWN", "files_under", "named_files"]

KNOWN = (".fits", ".asdf", ".ecsv", ".fits.gz", ".fits.fz", ".fits.bz2", ".fit", ".fits.Z")


def files_under(folder: Path, every: bool = False) -> list[Path]:
    """Return the FITS, ASDF and ECSV files in a folder and below, or `every` file; what is hidden is no product."""
    endings = "" if every else KNOWN
    found = (path for path in sorted(folder.rglob("*")) if path.name.endswith(endings) and path.is_file())
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def named_files(paths: Iterable[Path]) -> list[Path]:
    """Return files and what is in folders, each once.

    Raises
    ------
    InputError
        When there is no such file or folder.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        found |= dict.fromkeys(files_under(path) if path.is_dir() else [path])
    return list(found)
