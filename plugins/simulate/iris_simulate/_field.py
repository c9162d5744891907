"""The stars of a night: one field that all detectors see in all filters, and the field of the twilight flats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Array
from iris_simulate._random import Stream, generator
from iris_simulate._stars import brightest_flux, place_stars, usual_number

if TYPE_CHECKING:
    from iris_simulate._camera import Camera
    from iris_simulate._optics import Pointing
    from iris_simulate._spec import SimulationSpec

__all__ = ["Box", "Field", "draw_field"]

_DYNAMIC_RANGE = 100.0
_FAINTEST_COLOUR = 0.5
_WELL = 60000.0  # electron, for modes that give none
_NEAR = 10  # pixels that a distortion may move a star


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the focal plane, arcsec."""

    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, slots=True)
class Field:
    """Stars: `ra` and `dec` in degrees, ``(n,)``, and for each filter the flux in Jy."""

    ra: Array
    dec: Array
    flux: Mapping[str, Array]

    def on_detector(self, camera: Camera, pointing: Pointing, reach: float | None = None) -> tuple[Array, Array, Array]:
        """Return which stars light pixels of a detector, and their 0-based pixels.

        Parameters
        ----------
        camera, pointing
            What looks where.
        reach
            Pixels from the edge at which a star still counts; by default the size of its image.
        """
        optics, (rows, columns) = camera.optics, camera.shape
        p, q = pointing.to_focal(self.ra, self.dec)
        # Far from the detector its distortion polynomials mean nothing.
        along, across = ((one - c[0, 0]) / optics.pixel_scale for one, c in ((p, optics.cx), (q, optics.cy)))
        wide = camera.psf.half + _NEAR if reach is None else reach + _NEAR
        near = np.flatnonzero((np.abs(along) < columns / 2 + wide) & (np.abs(across) < rows / 2 + wide))
        x, y = optics.to_pixel(p[near], q[near])
        if reach is not None:
            inside = (np.abs(x - optics.x0) < columns / 2 + reach) & (np.abs(y - optics.y0) < rows / 2 + reach)
            near, x, y = near[inside], x[inside], y[inside]
        return near, x, y


def draw_field(
    specs: Mapping[str, SimulationSpec],
    cameras: Mapping[str, Camera],
    box: Box,
    pointing: Pointing,
    stream: Stream,
    brightest: float = 1.0,
) -> Field:
    """Return stars over a box, with fluxes uniform in the logarithm and colours of their own.

    Parameters
    ----------
    specs, cameras
        By filter; any detector will do.
    box, pointing
        Where they are.
    stream
        Of the random numbers.
    brightest
        Flux of the brightest star in the brightest that does not saturate.

    Raises
    ------
    InputError
        When they do not fit, or the sky alone fills the well.
    """
    spec = next(iter(specs.values()))
    rng = generator(spec.seed, stream)
    scale = next(iter(cameras.values())).mode.pixel_scale
    shape = int((box.top - box.bottom) / scale) + 1, int((box.right - box.left) / scale) + 1
    number = usual_number(shape[0] * shape[1]) if spec.stars is None else spec.stars
    x, y = place_stars(number, shape, 0.0, spec.separation, rng)
    ra, dec = pointing.to_sky(box.left + x * scale, box.bottom + y * scale)
    faintness = _DYNAMIC_RANGE ** -rng.random(number)
    flux = {}
    for name, camera in cameras.items():
        index = list(camera.mode.filters).index(name)
        colour = generator(spec.seed, Stream.COLOUR, int(stream), index).uniform(_FAINTEST_COLOUR, 1.0, number)
        flux[name] = brightest * _brightest(specs[name], camera) * faintness * colour
    return Field(ra, dec, flux)


def _brightest(spec: SimulationSpec, camera: Camera) -> float:
    if spec.brightest is not None:
        return spec.brightest
    known = np.isfinite(camera.saturation)
    return brightest_flux(spec, camera if known else replace(camera, saturation=_WELL))
