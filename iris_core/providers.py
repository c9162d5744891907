"""Two providers of reference files: those named by hand, and a folder that is searched by header or by its index."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import walk
from os.path import isfile
from pathlib import Path
from typing import Any

from iris_core.errors import InputError, ReferenceNotFound, one_line
from iris_core.index import Entry, ReferenceIndex
from iris_core.model import Exposure
from iris_core.references import Candidate, Reference, sha256_of
from iris_core.selection import MATCH_ALL, firm_selectors, mismatches, selectors, useafter, wanted, why_not
from iris_core.stages import hookimpl

__all__ = [
    "NamedReferences",
    "ReferenceFolder",
    "check_unchanged",
    "not_indexed",
    "read_reference_header",
    "reference_files",
]

log = logging.getLogger(__name__)

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
        stated = wanted(reftype, exposure)
        wrong = [reason for name, reason in lost.items() if name in firm_selectors(reftype) and stated[name]]
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
            return {**selectors(outline.meta), "REFTYPE": said}
        except InputError:
            return read_reference_header(path)  # a table, or a model


@dataclass(slots=True, eq=False)
class ReferenceFolder:
    """A folder of reference files, chosen by their headers.

    Best is the one whose selectors all match and whose USEAFTER is the latest not after the exposure. Where the folder
    has an index (``iris references add``) the files in it count, as they were added; otherwise every file is looked at.
    """

    folder: Path
    scanned: list[Entry] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)
    index: ReferenceIndex = field(init=False)
    _others: dict[Path, str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise ReferenceNotFound(f"no folder of reference files {self.folder}")
        self.index = ReferenceIndex(self.folder)
        if not self.index.exists():
            self._scan()

    def _scan(self) -> None:
        for path in reference_files(self.folder):
            try:
                self.scanned.append(Entry.make(path.relative_to(self.folder).as_posix(), read_reference_header(path)))
            except InputError as error:
                log.warning("%s", error)
                self.unreadable[path] = "it cannot be read"

    def _candidates(self, reftype: str, exposure: Exposure | None = None) -> list[Entry]:
        """Return the files of a type; where an exposure is given, others than its own instrument's may be left out."""
        if not self.index.exists():
            return [one for one in self.scanned if one.header["REFTYPE"].casefold() == reftype.casefold()]
        if exposure is None:
            return self.index.candidates(reftype)
        asked = wanted(reftype, exposure)
        camera, chip = (
            None if asked[name].upper() in MATCH_ALL[1:] else asked[name] for name in ("INSTRUME", "DETECTOR")
        )
        return self.index.candidates(reftype, camera, chip)

    @hookimpl
    def find_reference(self, reftype: str, exposure: Exposure) -> Reference | None:
        """Return the best file of the folder."""
        fitting = _fitting(reftype, self._candidates(reftype, exposure), exposure)
        if not fitting:
            return None
        best = _best(fitting)
        if len(best) > 1:
            named = ", ".join(str(self.folder / one.name) for one in best)
            raise ReferenceNotFound(
                f"{exposure.name}: these {reftype} references are equally good: {named}; "
                f"remove one, or name one with --reference {reftype}=FILE"
            )
        check_unchanged(self.folder, best[0])
        undated = f"{exposure.name} does not say when it was taken; of the {reftype} references the latest was used"
        notes = (undated,) if exposure.meta.start_time is None and len(fitting) > 1 else ()
        return Reference(
            reftype=reftype,
            path=self.folder / best[0].name,
            provider=f"folder {self.folder}",
            notes=notes,
            sha256=best[0].sha256,
        )

    @hookimpl
    def explain_reference(self, reftype: str, exposure: Exposure) -> list[Candidate]:
        """Return every file of the type that is not chosen, with the selector on which it lost."""
        entries = self._candidates(reftype)
        fitting = _fitting(reftype, entries, exposure)
        best = _best(fitting)
        reasons = {one.name: why_not(reftype, one.header, exposure) or _older(one, best) for one in entries}
        lost = [Candidate(self.folder / name, reason) for name, reason in reasons.items() if reason]
        others = {} if best else self._not_looked_at()
        return lost + [Candidate(path, reason) for path, reason in {**self.unreadable, **others}.items()]

    def _not_looked_at(self) -> dict[Path, str]:
        if self._others is None:
            self._others = dict.fromkeys(not_indexed(self.index), "it is not in the index; iris references add adds it")
        return self._others


def reference_files(folder: Path) -> Iterator[Path]:
    """Yield what may be a reference file in a folder and the folders in it, in order."""
    found = (Path(where) / name for where, _, names in walk(folder) for name in names if name.endswith(_SUFFIXES))
    yield from sorted(path for path in found if not path.name.startswith("."))


def not_indexed(index: ReferenceIndex) -> list[Path]:
    """Return what may be reference files in the folder of an index and is not in it; nothing where there is none."""
    if not index.exists():
        return []
    known = {one.name for one in index.entries()}
    return [path for path in reference_files(index.folder) if path.relative_to(index.folder).as_posix() not in known]


def _fitting(reftype: str, entries: Iterable[Entry], exposure: Exposure) -> list[Entry]:
    return [one for one in entries if why_not(reftype, one.header, exposure) is None]


def _best(fitting: Sequence[Entry]) -> list[Entry]:
    """Return those of the latest USEAFTER: one, or equally good ones."""
    latest = max((useafter(one.header) for one in fitting), default=None)
    return [one for one in fitting if useafter(one.header) == latest]


def _older(entry: Entry, best: Sequence[Entry]) -> str:
    """Return why a file that fits lost to a better one, nothing where it is the best."""
    if entry in best:
        return ""
    return f"its USEAFTER {entry.header['USEAFTER'] or '(none)'} is earlier than that of {best[0].name}"


def check_unchanged(folder: Path, entry: Entry) -> None:
    """Check that a file of an index is still what was added.

    Raises
    ------
    ReferenceNotFound
        When it is gone, or another file stands in its place.
    """
    path = folder / entry.name
    if not entry.sha256:
        return
    try:
        now = path.stat()
    except OSError as error:
        raise ReferenceNotFound(f"{path} is in the index of {folder} and cannot be read: {error.strerror}") from None
    if (now.st_size, now.st_mtime_ns) == (entry.size, entry.mtime_ns):
        return
    if now.st_size != entry.size or sha256_of(path) != entry.sha256:
        raise ReferenceNotFound(
            f"{path} has changed since it was added to the index; "
            f"iris references add --replace takes the new one, iris references remove takes it out"
        )
