"""What a zero point does not depend on, and how it follows what it does depend on: truth in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from iris_photom_stars import ZeroPointParams
from iris_photom_stars._catalog import read_catalog
from iris_photom_stars._measure import measure_zero_point
from iris_photom_stars._result import ZeroPoint
from iris_testkit import add_wcs

from iris_core import Exposure

Make = Callable[..., Any]

SQUARE_ARCSEC = np.deg2rad(1 / 3600) ** 2


def measure(field: Any, params: ZeroPointParams, exposure: Exposure | None = None, **changes: Any) -> ZeroPoint:
    """Return the zero point of a field, or of an exposure with its stars."""
    catalog = read_catalog(field.table, "Kbb", "stars.ecsv")
    given = ZeroPointParams(**params.model_dump() | changes)
    return measure_zero_point(field.exposure if exposure is None else exposure, catalog, given)


@pytest.mark.parametrize("sky", [-20.0, 300.0])
def test_the_level_of_the_sky_plays_no_part(field: Any, params: ZeroPointParams, sky: float) -> None:
    """Sky that was subtracted too far, or not at all."""
    brighter = field.exposure.replace(data=field.exposure.data + np.float32(sky))
    assert measure(field, params, brighter).value == pytest.approx(25.0, abs=1e-4)


def test_a_slope_of_the_sky_plays_no_part(field: Any, params: ZeroPointParams) -> None:
    rows, columns = np.indices(field.exposure.shape)
    sloping = field.exposure.replace(data=field.exposure.data + (0.05 * rows - 0.02 * columns))
    assert measure(field, params, sloping).value == pytest.approx(25.0, abs=3e-4)


@pytest.mark.parametrize("factor", [0.01, 1.0, 60.0])
def test_a_rate_in_another_unit_moves_it_by_2_5_log(field: Any, params: ZeroPointParams, factor: float) -> None:
    """DN of 0.6 electrons, say; the surface brightness of a star does not change."""
    first, second = measure(field, params), measure(field, params, field.exposure.scale(factor))
    assert second.value - first.value == pytest.approx(2.5 * np.log10(factor), abs=1e-5)
    assert second.photmjsr * factor == pytest.approx(first.photmjsr, rel=1e-5)
    assert second.relative_error == pytest.approx(first.relative_error, rel=1e-2)


@pytest.mark.parametrize("offset", [-1.85, 0.3])
def test_it_follows_the_magnitudes(field: Any, params: ZeroPointParams, offset: float) -> None:
    fainter = field.with_table(mag=field.table["mag"] + offset * field.table["mag"].unit)
    assert measure(fainter, params).value == pytest.approx(25.0 + offset, abs=1e-6)


def test_the_order_of_the_catalogue_plays_no_part(field: Any, params: ZeroPointParams) -> None:
    shuffled = type(field)(**{**vars(field), "table": field.table[np.random.default_rng(1).permutation(14)]})
    first, second = measure(field, params), measure(shuffled, params)
    assert second.value == pytest.approx(first.value, abs=1e-10)
    assert second.error == pytest.approx(first.error, rel=1e-6)
    assert list(second.stars["mag"]) == list(first.stars["mag"])


def test_stars_of_another_field_play_no_part(field: Any, params: ZeroPointParams) -> None:
    """A catalogue of the whole sky."""
    from astropy.table import vstack

    elsewhere = field.table.copy()
    elsewhere["dec"] = elsewhere["dec"].quantity - 20 * elsewhere["dec"].unit
    elsewhere["mag"] = np.full(14, 3.0) * elsewhere["mag"].unit
    whole = type(field)(**{**vars(field), "table": vstack([elsewhere, field.table])})
    assert measure(whole, params).value == pytest.approx(measure(field, params).value, abs=1e-10)


@pytest.mark.parametrize("scale", [0.02, 0.4])
def test_the_size_of_the_pixels_is_in_the_factor_alone(make_field: Make, params: ZeroPointParams, scale: float) -> None:
    """AB magnitudes of a rate know no pixels; MJy/sr go with one over their area."""
    field = make_field()
    moved = add_wcs(field.exposure, scale)
    assert moved.wcs is not None
    ra, dec = moved.wcs(field.x, field.y, with_bounding_box=False)
    unit = field.table["ra"].unit
    there = measure(field.with_table(ra=ra * unit, dec=dec * unit), params, moved)
    here = measure(field, params)
    assert there.value == pytest.approx(here.value, abs=1e-6)
    assert there.pixel_area == pytest.approx(scale**2 * SQUARE_ARCSEC, rel=1e-6)
    assert there.pixel_scale == pytest.approx(scale, rel=1e-6)
    assert there.photmjsr * there.pixel_area == pytest.approx(here.photmjsr * here.pixel_area, rel=1e-6)


@pytest.mark.parametrize("aperture", [0.75, 1.0, 1.5, 3.0])
def test_the_aperture_is_corrected_for(field: Any, params: ZeroPointParams, aperture: float) -> None:
    """Of a Gaussian star 1 - 2^(-4 r^2 / FWHM^2) of the light is within a radius r."""
    zero = measure(field, params, aperture=aperture)
    assert zero.value == pytest.approx(25.0, abs=5e-4)
    within = 1 - 2.0 ** (-4 * aperture**2)
    assert zero.correction == pytest.approx(2.5 * np.log10(within), abs=0.015)


@pytest.mark.parametrize("total", [6.0, 8.0])
def test_a_larger_circle_holds_no_more_light_of_stars_without_wings(
    field: Any, params: ZeroPointParams, total: float
) -> None:
    zero = measure(field, params, total=total)
    assert zero.value == pytest.approx(25.0, abs=2e-4)
    assert zero.growth.wings == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("number", [10, 40])
def test_the_error_falls_with_the_root_of_the_number_of_stars(
    make_field: Make, params: ZeroPointParams, number: int
) -> None:
    """0.1 mag in the catalogue, and little noise in the pixels."""
    field = make_field(shape=(400, 400), number=number, noise=4, mag_err=0.1, fluxes=(2e4, 2e5))
    zero = measure(field, params)
    assert zero.number == number
    assert zero.mean.error == pytest.approx(0.1 / number**0.5, rel=0.35)
    assert zero.mean.scatter == pytest.approx(0.1, rel=0.5)
    assert abs(zero.value - 25) < 3 * zero.error


def test_places_and_offsets_are_those_of_the_stars(field: Any, params: ZeroPointParams) -> None:
    stars = measure(field, params).stars
    order = np.argsort(field.table["mag"])
    np.testing.assert_allclose(stars["x"], field.x[order], atol=0.06)
    np.testing.assert_allclose(stars["y"], field.y[order], atol=0.06)
    np.testing.assert_allclose(stars["flux"], field.flux[order], rtol=1e-3)
    np.testing.assert_allclose(np.hypot(stars["dx"], stars["dy"]), 0.0, atol=0.06)
    assert set(stars["status"]) == {"used"}
