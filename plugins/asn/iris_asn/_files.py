"""Exposures read by their headers, associations written."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from iris_asn._group import Grouping, Member, Product
from iris_core import InputError, IrisError, Problems, read_exposure

__all__ = ["association", "outside", "read_members", "write_association"]


def read_members(paths: Iterable[Path]) -> list[Member]:
    """Read the headers of exposures.

    Raises
    ------
    Problems
        When files cannot be read; all of them are named.
    """
    members, problems = [], list[IrisError]()
    for path in dict.fromkeys(paths):
        try:
            members.append(Member(path, read_exposure(path, pixels=False).meta))
        except IrisError as error:
            problems.append(error)
    if problems:
        raise Problems(problems)
    return members


def association(grouping: Grouping, folder: Path) -> dict[str, Any]:
    """Return the content of an association file in a folder; its paths are relative to that.

    Raises
    ------
    InputError
        When two science exposures have the same name, so that their products would, too.
    """
    names = Counter(product.name for product in grouping.products)
    twice = [str(one.science.path) for one in grouping.products if names[one.name] > 1]
    if twice:
        raise InputError(f"these would have products of the same name: {', '.join(twice)}; make an association of each")
    return {"asn_type": "image2", "products": [_plain(one, folder) for one in grouping.products]}


def _plain(product: Product, folder: Path) -> dict[str, Any]:
    members = [{"expname": _relative(product.science.path, folder), "exptype": "science"}]
    members += [{"expname": _relative(one.path, folder), "exptype": "background"} for one in product.backgrounds]
    return {"name": product.name, "members": members}


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()


def outside(content: dict[str, Any]) -> list[str]:
    """Return the members of an association that lie outside its folder."""
    names = [member["expname"] for product in content["products"] for member in product["members"]]
    return list(dict.fromkeys(name for name in names if name.startswith("../")))


def write_association(content: dict[str, Any], path: Path, *, overwrite: bool, inputs: Sequence[Path]) -> None:
    """Write an association file, whole or not at all.

    Raises
    ------
    InputError
        When it exists and is not to be replaced, is an input, or cannot be written.
    """
    if path.suffix != ".json":
        raise InputError(f"{path}: an association file ends in .json, by which iris run knows it")
    if path.resolve() in {one.resolve() for one in inputs}:
        raise InputError(f"{path} is one of the exposures")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists; --overwrite replaces it")
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part")
    try:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
