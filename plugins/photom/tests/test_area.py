"""The areas of pixels: the flux of a star is the same in each place, and in cal and i2d."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import iris_photom
import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.models import AffineTransformation2D, Mapping, Polynomial2D, Shift
from astropy.table import Table
from iris_photom._area import match_pixel_area, pixel_area
from iris_photom._conversion import Conversion
from iris_testkit import iris_mode, make_exposure, make_reference, run_stage

from iris_core import Exposure, InputError, Reference, Window, area_map, blank_plane, mean_solid_angle

ARCSEC = float(np.deg2rad(1 / 3600))
SCALE = 0.004


def detector(bend: float = 0.0, scale: float = SCALE, start: tuple[int, int] = (0, 0)) -> Any:
    """Return a gWCS of pixels of `scale` arcsec, wider by ``1 + 2 bend x`` for column x of the whole detector."""
    from astropy.coordinates import ICRS
    from astropy.modeling.models import Pix2Sky_TAN, RotateNative2Celestial
    from gwcs import WCS
    from gwcs.coordinate_frames import CelestialFrame, Frame2D

    optics = Mapping((0, 1, 0, 1)) | Polynomial2D(2, c1_0=1.0, c2_0=bend) & Polynomial2D(1, c0_1=1.0)
    place = Shift(start[1]) & Shift(start[0])
    to_sky = AffineTransformation2D(np.diag([-scale, scale]) / 3600) | Pix2Sky_TAN()
    frames = Frame2D(name="detector", unit=(u.pix, u.pix)), CelestialFrame(reference_frame=ICRS(), name="sky")
    turn = RotateNative2Celestial(150.0, 2.0, 180.0)
    return WCS([(frames[0], place | optics | to_sky | turn), (frames[1], None)])


def photom(folder: Path, scale: float | None = SCALE) -> Reference:
    table: dict[str, Any] = {"filter": ["Kbb"], "photmjsr": [0.25], "uncertainty": [0.01]}
    if scale is not None:
        table["pixar_sr"] = [(scale * ARCSEC) ** 2]
    made = Table(table)
    made["photmjsr"].unit = u.MJy / u.sr / (u.electron / u.s)
    return Reference(reftype="photom", path=folder / "p.ecsv", provider="test", content=made)


def calibrate(wcs: Any, *references: Reference, **parts: Any) -> Exposure:
    exposure = make_exposure(**{"shape": (60, 80), **parts}).replace(wcs=wcs)
    return run_stage(iris_photom, exposure, references=references)


def test_a_table_for_these_pixels_is_taken_as_it_is(tmp_path: Path) -> None:
    for scale in (SCALE, SCALE * 1.0004):
        result = calibrate(detector(), photom(tmp_path, scale))
        assert result.notes == ()
        assert result.area is None
        assert result.sci_header["PHOTMJSR"] == 0.25
        assert result.sci_header["PIXAR_SR"] == pytest.approx((scale * ARCSEC) ** 2, rel=1e-12)


@pytest.mark.parametrize("scale", [0.00404, 0.00395])
def test_a_table_of_other_pixels_is_noted_and_keeps_its_fluxes(tmp_path: Path, scale: float) -> None:
    """Flux = value x PIXAR_SR, in cal with the areas of the table before, and in i2d with those of the WCS."""
    result = calibrate(detector(), photom(tmp_path, scale))
    header, ratio = result.sci_header, (scale / SCALE) ** 2
    (note,) = result.notes
    assert [fact for fact in ("PIXAR_SR", "p.ecsv", "PHOTMJSR") if fact not in note] == []
    assert header["PIXAR_SR"] == pytest.approx((SCALE * ARCSEC) ** 2, rel=1e-5)
    assert header["PIXAR_A2"] == pytest.approx(SCALE**2, rel=1e-5)
    assert header["PHOTMJSR"] == pytest.approx(0.25 * ratio, rel=1e-5)
    assert header["PHOTUNC"] == pytest.approx(0.04, rel=1e-5)
    assert float(result.data[3, 4]) * header["PIXAR_SR"] == pytest.approx(2.5 * (scale * ARCSEC) ** 2, rel=1e-5)


@pytest.mark.parametrize("scale", [0.002, 0.008, 4.0])
def test_a_table_of_quite_other_pixels_is_refused(tmp_path: Path, scale: float) -> None:
    with pytest.raises(InputError, match=r"PIXAR_SR of the photom p\.ecsv is .* sr, and a pixel of the WCS has 3\.76"):
        calibrate(detector(), photom(tmp_path, scale))


def test_a_table_without_areas_gets_those_of_the_wcs(tmp_path: Path) -> None:
    result = calibrate(detector(), photom(tmp_path, None))
    assert result.sci_header["PIXAR_SR"] == pytest.approx((SCALE * ARCSEC) ** 2, rel=1e-6)
    assert "WCS" in result.notes[0]


def test_distorted_pixels_get_their_areas_in_closed_form(tmp_path: Path) -> None:
    """Their mean over the columns 0 ... 79 is 1 + 2 b x 39.5, which is what the table has to give."""
    bend = 1e-4
    mean = 1 + 2 * bend * 39.5
    result = calibrate(detector(bend), photom(tmp_path, SCALE * np.sqrt(mean)))
    assert result.area is not None
    expected = np.broadcast_to((1 + 2 * bend * np.arange(80)) / mean, (60, 80))
    np.testing.assert_allclose(result.area, expected, rtol=1e-6)
    assert [note for note in result.notes if "AREA" in note]
    # I x AREA x PIXAR_SR is the flux that i2d has: I times the area of the pixel on the sky.
    true = mean_solid_angle(detector(bend), (1, 1), (30, 70))
    assert float(result.area[30, 70]) * result.sci_header["PIXAR_SR"] == pytest.approx(true, rel=1e-6)


def test_areas_that_differ_by_a_rounding_are_one_number(tmp_path: Path) -> None:
    assert calibrate(detector(1e-7), photom(tmp_path)).area is None


def test_the_areas_of_a_window_are_relative_to_the_mean_of_the_whole_detector(tmp_path: Path) -> None:
    """The corner of a distorted detector is no other camera: the table is right, and AREA is not 1 on the mean."""
    bend, start = 1e-6, (1000, 4000)
    mean = 1 + 2 * bend * (4096 - 1) / 2
    window = Window(start[1] + 1, start[0] + 1, 80, 60)
    result = calibrate(detector(bend, start=start), photom(tmp_path, SCALE * np.sqrt(mean)), window=window)
    assert result.sci_header["PHOTMJSR"] == 0.25
    assert result.area is not None
    np.testing.assert_allclose(result.area[0], (1 + 2 * bend * (4000 + np.arange(80))) / mean, rtol=1e-6)


def test_a_small_window_far_off_the_axis_gets_its_areas(tmp_path: Path) -> None:
    """They hardly differ among themselves, and by 0.4 % from those of the table."""
    bend, start = 1e-6, (1000, 4000)
    mean = 1 + 2 * bend * (4096 - 1) / 2
    parts: dict[str, Any] = {"window": Window(start[1] + 1, start[0] + 1, 8, 8), "shape": (8, 8)}
    result = calibrate(detector(bend, start=start), photom(tmp_path, SCALE * np.sqrt(mean)), **parts)
    assert result.area is not None
    assert float(result.area[0, 0]) == pytest.approx((1 + 2 * bend * 4000) / mean, rel=1e-6)


def test_a_wcs_that_does_not_reach_over_the_detector_leaves_the_table_as_it_is(tmp_path: Path) -> None:
    parts: dict[str, Any] = {"window": Window(11, 1, 80, 60)}
    result = calibrate(detector(1e-3, start=(0, 10)), photom(tmp_path), **parts)
    assert result.sci_header["PHOTMJSR"] == 0.25
    assert result.area is not None
    assert float(result.area[0, 0]) == pytest.approx(1 + 2e-3 * 10, rel=1e-5)


def test_an_area_reference_is_used_in_place_of_the_wcs(tmp_path: Path) -> None:
    area = make_reference(tmp_path / "area.fits", "area", np.full((60, 80), 1.01))
    result = calibrate(detector(1e-4), photom(tmp_path, SCALE * np.sqrt(1.0079)), area)
    np.testing.assert_array_equal(result.area, np.float32(1.01))


def test_a_window_is_multiplied_by_the_same_number_as_the_detector() -> None:
    """Bit for bit, though the mean area of the detector is rounded otherwise in the pixels of the window."""
    blank, window = blank_plane((4096, 4096)), Window(1001, 501, 80, 60)
    full = make_exposure((8, 8)).replace(data=blank, dq=blank_plane(blank.shape, np.uint32), variance={})
    part = make_exposure((60, 80), window=window)
    areas = [
        pixel_area(one.replace(wcs=wcs), iris_mode())
        for one, wcs in ((full, detector()), (part, detector(start=(500, 1000))))
    ]
    table = Conversion(photmjsr=0.25, uncertainty=None, pixar_sr=(0.00404 * ARCSEC) ** 2)
    first, second = (match_pixel_area(table, area, "the photom")[0] for area in areas)
    assert first == second != table


def test_the_map_of_a_large_detector_is_as_good_between_its_nodes() -> None:
    bend = 1e-5
    mean, area = area_map(detector(bend), (300, 1000))
    expected = 1 + 2 * bend * np.arange(1000)
    np.testing.assert_allclose(area[7] * mean, expected * (SCALE * ARCSEC) ** 2, rtol=1e-6)
