"""A compiled drizzle kernel: values, variances, weights and flags of an image in one pass, on several cores."""

from __future__ import annotations

from iris_drizzle._between import LineMap, interpolate
from iris_drizzle._kernel import drizzle, instructions, lay_out, survey
from iris_drizzle._planes import Grid, Image, SplineMap, Survey, Weight
from iris_drizzle._stack import MOST_IMAGES, ClippedMean, Layer, clip_stack

__all__ = [
    "MOST_IMAGES",
    "ClippedMean",
    "Grid",
    "Image",
    "Layer",
    "LineMap",
    "SplineMap",
    "Survey",
    "Weight",
    "clip_stack",
    "drizzle",
    "instructions",
    "interpolate",
    "lay_out",
    "survey",
]
