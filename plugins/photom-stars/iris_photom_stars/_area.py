"""The solid angle of pixels, from a gWCS."""

from __future__ import annotations

import numpy as np

from iris_core import area_map, solid_angle

__all__ = ["SQUARE_ARCSEC", "area_map", "solid_angle"]

SQUARE_ARCSEC = float(np.deg2rad(1 / 3600) ** 2)
