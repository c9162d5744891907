"""A compiled drizzle kernel: values, variances, weights and flags of an image in one pass, on several cores."""

from __future__ import annotations

from iris_drizzle._kernel import drizzle, instructions, lay_out, survey
from iris_drizzle._planes import Grid, Image, SplineMap, Survey, Weight

__all__ = ["Grid", "Image", "SplineMap", "Survey", "Weight", "drizzle", "instructions", "lay_out", "survey"]
