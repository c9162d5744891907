"""Electrons per second of a flux, from the facts of an instrument mode."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np

from iris_core import InputError, choices

if TYPE_CHECKING:
    from iris_core import Filter, InstrumentMode

__all__ = ["electrons_per_jansky", "fact", "sky_brightness", "vega_flux"]

# Flux density of Vega: I_C of Bessell, Castelli & Plez (1998, A&A 333, 231),
# J H Ks of Cohen, Wheaton & Megeath (2003, AJ 126, 1090).
_VEGA_UM = (0.798, 1.235, 1.662, 2.159)
_VEGA_JY = (2416.0, 1594.0, 1024.0, 666.7)


def fact(mode: InstrumentMode, name: str, unit: str) -> float:
    """Return a number of the mode in `unit`.

    Raises
    ------
    InputError
        When the mode does not give it, or in a unit that cannot be converted.
    """
    from astropy import units

    if name not in mode.facts:
        raise InputError(
            f"the mode '{mode.name}' does not give {name}, which is needed; its facts are: {choices(mode.facts)}"
        )
    item = mode.facts[name]
    try:
        return float(units.Quantity(item["value"], item["unit"]).to_value(unit))
    except (units.UnitConversionError, ValueError, TypeError) as error:
        raise InputError(f"the mode '{mode.name}' gives {name} as {dict(item)}; {unit} is needed: {error}") from error


def electrons_per_jansky(mode: InstrumentMode, band: Filter) -> float:
    """Return the electrons per second of a source of 1 Jy with a flat spectrum, ``F_nu = const``.

    ``T A / h  ln(maximum / minimum)``: the photons per frequency are ``F_nu / (h nu)``, the band is a box, T is the
    fact `throughput` (of everything together, the detector too) and A the fact `collecting_area`.

    Returns
    -------
    electron / s / Jy
    """
    from astropy.constants import h

    collected = fact(mode, "throughput", "") * fact(mode, "collecting_area", "m2")
    return float(1e-26 * collected * log(band.maximum / band.minimum) / h.si.value)


def vega_flux(wavelength: float) -> float:
    """Return the flux density of Vega in Jy.

    Interpolated between I, J, H and Ks in logarithms of both axes, and continued with the last slope.

    Parameters
    ----------
    wavelength
        In micrometres.
    """
    um, jy = np.log(_VEGA_UM), np.log(_VEGA_JY)
    segment = int(np.clip(np.searchsorted(um, log(wavelength)), 1, len(um) - 1))
    slope = (jy[segment] - jy[segment - 1]) / (um[segment] - um[segment - 1])
    return float(np.exp(jy[segment] + slope * (log(wavelength) - um[segment])))


def sky_brightness(mode: InstrumentMode, name: str, magnitude: float | None) -> float:
    """Return the sky in Jy / arcsec2, from mag / arcsec2 (Vega).

    Parameters
    ----------
    mode
        Has the filters.
    name
        Of the filter.
    magnitude
        Instead of the mode's own number.

    Raises
    ------
    InputError
        When neither gives a number.
    """
    magnitude = mode.filters[name].sky if magnitude is None else magnitude
    if magnitude is None:
        known = ", ".join(key for key, band in mode.filters.items() if band.sky is not None) or "none"
        raise InputError(
            f"the mode '{mode.name}' knows no sky brightness for the filter {name}; "
            f"give it as 'sky' in mag/arcsec2, or take one of: {known}"
        )
    return vega_flux(mode.filters[name].centre) * 10 ** (-0.4 * magnitude)
