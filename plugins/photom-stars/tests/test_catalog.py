"""Catalogues of stars: columns, units, systems, bands, and what is wrong with them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st
from iris_photom_stars import plugin
from iris_photom_stars._catalog import Catalog, read_catalog

from iris_core import InputError, Reference, load_plugins


def make_table(meta: dict[str, Any] | None = None, **changes: Any) -> Table:
    """Return three stars in Ks and one in J, with columns changed, or left out where they are None."""
    columns: dict[str, Any] = {
        "ra": [10.0, 11.0, 12.0, 13.0] * u.deg,
        "dec": [-1.0, 0.0, 1.0, 2.0] * u.deg,
        "mag": [15.0, 16.0, 17.0, 18.0] * u.mag,
        "mag_err": [0.01, 0.02, 0.03, 0.04] * u.mag,
        "band": ["Ks", "Ks", "Ks", "J"],
    }
    columns.update(changes)
    kept = {name: column for name, column in columns.items() if column is not None}
    return Table(kept, meta={"MAGSYS": "AB"} if meta is None else meta)


def read(table: Table, band: str = "Ks", **options: Any) -> Catalog:
    return read_catalog(table, band, "stars.ecsv", **options)


def test_the_rows_of_one_band_are_taken() -> None:
    catalog = read(make_table())
    assert len(catalog) == 3
    np.testing.assert_array_equal(catalog.ra, [10, 11, 12])
    np.testing.assert_array_equal(catalog.mag, [15, 16, 17])
    np.testing.assert_array_equal(catalog.mag_err, [0.01, 0.02, 0.03])
    assert (catalog.frame, catalog.band, catalog.incomplete) == ("icrs", "Ks", 0)
    assert len(read(make_table(), "J")) == 1


def test_names_of_columns_and_keywords_in_any_case() -> None:
    table = make_table(meta={"magsys": "vega", "aboffset": 1.85})
    for name in table.colnames:
        table.rename_column(name, name.upper())
    np.testing.assert_allclose(read(table).mag, [16.85, 17.85, 18.85])


def test_angles_are_converted() -> None:
    catalog = read(make_table(ra=np.deg2rad([10.0, 11, 12, 13]) * u.rad, dec=[-60.0, 0, 60, 120] * u.arcmin))
    np.testing.assert_allclose(catalog.ra, [10, 11, 12])
    np.testing.assert_allclose(catalog.dec, [-1, 0, 1])


def test_the_unit_can_say_that_magnitudes_are_ab() -> None:
    table = make_table(meta={}, mag=Column([15.0, 16.0, 17.0, 18.0], unit=u.ABmag))
    np.testing.assert_array_equal(read(table).mag, [15, 16, 17])


VEGA = {
    "parameter": ({"MAGSYS": "Vega", "ABOFFSET": 9.0}, {}, {"ab_offset": 1.85}),
    "column": ({"MAGSYS": "Vega", "ABOFFSET": 9.0}, {"ab_offset": [1.85, 1.85, 1.85, 0.91] * u.mag}, {}),
    "keyword": ({"MAGSYS": "Vega", "ABOFFSET": 1.85}, {}, {}),
    "both parameters": ({}, {}, {"system": "Vega", "ab_offset": 1.85}),
}


@pytest.mark.parametrize(("meta", "columns", "options"), VEGA.values(), ids=VEGA)
def test_vega_magnitudes_become_ab_with_the_stated_offset(meta: dict, columns: dict, options: dict) -> None:
    np.testing.assert_allclose(read(make_table(meta, **columns), **options).mag, [16.85, 17.85, 18.85])


def test_the_offset_of_a_row_is_that_of_its_band() -> None:
    table = make_table({"MAGSYS": "Vega"}, ab_offset=[1.85, 1.85, 1.85, 0.91] * u.mag)
    np.testing.assert_allclose(read(table, "J").mag, [18.91])


@given(offset=st.floats(-5, 5), magnitudes=st.lists(st.floats(-2, 30), min_size=4, max_size=4))
def test_an_offset_does_nothing_to_ab_magnitudes(offset: float, magnitudes: list[float]) -> None:
    table = make_table(mag=magnitudes * u.mag)
    np.testing.assert_array_equal(read(table, ab_offset=offset).mag, magnitudes[:3])
    np.testing.assert_array_equal(read(table, system="Vega", ab_offset=offset).mag, np.array(magnitudes[:3]) + offset)


@pytest.mark.parametrize("column", ["ra", "dec", "mag", "mag_err"])
def test_a_star_that_lacks_a_number_is_left_out_and_counted(column: str) -> None:
    table = make_table()
    masked = MaskedColumn(table[column], mask=[False, True, False, False])
    catalog = read(make_table(**{column: masked}))
    assert (len(catalog), catalog.incomplete) == (2, 1)
    table[column][1] = np.nan
    assert read(table).incomplete == 1


def test_a_negative_error_is_none() -> None:
    assert read(make_table(mag_err=[0.01, -99, 0.03, 0.04] * u.mag)).incomplete == 1


@pytest.mark.parametrize("ending", ["ecsv", "fits", "vot"])
def test_files_of_three_formats_say_the_same(tmp_path: Path, ending: str) -> None:
    """A VOTable keeps no keywords, so that the system has to be said."""
    path = tmp_path / f"stars.{ending}"
    make_table().write(path, format={"ecsv": "ascii.ecsv", "vot": "votable"}.get(ending, ending))
    table = load_plugins(["iris-photom-stars"]).read_reference(path, "catalog")
    catalog = read(table, system="AB" if ending == "vot" else "")
    np.testing.assert_array_equal(catalog.mag, [15, 16, 17])
    np.testing.assert_array_equal(catalog.dec, [-1, 0, 1])


def test_places_are_those_of_the_stated_frame() -> None:
    """FK5 and ICRS are some 20 mas apart: five pixels of such a camera."""
    icrs = read(make_table()).places()
    fk5 = read(make_table({"MAGSYS": "AB", "RADESYS": "FK5"})).places()
    apart = icrs.separation(fk5.icrs).arcsec
    assert np.all((apart > 0.001) & (apart < 0.1))


WRONG = {
    "no column": (
        {"mag_err": None},
        " has no column mag_err; it needs ra, dec, mag, mag_err, band; its columns are: ra, dec, mag, band",
    ),
    "no unit of angle": (
        {"ra": [10.0, 11, 12, 13]},
        ": the column ra is in no unit; it needs a unit of angle, deg for example",
    ),
    "unit of length": ({"dec": [1, 2, 3, 4] * u.m}, ": the column dec is in m; it needs a unit of angle"),
    "places as text": (
        {"ra": Column(["10:00:00"] * 4, unit="hourangle")},
        ": the column ra is text ('10:00:00'); it has to be numbers",
    ),
    "no unit of magnitude": (
        {"mag": [15.0, 16, 17, 18]},
        ": the column mag is in no unit; it has to be in mag, of the system in MAGSYS",
    ),
    "fluxes": ({"mag": [1, 2, 3, 4] * u.Jy}, ": the column mag is in Jy; it has to be in mag"),
    "errors in per cent": ({"mag_err": [1, 2, 3, 4] * u.percent}, ": the column mag_err is in %; it has to be in mag"),
    "no system": (
        {"meta": {}},
        " does not say whether its magnitudes are AB or Vega (MAGSYS is 'not there'); "
        "give the keyword MAGSYS, the unit mag(AB) or the parameter 'system'",
    ),
    "unknown system": ({"meta": {"MAGSYS": "ST"}}, " does not say whether its magnitudes are AB or Vega (MAGSYS is 'S"),
    "contradiction": (
        {"meta": {"MAGSYS": "Vega"}, "mag": Column([15.0, 16, 17, 18], unit=u.ABmag)},
        ": the column mag is in mag(AB); it has to be in mag",
    ),
    "no offset": (
        {"meta": {"MAGSYS": "Vega"}},
        " has Vega magnitudes and does not say what AB - Vega is in its band; give it in the parameter 'ab_offset'",
    ),
    "frame": ({"meta": {"MAGSYS": "AB", "RADESYS": "FK4"}}, ": RADESYS is 'fk4'; places in ICRS or FK5 (J2000)"),
    "no such band": (
        {"band": ["H", "H", "", "J"]},
        " has no star in band 'Ks'; its bands are: (none), H, J; the parameter 'band' names the one",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_a_catalogue_that_cannot_be_understood_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        read(make_table(**changes))
    assert str(raised.value).startswith(f"stars.ecsv{message}")


def test_bands_differ_by_case() -> None:
    """The i of one system is not the I of another."""
    with pytest.raises(InputError, match="no star in band 'KS'; its bands are: J, Ks"):
        read(make_table(), "KS")


def faults(table: Table, reftype: str = "catalog") -> list[str]:
    """Return what is found wrong with a catalogue when it is added to a store."""
    reference = Reference(reftype=reftype, path=Path("stars.ecsv"), provider="test", content=table)
    return plugin.check_reference(reference)


def test_a_good_catalogue_can_be_added_to_a_store() -> None:
    assert faults(make_table()) == []


def test_vega_magnitudes_without_an_offset_are_a_fault() -> None:
    (fault,) = faults(make_table({"MAGSYS": "Vega"}))
    assert "stars.ecsv" in fault
    assert "AB - Vega" in fault


def test_a_fault_of_all_bands_is_reported_once() -> None:
    (fault,) = faults(make_table(mag_err=None))
    assert "no column mag_err" in fault
    (fault,) = faults(make_table(band=None))
    assert "no column band" in fault


def test_a_catalogue_without_stars_is_a_fault() -> None:
    (fault,) = faults(make_table()[:0])
    assert "no stars" in fault


def test_reference_files_of_other_types_are_not_its_matter() -> None:
    assert faults(make_table(mag=None), reftype="photom") == []


MOVING = {
    "pmra": [3600.0, 0, 0, 0] * u.mas / u.yr,
    "pmdec": MaskedColumn([-1800.0, 0, 36, 0], mask=[False, True, False, False], unit="mas/yr"),
}
WHEN = datetime(2026, 1, 1, 12)


@pytest.mark.parametrize(
    ("columns", "meta"), [({"epoch": [2016.0] * 4}, {}), ({"ref_epoch": [2016.0] * 4}, {}), ({}, {"EPOCH": 2016.0})]
)
def test_stars_are_where_their_proper_motion_has_brought_them(columns: dict[str, Any], meta: dict[str, Any]) -> None:
    """Ten years at 3.6 arcsec a year on the sky; a star without a proper motion stays."""
    table = make_table(meta={"MAGSYS": "AB"} | meta, dec=[60.0, 0.0, 1.0, 2.0] * u.deg, **MOVING, **columns)
    moved = read(table, when=WHEN)
    np.testing.assert_allclose(moved.ra, [10 + 2 * 0.01, 11, 12], atol=1e-5)
    np.testing.assert_allclose(moved.dec, [60 - 0.005, 0, 1 + 1e-4], atol=3e-6)
    np.testing.assert_array_equal(read(table).ra, [10, 11, 12])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (MOVING, "no epoch"),
        ({"pmra": MOVING["pmra"], "epoch": [2016.0] * 4}, "no pmdec"),
        ({**MOVING, "pmra": [1.0] * 4 * u.mag, "epoch": [2016.0] * 4}, "pmra is in mag"),
    ],
)
def test_proper_motions_that_cannot_be_applied_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(make_table(**changes), when=WHEN)


def test_a_colour_term_is_added_to_the_magnitudes() -> None:
    table = make_table(color=[1.0, 0.0, np.nan, 0.0] * u.mag)
    reddened = read(table, color_term=-0.05)
    np.testing.assert_allclose(reddened.mag, [14.95, 16.0])
    assert reddened.incomplete == 1
    assert len(read(table)) == 3
    with pytest.raises(InputError, match="no column color"):
        read(make_table(), color_term=-0.05)
