"""Later options put over earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from iris_core.recipe import StepOptions, StepRequest

__all__ = ["merge_step"]


def merge_step(step: StepRequest, options: Mapping[str, Any], places: Mapping[str, str], place: str) -> StepRequest:
    """Return a step with later options put over earlier ones; `params` are merged key by key."""
    earlier = step.options.model_dump(exclude_unset=True)
    params = {**earlier.get("params", {}), **options.get("params", {})}
    if options.get("save") is True and earlier.get("save"):
        options = {**options, "save": earlier["save"]}  # it is saved already, under a suffix that was chosen
    merged = StepOptions.model_validate({**earlier, **options, "params": params})
    return replace(step, options=merged, places={**step.places, **places}, place=place)
