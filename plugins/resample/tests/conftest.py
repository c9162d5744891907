"""Exposures on the sky, with and without distortion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS
from astropy.modeling import models
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame, Frame2D
from iris_resample import MosaicParams, check_mosaic, combine
from iris_testkit import iris_mode, make_exposure

from iris_core import Exposure, Exposures, References

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


class Field:
    """Exposures of one field, dithered and turned, and their mosaic."""

    centre = (150.0, 2.0)
    pixel = SCALE / 3600  # deg

    def dithers(self, number: int, shape: tuple[int, int] = (60, 64), seed: int = 1, **given: Any) -> list[Exposure]:
        """Return constant exposures, 200 s apart.

        They are shifted by up to 6 pixels, or by `at` (x, y), and turned by up to 2 degrees or as `given` for
        `build_wcs`.
        """
        random = np.random.default_rng(seed)
        made = []
        for index in range(number):
            geometry = {"position_angle": random.uniform(-2, 2), "cubic": 0.3, **given}
            unit, at = geometry.pop("unit", "MJy/sr"), geometry.pop("at", random.uniform(-6, 6, 2))
            wcs = build_wcs(shape, crval=self.position(*at), **geometry)
            start = datetime(2026, 8, 1, tzinfo=UTC) + timedelta(seconds=200 * index)
            named = {"start_time": start, "path": Path(f"e{index:02d}_cal.fits")}
            made.append(make_exposure(shape, unit=unit, **named).replace(wcs=wcs))
        return made

    def noisy(self, exposure: Exposure, error: float, random: np.random.Generator) -> Exposure:
        """Return an exposure of noise around zero, half of it of the sky."""
        half = np.full(exposure.shape, error**2 / 2, dtype=np.float32)
        return exposure.replace(
            data=random.normal(0, error, exposure.shape), variance={"poisson": half, "rnoise": half}
        )

    def with_stars(
        self, exposure: Exposure, stars: Sequence[tuple[float, float]], sigma: float = 1.3, flux: float = 100.0
    ) -> Exposure:
        """Return an exposure of stars and no sky.

        Gaussian, at (x, y) [pixel of 4 mas, east and north of the centre]; the means over pixels, of 5 x 5 points.
        """
        rows, columns = np.indices(exposure.shape, dtype=float)
        image = np.zeros(exposure.shape)
        for up, right in np.ndindex(5, 5):
            places = exposure.wcs(columns + (right - 2) / 5, rows + (up - 2) / 5, with_bounding_box=False)
            east, north = (
                np.subtract(place, zero) / self.pixel for place, zero in zip(places, self.centre, strict=True)
            )
            east *= np.cos(np.deg2rad(self.centre[1]))
            for x, y in stars:
                image += np.exp(-((east - x) ** 2 + (north - y) ** 2) / (2 * sigma**2))
        return exposure.replace(data=image * flux / (2 * np.pi * sigma**2) / 25)

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Return right ascension and declination [deg] of a star as `with_stars` takes it."""
        east = x * self.pixel / np.cos(np.deg2rad(self.centre[1]))
        return float(self.centre[0] + east), float(self.centre[1] + y * self.pixel)

    def mosaic(self, *exposures: Exposure, references: References | None = None, **params: Any) -> Exposure:
        """Return the mosaic of exposures, after its check."""
        given = Exposures.of(exposures), MosaicParams(**params), references or References(), iris_mode()
        check_mosaic(*given)
        return combine(*given)


@pytest.fixture(scope="session")
def field() -> Field:
    """Return what makes exposures of one field."""
    return Field()
