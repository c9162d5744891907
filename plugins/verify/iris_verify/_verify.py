"""Whether products are still what was written, and what they were made of still what it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from iris_core import InputError
from iris_verify._contents import faults, written_name
from iris_verify._files import named_files
from iris_verify._hashes import Hashes
from iris_verify._records import Ingredient, Record, read_record
from iris_verify._search import Search
from iris_verify._sums import SUMS, read_sums

__all__ = ["Verdict", "verify_files"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one file.

    Parameters
    ----------
    path
        The file.
    key
        Its key; ``""`` where it is no product.
    problems
        What is wrong.
    notes
        What has to be known and is not wrong.
    missing
        What it was made of and was not found.
    """

    path: Path
    key: str = ""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[Ingredient, ...] = ()


def verify_files(paths: Iterable[Path], search: Iterable[Path] = (), threads: int = 2) -> list[Verdict]:
    """Verify products: their bytes, their keys, and the files they were made of.

    Parameters
    ----------
    paths
        Files, and folders with all that is below them; in folders also what SHA256SUMS lists and is gone is found.
    search
        Folders in which inputs and references are looked for, beside those of the products.
    threads
        How many files are hashed at a time.

    Returns
    -------
    list of Verdict
        One for each file, in their order; then those that are gone.

    Raises
    ------
    InputError
        When a path does not exist.
    """
    paths = list(paths)
    files = named_files(paths)
    with Hashes(threads) as hashes:
        listed = _Listed(files, [path for path in paths if path.is_dir()], hashes)
        looked = Search(search, hashes)
        first = [_content(path, bool(listed.of(path)), looked) for path in files]
        verdicts = [_whole(verdict, record, listed, looked) for verdict, record in first]
        return [*verdicts, *(Verdict(path, problems=(words,)) for path, words in listed.gone())]


class _Listed:
    """What the files SHA256SUMS say."""

    def __init__(self, files: Sequence[Path], folders: Sequence[Path], hashes: Hashes) -> None:
        self.files, self.hashes = files, hashes
        self.whole = {path.parent for folder in folders for path in (folder / SUMS, *folder.rglob(SUMS))}
        self.sums = {folder: read_sums(folder) for folder in {*(path.parent for path in files), *self.whole}}
        for path in files:
            if self.sums[path.parent]:
                hashes.begin(path)

    def of(self, path: Path) -> str:
        """Return the sum that is listed for a file, ``""`` for none."""
        return self.sums[path.parent].get(path.name, "")

    def gone(self) -> Iterator[tuple[Path, str]]:
        """Yield what is listed and is gone, and under which name there is the same."""
        for folder in sorted(self.whole):
            for name, digest in self.sums[folder].items():
                if not (folder / name).is_file():
                    now = self._names[folder].get(digest)
                    words = f"renamed: it is {now} now" if now else "it is gone"
                    yield folder / name, f"{words}, and {SUMS} lists it"

    @cached_property
    def _names(self) -> Mapping[Path, dict[str, str]]:
        found: dict[Path, dict[str, str]] = defaultdict(dict)
        for path in self.files:
            if path.parent in self.whole and path.name not in self.sums[path.parent]:
                found[path.parent][self.hashes.of(path)] = path.name
        return found


def _content(path: Path, is_listed: bool, looked: Search) -> tuple[Verdict, Record]:
    """Verify a file by itself, and begin to hash what it was made of."""
    problems = faults(path, is_listed)
    try:
        record = read_record(path)
        looked.begin(record)
    except InputError as error:
        record = Record(path, "")
        problems = problems or [str(error).removeprefix(f"{path}: ")]
    if record.key_fault:
        problems.append(record.key_fault)
    return Verdict(path, record.key, tuple(problems)), record


def _whole(verdict: Verdict, record: Record, listed: _Listed, looked: Search) -> Verdict:
    """Add what other files say of a file: SHA256SUMS, and those it was made of."""
    problems, digest = list(verdict.problems), listed.of(verdict.path)
    if digest and digest != looked.hashes.of(verdict.path):
        problems.append(f"its SHA-256 is not that of {SUMS}: it is damaged, or was replaced or edited")
    located = looked.locate(record, record.ingredients)
    problems += located.changed
    notes, missing = tuple(_notes(verdict, listed)), tuple(located.missing)
    return replace(verdict, problems=tuple(problems), notes=notes, missing=missing)


def _notes(verdict: Verdict, listed: _Listed) -> Iterator[str]:
    path = verdict.path
    if not verdict.key:
        yield "no product: it has no IRISKEY"
    elif not listed.of(path):
        covered = "" if path.suffix == ".fits" else "; only its structure and the sums of its blocks were verified"
        yield f"{SUMS} does not list it{covered}"
    name = written_name(path)
    if name and name != path.name:
        yield f"it was written as {name}"
