"""Tangent planes: positions near a point of the sky in arcsec to the east and to the north."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iris_align._affine import Affine, fit_affine
from iris_core import Doubles

__all__ = ["ARCSEC", "Plane", "directions", "from_common", "projected"]

ARCSEC = 180 * 3600 / np.pi


def directions(ra: Doubles, dec: Doubles) -> Doubles:
    """Return unit vectors ``(n, 3)`` of positions [deg]."""
    a, d = np.deg2rad(ra), np.deg2rad(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


@dataclass(frozen=True, slots=True)
class Plane:
    """The gnomonic projection about a point.

    Parameters
    ----------
    axes
        ``(3, 3)``: unit vectors to the east, to the north, and to the point.
    """

    axes: Doubles

    @classmethod
    def at(cls, direction: Doubles) -> Plane:
        """Return the plane that touches the sky in a direction ``(3,)``, which need not have length 1."""
        centre = direction / np.linalg.norm(direction)
        a, d = np.arctan2(centre[1], centre[0]), np.arctan2(centre[2], np.hypot(*centre[:2]))
        east = np.array([-np.sin(a), np.cos(a), 0.0])
        north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
        return cls(np.stack([east, north, centre]))

    @property
    def point(self) -> tuple[float, float]:
        """Right ascension and declination of the point [deg]."""
        x, y, z = self.axes[2]
        return float(np.rad2deg(np.arctan2(y, x)) % 360), float(np.rad2deg(np.arctan2(z, np.hypot(x, y))))

    def project(self, vectors: Doubles) -> Doubles:
        """Return the places [arcsec] ``(n, 2)`` of directions ``(n, 3)``."""
        seen = vectors @ self.axes.T
        return ARCSEC * seen[:, :2] / seen[:, 2:]

    def directions(self, places: Doubles) -> Doubles:
        """Return directions ``(n, 3)``, not of length 1, of places [arcsec] ``(n, 2)``."""
        return np.column_stack([places / ARCSEC, np.ones(len(places))]) @ self.axes


def projected(axes: Doubles, places: Doubles, common: Plane) -> tuple[Doubles, Doubles]:
    """Return places in a common plane of places in planes of their own, and how the former move with the latter.

    Parameters
    ----------
    axes
        `Plane.axes` of each place, ``(n, 3, 3)``.
    places
        [arcsec], ``(n, 2)``.
    common
        The plane to project on.

    Returns
    -------
    numpy.ndarray
        ``(n, 2)`` [arcsec].
    numpy.ndarray
        ``(n, 2, 2)``, d(common)/d(own).
    """
    seen = axes @ common.axes.T  # rows: own axes, columns: their components along the common ones
    local = np.column_stack([places / ARCSEC, np.ones(len(places))])
    vector = np.einsum("ni,nij->nj", local, seen)
    place = vector[:, :2] / vector[:, 2:]
    slope = (seen[:, :2, :2] - seen[:, :2, 2:] * place[:, None, :]) / vector[:, None, 2:]
    return ARCSEC * place, slope.transpose(0, 2, 1)


def from_common(affine: Affine, common: Plane, own: Plane, radius: float) -> Affine:
    """Return what an affine map of one plane is in another, within `radius` [arcsec] of where that touches the sky.

    It is affine again but for terms of the order of radius^3 times the map's departure from 1: below 1e-6 arcsec for
    fields of an arcminute.
    """
    steps = radius * np.linspace(-1, 1, 5)
    places = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    moved = affine(common.project(own.directions(places)))
    change = own.project(common.directions(moved)) - places
    found = fit_affine(places, change)
    return Affine(found.matrix + np.eye(2), found.shift)
