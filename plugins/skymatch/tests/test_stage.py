"""What sky_match takes, refuses, records and leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from iris_objects import read_objects
from iris_skymatch import SkyMatchParams, check_overlaps, match_sky
from iris_testkit import make_exposure

from iris_core import DQ, Doubles, Exposure, Exposures, InputError, Reference, References, Removal

Look = Callable[..., Exposure]


def match(exposures: list[Exposure], references: References | None = None, **params: Any) -> list[Exposure]:
    return list(match_sky(Exposures.of(exposures), SkyMatchParams(**params), references or References()))


def given(path: Path) -> References:
    """Return the objects in a file as the framework gives them to the stage."""
    content = read_objects(path)
    return References({"objects": Reference(reftype="objects", path=path, provider="by hand", content=content)})


def pair(look: Look, **options: Any) -> list[Exposure]:
    return [look((0, 0), 12.0, name="a", **options), look((40, 20), 10.0, name="b", **options)]


def test_levels_are_subtracted_and_recorded(look: Look) -> None:
    exposures = pair(look, sigma=0.5, seed=1)
    for before, after, level in zip(exposures, match(exposures), (1, -1), strict=True):
        assert after.sci_header["BKGSUB"] is True
        assert after.sci_header["BKGLEVEL"] == pytest.approx(level, abs=0.02)
        assert 0 < after.sci_header["BKGLERR"] < 0.01
        assert before.data - after.data == pytest.approx(after.sci_header["BKGLEVEL"], abs=1e-5)
        assert after.data.mean() == pytest.approx(11, abs=0.03)
        assert np.array_equal(after.dq, before.dq)
        assert all(np.array_equal(after.variance[name], plane) for name, plane in before.variance.items())
        assert "1 others" in after.notes[0]


def test_levels_can_be_recorded_only(look: Look) -> None:
    exposures = pair(look)
    for before, after, level in zip(exposures, match(exposures, subtract=False), (1, -1), strict=True):
        assert after.sci_header["BKGSUB"] is False
        assert after.sci_header["BKGLEVEL"] == level
        assert np.array_equal(after.data, before.data)


def test_a_single_exposure_is_left_as_it_is(look: Look) -> None:
    (one,) = match([look((0, 0), 3.0)])
    assert np.all(one.data == 3)
    assert "one exposure" in one.notes[0]


def test_an_isolated_exposure_is_left_as_it_is(look: Look) -> None:
    *_, alone = match(
        [
            *pair(look),
            look((900, 0), 50.0),
        ]
    )
    assert np.all(alone.data == 50)
    assert alone.sci_header["BKGSUB"] is False
    assert "BKGLEVEL" not in alone.sci_header
    assert "overlaps no other" in alone.notes[0]


def test_an_exposure_without_a_valid_pixel_comes_through(look: Look) -> None:
    dead = look((20, 10), 5.0).flag(np.ones((128, 128), dtype=bool), DQ.DO_NOT_USE)
    first, second, last = match([*pair(look), dead])
    assert np.all(first.data == 11)
    assert np.all(second.data == 11)
    assert np.isnan(last.data).all()


def test_a_sky_that_was_subtracted_is_changed_by_significant_levels_only(look: Look) -> None:
    """Of 0.5 and -0.5, which is certain, and of what is below its error."""
    for level in (1.0, 0.0):
        exposures = [look((0, 0), level, sigma=1.0, seed=8), look((10, 10), 0.0, sigma=1.0, seed=9)]
        done = [one.replace(removed={"background": Removal.WHOLE}) for one in exposures]
        result = match(done)
        certain = [abs(one.sci_header["BKGLEVEL"]) >= one.sci_header["BKGLERR"] for one in result]
        assert [one.sci_header["BKGSUB"] for one in result] == certain
        if level:
            assert all(certain)
    small = [
        one.replace(data=one.data - np.float32(other.sci_header["BKGLEVEL"]))
        for one, other in zip(done, result, strict=True)
    ]
    again = match(small)
    assert [one.sci_header["BKGSUB"] for one in again] == [False, False]
    assert all(np.array_equal(one.data, other.data) for one, other in zip(again, small, strict=True))
    assert "below its error" in again[0].notes[0]


def test_planes_are_subtracted(look: Look) -> None:
    def tilted(x: Doubles, y: Doubles) -> Doubles:
        return 0.02 * (x - 80)

    exposures = [
        look((0, 0), 10.0, scene=tilted),
        look((30, 10), 10.0),
        look((5, 40), 10.0, scene=tilted),
        look((35, 30), 10.0),
    ]
    result = match(exposures, order=1)
    assert np.ptp(result[0].data[70:120, 70:120] - result[1].data[60:110, 40:90]) < 1e-3
    assert result[0].sci_header["BKGSLOPX"] - result[1].sci_header["BKGSLOPX"] == pytest.approx(0.02, abs=1e-4)


def test_planes_that_overlaps_do_not_tell_are_levels(look: Look, caplog: pytest.LogCaptureFixture) -> None:
    """An overlap of a single column of tiles has no slope along x."""
    result = match([look((0, 0), 3.0), look((115, 0), 0.0), look((115, 0), 0.0)], order=1)
    assert [one.sci_header["BKGLEVEL"] for one in result] == [2, -1, -1]
    assert "do not tell the slopes" in caplog.text


def write_mask(path: Path, exposure: Exposure, sources: np.ndarray) -> Path:
    """Write a mask in the pixels of an exposure at (0, 0)."""
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg"})
    header.update({"CRPIX1": 1, "CRPIX2": 1, "CRVAL1": 150.1, "CRVAL2": 2.2})
    header.update({"CDELT1": -0.004 / 3600, "CDELT2": 0.004 / 3600})
    fits.PrimaryHDU(sources.astype(np.uint8), header).writeto(path)
    return path


def test_a_mask_of_the_user_leaves_sources_out(look: Look, tmp_path: Path) -> None:
    """What has changed between two exposures, is too faint to be found, and fills most of their overlap."""
    first, second = look((0, 0), 2.0, sigma=1.0, seed=1), look((40, 20), 0.0, sigma=1.0, seed=2)
    data = second.data.copy()
    data[20:108, :80] += 0.2
    exposures = [first, second.replace(data=data)]
    sources = np.zeros((150, 180), dtype=bool)
    sources[38:130, 38:122] = True
    mask = write_mask(tmp_path / "mask.fits", first, sources)
    wrong, right = (match(exposures, one)[0].sci_header for one in (References(), given(mask)))
    assert wrong["BKGLEVEL"] < 1 - 5 * wrong["BKGLERR"]
    assert right["BKGLEVEL"] == pytest.approx(1, abs=4 * right["BKGLERR"])
    assert right["BKGLERR"] > wrong["BKGLERR"]


def test_objects_that_cannot_be_placed_are_refused(look: Look, tmp_path: Path) -> None:
    plain = tmp_path / "plain.fits"
    fits.PrimaryHDU(np.ones((5, 5))).writeto(plain)
    with pytest.raises(InputError, match="no WCS"):
        check_overlaps(Exposures.of(pair(look)), given(plain))


def test_what_cannot_be_compared_is_refused(look: Look) -> None:
    first, second = pair(look)
    for other, wanted in (
        (second.replace(unit="MJy/sr"), "differ in unit"),
        (second.replace(wcs=None), "needs a WCS"),
        (make_exposure((128, 128), nint=2), "single images"),
    ):
        with pytest.raises(InputError, match=wanted):
            check_overlaps(Exposures.of([first, other]), References())


def test_an_exposure_whose_wcs_is_to_come_is_not_refused_yet(look: Look) -> None:
    one = look((0, 0)).replace(wcs=None, done=frozenset({"assign_wcs"}))
    check_overlaps(Exposures.of([one, one]), References())
