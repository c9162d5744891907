"""The image of a star by diffraction alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import InstrumentMode, get_fact

if TYPE_CHECKING:
    from iris_core import Doubles

__all__ = ["Diffraction", "diffraction_of"]

_ARCSEC = float(np.deg2rad(1 / 3600))
# Wavelengths in a band, nodes along a pixel, rings in a circle per lambda/D.
_WAVES, _NODES, _RINGS = 5, 7, 64
# Keywords of the band where the mode does not know the filter [micrometres].
_BANDS = (("MINWAVE", "MAXWAVE"), ("WAVEMIN", "WAVEMAX"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Diffraction:
    """The image of a star through a circular pupil with a circular obstruction, in a band.

    ``I(x) = I0 [(2 J1(x)/x - e^2 2 J1(ex)/(ex)) / (1 - e^2)]^2`` with ``x = pi D theta / lambda`` and
    ``I0 = pi D^2 (1 - e^2) / (4 lambda^2)`` per sr, so that the integral is 1.

    Parameters
    ----------
    diameter
        D, m.
    obstruction
        e, over the diameter.
    waves
        Wavelengths of equal weight, micrometres.
    """

    diameter: float
    obstruction: float
    waves: tuple[float, ...]

    def intensity(self, theta: Doubles) -> Doubles:
        """Return the share of the light per sr at angles in arcsec from the middle."""
        parts = [self._at(np.asarray(theta) * _ARCSEC, wave * 1e-6) for wave in self.waves]
        return np.asarray(np.mean(parts, axis=0))

    def _at(self, theta: Doubles, wave: float) -> Doubles:
        x, e = pi * self.diameter * theta / wave, self.obstruction
        amplitude = (_airy(x) - e**2 * _airy(e * x)) / (1 - e**2)
        return pi * (self.diameter / wave) ** 2 * (1 - e**2) / 4 * amplitude**2

    def within(self, radius: Doubles | float) -> Doubles:
        """Return the share of the light in circles, of radii in arcsec."""
        largest, unit = float(np.max(radius)), min(self.waves) * 1e-6 / self.diameter / _ARCSEC
        edges = np.linspace(0, largest, max(200, int(_RINGS * largest / unit)) + 1)
        middle = (edges[1:] + edges[:-1]) / 2
        rings = 2 * pi * middle * edges[1] * _ARCSEC**2 * self.intensity(middle)
        return np.asarray(np.interp(radius, edges, np.append(0, np.cumsum(rings))))

    def above_ring(self, radius: float, outer: float) -> float:
        """Return the share in a circle less what a ring around it, out to `outer` arcsec, says of the sky in it."""
        inside, outside = map(float, self.within(np.array([radius, outer])))
        return inside - (outside - inside) * radius**2 / (outer**2 - radius**2)

    def in_pixel(self, offset: Doubles, scale: float, drop: float = 0.0) -> Doubles:
        """Return the share of the light in pixels, ``(n,)``.

        Parameters
        ----------
        offset
            Of their middles from the star, arcsec, ``(n, 2)``.
        scale
            Side of a pixel, arcsec.
        drop
            Side of the pixels that were spread over these, arcsec; 0 for none.
        """
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        place, share = nodes * scale / 2, weights / 2
        if drop > 0:
            place = (place[:, None] + nodes * drop / 2).ravel()
            share = (share[:, None] * weights / 2).ravel()
        value = [share @ self.intensity(np.hypot(x + place[None, :], y + place[:, None])) @ share for x, y in offset]
        return np.array(value) * (scale * _ARCSEC) ** 2

    def __str__(self) -> str:
        return f"{self.diameter:.3g} m, obstruction {self.obstruction:.2g}, {np.mean(self.waves):.4g} um"


def _airy(x: Doubles) -> Doubles:
    """Return 2 J1(x) / x, 1 at 0."""
    from scipy.special import j1

    safe = np.where(np.abs(x) < 1e-8, 1.0, x)
    return np.asarray(np.where(np.abs(x) < 1e-8, 1.0, 2 * j1(safe) / safe))


def diffraction_of(mode: InstrumentMode, filter_name: str, header: Mapping[str, Any]) -> Diffraction | None:
    """Return the model of a mode and a filter; None where the mode does not give a pupil, or the band is not known.

    The pupil is that of the facts ``telescope_diameter`` (m) and ``central_obstruction`` (over the diameter), or the
    circle of the fact ``collecting_area``.
    """
    band = _band(mode, filter_name, header)
    if band is None or not 0 < band[0] <= band[1]:
        return None
    edges = np.linspace(*band, _WAVES + 1)
    waves = tuple(float(wave) for wave in (edges[1:] + edges[:-1]) / 2)
    if "telescope_diameter" in mode.facts:
        inner = get_fact(mode, "central_obstruction", "") if "central_obstruction" in mode.facts else 0.0
        return Diffraction(diameter=get_fact(mode, "telescope_diameter", "m"), obstruction=inner, waves=waves)
    if "collecting_area" in mode.facts:
        diameter = 2 * sqrt(get_fact(mode, "collecting_area", "m2") / pi)
        return Diffraction(diameter=diameter, obstruction=0.0, waves=waves)
    return None


def _band(mode: InstrumentMode, name: str, header: Mapping[str, Any]) -> tuple[float, float] | None:
    if name in mode.filters:
        return mode.filters[name].minimum, mode.filters[name].maximum
    for low, high in _BANDS:
        if isinstance(header.get(low), int | float) and isinstance(header.get(high), int | float):
            return float(header[low]), float(header[high])
    return None
