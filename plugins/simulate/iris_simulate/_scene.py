"""The sky and the camera without noise: what each pixel is expected to receive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_simulate._camera import Camera, make_camera
from iris_simulate._detector import DetectorTruth, make_detector
from iris_simulate._optics import Pointing, spiral
from iris_simulate._psf import add_stars
from iris_simulate._random import Stream, generator
from iris_simulate._stars import Stars, draw_stars, near_stars

if TYPE_CHECKING:
    from iris_core import Array, Image, InstrumentMode
    from iris_simulate._spec import SimulationSpec

__all__ = ["Scene", "build_scene"]

_SKY_OFFSET = 60.0  # arcsec: no star of the field is in a background exposure


@dataclass(frozen=True, slots=True)
class Scene:
    """A field of stars, and the camera that looks at it.

    Parameters
    ----------
    spec
        What was asked for.
    camera, detector
        Truth of the camera, and of its detector.
    pointings
        One for each science exposure.
    stars
        Truth of the sky.
    """

    spec: SimulationSpec
    camera: Camera
    detector: DetectorTruth
    pointings: tuple[Pointing, ...]
    stars: Stars

    @property
    def sky_pointing(self) -> Pointing:
        """Where the background exposures look."""
        return self.pointings[0].moved(_SKY_OFFSET, 0.0)

    def positions(self, index: int) -> tuple[Array, Array]:
        """Return the 0-based pixels of all stars in science exposure `index`."""
        return self.stars.positions(self.camera, self.pointings[index])

    def background_rate(self) -> Image:
        """Return the expected rate of blank sky, electron / s: ``QE A sky + dark``."""
        rate = self.detector.flat
        rate *= np.float32(self.camera.sky_rate)
        rate += self.detector.dark
        return rate

    def rate(self, index: int) -> Image:
        """Return the expected rate of science exposure `index`, electron / s: ``QE (stars + A sky) + dark``."""
        rate = np.zeros(self.camera.shape, dtype=np.float32)
        x, y = self.positions(index)
        add_stars(rate, self.camera.psf, x, y, self.stars.flux * self.camera.electrons_per_jy)
        rate *= self.detector.qe
        rate += self.background_rate()
        return rate


def build_scene(spec: SimulationSpec, mode: InstrumentMode) -> Scene:
    """Return the scene that `spec` describes, seen with a camera of `mode`.

    Raises
    ------
    InputError
        When the mode lacks what is asked for, or the stars do not fit.
    """
    camera = make_camera(spec, mode)
    pointings = _pointings(spec, mode.pixel_scale)
    stars = draw_stars(spec, camera, pointings[0], generator(spec.seed, Stream.STARS))
    clear = np.zeros(camera.shape, dtype=bool)
    for pointing in pointings:
        clear |= near_stars(camera.shape, *stars.positions(camera, pointing), spec.clear)
    rng = generator(spec.seed, Stream.DETECTOR)
    detector = make_detector(camera.area, camera.dark_current, spec.defects, clear, rng)
    return Scene(spec, camera, detector, pointings, stars)


def _pointings(spec: SimulationSpec, pixel_scale: float) -> tuple[Pointing, ...]:
    base = Pointing(spec.ra, spec.dec, spec.position_angle)
    offsets = spiral(spec.dither_step * pixel_scale, spec.dithers)
    return tuple(base.moved(p, q) if p or q else base for p, q in offsets)
