"""Where the files are that went into a product, and whether they are still the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from iris_core import key_of
from iris_verify._files import KNOWN, files_under
from iris_verify._hashes import Hashes
from iris_verify._records import Ingredient, Record

__all__ = ["Located", "Search"]


@dataclass(frozen=True, slots=True)
class Located:
    """What was found of that which a product was made of.

    Parameters
    ----------
    found
        Where it is.
    changed
        In words, what only bears the name of a file that was used.
    missing
        What was not found.
    """

    found: dict[Ingredient, Path] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    missing: list[Ingredient] = field(default_factory=list)


class Search:
    """Folders in which inputs and references are looked for, beside those of the products.

    Parameters
    ----------
    folders
        Looked through with all that is below them.
    hashes
        Gives the SHA-256.
    """

    def __init__(self, folders: Iterable[Path], hashes: Hashes) -> None:
        self.hashes = hashes
        self._named: dict[str, list[Path]] = defaultdict(list)
        self._by_hash: dict[str | tuple[str, ...], dict[str, Path]] = {}
        for folder in folders:
            for path in files_under(folder, every=True):  # of regions, say, or plugins
                self._named[path.name].append(path)

    def begin(self, record: Record) -> None:
        """Begin to hash what the ingredients of a product may be."""
        for ingredient in record.ingredients:
            for path in self._candidates(record, ingredient):
                self.hashes.begin(path)

    def locate(self, record: Record, ingredients: Iterable[Ingredient]) -> Located:
        """Return where ingredients of a product are, and which have changed or were not found."""
        made = Located()
        for one in ingredients:
            path, others = self.find(record, one)
            if path is not None:
                made.found[one] = path
            elif others:
                made.changed.append(f"the {one.label} has changed: {others[0]} has other bytes")
            else:
                made.missing.append(one)
        return made

    def find(self, record: Record, ingredient: Ingredient, renamed: bool = True) -> tuple[Path | None, list[Path]]:
        """Return the file that is an ingredient of a product, and those that only bear its name.

        Parameters
        ----------
        record
            Of the product.
        ingredient
            What is looked for.
        renamed
            Whether a file of another name will do; to find it, files of the folders are hashed.
        """
        others = []
        for path in self._candidates(record, ingredient):
            if self.hashes.of(path) == ingredient.sha256:
                return path, []
            others.append(path)
        found = self._hashed(Path(ingredient.name)).get(ingredient.sha256) if renamed else None
        return found, [] if found else others

    def _candidates(self, record: Record, ingredient: Ingredient) -> Iterator[Path]:
        beside = record.path.with_name(ingredient.name) if ingredient.name else record.path
        # What a run has made of an exposure may have the name of that exposure, in another folder.
        if beside != record.path and beside.is_file() and key_of(beside) != record.key:
            yield beside
        for path in self._named.get(ingredient.name, ()):
            if path not in (beside, record.path) and (not key_of(path) or key_of(path) != record.key):
                yield path

    def _hashed(self, like: Path) -> dict[str, Path]:
        """Return the files that may be a renamed one, by hash: images and tables, or all with the ending of another.

        They are read when something is not found under its name.
        """
        ending = like.suffix if like.name and not like.name.endswith(KNOWN) else KNOWN
        if ending not in self._by_hash:
            paths = [path for found in self._named.values() for path in found if path.name.endswith(ending)]
            for path in paths:
                self.hashes.begin(path)
            self._by_hash[ending] = {self.hashes.of(path): path for path in paths}
        return self._by_hash[ending]
