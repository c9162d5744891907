"""A folder of reference files, of which each is chosen by its header."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from os import walk
from pathlib import Path
from typing import Any

from iris_core.errors import InputError, ReferenceNotFound, one_line
from iris_core.exposure import Exposure
from iris_core.reference import Candidate, Reference, ReferenceType
from iris_core.references.matching import differences, mismatches, unlikeness, unstated, useafter, why_not
from iris_core.stages import hookimpl

__all__ = ["Entry", "Ranking", "ReferenceFolder", "rank", "read_reference_header", "reference_files"]

log = logging.getLogger(__name__)

# A folder that was indexed by 'iris references add' is read by that package.
INDEX, PACKAGE = "references.sqlite", "iris-references"
_SUFFIXES = (".fits", ".fits.gz", ".fits.fz", ".asdf", ".ecsv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reference file of a folder: its path in the folder, its keywords, and its SHA-256 where that is known."""

    name: str
    header: Mapping[str, Any] = field(hash=False)
    sha256: str = ""

    @property
    def reftype(self) -> str:
        """Its type, in lower case; ``""`` where the file gives none."""
        return str(self.header.get("REFTYPE", "")).strip().casefold()


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
        from iris_core.io.asdf_open import open_asdf

        with open_asdf(path, lazy=True) as file:
            return dict(file.tree.get("meta", {}))
    if path.suffix == ".ecsv":
        from astropy.table import Table

        return dict(Table.read(path, format="ascii.ecsv").meta)
    from iris_core.io.fits_open import read_header

    return read_header(path)


def reference_files(folder: Path) -> Iterator[Path]:
    """Yield what may be a reference file in a folder and the folders in it, in order; hidden ones are passed over."""
    found = (Path(where) / name for where, _, names in walk(folder) for name in names if name.endswith(_SUFFIXES))
    yield from sorted(path for path in found if not _is_hidden(path.relative_to(folder)))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


