"""Parameters of the stage, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_catalog import CatalogParams
from pydantic import ValidationError


def test_the_usual_parameters_are_those_of_the_readme() -> None:
    params = CatalogParams()
    assert (params.detection, params.sky_inner, params.sky_outer) == (4.5, 5.0, 8.0)
    assert params.deblend
    assert params.radii is params.fwhm is params.correction is params.ab_offset is None


@given(st.tuples(*[st.floats(0.1, 12)] * 3))
def test_radii_grow_and_end_before_the_sky(radii: tuple[float, float, float]) -> None:
    if radii[0] <= radii[1] <= radii[2] <= 5:
        assert CatalogParams(radii=radii).radii == radii
    else:
        with pytest.raises(ValidationError, match="growing circles"):
            CatalogParams(radii=radii)


@pytest.mark.parametrize(
    "wrong",
    [
        {"detection": -1},
        {"fwhm": 0},
        {"radii": (0, 1, 2)},
        {"radii": (1, 2)},
        {"sky_inner": 0},
        {"sky_outer": 25},
        {"total": 7},
        {"correction": 0.2},
        {"correction_error": -0.1},
        {"psf_sampling": 0},
        {"levels": 32},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValidationError, match=name):
        CatalogParams(**wrong)
