"""What a product says that it was made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iris_core import Identity, InputError, StageRecord, key_of, one_line, records_of

__all__ = ["Ingredient", "Record", "read_record"]


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A file that went into a product.

    Parameters
    ----------
    role
        ``science``, ``background`` ... of an exposure; the type of a reference; ``plugin`` of a single file of code.
    name
        Its name, without folders; ``""`` where only its hash was kept.
    sha256
        Of its bytes.
    is_reference
        Whether it is a reference file.
    """

    role: str
    name: str
    sha256: str
    is_reference: bool = False

    def __post_init__(self) -> None:
        # It is looked for beside the product, and a replay makes a link of this name.
        if Path(self.name).name != self.name or self.name == ".." or "\0" in self.name:
            raise ValueError(f"{self.name!r} is no name of a file")

    @property
    def label(self) -> str:
        """What it is, in words."""
        other = self.role if self.role == "plugin" else f"{self.role} exposure"
        what = f"reference {self.role}" if self.is_reference else other
        return f"{what} {self.name or f'with SHA-256 {self.sha256[:12]}...'}"


@dataclass(frozen=True, slots=True)
class Record:
    """The key of a product, and its records; these are empty in a catalogue, which has its key alone."""

    path: Path
    key: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[StageRecord] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing of what the product was made of."""
        return not self.provenance.get("key")

    @property
    def key_fault(self) -> str:
        """What is wrong with its key, in words; ``""`` where it is the hash of the components and the members."""
        if self.is_empty or Identity.fits(self.provenance, self.key):
            return ""
        return "IRISKEY is not the hash of its members and components: its provenance was changed"

    @property
    def ingredients(self) -> list[Ingredient]:
        """The exposures and the reference files, each once."""
        return list(dict.fromkeys([*self._exposures(), *self._references()]))

    def _exposures(self) -> Iterator[Ingredient]:
        for one in self.provenance.get("members", ()):
            yield Ingredient(str(one["role"]), str(one["file"]), str(one["sha256"]))

    def _references(self) -> Iterator[Ingredient]:
        named = [use for record in self.history for use in record.references if use.sha256]
        for use in named:
            yield Ingredient(use.reftype, Path(use.path).name, use.sha256, is_reference=True)
        # A stage of many exposures may be behind those that used them.
        for kind, digest in self.provenance.get("key", {}).get("references", ()):
            if digest and not any(use.sha256 == digest for use in named):
                yield Ingredient(str(kind), "", str(digest), is_reference=True)


def read_record(path: Path) -> Record:
    """Return the record of a product; its key is ``""`` where the file is none.

    Raises
    ------
    InputError
        When it has a key and is damaged.
    """
    key = key_of(path)
    found = records_of(path) if key else {}
    if key and not found and path.suffix != ".ecsv":
        raise InputError(f"{path}: its provenance cannot be read")
    record = Record(path, key, found.get("provenance", {}), found.get("history", ()))
    try:  # a damaged file may give anything
        dict.fromkeys([record.key_fault, *record.ingredients])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its provenance makes no sense: {one_line(error)}") from error
    return record
