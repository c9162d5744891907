"""Cubes of many integrations, some at a time: what a stage needs beside its result is then for these few only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iris_core.errors import StageContractError
from iris_core.model import Exposure

__all__ = ["PIECE_PIXELS", "join", "split"]

# Of a piece: planes of 32 MB, which the operating system gets back as soon as they are dropped.
PIECE_PIXELS = 1 << 23

Key = tuple[str, str]
Planes = dict[Key, NDArray[Any]]


def split(exposures: list[Exposure]) -> None:
    """Cut a large cube into exposures of some integrations; each plane is let go of once it is copied.

    Parameters
    ----------
    exposures
        The cube alone, afterwards its pieces. An image, a small cube and what is cut already stay as they are.
    """
    if len(exposures) > 1 or not exposures[0].is_integrations:
        return
    rows, columns = exposures[0].shape
    step, number = max(1, PIECE_PIXELS // (rows * columns)), len(exposures[0].data)
    if number > step:
        frame, planes = _taken_apart(exposures.pop())
        starts = range(0, number, step)
        parts: list[Planes] = [{} for _ in starts]
        for key in tuple(planes):
            plane = planes.pop(key)
            for part, start in zip(parts, starts, strict=True):
                part[key] = plane[start : start + step].copy()
        exposures += [_put_together(frame, part) for part in parts]


def join(exposures: list[Exposure]) -> None:
    """Make one cube of its pieces again; each of their planes is let go of once it is copied.

    Headers, WCS and whatever else is not a plane of the cube come from the first piece.

    Parameters
    ----------
    exposures
        The pieces, afterwards the cube alone.

    Raises
    ------
    StageContractError
        When they have other planes, or are in other units.
    """
    if len(exposures) == 1:
        return
    apart = [_taken_apart(one) for one in exposures]
    name = exposures[0].name
    exposures.clear()
    frame, parts = apart[0][0], [planes for _, planes in apart]
    if any(list(part) != list(parts[0]) for part in parts) or any(one.unit != frame.unit for one, _ in apart):
        raise StageContractError(
            f"{name}: the integrations came out of a stage in different units, or with different variance components "
            f"or planes; a stage of by_integration=True has to treat all alike"
        )
    exposures.append(_put_together(frame, {key: _joined(key, parts) for key in tuple(parts[0])}))


def _joined(key: Key, parts: list[Planes]) -> NDArray[Any]:
    return np.concatenate([part.pop(key) for part in parts])


def _taken_apart(exposure: Exposure) -> tuple[Exposure, Planes]:
    """Return an exposure without integrations, and the planes of its cube; a plane for all integrations stays."""
    cube = {name: plane for name, plane in exposure.planes.items() if plane.shape == exposure.data.shape}
    planes: Planes = {("", "data"): exposure.data, ("", "dq"): exposure.dq}
    planes |= {("variance", name): plane for name, plane in exposure.variance.items()}
    planes |= {("planes", name): plane for name, plane in cube.items()}
    nothing = np.empty((0, *exposure.shape), dtype=np.float32)
    rest = {name: plane for name, plane in exposure.planes.items() if name not in cube}
    return exposure.replace(data=nothing, dq=nothing.astype(np.uint32), variance={}, planes=rest), planes


def _put_together(frame: Exposure, planes: Planes) -> Exposure:
    groups: dict[str, dict[str, NDArray[Any]]] = {"": {}, "variance": {}, "planes": dict(frame.planes)}
    for (group, name), plane in planes.items():
        groups[group][name] = plane
    return frame.replace(**groups[""], variance=groups["variance"], planes=groups["planes"])
