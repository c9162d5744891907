"""A sky of known brightness, seen by dithered exposures of known levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS
from astropy.modeling.models import AffineTransformation2D, Pix2Sky_TAN, RotateNative2Celestial, Shift
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame, Frame2D
from iris_testkit import make_exposure

from iris_core import Doubles, Exposure

SCALE = 0.004
Scene = Callable[[Doubles, Doubles], Doubles]


def make_wcs(offset: tuple[float, float], angle: float = 0.0) -> WCS:
    """Return a WCS whose pixel (0, 0) lies at `offset` [pixel] of the sky, turned by `angle` [deg]."""
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = AffineTransformation2D(np.array([(cosine, -sine), (sine, cosine)]), translation=np.array(offset))
    scale = AffineTransformation2D(np.diag([-SCALE, SCALE]) / 3600)
    sky = turn | scale | Pix2Sky_TAN() | RotateNative2Celestial(150.1, 2.2, 180.0)
    frame = CelestialFrame(reference_frame=ICRS(), name="sky")
    return WCS([(Frame2D(name="detector", unit=(u.pix, u.pix)), Shift(0) & Shift(0) | sky), (frame, None)])


def look(
    offset: tuple[float, float],
    level: float = 0.0,
    *,
    scene: Scene | None = None,
    shape: tuple[int, int] = (128, 128),
    sigma: float = 0.0,
    seed: int | None = None,
    angle: float = 0.0,
    name: str = "x",
    **options: Any,
) -> Exposure:
    """Return an exposure of a scene, which is a function of x and y on the sky [pixel], plus a level."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    value = np.full(shape, float(level))
    if scene is not None:
        value += scene(cosine * x - sine * y + offset[0], sine * x + cosine * y + offset[1])
    variance = {"poisson": 0.0, "rnoise": sigma**2}
    exposure = make_exposure(shape, value=value, seed=seed, **{**variance, **options})
    exposure = exposure.replace(meta=replace(exposure.meta, path=Path(f"{name}_cal.fits")))
    return exposure.replace(wcs=make_wcs(offset, angle))


@pytest.fixture(name="look")
def look_fixture() -> Callable[..., Exposure]:
    """Return the function that takes an exposure of a scene."""
    return look
