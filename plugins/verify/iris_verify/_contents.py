"""Whether the content of a file is what was written: its structure, and the sums that stand in it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from iris_core import InputError, key_of, one_line, open_fits, read_asdf

__all__ = ["faults", "remarks_on", "written_name"]

_SUMS = ("DATASUM", "CHECKSUM")


def faults(path: Path, is_listed: bool = False) -> list[str]:
    """Return what is wrong with a file, by itself.

    FITS: the structure to its end, CHECKSUM and DATASUM of each HDU (a product has them in all). ASDF: the sums of its
    blocks. ECSV: whether it is a table. Of a file that is no product only damage counts.

    Parameters
    ----------
    path
        The file.
    is_listed
        Whether its SHA-256 is compared anyhow: then a table, which has no sums of its own, is not read.
    """
    try:
        return [words.removeprefix(f"{path}: ") for words in _faults(path, is_listed)]
    except InputError as error:
        return [str(error).removeprefix(f"{path}: ")]


def _faults(path: Path, is_listed: bool) -> Iterator[str]:
    if path.suffix == ".asdf":
        if key_of(path):
            read_asdf(path)
    elif path.suffix == ".ecsv":
        if not is_listed:
            _read_table(path)
    else:
        remarks, without = remarks_on(path)
        is_product = bool(key_of(path))
        yield from (one for one in remarks if is_product or one.startswith(("the DATASUM", "the CHECKSUM")))
        if is_product:
            yield from (f"{hdu} has no {name}: its header is damaged" for hdu, name in without)


def remarks_on(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Return what is odd in a FITS file, and which sum is missing in which HDU.

    Raises
    ------
    InputError
        When it is not whole.
    """
    remarks: list[str] = []
    with open_fits(path, tell=remarks.append) as hdus:
        named = [(hdu.name or f"extension {number}", hdu.header) for number, hdu in enumerate(hdus)]
        return remarks, [(name, one) for name, header in named for one in _SUMS if one not in header]


def _read_table(path: Path) -> None:
    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of units that the standard does not have
            Table.read(path, format="ascii.ecsv")
    except Exception as error:
        raise InputError(f"{path}: not readable as an ECSV table: {one_line(error)}") from error


def written_name(path: Path) -> str:
    """Return the name that a product was written under, ``""`` where it says none."""
    if not key_of(path):
        return ""
    with path.open("rb") as file:
        head = file.read(1 << 20)
    start = head.find(b"FILENAME")
    line = head[start : start + 80].split(b"\n")[0].decode("utf-8", "replace") if start >= 0 else ""
    quoted = line.partition("'")[2].partition("'")[0] if "'" in line else line.partition(":")[2].strip(" }")
    return quoted.strip()
