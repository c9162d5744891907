"""Catalogues: which sources are one, and what is told of their fluxes and columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st
from iris_compare._catalogs import compare_catalogs, flux_differences, match_sources

MAS = 1 / 3.6e6


def catalog(east: Any, fwhm: float | None = 0.1, **columns: Any) -> Table:
    """Return sources at offsets to the east [mas]."""
    east = np.asarray(east, dtype=float)
    place = SkyCoord((10 + east * MAS) * u.deg, np.zeros(east.size) * u.deg)
    return Table({"sky_centroid": place, **columns}, meta={} if fwhm is None else {"FWHM": fwhm})


def with_flux(flux: Any, err: Any, east: Any = None) -> Table:
    places = 1000.0 * np.arange(len(flux)) if east is None else east
    return catalog(places, x_flux=np.asarray(flux, dtype=float), x_flux_err=np.asarray(err, dtype=float))


@pytest.mark.parametrize(("fwhm", "radius"), [(0.1, 100), (0.25, 250), (None, 100)])
def test_a_source_is_no_farther_away_than_the_fwhm(fwhm: float | None, radius: float) -> None:
    first = catalog([0, 5000], fwhm)
    for by, matched in ((0.99 * radius, 2), (1.01 * radius, 1)):
        rows, theirs, apart = match_sources(first, catalog([by, 5000], fwhm))
        assert len(rows) == matched
        assert apart[rows == 1] == pytest.approx(0, abs=1e-6)
        assert list(theirs) == list(rows)


def test_of_two_that_are_near_only_the_nearest_is_the_source() -> None:
    """A source that was split in two is one in both, and one in the other catalogue only."""
    found = compare_catalogs(catalog([0, 5000]), catalog([30, -10, 5000]))
    assert (found.matched, found.first_only, found.other_only) == (2, 0, 1)
    assert found.apart == pytest.approx(10, rel=1e-3)
    assert found.rms == pytest.approx(10 / np.sqrt(2), rel=1e-3)


@given(st.permutations(range(6)))
def test_the_order_of_the_sources_plays_no_part(order: list[int]) -> None:
    first = with_flux(range(1, 7), [0.5] * 6)
    assert compare_catalogs(first, first[order]) == compare_catalogs(first, first)


def test_the_row_that_is_named_is_that_of_the_first_catalogue() -> None:
    """Also where sources before it are in no other catalogue."""
    first = with_flux([1, 2, 3, 4], [0.5] * 4)
    other = first[2:].copy()
    other["x_flux"][1] += 2
    (flux,) = compare_catalogs(first, other).fluxes
    assert (flux.label, flux.largest, flux.sources) == (3, pytest.approx(4), 2)


def test_without_places_rows_are_compared_as_they_stand() -> None:
    first, other = (Table({"x_flux": flux, "x_flux_err": [1.0] * len(flux)}) for flux in ([1.0, 2.0, 3.0], [1.0, 5.0]))
    found = compare_catalogs(first, other)
    assert (found.matched, found.first_only, found.other_only) == (2, 1, 0)
    assert (found.apart, found.rms) == (None, None)
    assert found.fluxes[0].largest == 3


def test_a_catalogue_without_sources_has_none_in_common() -> None:
    full, empty = with_flux([1, 2], [1, 1]), with_flux([1, 2], [1, 1])[:0]
    for first, other, alone in ((full, empty, (2, 0)), (empty, full, (0, 2)), (empty, empty, (0, 0))):
        found = compare_catalogs(first, other)
        assert (found.matched, found.first_only, found.other_only) == (0, *alone)
        assert (found.fluxes[0].sources, found.apart, found.changed) == (0, None, ())


@pytest.mark.parametrize("err", [0.0, np.nan])
def test_a_flux_without_an_error_is_not_counted(err: float) -> None:
    first, other = with_flux([1, 2, 3], [0.5, err, 0.5]), with_flux([1, 9, 4], [0.5, err, 0.5])
    (flux,) = compare_catalogs(first, other).fluxes
    assert (flux.sources, flux.largest, flux.label) == (2, 2.0, 2)


def test_a_flux_is_over_the_error_of_the_first_and_over_that_of_both() -> None:
    over, both = flux_differences(with_flux([1.0], [3.0]), with_flux([13.0], [4.0]), "x_flux")
    assert (over[0], both[0]) == (pytest.approx(4), pytest.approx(12 / 5))


def test_a_value_that_is_masked_is_one_that_is_not_known() -> None:
    first = catalog([0, 5000], x_flux=MaskedColumn([1.0, 2.0], mask=[False, True]), x_flux_err=[1.0, 1.0])
    other = catalog([0, 5000], x_flux=[1.0, 2.0], x_flux_err=[1.0, 1.0])
    found = compare_catalogs(first, other)
    assert found.fluxes[0].sources == 1
    assert (found.changed, found.beyond) == (("x_flux",), ("x_flux",))
    assert compare_catalogs(first, first).changed == ()


@pytest.mark.parametrize(
    ("column", "other", "is_beyond"),
    [
        ([1.0, 2.0], [1.0, np.nextafter(np.float32(2), np.float32(3))], False),
        ([1.0, 2.0], [1.0, 2.001], True),
        ([1.0, np.nan], [1.0, 2.0], True),
        ([1, 2], [1, 3], True),
        (["star", "galaxy"], ["star", "star"], True),
        ([True, False], [True, True], True),
    ],
)
def test_a_column_that_differs_is_named_and_whether_by_more_than_last_bits(
    column: Any, other: Any, is_beyond: bool
) -> None:
    found = compare_catalogs(catalog([0, 5000], what=column), catalog([0, 5000], what=other))
    assert found.changed == ("what",)
    assert found.beyond == (("what",) if is_beyond else ())


@pytest.mark.parametrize(("by", "is_beyond"), [(1e-4, False), (0.01, True)])
def test_places_may_differ_by_a_thousandth_of_a_mas(by: float, is_beyond: bool) -> None:
    found = compare_catalogs(catalog([0, 5000]), catalog([by, 5000]))
    assert found.changed == ("sky_centroid",)
    assert bool(found.beyond) is is_beyond


def test_a_column_that_one_alone_has_is_beyond() -> None:
    found = compare_catalogs(catalog([0], a=[1.0]), catalog([0], b=[1.0]))
    assert found.changed == found.beyond == ("a", "b")
