"""What a run is asked to work on: files, or association files that group them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os.path import isfile, normpath
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from iris_core.errors import one_line

__all__ = ["Request", "read_association", "read_requests"]


@dataclass(frozen=True, slots=True)
class Request:
    """One exposure to calibrate: its file, its background exposures, the name of its products, and what is wrong."""

    path: Path
    backgrounds: tuple[Path, ...] = ()
    name: str = ""
    problem: str = ""


class _Member(BaseModel):
    model_config = ConfigDict(extra="ignore")

    expname: str
    exptype: Literal["science", "background"]


class _Product(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    members: list[_Member]


class _Association(BaseModel):
    model_config = ConfigDict(extra="ignore")

    asn_type: Literal["image2"] = "image2"
    products: list[_Product]


def read_requests(
    files: Iterable[Path], backgrounds: Sequence[Path] = (), use_others: bool = False, allow_outside: bool = False
) -> list[Request]:
    """Return what to calibrate; a request with a `problem` fails alone.

    Parameters
    ----------
    files
        Exposures and association files (``.json``).
    backgrounds
        Background exposures of every exposure that is not in an association.
    use_others
        Whether every exposure has the other ones as its background exposures.
    allow_outside
        Whether an association may name files outside its own folder.
    """
    requests: list[Request] = []
    for path in files:
        is_association = path.suffix == ".json"
        requests += read_association(path, allow_outside) if is_association else [Request(path, tuple(backgrounds))]
    if use_others:
        requests = [one if one.backgrounds else _with_others(one, requests) for one in requests]
    return [replace(one, problem=one.problem or _wrong_backgrounds(one)) for one in requests]


def _with_others(request: Request, requests: Iterable[Request]) -> Request:
    others = (one.path for one in requests if one.path != request.path and not one.problem)
    return replace(request, backgrounds=tuple(others))


def _wrong_backgrounds(request: Request) -> str:
    """Return what is wrong where an exposure is its own background, or another one is named twice."""
    science, backgrounds = request.path.resolve(), [path.resolve() for path in request.backgrounds]
    if science in backgrounds:
        return f"{request.path}: it is its own background; leave it out of the background exposures"
    twice = [str(path) for path in dict.fromkeys(backgrounds) if backgrounds.count(path) > 1]
    return f"{request.path}: background exposures named more than once: {', '.join(twice)}" if twice else ""


def read_association(path: Path, allow_outside: bool = False) -> list[Request]:
    """Return one request for each product of an association file; member paths are relative to it.

    A file that is no association gives one request with a `problem`; so does a product of which a member is missing or,
    unless that is allowed, outside the folder of the file, or that has not exactly one science member.
    """
    try:
        content = _Association.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        return [Request(path, problem=f"{path}: not an association: {_first(error)}")]
    except FileNotFoundError:
        return [Request(path, problem=f"{path}: no such file")]
    except (OSError, ValueError, RecursionError) as error:
        return [Request(path, problem=f"{path}: not an association: {one_line(error)}")]
    if not content.products:
        return [Request(path, problem=f"{path}: the association has no products")]
    return [_request(product, path, allow_outside) for product in content.products]


def _first(error: ValidationError) -> str:
    item: Any = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}, not {item['input']!r}"


def _request(product: _Product, path: Path, allow_outside: bool) -> Request:
    science = [path.parent / member.expname for member in product.members if member.exptype == "science"]
    backgrounds = [path.parent / member.expname for member in product.members if member.exptype == "background"]
    where = f"{path}: product '{product.name}'"
    if len(science) != 1:
        named = ", ".join(member.name for member in science) or "none"
        problem = f"{where} has {len(science)} science members ({named}); one is needed"
        return Request(path, name=product.name, problem=problem)
    outside = [str(one) for one in (*science, *backgrounds) if not allow_outside and not _is_inside(one, path.parent)]
    if outside:
        problem = f"{where}: outside the folder of the association: {', '.join(outside)}; --allow-outside allows it"
        return Request(path, name=product.name, problem=problem)
    missing = [str(member) for member in (*science, *backgrounds) if not isfile(member)]
    problem = f"{where}: no such file: {', '.join(missing)}" if missing else ""
    return Request(science[0], tuple(backgrounds), product.name, problem)


def _is_inside(member: Path, folder: Path) -> bool:
    """Whether a path leads to below a folder by its words; a link that lies in it may point elsewhere."""
    return Path(normpath(member.absolute())).is_relative_to(normpath(folder.absolute()))
