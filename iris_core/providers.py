"""Two providers of reference files: those named by hand, and a folder that is searched by header."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os.path import isfile
from pathlib import Path
from typing import Any

from iris_core.errors import InputError, ReferenceNotFound, one_line
from iris_core.meta import Meta
from iris_core.model import Exposure
from iris_core.references import Candidate, Reference
from iris_core.stages import hookimpl

__all__ = ["NamedReferences", "ReferenceFolder", "read_reference_header"]

log = logging.getLogger(__name__)

# Which keywords must match, by reference type; a type that is not listed here is matched on all of them.
_ALWAYS = ("INSTRUME", "DETECTOR")
_SELECTORS: Mapping[str, tuple[str, ...]] = {
    "dark": (*_ALWAYS, "READMODE"),
    "flat": (*_ALWAYS, "FILTER", "PUPIL", "READMODE"),
    "photom": _ALWAYS,
    "area": (*_ALWAYS, "FILTER"),
    "distortion": (*_ALWAYS, "FILTER"),
    "mask": _ALWAYS,
}
# What a file in a folder has to say itself; what it leaves out beyond that matches all.
_STATED: Mapping[str, tuple[str, ...]] = {
    "dark": (*_ALWAYS, "READMODE"),
    "flat": (*_ALWAYS, "FILTER"),
    "area": (*_ALWAYS, "FILTER"),
    "distortion": (*_ALWAYS, "FILTER"),
}
# What even a file that is named by hand must not contradict; other differences are noted.
_BY_HAND: Mapping[str, tuple[str, ...]] = {"dark": (*_ALWAYS, "READMODE")}
_ANY = ("", "ANY", "N/A")
_SUFFIXES = (".fits", ".fits.gz", ".fits.fz", ".asdf", ".ecsv")


def read_reference_header(path: Path) -> dict[str, Any]:
    """Return the keywords of a reference file: FITS primary header, ASDF ``meta``, or ECSV ``meta``.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    try:
        cards = {str(key).upper(): value for key, value in _keywords(path).items()}
        return {key: value for key, value in cards.items() if type(value).__name__ != "Undefined"}
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: its header cannot be read: {one_line(error)}") from error


def _keywords(path: Path) -> Mapping[str, Any]:
    if path.suffix == ".asdf":
        import asdf

        with asdf.open(path, lazy_load=True, memmap=False) as file:
            return dict(file.tree.get("meta", {}))
    if path.suffix == ".ecsv":
        from astropy.table import Table

        return dict(Table.read(path, format="ascii.ecsv").meta)
    from iris_core.fitsio import open_fits

    with open_fits(path, ignore_missing_end=True) as hdus:
        # A compressed image, and a table, keep their keywords in the first extension.
        return {card.keyword: card.value for hdu in reversed(hdus[:2]) for card in hdu.header.cards}


def _selectors(meta: Meta) -> dict[str, str]:
    return {
        "INSTRUME": meta.instrument,
        "DETECTOR": meta.detector,
        "FILTER": meta.filter,
        "PUPIL": meta.pupil,
        "READMODE": meta.read_mode,
    }


def _wanted(reftype: str, exposure: Exposure) -> dict[str, str]:
    """Return what the selectors of a type have to be for an exposure."""
    values = _selectors(exposure.meta)
    return {name: values[name] for name in _SELECTORS.get(reftype, tuple(values))}


def mismatches(reftype: str, header: Mapping[str, Any], exposure: Exposure) -> dict[str, str]:
    """Return, by keyword, how a reference file's selectors differ from what an exposure needs."""
    lost: dict[str, str] = {}
    for name, wanted in _wanted(reftype, exposure).items():
        said = str(header.get(name, "")).strip()
        if said.upper() in _ANY or said.casefold() == wanted.casefold() or wanted.upper() in ("ANY", "N/A"):
            continue
        lost[name] = f"{name} is {said}, " + (f"not {wanted}" if wanted else "and the exposure does not say its own")
    return lost


