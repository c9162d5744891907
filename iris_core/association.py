"""What a run is asked to work on: files, or association files that group them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os.path import isfile
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from iris_core.errors import InputError, IrisError, one_line

__all__ = ["Request", "read_association", "read_requests"]


@dataclass(frozen=True, slots=True)
class Request:
    """One exposure to calibrate: its file, its background exposures, and the name of its products."""

    path: Path
    backgrounds: tuple[Path, ...] = ()
    name: str = ""


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

    asn_type: str = "image2"
    products: list[_Product]


def read_requests(
    files: Iterable[Path], backgrounds: Sequence[Path] = (), use_others: bool = False
) -> tuple[list[Request], list[IrisError]]:
    """Return what to calibrate, and what is wrong with the inputs.

    Parameters
    ----------
    files
        Exposures and association files (``.json``).
    backgrounds
        Background exposures of every exposure that is not in an association.
    use_others
        Whether every exposure has the other ones as its background exposures.
    """
    requests: list[Request] = []
    problems: list[IrisError] = []
    for path in files:
        try:
            if path.suffix == ".json":
                requests += read_association(path)
            else:
                requests.append(Request(path, tuple(backgrounds)))
        except InputError as error:
            problems.append(error)
    if use_others:
        requests = [
            replace(one, backgrounds=tuple(other.path for other in requests if other.path != one.path))
            if not one.backgrounds
            else one
            for one in requests
        ]
    return requests, problems + [problem for one in requests for problem in _wrong_backgrounds(one)]


def _wrong_backgrounds(request: Request) -> list[IrisError]:
    """Return what is wrong where an exposure is its own background, or another one is named twice."""
    science, backgrounds = request.path.resolve(), [path.resolve() for path in request.backgrounds]
    twice = [path for path in dict.fromkeys(backgrounds) if backgrounds.count(path) > 1]
    problems: list[IrisError] = [InputError(f"{request.path}: it is its own background")] * (science in backgrounds)
    return problems + [InputError(f"{request.path}: the background {path} is named more than once") for path in twice]


def read_association(path: Path) -> list[Request]:
    """Return one request for each product of an association file; member paths are relative to it.

    Raises
    ------
    InputError
        When it is no association, a member is missing, or a product has not exactly one science member.
    """
    try:
        content = _Association.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise InputError(f"{path}: not an association: {_first(error)}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not an association: {one_line(error)}") from None
    if not content.products:
        raise InputError(f"{path}: the association has no products")
    return [_request(product, path) for product in content.products]


def _first(error: ValidationError) -> str:
    item: Any = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}, not {item['input']!r}"


def _request(product: _Product, path: Path) -> Request:
    science = [path.parent / member.expname for member in product.members if member.exptype == "science"]
    backgrounds = [path.parent / member.expname for member in product.members if member.exptype == "background"]
    if len(science) != 1:
        named = ", ".join(member.name for member in science) or "none"
        raise InputError(
            f"{path}: product '{product.name}' has {len(science)} science members ({named}); one is needed"
        )
    missing = [str(member) for member in (*science, *backgrounds) if not isfile(member)]
    if missing:
        raise InputError(f"{path}: product '{product.name}': no such file: {', '.join(missing)}")
    return Request(science[0], tuple(backgrounds), product.name)