@dataclass(slots=True, eq=False)
class ReferenceFolder:
    """A provider that looks at every file of a folder.

    The best file is the one whose selectors all match, which is like the exposure in what its type prefers, and whose
    USEAFTER is the latest that is not after the exposure.

    Parameters
    ----------
    folder
        The folder; those in it are searched, too.
    find_type
        Returns the declared type of a name.
    listed, unreadable
        The files, and those that cannot be read; by default found when the first exposure needs one.

    Raises
    ------
    ReferenceNotFound
        When there is no such folder, or it has an index: then only what the index lists counts.
    """

    folder: Path
    find_type: Callable[[str], ReferenceType]
    listed: list[Entry] | None = None
    unreadable: list[Candidate] = field(default_factory=list)

    def __post_init__(self) -> None:
        index = self.folder / INDEX
        if not self.folder.is_dir():
            raise ReferenceNotFound(f"no folder of reference files {self.folder}")
        if index.is_file() and index.stat().st_size:
            raise ReferenceNotFound(
                f"{self.folder} has an index, {INDEX}, which the package {PACKAGE} reads: "
                f"install it ('iris plugins' lists what is installed, and what is broken)"
            )

    def entries(self) -> list[Entry]:
        """Return the files that can be read, which are looked at when the first exposure needs one."""
        if self.listed is None:
            self.listed = self._read_headers()
        return self.listed

    def _read_headers(self) -> list[Entry]:
        found = []
        for path in reference_files(self.folder):
            try:
                name = path.relative_to(self.folder).as_posix()
                found.append(Entry(name=name, header=read_reference_header(path)))
                if not _has_time(found[-1]):
                    log.warning("%s is not used: USEAFTER %r is not a time", path, found[-1].header["USEAFTER"])
            except InputError as error:
                log.warning("%s", error)
                self.unreadable.append(Candidate(path, "cannot be read"))
        return found

    def _rank(self, reftype: str, exposure: Exposure) -> Ranking:
        entries = [one for one in self.entries() if one.reftype == reftype.casefold()]
        return rank(self.folder, self.find_type(reftype), entries, exposure)

    @hookimpl
    def find_reference(self, reftype: str, exposure: Exposure) -> Reference | None:
        """Return the best file of the folder."""
        return self._rank(reftype, exposure).choose()

    @hookimpl
    def explain_reference(self, reftype: str, exposure: Exposure) -> list[Candidate]:
        """Return every file of the type that is not chosen, and why; and of which files the type is not known."""
        return [*self._rank(reftype, exposure).rejected(), *self.unreadable, *self._untyped()]

    def _untyped(self) -> list[Candidate]:
        names = [one.name for one in self.entries() if not one.reftype]
        more = f" and {len(names) - 1} other files have" if len(names) > 1 else " has"
        return [Candidate(self.folder, f"{names[0]}{more} no keyword REFTYPE")] if names else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Files of one type, ranked for an exposure.

    Parameters
    ----------
    folder
        Where the files are.
    reftype
        Their type.
    exposure
        The exposure, or its outline.
    best
        The file that fits and has the latest USEAFTER, or several that are equally good.
    older
        Those that fit and have an earlier USEAFTER.
    unfit
        Those that do not fit, or not as well as the best, each with the reason.
    undated
        Those whose selectors match and whose USEAFTER is no time: whether one of them is better is not known.
    """

    folder: Path
    reftype: str
    exposure: Exposure
    best: tuple[Entry, ...]
    older: tuple[Entry, ...]
    unfit: tuple[tuple[Entry, str], ...]
    undated: tuple[tuple[Entry, str], ...] = ()

    def choose(self) -> Reference | None:
        """Return the one best file as a reference, None where there is none.

        Raises
        ------
        ReferenceNotFound
            When several are equally good.
        """
        if not self.best:
            return None
        if len(self.best) > 1:
            named = ", ".join(str(self.folder / one.name) for one in self.best)
            raise ReferenceNotFound(
                f"{self.exposure.name}: these {self.reftype} references are equally good: {named}; "
                f"remove one, or name one with --reference {self.reftype}=FILE"
            )
        notes = [f"{one.name} may be better and is not used: {reason}" for one, reason in self.undated]
        if self.exposure.meta.start_time is None and self.older:
            notes.append(
                f"{self.exposure.name} has no time of observation; the latest {self.reftype} reference was used"
            )
        return Reference(
            reftype=self.reftype,
            path=self.folder / self.best[0].name,
            provider="folder",
            notes=tuple(notes),
            sha256=self.best[0].sha256,
        )

    def rejected(self) -> list[Candidate]:
        """Return every other file, and why it is not the best."""
        older = ((one, f"its USEAFTER {_since(one)} is earlier than that of {self.best[0].name}") for one in self.older)
        return [Candidate(self.folder / one.name, reason) for one, reason in (*self.unfit, *self.undated, *older)]


def _since(entry: Entry) -> str:
    return str(entry.header.get("USEAFTER", "")).strip() or "(none)"


def rank(folder: Path, reftype: ReferenceType, entries: Iterable[Entry], exposure: Exposure) -> Ranking:
    """Rank reference files of one type for an exposure.

    Parameters
    ----------
    folder
        Where they are.
    reftype
        Their type.
    entries
        The files.
    exposure
        The exposure, or its outline.
    """
    reasons = [(one, why_not(reftype, one.header, exposure)) for one in entries]
    fitting = [one for one, reason in reasons if reason is None]
    scores = [unlikeness(reftype.preferred, one.header, exposure) for one in fitting]
    least = min(scores, default=())
    likest = [one for one, score in zip(fitting, scores, strict=True) if score == least]
    less = [one for one, score in zip(fitting, scores, strict=True) if score != least]
    latest = max((useafter(one.header) for one in likest), default=None)
    unfit = [(one, reason) for one, reason in reasons if reason is not None]
    unlike = [(one, _less_like(reftype, one, likest[0], exposure)) for one in less]
    return Ranking(
        folder=folder,
        reftype=reftype.name,
        exposure=exposure,
        best=tuple(one for one in likest if useafter(one.header) == latest),
        older=tuple(one for one in likest if useafter(one.header) != latest),
        unfit=(*(one for one in unfit if not _may_fit(reftype, one[0], exposure)), *unlike),
        undated=tuple(one for one in unfit if _may_fit(reftype, one[0], exposure)),
    )


def _may_fit(reftype: ReferenceType, entry: Entry, exposure: Exposure) -> bool:
    """Whether only the time of a file that does not fit is in the way, and is none."""
    given = reftype, entry.header, exposure
    return not (_has_time(entry) or any(unstated(*given).values()) or mismatches(*given))


def _has_time(entry: Entry) -> bool:
    try:
        useafter(entry.header)
    except ValueError:
        return False
    return True


def _less_like(reftype: ReferenceType, entry: Entry, best: Entry, exposure: Exposure) -> str:
    different = differences(reftype.preferred, entry.header, exposure)
    reason = "; ".join(different.values()) or f"it does not give {' and '.join(reftype.preferred)}"
    return f"{reason}; {best.name} is more like the exposure"
