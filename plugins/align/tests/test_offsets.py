"""Offsets by hand: applied in place of a match, and compared with what the stars say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from iris_align._offsets import faults_of, read_offsets

from iris_core import InputError


def table(unit: Any = u.arcsec, **columns: Any) -> Table:
    made = {"file": ["e0.fits", "night/e1_rate.fits.gz"], "dx": [0.1, -0.1] * unit, "dy": [0.0, 0.2] * unit}
    return Table({**made, **columns})


def test_rows_are_found_by_the_name_of_the_exposure() -> None:
    offsets = read_offsets(table(), "x", ["e1_rate.fits", "e0_rate.fits"])
    assert offsets.values.tolist() == [[-0.1, 0.2], [0.1, 0.0]]
    assert not offsets.in_pixels
    assert np.isnan(offsets.errors).all()


def test_other_units_of_angle_are_arcsec() -> None:
    offsets = read_offsets(table(u.mas), "x", ["e0_rate.fits"])
    assert offsets.values.tolist() == [[1e-4, 0.0]]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Table({"file": ["a"], "dx": [1.0] * u.pix}), "dy"),
        (Table({"file": ["e0"], "dx": [1.0], "dy": [1.0]}), "unit"),
        (table(dy=[1.0, 1.0] * u.pix), "unit"),
        (table(u.kg), "kg"),
        (table(dx=[np.nan, 1.0] * u.arcsec), "no numbers"),
    ],
)
def test_what_cannot_be_used_is_refused(given: Table, wanted: str) -> None:
    assert wanted in faults_of(given)[0]
    with pytest.raises(InputError, match=wanted):
        read_offsets(given, "x", ["e0.fits"])


@pytest.mark.parametrize("files", [["e2_rate.fits"], ["e0.fits", "e7.fits"]])
def test_each_exposure_needs_a_row(files: list[str]) -> None:
    with pytest.raises(InputError, match=files[-1]):
        read_offsets(table(), "x", files)


@pytest.mark.parametrize("unit", [u.pixel, u.arcsec])
def test_offsets_take_the_place_of_a_match(sky: Any, align: Any, unit: Any, caplog: Any) -> None:
    """The true offsets bring the exposures together, and the stars agree; pixels are along the detector."""
    exposures, truth = sky.dither(2, errors=(0.02, 0.0))
    off = -sky.places(exposures, truth).mean(axis=1)
    values = off * [-1, 1] * u.pix if unit == u.pixel else off * 0.004 * u.arcsec
    given = Table({"file": [one.name for one in exposures], "dx": values[:, 0], "dy": values[:, 1]})
    aligned = align(exposures, {"offsets": given})
    assert np.abs(sky.places(aligned, truth)).max() < 1e-3
    for one, (east, north) in zip(aligned, off * 0.004, strict=True):
        assert [one.sci_header["DRA"], one.sci_header["DDEC"]] == pytest.approx([east, north], abs=1e-6)
        assert one.sci_header["REFCAT"] == "offsets.ecsv"
        assert "stars differ" in one.notes[-1]
    assert not caplog.records


def test_stars_that_contradict_the_offsets_are_told(sky: Any, align: Any, caplog: Any) -> None:
    exposures, truth = sky.dither(2, errors=(0.0, 0.0))
    given = Table({"file": ["e0", "e1"], "dx": [2.0, 0.0] * u.pix, "dy": [0.0, 0.0] * u.pix})
    aligned = align(exposures, {"offsets": given})
    assert np.abs(sky.places(aligned, truth)[0]).mean() == pytest.approx(1.0, abs=0.01)
    assert "are the offsets right?" in aligned[0].notes[-1]
    assert len(caplog.records) == 2


def test_without_stars_the_offsets_stand_alone(sky: Any, align: Any) -> None:
    exposures, _ = sky.dither(2, stars=0)
    given = Table(
        {
            "file": ["e0", "e1"],
            "dx": [2.0, 0.0] * u.pix,
            "dy": [0.0, 0.0] * u.pix,
            "dx_error": [0.1, 0.1] * u.pix,
            "dy_error": [0.1, 0.1] * u.pix,
        }
    )
    aligned = align(exposures, {"offsets": given})
    assert aligned[0].sci_header["DRA"] == pytest.approx(-0.008, abs=1e-8)
    assert aligned[0].sci_header["DRAERR"] == pytest.approx(4e-4)
    assert "cannot tell" in aligned[0].notes[-1]
