"""The stars of a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import Array, InputError, Mask

if TYPE_CHECKING:
    from iris_simulate._camera import Camera
    from iris_simulate._optics import Pointing
    from iris_simulate._spec import SimulationSpec

__all__ = ["Stars", "brightest_flux", "draw_stars", "near_stars", "place_stars", "usual_number"]

_WELL_SHARE = 0.8
_DYNAMIC_RANGE = 100.0
_TRIES_PER_STAR = 1000
_PIXELS_PER_STAR = 160 * 160
# Random discs cover at most 0.547 of a plane before no further one fits (random sequential adsorption).
_JAMMED = 0.6


@dataclass(frozen=True, slots=True)
class Stars:
    """The stars: `ra` and `dec` in degrees, `flux` in Jy, ``(n,)``."""

    ra: Array
    dec: Array
    flux: Array

    def positions(self, camera: Camera, pointing: Pointing) -> tuple[Array, Array]:
        """Return their 0-based pixels."""
        return camera.optics.to_pixel(*pointing.to_focal(self.ra, self.dec))


def draw_stars(spec: SimulationSpec, camera: Camera, pointing: Pointing, rng: np.random.Generator) -> Stars:
    """Return stars with fluxes uniform in the logarithm, apart from each other and from the edges.

    Raises
    ------
    InputError
        When they do not fit, or no star can be bright enough to be seen and faint enough not to saturate.
    """
    x, y = place_stars(_number(spec, camera.shape), camera.shape, spec.margin, spec.separation, rng)
    ra, dec = pointing.to_sky(*camera.optics.to_focal(x, y))
    brightest = spec.brightest or brightest_flux(spec, camera)
    faintest = spec.faintest or brightest / _DYNAMIC_RANGE
    if faintest > brightest:
        raise InputError(f"the faintest star, {faintest:.3g} Jy, is brighter than the brightest, {brightest:.3g} Jy")
    return Stars(ra, dec, faintest * (brightest / faintest) ** rng.random(len(x)))


def brightest_flux(spec: SimulationSpec, camera: Camera) -> float:
    """Return the flux in Jy of a star in the middle of a pixel that fills its well to the share allowed."""
    if not np.isfinite(camera.saturation):
        raise InputError(f"the mode '{camera.mode.name}' gives no saturation; give the flux of the 'brightest' star")
    seconds = spec.exposure_time / max(spec.integrations, 1)
    room = _WELL_SHARE * camera.saturation / seconds - camera.sky_rate - camera.dark_current
    if room <= 0:
        raise InputError(
            f"in {seconds:g} s the sky alone ({camera.sky_rate:.3g} electron/s per pixel) fills {_WELL_SHARE:.0%} "
            f"of the full well of {camera.saturation:g} electrons; take a shorter exposure"
        )
    return room / float(camera.psf.pixels(0.0, 0.0, half=0)[0, 0]) / camera.electrons_per_jy


def _number(spec: SimulationSpec, shape: tuple[int, int]) -> int:
    return usual_number(shape[0] * shape[1]) if spec.stars is None else spec.stars


def usual_number(pixels: float) -> int:
    """Return how many stars fall on so many pixels, where nothing else is asked for: at least one."""
    return max(int(pixels) // _PIXELS_PER_STAR, 1)


def place_stars(
    number: int, shape: tuple[int, int], margin: float, separation: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return 0-based pixels in a frame of (rows, columns), apart from each other and from the edges.

    Raises
    ------
    InputError
        When they do not fit.
    """
    rows, columns = shape
    room = np.array([columns, rows]) - 1 - 2 * margin
    if number and room.min() < 0:
        raise InputError(f"no star is {margin:g} pixels from every edge of {columns} x {rows} pixels")
    discs = _JAMMED * np.prod(room + separation) / (np.pi / 4 * separation**2) if separation else np.inf
    if number > max(discs, 1):
        raise _crowded(int(discs), number, shape, margin, separation)
    chosen = np.empty((number, 2))
    count = 0
    for candidate in rng.random((_TRIES_PER_STAR * number, 2)) * room + margin:
        if count == number:
            break
        if np.all(np.sum((chosen[:count] - candidate) ** 2, axis=1) >= separation**2):
            chosen[count] = candidate
            count += 1
    if count < number:
        raise _crowded(count, number, shape, margin, separation)
    return chosen[:, 0], chosen[:, 1]


def _crowded(count: int, number: int, shape: tuple[int, int], margin: float, separation: float) -> InputError:
    return InputError(
        f"only {count} of {number} stars fit into {shape[1]} x {shape[0]} pixels when they are {separation:g} "
        f"pixels apart and {margin:g} from the edges; take fewer, or a smaller separation"
    )


def near_stars(shape: tuple[int, int], x: Array, y: Array, distance: int) -> Mask:
    """Return the pixels within `distance` columns and rows of a star; none where it is negative."""
    near = np.zeros(shape, dtype=bool)
    if distance >= 0:
        for column, row in zip(np.rint(x).astype(int), np.rint(y).astype(int), strict=True):
            near[max(row - distance, 0) : row + distance + 1, max(column - distance, 0) : column + distance + 1] = True
    return near
