"""A folder in which a product can be made again: its recipe, its exposures, its reference files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iris_verify import Ingredient, Record

from iris_compare._recorded import LIST
from iris_compare._versions import file_plugins
from iris_core import InputError, atomic, make_job, one_line, write_asn

__all__ = ["Staged", "ingredients_of", "lay_out", "mode_of"]

_BY_HAND = "by hand"
Found = Mapping[Ingredient, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What a run is given.

    Parameters
    ----------
    recipe, association
        The files of both.
    plugin_files
        Single-file plugins.
    products
        The folder for what is made.
    hashes
        SHA-256 of each reference file.
    """

    recipe: Path
    association: Path
    plugin_files: tuple[Path, ...]
    products: Path
    hashes: Mapping[Path, str]


def ingredients_of(record: Record) -> list[Ingredient]:
    """Return all that a run has to be given to make a product again, each once.

    Raises
    ------
    InputError
        When the product does not say how it was made, or its record of that is damaged.
    """
    if "resolved" not in record.provenance:
        raise InputError(f"{record.path}: it does not hold its recipe, as products of earlier versions do not")
    try:
        mode_of(record), _ending(record)
        return list(dict.fromkeys([*_exposures(record), *_references(record), *_code(record)]))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{record.path}: its provenance makes no sense: {one_line(error)}") from error


def mode_of(record: Record) -> str:
    """Return the instrument mode of a product."""
    return str(record.provenance["resolved"]["recipe"]["instrument"])


def _ending(record: Record) -> str:
    _, endings = record.provenance["key"]["format"]
    return "asdf" if ".asdf" in endings else "fits"


def _exposures(record: Record) -> list[Ingredient]:
    """Return the exposures of a product in their order, those last that it was made without."""
    every = (*record.provenance.get("members", ()), *record.provenance.get("left_out", ()))
    return [Ingredient(str(one["role"]), str(one["file"]), str(one["sha256"])) for one in every]


def _references(record: Record) -> list[Ingredient]:
    """Return the reference files that the stages were given, each once."""
    return list(dict.fromkeys(_reference(one) for one in _choices(record) if one.get("file")))


def _code(record: Record) -> list[Ingredient]:
    """Return the single-file plugins of a product."""
    files = file_plugins(record.provenance["key"])
    return [Ingredient("plugin", f"{name}.py", digest) for name, digest in files.items()]


def _choices(record: Record) -> list[dict[str, Any]]:
    return list(record.provenance["resolved"].get("references", ()))


def _reference(choice: Mapping[str, Any]) -> Ingredient:
    return Ingredient(str(choice["type"]), str(choice["file"]), str(choice["sha256"]), is_reference=True)


def lay_out(folder: Path, record: Record, found: Found) -> Staged:
    """Write the recipe of a product and the association of its exposures into a folder, and links to all its files.

    What is in it is all that ``iris run recipe.yaml inputs.json`` needs, also by hand.

    Parameters
    ----------
    folder
        It is there, and empty.
    record
        Of the product.
    found
        Where each of its files is now; the links have the names that they had.
    """
    code = {one: _link(folder / "plugins", found, one) for one in _code(record)}
    references = {
        one: _link(folder / "references" / str(number), found, one) for number, one in enumerate(_references(record))
    }
    return Staged(
        recipe=_write_recipe(folder, record, references),
        association=_write_association(folder, record, found),
        plugin_files=tuple(code.values()),
        products=folder / "products",
        hashes={path: one.sha256 for one, path in references.items()},
    )


def _link(folder: Path, found: Found, one: Ingredient) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / one.name
    path.symlink_to(found[one].absolute())
    return path


def _write_association(folder: Path, record: Record, found: Found) -> Path:
    exposures = enumerate(_exposures(record))
    members = [(one.role, _link(folder / "inputs" / str(number), found, one)) for number, one in exposures]
    job = make_job(members, str(record.provenance["resolved"].get("name", "")))
    return write_asn([job], folder / "inputs.json", recipe=str(record.provenance.get("recipe", "")))


def _write_recipe(folder: Path, record: Record, references: Found) -> Path:
    """Write the recipe; files that were named by hand are named in it, the others are in the folder that it names."""
    import yaml

    staged = [
        {**one, "path": references[_reference(one)].relative_to(folder / "references").as_posix()}
        for one in _choices(record)
        if one.get("file")
    ]
    rejected = [one for one in _choices(record) if not one.get("file")]
    _write(folder / "references" / LIST, json.dumps({"references": [*staged, *rejected]}, indent=1))
    by_hand = {one["type"]: f"references/{one['path']}" for one in staged if one.get("provider") == _BY_HAND}
    content = {
        **record.provenance["resolved"]["recipe"],
        "references": {"store": "references", **by_hand},
        "output": {"format": _ending(record)},
    }
    return _write(folder / "recipe.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
