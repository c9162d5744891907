"""Exposures read by their headers, and the jobs that are made of their groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from os.path import lexists, realpath
from pathlib import Path
from typing import Any

from iris_asn._group import Group
from iris_asn._rules import REFERENCES
from iris_core import Exposure, InputError, IrisError, Job, Plugins, Problems, make_job, open_fits

__all__ = ["check_target", "damaged", "job_of", "jobs_of", "outside", "read_outlines", "require_references"]

_PRODUCT = "a product of a run (IRISKEY): name the file to take it"
_ENDINGS = (".fits", ".fits.gz", ".fits.fz", ".fits.bz2", ".fit", ".asdf")


def read_outlines(
    paths: Iterable[Path], plugins: Plugins, but: Iterable[Path] = ()
) -> tuple[list[Exposure], dict[Path, str]]:
    """Read the headers of exposures, and of those in folders.

    Parameters
    ----------
    paths
        Files, and folders, of which the FITS and ASDF files are read that lie in them.
    plugins
        Their readers read them.
    but
        Files that are no exposures, wherever they lie.

    Returns
    -------
    tuple
        The outlines, and why files of the folders are left out: those that cannot be read, and products of runs that
        are no reference files.

    Raises
    ------
    Problems
        When files that are named cannot be read; all of them are listed.
    """
    others = set(map(realpath, but))
    given = [path for real, path in {realpath(path): path for path in paths}.items() if real not in others]
    outlines, problems = _read((path for path in given if not path.is_dir()), plugins)
    if problems:
        raise Problems(problems.values())
    named = others | {realpath(one.meta.path) for one in outlines}
    files = [file for folder in given if folder.is_dir() for file in _exposures_in(folder)]
    found, unread = _read((file for file in dict.fromkeys(files) if realpath(file) not in named), plugins)
    products = {one.meta.path: _PRODUCT for one in found if _is_product(one)}
    left_out = {path: str(problem) for path, problem in unread.items()} | products
    return [*outlines, *(one for one in found if one.meta.path not in products)], left_out


def require_references(roles: Mapping[Path, str]) -> dict[str, Path]:
    """Return the reference files of the field among files with roles, by role.

    Raises
    ------
    InputError
        When there are several of a role, or one is no file.
    """
    found: dict[str, Path] = {}
    for role in REFERENCES:
        paths = [path for path, one in roles.items() if one == role]
        if len(paths) > 1:
            raise InputError(f"{role}: {', '.join(map(str, paths))}; one file is taken for all products")
        if missing := [str(path) for path in paths if not path.is_file()]:
            raise InputError(f"{role}: {missing[0]}: no such file")
        if paths:
            found[role] = paths[0]
    return found


def _read(paths: Iterable[Path], plugins: Plugins) -> tuple[list[Exposure], dict[Path, IrisError]]:
    outlines, problems = list[Exposure](), dict[Path, IrisError]()
    for path in paths:
        try:
            outlines.append(plugins.read_exposure(path, pixels=False))
        except IrisError as error:
            problems[path] = error
    return outlines, problems


def damaged(left_out: Mapping[Path, str]) -> dict[Path, str]:
    """Return which of the files that are left out are damaged, and how: products are whole, and were read."""
    return {path: why for path, why in left_out.items() if why != _PRODUCT and _is_damaged(path)}


def _is_damaged(path: Path) -> bool:
    """Whether a file that is no exposure is damaged: whole FITS files may hold something else, a table, say."""
    try:
        with open_fits(path, False, lambda _: None):
            return False
    except IrisError:
        return True


def _exposures_in(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in files if path.name.lower().endswith(_ENDINGS))


def _is_product(outline: Exposure) -> bool:
    """Whether a run has made it, and it is no reference file, which recipes may take as a member."""
    return "IRISKEY" in outline.header and "REFTYPE" not in outline.header


def jobs_of(groups: Iterable[Group]) -> list[Job]:
    """Return groups as a run takes them, and an association has them.

    Raises
    ------
    InputError
        When two groups have the same name, so that their products would, too.
    """
    groups = list(groups)
    counts = Counter(group.name for group in groups)
    if twice := [str(group.first.path) for group in groups if counts[group.name] > 1]:
        raise InputError(f"these would have products of the same name: {', '.join(twice)}; make an association of each")
    return [job_of(group) for group in groups]


def job_of(group: Group) -> Job:
    """Return a group as a run takes it."""
    return make_job([(role, one.path) for role, several in group.members.items() for one in several], group.name)


def outside(content: Mapping[str, Any]) -> list[str]:
    """Return the members of an association that lie outside its folder."""
    names = [member["expname"] for product in content["products"] for member in product["members"]]
    return list(dict.fromkeys(name for name in names if name.startswith("../")))


def check_target(path: Path, *, overwrite: bool, inputs: Iterable[Path]) -> None:
    """Refuse the name of an association file.

    Raises
    ------
    InputError
        When it does not end in .json, is one of the exposures, or exists and is not to be replaced.
    """
    if path.suffix != ".json":
        raise InputError(f"{path}: an association file ends in .json, by which iris run knows it")
    if realpath(path) in map(realpath, inputs):
        raise InputError(f"{path} is one of the exposures")
    if lexists(path) and not overwrite:
        raise InputError(f"{path} exists; --overwrite replaces it")
