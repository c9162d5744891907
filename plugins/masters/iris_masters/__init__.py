"""Stages that make reference files: darks, flats and bad pixel masks of many exposures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iris_core import hookimpl
from iris_masters.flats import FlatParams, check_flats, combine_flats
from iris_masters.frames import CombineParams, check_frames, combine_exposures
from iris_masters.hookspecs import (
    combine_flat,
    combine_frames,
    flag_dark,
    flag_flat,
    level_flats,
    make_mask,
    make_reference,
    normalize,
)
from iris_masters.masks import MaskParams, check_members, mask_pixels
from iris_masters.single import (
    DarkFlagParams,
    FlatFlagParams,
    NormalizeParams,
    ReferenceParams,
    divide_by_level,
    flag_hot,
    flag_response,
    set_reference_keywords,
)
from iris_masters.together import TogetherParams, bring_together, check_together

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CombineParams",
    "DarkFlagParams",
    "FlatFlagParams",
    "FlatParams",
    "MaskParams",
    "NormalizeParams",
    "ReferenceParams",
    "TogetherParams",
    "bring_together",
    "check_flats",
    "check_frames",
    "check_members",
    "check_together",
    "combine_exposures",
    "combine_flat",
    "combine_flats",
    "combine_frames",
    "divide_by_level",
    "flag_dark",
    "flag_flat",
    "flag_hot",
    "flag_response",
    "level_flats",
    "make_mask",
    "make_reference",
    "mask_pixels",
    "normalize",
    "set_reference_keywords",
]


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipes: ``create-dark``, ``create-flat`` and others."""
    return {path.stem: path for path in Path(__file__).with_name("recipes").glob("*.yaml")}
