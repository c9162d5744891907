"""Units and factors of the table, without the framework."""

from __future__ import annotations

import pytest
from astropy import units as u
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from iris_photom._conversion import find_conversion
from iris_photom._table import parse_quotient

from iris_core import InputError

PER_ELECTRON = u.MJy / u.sr / (u.electron / u.s)


@given(
    numerator=st.sampled_from(["MJy/sr", "uJy/arcsec2", "Jy/sr"]),
    denominator=st.sampled_from(["electron/s", "DN/s", "ADU/s", "e-/s"]),
    form=st.sampled_from(["{}/({})", "({})/({})", "{} / ( {} )", "{} per {}", "{} per ({})", " ({})  per ({}) "]),
)
def test_quotient_however_it_is_written(numerator: str, denominator: str, form: str) -> None:
    rate = u.electron / u.s if denominator in ("electron/s", "e-/s") else u.DN / u.s
    assert parse_quotient(form.format(numerator, denominator)) == u.Unit(numerator) / rate


@pytest.mark.parametrize("text", ["MJy s / (sr electron)", "MJy.s/(sr.electron)", "MJy s sr-1 electron-1"])
def test_product_is_understood_too(text: str) -> None:
    assert parse_quotient(text) == PER_ELECTRON


@pytest.mark.parametrize("text", ["", "per", "MJy/sr per", "MJy/sr per wish", "MJy/(sr)/(electron"])
def test_what_is_no_unit_is_an_error_or_dimensionless(text: str) -> None:
    """An empty text is astropy's unit without dimension, which then does not fit."""
    if text:
        with pytest.raises(InputError, match="is not a unit"):
            parse_quotient(text)
    else:
        assert parse_quotient(text) == u.dimensionless_unscaled


@given(
    factor=st.floats(1e-6, 1e6),
    relative=st.floats(0, 1),
    prefix=st.sampled_from([u.Jy, u.kJy, u.MJy, u.GJy]),
    area=st.floats(1e-20, 1e-10),
)
def test_conversion_does_not_depend_on_the_units_of_the_table(
    factor: float, relative: float, prefix: u.UnitBase, area: float
) -> None:
    unit = prefix / u.sr / (u.electron / u.s)
    solid = (area * u.sr).to(u.arcsec**2)
    table = Table(
        {
            "FILTER": ["J"],
            "PHOTMJSR": [factor] * unit,
            "UNCERTAINTY": [relative * factor] * unit,
            "PIXAR_A2": [solid.value],
        }
    )
    found = find_conversion(table, {"filter": "J"}, u.electron / u.s, "photom")
    assert found.photmjsr == pytest.approx((factor * prefix).to_value(u.MJy), rel=1e-12)
    assert found.uncertainty == pytest.approx(relative * found.photmjsr, rel=1e-12)
    assert found.pixar_sr == pytest.approx(area, rel=1e-12)
    assert found.pixar_a2 == pytest.approx(solid.value, rel=1e-12)
    # Jansky in a pixel are the same from either pair of keywords.
    assert found.photuja2 * found.pixar_a2 * 1e-6 == pytest.approx(found.photmjsr * found.pixar_sr * 1e6, rel=1e-12)
