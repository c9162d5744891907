"""The inverse of a smooth map of the plane, as a model that is evaluated without iteration.

An approximate inverse P of a map F becomes a better one by one step of Newton's method that takes P's own slope,

    P'(u) = 2 P(u) - P(F(P(u))),

whose error is the product of P's error and of the gradient of that error: a hundredth of a pixel becomes 1e-6. Unlike
the iteration of gwcs it is a formula: it is stored with the forward model and has no way not to converge.
"""

from __future__ import annotations

import numpy as np
from astropy.modeling import Model, fitting, models

from iris_core import Doubles, InputError

__all__ = ["Range", "grid", "inverse_error", "with_inverse"]

Range = tuple[float, float]
Grid = tuple[Doubles, Doubles]

_DEGREE = 5
_STEPS = 3
_GOAL = 1e-6
_LIMIT = 1e-4


def grid(x_range: Range, y_range: Range, points: int) -> Grid:
    """Return `points` by `points` coordinates that include the ends of both ranges."""
    x, y = np.meshgrid(np.linspace(*x_range, points), np.linspace(*y_range, points))
    return x, y


def with_inverse(model: Model, x_range: Range, y_range: Range, name: str) -> Model:
    """Return a copy of `model` with an inverse that is true over a rectangle.

    Parameters
    ----------
    model
        Two inputs [pixel], two outputs in any unit.
    x_range, y_range
        The rectangle [pixel].
    name
        Of the model, for messages.

    Returns
    -------
    Model
        With its own inverse if that leads back to 1e-6 pixel; else with its own, or a polynomial, improved to that.

    Raises
    ------
    InputError
        When 1e-4 pixel cannot be reached: the map folds, or is too rough for a polynomial.
    """
    forward = model.copy()
    forward.inverse = None
    own = model.has_inverse()
    start = model.inverse if own else _polynomial(forward, x_range, y_range)
    inverse, error = _best(forward, start, x_range, y_range)
    if error > _LIMIT and own:
        inverse, error = _best(forward, _polynomial(forward, x_range, y_range), x_range, y_range)
    if error > _LIMIT:
        raise InputError(f"{name} has no inverse on the detector: the best one leads back to {error:.2g} pixel only")
    result = forward.copy()
    result.inverse = inverse
    return result


def _best(forward: Model, inverse: Model, x_range: Range, y_range: Range) -> tuple[Model, float]:
    error = inverse_error(forward, inverse, x_range, y_range)
    for _ in range(_STEPS):
        if error > _GOAL:
            inverse = _improved(forward, inverse)
            error = inverse_error(forward, inverse, x_range, y_range)
    return inverse, error


def _polynomial(forward: Model, x_range: Range, y_range: Range) -> Model:
    x, y = grid(x_range, y_range, 25)
    u, v = forward(x, y)
    domain = {"x_domain": (u.min(), u.max()), "y_domain": (v.min(), v.max())}
    fit = fitting.LinearLSQFitter()
    to_x, to_y = (fit(models.Polynomial2D(_DEGREE, **domain), u, v, target) for target in (x, y))
    return models.Mapping((0, 1, 0, 1)) | to_x & to_y


def _improved(forward: Model, inverse: Model) -> Model:
    twice = models.Scale(2.0) & models.Scale(2.0)
    return inverse | (twice - (forward | inverse))


def inverse_error(forward: Model, inverse: Model, x_range: Range, y_range: Range) -> float:
    """Return the largest distance [pixel] by which `inverse` misses where `forward` came from; infinite for NaN."""
    x, y = grid(x_range, y_range, 33)
    with np.errstate(all="ignore"):
        back_x, back_y = inverse(*forward(x, y))
        worst = float(np.hypot(back_x - x, back_y - y).max())
    return worst if np.isfinite(worst) else np.inf
