"""Association files: exposures, each with its background exposures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from os.path import isfile, normpath
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from iris_core.errors import one_line
from iris_core.io.atomic import atomic
from iris_core.report import Job

__all__ = ["describe_asn", "make_job", "read_asn", "write_asn"]


class _Member(BaseModel):
    model_config = ConfigDict(extra="ignore")

    expname: str
    exptype: str = Field(min_length=1)


class _Product(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    members: list[_Member]


class _Association(BaseModel):
    model_config = ConfigDict(extra="ignore")

    asn_type: str = "image2"
    products: list[_Product]


def describe_asn(jobs: Iterable[Job], folder: Path, recipe: str = "image2") -> dict[str, Any]:
    """Return exposures as the content of an association file in a folder; the paths of members are relative to it."""
    return {"asn_type": recipe, "products": [_plain(job, folder) for job in jobs]}


def _plain(job: Job, folder: Path) -> dict[str, Any]:
    kinds = [*(job.members or (("science", job.path),)), *(("background", path) for path in job.backgrounds)]
    members = [{"expname": _relative(path, folder), "exptype": kind} for kind, path in (*kinds, *job.references)]
    return {"name": job.name, "members": members}


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()


def write_asn(jobs: Iterable[Job], path: str | Path, *, recipe: str = "image2", overwrite: bool = True) -> Path:
    """Write exposures, each with its background exposures and the name of its products, as an association file.

    Parameters
    ----------
    jobs
        The exposures; each becomes a product.
    path
        The file, ``.json``.
    recipe
        Name of the recipe that the association is for.
    overwrite
        Whether a file of that name is replaced.

    Raises
    ------
    InputError
        When it cannot be written, or exists and is not to be replaced.
    """
    path = Path(path)
    content = describe_asn(jobs, path.parent, recipe)
    with atomic(path, replace=overwrite) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def read_asn(path: Path, allow_outside: bool = False) -> list[Job]:
    """Return one job for each product of an association file; the paths of members are relative to it.

    A product of one science exposure, with its background exposures, is a job of that exposure; any other one has all
    its `members`. A file that is not an association gives one job with a `problem`; so does a product without members,
    or of which a member is missing or, unless that is allowed, outside the folder of the file.
    """
    try:
        content = _Association.model_validate(json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once))
    except ValidationError as error:
        return [Job(path, problem=f"{path}: not an association: {_first(error)}")]
    except FileNotFoundError:
        return [Job(path, problem=f"{path}: no such file")]
    except OSError as error:
        return [Job(path, problem=f"{path}: cannot be read: {error.strerror}")]
    except (ValueError, RecursionError) as error:
        return [Job(path, problem=f"{path}: not an association: {one_line(error)}")]
    if not content.products:
        return [Job(path, problem=f"{path}: the association has no products")]
    return [_job(product, path, allow_outside) for product in content.products]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; of a key given twice the last would count, and members be lost in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise ValueError(f"the key '{twice}' is given twice")
    return found


def _first(error: ValidationError) -> str:
    item: Any = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}, not {item['input']!r}"


def _job(product: _Product, path: Path, allow_outside: bool) -> Job:
    members = [(member.exptype.strip().lower(), path.parent / member.expname) for member in product.members]
    where = f"{path}: product '{product.name}'"
    if not members:
        return Job(path, name=product.name, problem=f"{where} has no members")
    outside = [str(one) for _, one in members if not allow_outside and not _is_inside(one, path.parent)]
    if outside:
        problem = f"{where}: outside the folder of the association: {', '.join(outside)}; --allow-outside allows it"
        return Job(path, name=product.name, problem=problem)
    missing = [str(member) for _, member in members if not isfile(member)]
    problem = f"{where}: no such file: {', '.join(missing)}" if missing else ""
    return make_job(members, product.name, problem)


def make_job(members: Sequence[tuple[str, Path]], name: str = "", problem: str = "") -> Job:
    """Return the job of exposures with their roles: one science exposure with its background exposures, or many."""
    science, backgrounds = ([path for role, path in members if role == one] for one in ("science", "background"))
    if len(science) == 1 and len(members) == 1 + len(backgrounds):
        return Job(science[0], tuple(backgrounds), name, problem)
    return Job(members[0][1], name=name, problem=problem, members=tuple(members))


def _is_inside(member: Path, folder: Path) -> bool:
    """Whether a path leads to below a folder by its words; a link that lies in it may point elsewhere."""
    return Path(normpath(member.absolute())).is_relative_to(normpath(folder.absolute()))
