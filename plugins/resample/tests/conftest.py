"""Exposures on the sky, with and without distortion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS
from astropy.modeling import models
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame, Frame2D
from iris_testkit import make_exposure

from iris_core import Exposure

SCALE = 0.004  # arcsec


def build_wcs(
    shape: tuple[int, int],
    *,
    position_angle: float = 0.0,
    cubic: float = 0.0,
    crval: tuple[float, float] = (150.0, 2.0),
    origin: tuple[float, float] | None = None,
    east_left: bool = True,
    frame: Any = None,
    stretch: float = 1.0,
) -> WCS:
    """Return a WCS of 4 mas pixels; `cubic` is the displacement by distortion [pixel] at the middle of an edge."""
    ny, nx = shape
    x, y = origin or ((nx - 1) / 2, (ny - 1) / 2)
    half = max(nx, ny) / 2
    slope = cubic / half**3
    to_x = models.Polynomial2D(3, c1_0=1.0, c3_0=slope, c1_2=slope, c1_1=0.3 * cubic / half**2)
    to_y = models.Polynomial2D(3, c0_1=stretch, c0_3=slope, c2_1=slope, c2_0=0.2 * cubic / half**2)
    sine, cosine = np.sin(np.deg2rad(position_angle)), np.cos(np.deg2rad(position_angle))
    sign = -1 if east_left else 1
    matrix = SCALE / 3600 * np.array([[sign * cosine, sine], [-sign * sine, cosine]])
    transform = (
        models.Shift(-x) & models.Shift(-y)
        | models.Mapping((0, 1, 0, 1))
        | to_x & to_y
        | models.AffineTransformation2D(matrix)
        | models.Pix2Sky_TAN()
        | models.RotateNative2Celestial(*crval, 180.0)
    )
    detector = Frame2D(name="detector", unit=(u.pix, u.pix))
    wcs = WCS(
        [
            (detector, transform),
            (CelestialFrame(name="world", reference_frame=ICRS() if frame is None else frame), None),
        ]
    )
    wcs.bounding_box = ((-0.5, nx - 0.5), (-0.5, ny - 0.5))
    return wcs


@pytest.fixture(scope="session")
def make_wcs() -> Callable[..., WCS]:
    return build_wcs


@pytest.fixture(scope="session")
def on_sky() -> Callable[..., Exposure]:
    """Return a function that gives a constant exposure in MJy/sr with a WCS."""

    def make(shape: tuple[int, int] = (40, 48), *, nint: int = 0, unit: str = "MJy/sr", **geometry: Any) -> Exposure:
        return make_exposure(shape, nint=nint, unit=unit).replace(wcs=build_wcs(shape, **geometry))

    return make


@pytest.fixture(scope="session")
def noisy_on_sky(on_sky: Callable[..., Exposure]) -> Callable[..., Exposure]:
    """Return a function that gives an exposure of different values and variances in each pixel."""

    def make(*args: Any, **geometry: Any) -> Exposure:
        exposure = on_sky(*args, **geometry)
        random = np.random.default_rng(1)
        return exposure.replace(
            data=random.normal(10, 2, exposure.data.shape),
            variance={name: random.uniform(0.5, 1.5, exposure.data.shape) for name in exposure.variance},
        )

    return make
