"""The reference type refcat: what a table may hold, where its stars are, how exposures are tied to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import iris_align
import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st
from iris_align._affine import parameters
from iris_align._catalog import Catalog, faults_of, read_catalog
from iris_align._plane import directions
from iris_align._solve import solve

from iris_core import InputError, Reference

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def table(**columns: Any) -> Table:
    return Table({"ra": [150.0, 150.001], "dec": [2.0, 2.001], **columns})


def test_two_columns_are_enough() -> None:
    catalog = read_catalog(table(), "gaia.ecsv", WHEN)
    assert catalog.vectors == pytest.approx(directions(np.array([150.0, 150.001]), np.array([2.0, 2.001])))
    assert catalog.sigma == pytest.approx(0.1)
    assert len(catalog.notes) == 2


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Table({"x": [1.0]}), ["no column ra", "no column dec", "it has x"]),
        (table(ra_error=[1.0, -1.0]), ["ra_error", "negative"]),
        (table(pmra=[1.0, 1.0]), ["pmra"]),
        (table(pmra=[1.0, 1.0], pmdec=[1.0, 1.0]), ["ref_epoch"]),
        (table(ref_epoch=[57000.0, 57000.0]), ["ref_epoch"]),
        (table(ra_error=["a", "b"]), ["ra_error", "no numbers"]),
        (table(ra_error=[1.0, 1.0] * u.kg), ["ra_error", "kg", "mas"]),
        (Table({"ra": [5400.0], "dec": [7200.0]}), ["degrees"]),
        (Table({"ra": [np.nan], "dec": [2.0]}), ["no star has a position"]),
    ],
)
def test_what_is_no_catalogue_is_refused_with_the_reason(given: Table, wanted: list[str]) -> None:
    with pytest.raises(InputError) as error:
        read_catalog(given, "stars.ecsv", WHEN)
    assert all(word in str(error.value) for word in ["stars.ecsv", *wanted])
    assert iris_align.check_reference(Reference(reftype="refcat", path=Path("x"), provider="", content=given))


def test_other_references_are_not_looked_at() -> None:
    assert iris_align.check_reference(Reference(reftype="dark", path=Path("x"), provider="")) == []
    assert {one.name: one.kind for one in iris_align.reference_types()} == {"refcat": "table", "offsets": "table"}


def test_errors_and_motions_are_read_in_their_units() -> None:
    given = table(
        ra_error=[2.0, 2.0] * u.uas,
        dec_error=[0.002, 0.002],
        pmra=[0.01, 0.01] * u.arcsec / u.yr,
        pmdec=[-5.0, -5.0],
        ref_epoch=[2016.0, 2016.0],
    )
    catalog = read_catalog(given, "gaia", WHEN)
    assert catalog.sigma == pytest.approx(2e-6)
    moved = directions(np.array([150.0]) + 0.1 / 3600 / np.cos(np.radians(2.0)), np.array([2.0]) - 0.05 / 3600)
    assert catalog.vectors[:1] == pytest.approx(moved, abs=1e-13)
    assert catalog.notes == ()


def test_stars_without_proper_motion_stay_with_a_larger_error() -> None:
    """5 mas/yr for 10 years, in quadrature."""
    motion = MaskedColumn([1.0, 1.0], mask=[False, True])
    given = table(ra_error=[3.0, 3.0], dec_error=[3.0, 3.0], pmra=motion, pmdec=[1.0, 1.0], ref_epoch=[2016.0, 2016.0])
    catalog = read_catalog(given, "gaia", WHEN)
    assert catalog.sigma == pytest.approx([0.003, np.hypot(0.003, 0.05)], rel=1e-6)
    assert len(catalog) == 2


def test_stars_without_position_are_left_out() -> None:
    given = Table({"ra": MaskedColumn([150.0, 150.1], mask=[True, False]), "dec": [2.0, 2.0]})
    assert len(read_catalog(given, "x", WHEN)) == 1


@given(
    st.dictionaries(
        st.sampled_from(["ra", "dec", "ra_error", "pmra", "pmdec", "ref_epoch", "mag", "other"]),
        st.one_of(st.floats(), st.integers(-(10**6), 10**6), st.sampled_from(["", "a"])),
    )
)
def test_any_table_is_read_or_refused(columns: dict[str, Any]) -> None:
    given = Table({name: [value] for name, value in columns.items()})
    if faults_of(given):
        with pytest.raises(InputError):
            read_catalog(given, "x", WHEN)
    else:
        assert np.isfinite(read_catalog(given, "x", WHEN).vectors).all()


def catalog_of(sky: Any, stars: Any, sigma: float, rng: np.random.Generator) -> Catalog:
    vectors = sky.plane().directions(stars + rng.normal(0, sigma, stars.shape))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    return Catalog(vectors=vectors, sigma=np.full(len(stars), sigma), name="gaia")


@pytest.mark.acceptance
def test_errors_of_exposures_tied_to_a_catalogue_are_true(sky: Any) -> None:
    """Its errors of 1 mas are common to all: no gauge, and pulls of 1 against the true positions."""
    rng = np.random.default_rng(20)
    found = []
    for _ in range(120):
        field = sky.field(rng, number=4)
        catalog = catalog_of(sky, field.stars, 1e-3, rng)
        solution = solve(field.units, catalog, sky.request())
        assert [one.tied for one in solution.outcomes] == [30] * 4
        off = np.array(
            [
                parameters(one.affine) - parameters(true)
                for one, true in zip(solution.outcomes, field.truth, strict=True)
            ]
        )
        errors = np.sqrt([np.diag(one.covariance) for one in solution.outcomes])
        found.append(off[:, :4] / errors[:, :4])
    assert np.std(found, axis=(0, 1)) == pytest.approx(1.0, abs=0.1)


def test_a_poor_catalogue_gives_a_shift_and_no_rotation(sky: Any) -> None:
    """2MASS: 0.1 arcsec on a field of 17 arcsec tells the rotation to 0.1 deg; the header knows better."""
    rng = np.random.default_rng(21)
    field = sky.field(rng, number=4, errors=(0.3, 0.02, 0.0), stars=12)
    solution = solve(field.units, catalog_of(sky, field.stars, 0.1, rng), sky.request("rshift", tolerance=0.02))
    found = np.array([parameters(one.affine) for one in solution.outcomes])
    true = np.array([parameters(one) for one in field.truth])
    assert found[:, 2].mean() == pytest.approx(0.0, abs=1e-9)
    assert (found - true)[:, :2].mean(axis=0) == pytest.approx(0.0, abs=4 * 0.1 / np.sqrt(12))


def test_one_exposure_is_aligned_with_a_catalogue(sky: Any) -> None:
    rng = np.random.default_rng(22)
    field = sky.field(rng, number=1)
    solution = solve(field.units, catalog_of(sky, field.stars, 1e-3, rng), sky.request())
    assert parameters(solution.outcomes[0].affine) == pytest.approx(parameters(field.truth[0]), abs=1e-3)


def test_a_catalogue_of_another_field_is_not_used(sky: Any) -> None:
    rng = np.random.default_rng(23)
    field = sky.field(rng, number=3)
    solution = solve(field.units, catalog_of(sky, rng.uniform(-8, 8, (30, 2)), 1e-3, rng), sky.request())
    assert all(not one.tied and not one.reason for one in solution.outcomes)
    assert "not tied to the refcat gaia" in solution.notes[0]


def test_a_catalogue_joins_groups_that_share_no_star(sky: Any) -> None:
    rng = np.random.default_rng(24)
    stars = rng.uniform(-8, 8, (60, 2))
    left, right = (
        sky.field(rng, number=2, seen=stars[part], dither=0.3) for part in (stars[:, 0] < 0, stars[:, 0] > 0)
    )
    solution = solve([*left.units, *right.units], catalog_of(sky, stars, 1e-3, rng), sky.request())
    assert [one.group for one in solution.outcomes] == [(0, 1, 2, 3)] * 4
    for one, true in zip(solution.outcomes, [*left.truth, *right.truth], strict=True):
        assert parameters(one.affine)[:2] == pytest.approx(parameters(true)[:2], abs=3e-3)


def test_the_stage_names_the_catalogue(sky: Any, align: Any) -> None:
    """Images tied to the true positions of their stars: absolutely right, REFCAT in the header."""
    exposures, truth = sky.dither(2)
    first = exposures[0]
    exposures = [one.replace(meta=replace(one.meta, start_time=WHEN)) for one in exposures]
    positions = sky.stars(25, first.shape)
    given = Table(
        {"ra": positions[:, 0], "dec": positions[:, 1], "ra_error": np.full(25, 0.1), "dec_error": np.full(25, 0.1)}
    )
    aligned = align(exposures, {"refcat": given})
    assert np.abs(sky.places(aligned, truth)).max() < 0.1
    assert {one.sci_header["REFCAT"] for one in aligned} == {"refcat.ecsv"}
