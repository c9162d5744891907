"""Fluxes become electrons by the documented formulas."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from astropy import constants, units
from iris_simulate._photometry import electrons_per_jansky, fact, sky_brightness, vega_flux

from iris_core import Filter, InputError, InstrumentMode


def test_a_jansky_gives_the_photons_of_its_band(mode: InstrumentMode) -> None:
    """The integral of F_nu / (h nu) over the band, done by astropy's units."""
    band = mode.filters["Kbb"]
    nu = (constants.c / (np.linspace(band.minimum, band.maximum, 20001) * units.um)).to(units.Hz)
    photons = -np.trapezoid(((1 * units.Jy) / (constants.h * nu)).to_value("1/(s m2 Hz)"), nu.value)
    assert electrons_per_jansky(mode, band) == pytest.approx(photons * 630.0 * 0.46, rel=1e-7)


def test_a_band_twice_as_wide_in_the_logarithm_gives_twice_the_electrons(mode: InstrumentMode) -> None:
    one, two = (Filter(minimum=1.0, centre=1.0, maximum=top) for top in (1.2, 1.44))
    assert electrons_per_jansky(mode, two) == pytest.approx(2 * electrons_per_jansky(mode, one))


@pytest.mark.parametrize(("um", "jansky"), [(0.798, 2416.0), (1.235, 1594.0), (1.662, 1024.0), (2.159, 666.7)])
def test_vega_has_its_published_flux_in_the_bands(um: float, jansky: float) -> None:
    assert vega_flux(um) == pytest.approx(jansky)


def test_vega_falls_smoothly_in_between_and_beyond() -> None:
    fluxes = [vega_flux(um) for um in np.linspace(0.7, 2.5, 100)]
    assert np.all(np.diff(fluxes) < 0)


def test_five_magnitudes_of_sky_are_a_factor_of_a_hundred(mode: InstrumentMode) -> None:
    assert sky_brightness(mode, "Kbb", 15.0) == pytest.approx(100 * sky_brightness(mode, "Kbb", 20.0))
    assert sky_brightness(mode, "Kbb", 0.0) == pytest.approx(vega_flux(2.1935))


def test_the_sky_is_the_filters_own_unless_it_is_given(mode: InstrumentMode) -> None:
    assert sky_brightness(mode, "Kbb", None) == sky_brightness(mode, "Kbb", 15.21)


def test_a_filter_without_sky_is_refused_with_those_that_have_one(mode: InstrumentMode) -> None:
    with pytest.raises(InputError, match=r"no sky brightness for the filter CO; .* 'sky' .* Zbb, Ybb, Jbb"):
        sky_brightness(mode, "CO", None)
    assert sky_brightness(mode, "CO", 15.0) > 0


def test_a_fact_is_converted_to_the_unit_that_is_asked_for(mode: InstrumentMode) -> None:
    assert fact(mode, "collecting_area", "cm2") == pytest.approx(6.3e6)


def test_a_missing_fact_is_named_with_those_there_are(mode: InstrumentMode) -> None:
    poor = dataclasses.replace(mode, facts={"gain": {"value": 1.0, "unit": "electron/DN"}})
    with pytest.raises(InputError, match=r"'iris-imager' does not give dark_current.*facts are: gain"):
        fact(poor, "dark_current", "electron/s")


def test_a_fact_in_an_impossible_unit_is_refused(mode: InstrumentMode) -> None:
    with pytest.raises(InputError, match=r"gives read_noise as .*; s is needed"):
        fact(mode, "read_noise", "s")
