"""Which products a file went into, from what stands in them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iris_core import InputError, key_of, sha256_of
from iris_verify._files import files_under
from iris_verify._records import Record, read_record

__all__ = ["Use", "find_uses"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Use:
    """One product that a file went into.

    Parameters
    ----------
    product
        Its file.
    role
        What the file was in it: the role of an exposure, the type of a reference.
    is_same
        Whether its bytes are those that were used; otherwise it only bears the name.
    name
        The name it was used under.
    """

    product: Path
    role: str
    is_same: bool
    name: str


def find_uses(file: str | Path, folder: Path) -> list[Use]:
    """Return the products under a folder that a reference or an exposure went into.

    Parameters
    ----------
    file
        A file, or the SHA-256 of one, or the name of one that is gone.
    folder
        Where the products are; what cannot be read there is warned of.
    """
    text, path = str(file), Path(file)
    is_hash = re.fullmatch(r"[0-9a-fA-F]{64}", text) and not path.exists()
    digest = text.lower() if is_hash else sha256_of(path) if path.is_file() else ""
    records = list(_records(folder))
    used = {record.path: list(_uses(record, digest, "" if is_hash else path.name)) for record in records}
    by_key = {record.key: used[record.path] for record in records if used[record.path]}
    found = []
    for path in files_under(folder):
        own = used.get(path)
        # A catalogue has its key alone: it was made with the products of that key.
        uses = own if own is not None else by_key.get(key_of(path), []) if path.suffix == ".ecsv" else []
        found += [Use(path, use.role, use.is_same, use.name) for use in uses]
    return found


def _records(folder: Path) -> Iterator[Record]:
    for path in files_under(folder):
        try:
            record = read_record(path)
        except InputError as error:
            log.warning("%s", error)
            continue
        if not record.is_empty:
            yield record


def _uses(record: Record, digest: str, name: str) -> Iterator[Use]:
    for one in record.ingredients:
        is_same = bool(digest) and one.sha256 == digest
        if is_same or (name and one.name == name):
            yield Use(record.path, one.role, is_same, one.name or name)
