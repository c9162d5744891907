"""Exposures read by their headers, associations written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from os.path import lexists, realpath
from pathlib import Path

from iris_asn._group import Grouping, Member
from iris_core import InputError, IrisError, Job, Problems, describe_asn, read_exposure, write_asn

__all__ = ["jobs_of", "outside", "read_members", "write_association"]


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


def jobs_of(grouping: Grouping) -> list[Job]:
    """Return the exposures of a night, each with its background exposures, as an association lists them.

    Raises
    ------
    InputError
        When two science exposures have the same name, so that their products would, too.
    """
    names = Counter(product.name for product in grouping.products)
    twice = [str(one.science.path) for one in grouping.products if names[one.name] > 1]
    if twice:
        raise InputError(f"these would have products of the same name: {', '.join(twice)}; make an association of each")
    return [Job(one.science.path, tuple(sky.path for sky in one.backgrounds), one.name) for one in grouping.products]


def outside(jobs: Sequence[Job], folder: Path) -> list[str]:
    """Return the members of an association in a folder that lie outside it."""
    products = describe_asn(jobs, folder)["products"]
    names = [member["expname"] for product in products for member in product["members"]]
    return list(dict.fromkeys(name for name in names if name.startswith("../")))


def write_association(jobs: Sequence[Job], path: Path, *, overwrite: bool, inputs: Sequence[Path]) -> None:
    """Write an association file.

    Raises
    ------
    InputError
        When it exists and is not to be replaced, is an input, or cannot be written.
    """
    if path.suffix != ".json":
        raise InputError(f"{path}: an association file ends in .json, by which iris run knows it")
    if realpath(path) in map(realpath, inputs):
        raise InputError(f"{path} is one of the exposures")
    if lexists(path) and not overwrite:
        raise InputError(f"{path} exists; --overwrite replaces it")
    write_asn(jobs, path, overwrite=overwrite)