@dataclass(slots=True, eq=False)
class NamedReferences:
    """Reference files that the recipe or the command line names.

    Parameters
    ----------
    files
        By type.
    read
        Reads the outline of an image with the installed readers, which know the keywords of their cameras.
    places
        Where each was named, for errors.
    """

    files: Mapping[str, Path]
    read: Callable[..., Exposure]
    places: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> dict[str, ReferenceNotFound]:
        """Return an error for each file that is not there, by type."""
        return {
            reftype: ReferenceNotFound(
                f"{self.places.get(reftype, 'references')}: no such {reftype} reference file: {path}"
            )
            for reftype, path in self.files.items()
            if not isfile(path)
        }

    @hookimpl(tryfirst=True)
    def find_reference(self, reftype: str, exposure: Exposure) -> Reference | None:
        """Return the named file; one for another detector is refused, other differences are noted."""
        path = self.files.get(reftype)
        if path is None:
            return None
        if reftype in (missing := self.missing()):
            raise missing[reftype]
        header = self._header(path, reftype)
        said = str(header.get("REFTYPE", "")).strip()
        if said and said.casefold() != reftype.casefold():
            place = self.places.get(reftype, "references")
            raise ReferenceNotFound(f"{place}: {path} is a {said} reference (REFTYPE); a {reftype} is needed")
        lost = mismatches(reftype, header, exposure)
        stated = _wanted(reftype, exposure)
        wrong = [reason for name, reason in lost.items() if name in _BY_HAND.get(reftype, _ALWAYS) and stated[name]]
        if wrong:
            raise ReferenceNotFound(
                f"the {reftype} {path} is not for {exposure.name}: {'; '.join(wrong)}; name another, or leave it out"
            )
        notes = tuple(f"the {reftype} {path.name} was named by hand although {reason}" for reason in lost.values())
        return Reference(reftype=reftype, path=path, provider="by hand", notes=notes)

    def _header(self, path: Path, reftype: str) -> Mapping[str, Any]:
        try:
            outline = self.read(path, pixels=False, reftype=reftype)
            said = outline.header.get("REFTYPE") or outline.sci_header.get("REFTYPE") or ""
            return {**_selectors(outline.meta), "REFTYPE": said}
        except InputError:
            return read_reference_header(path)  # a table, or a model


@dataclass(slots=True, eq=False)
class ReferenceFolder:
    """A folder of reference files, chosen by their headers.

    Best is the one whose selectors all match and whose USEAFTER is the latest not after the exposure.
    """

    folder: Path
    headers: dict[Path, dict[str, Any]] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise ReferenceNotFound(f"no folder of reference files {self.folder}")
        for path in sorted(self.folder.rglob("*")):
            if path.name.endswith(_SUFFIXES) and path.is_file():
                try:
                    self.headers[path] = read_reference_header(path)
                except InputError as error:
                    log.warning("%s", error)
                    self.unreadable[path] = "it cannot be read"

    def _of_type(self, reftype: str) -> dict[Path, dict[str, Any]]:
        return {
            path: header
            for path, header in self.headers.items()
            if str(header.get("REFTYPE", "")).strip().casefold() == reftype.casefold()
        }

    @hookimpl
    def find_reference(self, reftype: str, exposure: Exposure) -> Reference | None:
        """Return the best file of the folder."""
        fitting = {
            path: _useafter(header)
            for path, header in self._of_type(reftype).items()
            if _reason(reftype, header, exposure) is None
        }
        if not fitting:
            return None
        latest = max(fitting.values())
        best = [path for path, useafter in fitting.items() if useafter == latest]
        if len(best) > 1:
            raise ReferenceNotFound(
                f"{exposure.name}: these {reftype} references are equally good: {', '.join(map(str, best))}; "
                f"remove one, or name one with --reference {reftype}=FILE"
            )
        undated = f"{exposure.name} does not say when it was taken; of the {reftype} references the latest was used"
        notes = (undated,) if exposure.meta.start_time is None and len(fitting) > 1 else ()
        return Reference(reftype=reftype, path=best[0], provider=f"folder {self.folder}", notes=notes)

    @hookimpl
    def explain_reference(self, reftype: str, exposure: Exposure) -> list[Candidate]:
        """Return every file of the type that does not fit, with the selector on which it lost."""
        reasons = {path: _reason(reftype, header, exposure) for path, header in self._of_type(reftype).items()}
        lost = [Candidate(path, reason) for path, reason in reasons.items() if reason is not None]
        return lost + [Candidate(path, reason) for path, reason in self.unreadable.items()]


def _reason(reftype: str, header: Mapping[str, Any], exposure: Exposure) -> str | None:
    """Return why a reference file does not fit an exposure, None when it does."""
    missing = [name for name in _STATED.get(reftype, _ALWAYS) if not str(header.get(name, "")).strip()]
    if missing:
        return f"it does not say its {missing[0]}"
    lost = mismatches(reftype, header, exposure)
    if lost:
        return "; ".join(lost.values())
    try:
        useafter = _useafter(header)
    except ValueError:
        return f"USEAFTER {header.get('USEAFTER')!r} is not a time"
    start = exposure.meta.start_time
    if start is not None and useafter > start:
        return f"USEAFTER {useafter:%Y-%m-%dT%H:%M:%S} is after the exposure ({start:%Y-%m-%dT%H:%M:%S})"
    return None


def _useafter(header: Mapping[str, Any]) -> datetime:
    said = str(header.get("USEAFTER", "")).strip()
    if not said:
        return datetime.min.replace(tzinfo=UTC)
    when = datetime.fromisoformat(said)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
