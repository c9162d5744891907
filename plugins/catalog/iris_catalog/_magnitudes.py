"""AB and Vega magnitudes of fluxes in Jy."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from iris_core import Doubles, InstrumentMode

__all__ = ["AB_ZERO", "ab_magnitudes", "vega_offset", "zero_point"]

# Of 1 Jy: -2.5 log10(1 / 3631).
AB_ZERO = float(2.5 * np.log10(3631))
_FACT = "ab_vega_{}"
# AB - Vega by filter.
_TWO_MASS = {"J": 0.91, "H": 1.39, "Ks": 1.85}
_SOURCE = "Blanton & Roweis 2007, AJ 133, 734"


def ab_magnitudes(flux: Doubles, error: Doubles) -> tuple[Doubles, Doubles]:
    """Return AB magnitudes of fluxes in Jy, and their errors; NaN where a flux is not above 0."""
    positive = np.where(flux > 0, flux, np.nan)
    return AB_ZERO - 2.5 * np.log10(positive), 2.5 / log(10) * error / positive


def zero_point(factor: float) -> float:
    """Return the AB magnitude of a source of 1 in the sum of its pixels, which is `factor` Jy."""
    return AB_ZERO - 2.5 * float(np.log10(factor))


def vega_offset(name: str, mode: InstrumentMode, given: float | None) -> tuple[float, str]:
    """Return AB - Vega in a filter and where it is from: a parameter, the fact ``ab_vega_FILTER`` of a mode, 2MASS.

    NaN, and the reason, where it is not known.

    Parameters
    ----------
    name
        The filter.
    mode
        The instrument mode.
    given
        The parameter.
    """
    if given is not None:
        return given, "as given"
    fact: Any = mode.facts.get(_FACT.format(name))
    if fact is not None:
        return float(fact["value"]), f"of the mode {mode.name}"
    if name in _TWO_MASS:
        return _TWO_MASS[name], f"of 2MASS {name} ({_SOURCE})"
    return np.nan, f"not known for the filter '{name}' ({', '.join(_TWO_MASS)} are); give 'ab_offset'"
