"""NIRC2's header in the framework's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iris_core import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from astropy.io.fits import Header

__all__ = ["FULL_FRAME", "filter_name", "is_nirc2", "read_mode", "required", "translated"]

FULL_FRAME = (1024, 1024)


def text(header: Header, name: str) -> str:
    """Return a card without its blanks, ``""`` where there is none."""
    return str(header.get(name, "")).strip()


def is_nirc2(header: Header) -> bool:
    """Whether a primary HDU is an image that NIRC2 took; products of this framework have theirs in an extension."""
    return header.get("NAXIS") == 2 and "NIRC2" in (text(header, "CURRINST").upper(), text(header, "INSTRUME").upper())


def required(header: Header, name: str, path: Path) -> float:
    """Return a number that the header has to give, above zero.

    Raises
    ------
    InputError
        When it does not.
    """
    try:
        value = float(header[name])
    except (KeyError, TypeError, ValueError):
        value = 0.0
    if not value > 0:
        raise InputError(
            f"{path}: {name} = {header.get(name)!r} in the header of a NIRC2 frame; a number above 0 is needed"
        )
    return value


def filter_name(composite: str) -> str:
    """Return the filter from the names of both wheels: ``Ks + clear`` is ``Ks``; both where neither is clear."""
    names = [name.strip() for name in composite.split("+")]
    return " + ".join(name for name in names if name and name.casefold() != "clear") or "clear"


def read_mode(header: Header) -> str:
    """Return how the array was read, with the time of a coadd: ``MCDS16-80s``.

    A dark holds for frames of the same mode and time only: it is not all dark current, and so does not scale.
    """
    sampmode = header.get("SAMPMODE")
    name = {1: "SINGLE", 2: "CDS", 3: f"MCDS{header.get('MULTISAM', '')}"}.get(sampmode, f"SAMPMODE{sampmode}")
    return f"{name}-{float(header['ITIME']):g}s"


def translated(header: Header, path: Path, reftype: str, shape: tuple[int, int]) -> Header:
    """Return a copy of the header, without the cards of the HDU's structure, that also has the framework's keywords.

    Parameters
    ----------
    header
        As it came; what is not replaced stays.
    path
        For messages.
    reftype
        What the file is used as. A flat serves every read mode, a dark every camera and filter.
    shape
        Rows and columns; a window of less than the array is centred on it.

    Raises
    ------
    InputError
        When ITIME or COADDS is missing.
    """
    seconds, coadds = required(header, "ITIME", path), required(header, "COADDS", path)
    any_for = {"dark": ("DETECTOR", "FILTER", "PUPIL"), "flat": ("READMODE", "PUPIL")}.get(reftype, ())
    cards: dict[str, Any] = {
        "INSTRUME": ("NIRC2", "instrument"),
        "DETECTOR": (text(header, "CAMNAME"), "camera"),
        "FILTER": (filter_name(text(header, "FILTER")), "filter, without the clear wheel"),
        "PUPIL": (text(header, "PMSNAME"), "pupil mask"),
        "READMODE": (read_mode(header), "read mode and ITIME"),
        "EXPTIME": (seconds * coadds, "[s] ITIME x COADDS"),
        "DATE-OBS": (_start(header), "start of the exposure, UTC"),
        **({"IMTYPE": ("DARK", "shutter closed")} if text(header, "SHRNAME") == "closed" else {}),
        **({"PROGNUM": (text(header, "PROGID"), "program")} if text(header, "PROGID") else {}),
        **_window(shape),
    }
    kept = header.copy(strip=True)
    for name in ("CHECKSUM", "DATASUM"):
        kept.remove(name, ignore_missing=True, remove_all=True)
    for name, (value, comment) in cards.items():
        kept[name] = ("ANY" if name in any_for else value, comment)
    return kept


def _start(header: Header) -> str:
    day, time = text(header, "DATE-OBS"), text(header, "EXPSTART") or text(header, "UTC")
    return f"{day}T{time}" if day and time and "T" not in day else day


def _window(shape: tuple[int, int]) -> dict[str, tuple[int, str]]:
    if shape == FULL_FRAME:
        return {}
    (rows, columns), (ny, nx) = shape, FULL_FRAME
    return {
        "SUBSTRT1": ((nx - columns) // 2 + 1, "first column of the window, centred"),
        "SUBSTRT2": ((ny - rows) // 2 + 1, "first row of the window, centred"),
        "SUBSIZE1": (columns, "columns of the window"),
        "SUBSIZE2": (rows, "rows of the window"),
    }
