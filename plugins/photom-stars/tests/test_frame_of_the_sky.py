"""Stars of a catalogue are where they are, whatever frame the WCS of the image has."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK5, SkyCoord
from astropy.table import QTable
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame
from iris_photom_stars import on_sky
from iris_photom_stars._catalog import read_catalog
from iris_photom_stars._field import place_stars
from iris_testkit import add_wcs, make_exposure


@pytest.fixture
def wcs() -> WCS:
    """Return the WCS of an image whose coordinates are of FK5 and 1975: 0.3 deg from those of ICRS."""
    plain = add_wcs(make_exposure((60, 80)), 0.1).wcs
    sky = CelestialFrame(reference_frame=FK5(equinox="J1975"), name="sky")
    return WCS([(plain.input_frame, plain.forward_transform), (sky, None)])


def test_pixels_are_in_the_frame_of_the_wcs(wcs: WCS) -> None:
    found = on_sky(wcs, np.array([3.0]), np.array([4.0]))
    assert (found.frame.name, found.frame.equinox.jyear) == ("fk5", 1975.0)
    np.testing.assert_allclose([found.ra.deg[0], found.dec.deg[0]], wcs(3.0, 4.0), rtol=1e-12)


def test_stars_in_icrs_are_placed_in_an_image_in_fk5(wcs: WCS) -> None:
    truth = np.array([[10.0, 20.0], [70.0, 50.0]])
    stars = SkyCoord(*wcs(*truth.T), unit="deg", frame=FK5(equinox="J1975")).icrs
    rows = {"ra": stars.ra, "dec": stars.dec, "mag": [15.0, 16.0] * u.mag, "band": ["K"] * 2}
    rows["mag_err"] = [0.01, 0.01] * u.mag
    catalog = read_catalog(QTable(rows, meta={"MAGSYS": "AB"}), "K", "stars.ecsv")
    _, places = place_stars(catalog, wcs, (60, 80), 0.0)
    np.testing.assert_allclose(places, truth, atol=1e-5)
