"""The picture can be drawn of any three exposures of a field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.table import Table
from astropy.wcs import WCS
from iris_simulate._picture import _box, _well_inside, draw
from iris_testkit import make_exposure
from matplotlib.image import imread

from iris_core import Exposure

PAPER = np.array([15, 19, 24]) / 255
BAD = np.array([53, 208, 186]) / 255


def pointed(shape: tuple[int, int], unit: str = "MJy/sr") -> Exposure:
    """Return noise with a WCS that puts pixel (x, y) at RA and Dec of x and y arcsec."""
    header = Header([("CTYPE1", "RA---CAR"), ("CTYPE2", "DEC--CAR"), ("CRPIX1", 1), ("CRPIX2", 1)])
    header.update(CDELT1=1 / 3600, CDELT2=1 / 3600, CUNIT1="deg", CUNIT2="deg")
    wcs: Any = WCS(header)
    data = np.random.default_rng(1).normal(5, 1, shape).astype(np.float32)
    return make_exposure(shape, unit=unit).replace(data=data, wcs=wcs)


def stars(*places: tuple[float, float, float]) -> Table:
    x, y, flux = np.array(places).T
    return Table({"ra": x / 3600, "dec": y / 3600, "flux": flux})


def has_colour(picture: np.ndarray, colour: np.ndarray) -> bool:
    return bool((np.abs(picture[..., :3] - colour) < 0.01).all(axis=-1).any())


@pytest.mark.parametrize("shape", [(300, 400), (64, 64)])
def test_a_picture_is_drawn_of_large_and_of_small_frames(tmp_path: Path, shape: tuple[int, int]) -> None:
    cal = pointed(shape)
    rate = cal.replace(wcs=None)
    draw(rate, cal, pointed((shape[0] + 6, shape[1] + 4)), stars((30.0, 30.0, 1.0)), tmp_path / "demo.png")
    picture = imread(tmp_path / "demo.png")
    assert picture.shape[1] > 1200
    assert has_colour(picture, PAPER)
    assert not has_colour(picture, BAD)


def test_pixels_without_a_value_have_a_colour_of_their_own(tmp_path: Path) -> None:
    cal = pointed((120, 120))
    data = np.array(cal.data)
    data[50:60, 50:60] = np.nan
    draw(cal.replace(wcs=None), cal.replace(data=data), cal, stars((60.0, 60.0, 1.0)), tmp_path / "demo.png")
    assert has_colour(imread(tmp_path / "demo.png"), BAD)


def test_the_brightest_star_away_from_the_edge_is_enlarged() -> None:
    table = stars((5.0, 200.0, 9.0), (200.0, 200.0, 2.0), (150.0, 150.0, 1.0))
    assert _well_inside(table, pointed((400, 400)))["flux"] == 2.0


def test_in_a_small_frame_the_brightest_star_is_enlarged() -> None:
    assert _well_inside(stars((5.0, 20.0, 9.0), (20.0, 20.0, 2.0)), pointed((40, 40)))["flux"] == 9.0


@pytest.mark.parametrize(("x", "first"), [(100.0, 60), (100.4, 60), (10.0, 0)])
def test_the_box_is_around_the_star_and_inside_the_frame(x: float, first: int) -> None:
    rows, columns = _box(pointed((200, 200)), x / 3600, 100.0 / 3600)
    assert (columns.start, columns.stop - columns.start) == (first, 81)
    assert (rows.start, rows.stop) == (60, 141)
