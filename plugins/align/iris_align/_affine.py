"""Affine maps of a plane, their parameters, and the closed-form fit of one list of positions to another."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, hypot

import numpy as np

from iris_core import Doubles

__all__ = ["KINDS", "Affine", "basis", "closed_form", "fit_affine", "parameters", "small"]

# How many of the parameters a kind of fit has: shift in x and y, rotation, scale, and the two shears.
KINDS = {"shift": 2, "rshift": 3, "rscale": 4, "general": 6}


@dataclass(frozen=True, slots=True)
class Affine:
    """The map ``matrix @ u + shift``.

    Parameters
    ----------
    matrix
        ``(2, 2)``.
    shift
        ``(2,)``, in the unit of the plane.
    """

    matrix: Doubles
    shift: Doubles

    @classmethod
    def identity(cls) -> Affine:
        """Return the map that changes nothing."""
        return cls(np.eye(2), np.zeros(2))

    def __call__(self, places: Doubles) -> Doubles:
        """Return the places ``(n, 2)`` that the map gives to ``(n, 2)`` places."""
        return places @ self.matrix.T + self.shift

    def after(self, first: Affine) -> Affine:
        """Return the map that applies `first`, then this one: M2 M1 and M2 t1 + t2."""
        return Affine(self.matrix @ first.matrix, self.matrix @ first.shift + self.shift)

    def inverse(self) -> Affine:
        """Return the map that leads back."""
        matrix = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        return Affine(matrix, -matrix @ self.shift)


def parameters(one: Affine) -> Doubles:
    """Return shift in x and y, rotation from x to y [rad], scale - 1, and the two shears, ``(6,)``."""
    (a, b), (c, d) = one.matrix
    scale = hypot(a + d, c - b) / 2 - 1
    return np.array([*one.shift, atan2(c - b, a + d), scale, (a - d) / 2, (b + c) / 2])


def small(values: Doubles) -> Affine:
    """Return the map of six parameters; a rotation stays one, however large."""
    shift, (turn, scale, plus, cross) = values[:2], values[2:]
    cosine, sine = np.cos(turn), np.sin(turn)
    matrix = (1 + scale) * np.array([[cosine, -sine], [sine, cosine]])
    return Affine(matrix + np.array([[plus, cross], [cross, -plus]]), np.asarray(shift, dtype=float))


def basis(places: Doubles) -> Doubles:
    """Return by how much the parameters move places, ``(n, 2, 6)``."""
    x, y = places.T
    one, none = np.ones_like(x), np.zeros_like(x)
    return np.stack([[one, none, -y, x, x, y], [none, one, x, y, -y, x]]).transpose(2, 0, 1)


def closed_form(first: Doubles, second: Doubles, sigma: float, kind: str) -> tuple[Affine, Doubles]:
    """Return the map of `first` onto `second`, and the errors of its parameters.

    With u = x - centroid, d the differences and N stars: t = <d>, rotation = sum(u x d)/sum(u u), scale = sum(u . d)/
    sum(u u); errors sigma/sqrt(N) and sigma/sqrt(sum(u u)).

    Parameters
    ----------
    first, second
        ``(n, 2)``, a row for each star.
    sigma
        Standard deviation of a difference along one axis.
    kind
        ``shift``, ``rshift`` or ``rscale``.

    Returns
    -------
    Affine
        Its shift is that of the origin.
    numpy.ndarray
        Errors of the shift in x and y *of the centroid*, the rotation [rad] and the scale, ``(4,)``; 0 for those that
        are not fitted.
    """
    centre = first.mean(axis=0)
    u, d = first - centre, second - first
    square = float(np.sum(u * u)) or np.inf
    values = np.zeros(6)
    values[:2] = d.mean(axis=0)
    values[2] = np.sum(u[:, 0] * d[:, 1] - u[:, 1] * d[:, 0]) / square
    values[3] = np.sum(u * d) / square
    values[KINDS[kind] :] = 0
    about = small(values)
    errors = np.array([sigma / np.sqrt(len(first))] * 2 + [sigma / np.sqrt(square)] * 2)
    errors[KINDS[kind] :] = 0
    return Affine(about.matrix, centre + about.shift - about.matrix @ centre), errors


def fit_affine(first: Doubles, second: Doubles) -> Affine:
    """Return the affine map that comes closest to leading from `first` to `second`, ``(n, 2)``, n >= 3."""
    design = np.column_stack([first, np.ones(len(first))])
    found = np.asarray(np.linalg.lstsq(design, second, rcond=None)[0], dtype=np.float64)
    return Affine(found[:2].T, found[2])
