"""What every stage owes: checked by the runner after each one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core.dq import DQ
from iris_core.errors import StageContractError
from iris_core.keywords import parse_unit
from iris_core.model import Exposure, row_blocks

if TYPE_CHECKING:
    from iris_core.steps import Step

__all__ = ["check_contract"]


def check_contract(step: Step, before: Exposure, after: Any) -> Exposure:
    """Return `after`, the result of `step`, when it keeps the contract of stages.

    Raises
    ------
    StageContractError
        When it is no exposure, has another shape or another unit than the stage gives, lost DQ bits, wrote the
        history, or has NaN without DO_NOT_USE or the reverse; with the number of pixels.
    """
    who = f"stage '{step.stage}' of {step.implementation}"
    if not isinstance(after, Exposure):
        forgotten = "; does its function end without 'return'?" if after is None else ""
        raise StageContractError(f"{who} returned {type(after).__name__}, not an Exposure{forgotten}")
    if after.history is not before.history:
        raise StageContractError(f"{who} changed the history; only the runner writes it")
    _check_unit(who, step.spec.unit, before, after)
    if not step.spec.reshapes:
        _check_pixels_kept(who, before, after)
    if any(getattr(after, name) is not getattr(before, name) for name in ("data", "dq", "variance")):
        _check_invalid(who, after)
    return after


def _check_unit(who: str, declared: str, before: Exposure, after: Exposure) -> None:
    if after.unit is None:
        raise StageContractError(f"{who} returned an exposure without a unit")
    wanted = parse_unit(declared) if declared else before.unit
    if after.unit != wanted:
        rule = f"its results are in {declared}" if declared else f"it keeps the unit, {before.unit}"
        raise StageContractError(f"{who} returned an exposure in {after.unit}; {rule}")


def _check_pixels_kept(who: str, before: Exposure, after: Exposure) -> None:
    if after.data.shape != before.data.shape:
        raise StageContractError(
            f"{who} changed the shape from {before.data.shape} to {after.data.shape}; only a stage declared with "
            "reshapes=True may"
        )
    if after.dq is not before.dq:
        blocks = row_blocks(after.dq.shape)
        lost = sum(np.count_nonzero(before.dq[block] & ~after.dq[block]) for block in blocks)
        if lost:
            raise StageContractError(f"{who} removed DQ bits in {lost} pixels; bits are only ever added")


def _check_invalid(who: str, exposure: Exposure) -> None:
    planes = {"data": exposure.data, **exposure.variance}
    wrong: dict[str, int] = dict.fromkeys(planes, 0)
    for block in row_blocks(exposure.data.shape):
        unusable = (exposure.dq[block] & DQ.DO_NOT_USE) != 0
        for name, plane in planes.items():
            wrong[name] += int(np.count_nonzero(np.isfinite(plane[block]) == unusable))
    for name, count in wrong.items():
        if count:
            raise StageContractError(
                f"{who}: in {count} pixels {name} is NaN without DO_NOT_USE, or finite with it; "
                "end the stage with exposure.mask_invalid()"
            )
