"""A distortion reference: its geometry, the header's pointing; truth from the equations of the gnomonic projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.modeling import Model, models
from gwcs import WCS
from iris_testkit import make_exposure
from iris_wcs import WcsParams, assign_wcs, check_wcs

from iris_core import Exposure, InputError, InstrumentMode, Reference, References, Window, blank_plane

Assign = Callable[..., Exposure]

SCALE = 0.004
FULL = (4096, 4096)
MIDDLE = (2047.5, 2047.5)


@pytest.fixture
def linear(linear: dict[str, Any]) -> dict[str, Any]:
    """Return a header whose reference pixel is the origin of the distortion, as it has to be."""
    return at(linear)


def at(header: dict[str, Any], window: Window | None = None) -> dict[str, Any]:
    """Return a header with its reference pixel in the middle of the detector, counted from 1 in a window."""
    x, y = (0, 0) if window is None else (window.xstart - 1, window.ystart - 1)
    return {**header, "CRPIX1": MIDDLE[0] + 1 - x, "CRPIX2": MIDDLE[1] + 1 - y}


def distortion(quadratic: float = 0.0, cubic: float = 0.0, fifth: float = 0.0) -> Model:
    """Return pixel to arcsec; the coefficients are relative displacements 2048 pixel off the middle."""
    a, b, c = quadratic / 2048, cubic / 2048**2, fifth / 2048**4
    to_x = models.Polynomial2D(5, c1_0=1, c2_0=a, c3_0=b, c1_2=b, c5_0=c, c1_4=c, c3_2=2 * c)
    to_y = models.Polynomial2D(5, c0_1=1, c1_1=a, c0_3=b, c2_1=b, c0_5=c, c4_1=c, c2_3=2 * c)
    shift = models.Shift(-MIDDLE[0]) & models.Shift(-MIDDLE[1])
    return shift | models.Mapping((0, 1, 0, 1)) | to_x & to_y | models.Scale(SCALE) & models.Scale(SCALE)


def expected(x: Any, y: Any, quadratic: float, cubic: float, header: dict[str, Any]) -> Any:
    """Return right ascension and declination [deg] from the equations, without any model."""
    u, v = x - MIDDLE[0], y - MIDDLE[1]
    square = cubic * (u**2 + v**2) / 2048**2
    focal = np.array([u * (1 + square) + quadratic * u**2 / 2048, v * (1 + square) + quadratic * u * v / 2048]) * SCALE
    turn = np.array([[header["CD1_1"], header["CD1_2"]], [header["CD2_1"], header["CD2_2"]]])
    turn /= np.sqrt(abs(np.linalg.det(turn)))
    xi, eta = np.deg2rad(np.einsum("ij,j...->i...", turn, focal) / 3600)
    dec0 = np.deg2rad(header["CRVAL2"])
    down = np.cos(dec0) - eta * np.sin(dec0)
    ra = header["CRVAL1"] + np.rad2deg(np.arctan2(xi, down))
    return ra, np.rad2deg(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, down)))


def exposure(header: dict[str, Any], shape: tuple[int, int] = FULL, **meta: Any) -> Exposure:
    """Return an exposure of a real size that takes no memory."""
    small = make_exposure((2, 2), sci_header=header, **meta)
    return small.replace(data=blank_plane(shape), dq=blank_plane(shape, np.uint32), variance={})


def separation(first: Any, second: Any) -> float:
    """Return the largest distance in pixels."""
    turn = (first[0] - second[0]) * np.cos(np.deg2rad(first[1]))
    return float(np.max(np.hypot(turn, first[1] - second[1])) * 3600 / SCALE)


def anywhere(count: int = 3000, high: float = 4095.0) -> Any:
    """Return pixels that lie on no grid."""
    return np.random.default_rng(4).uniform(0, high, (2, count))


@pytest.mark.parametrize(("quadratic", "cubic"), [(0.0, 0.0), (1e-3, 3e-3), (-5e-3, 1e-2)])
def test_sky_is_that_of_the_equations(assign: Assign, linear: dict[str, Any], quadratic: float, cubic: float) -> None:
    wcs = assign(exposure(linear), distortion(quadratic, cubic)).wcs
    x, y = anywhere()
    assert separation(wcs(x, y), expected(x, y, quadratic, cubic, linear)) < 1e-6


@pytest.mark.parametrize("strength", [0.0, 1e-4, 3e-3, 2e-2])
def test_inverse_leads_back(assign: Assign, linear: dict[str, Any], strength: float) -> None:
    """A hundredth of the 1e-3 pixel that resampling tolerates, also for displacements of 100 pixel."""
    wcs = assign(exposure(linear), distortion(strength, strength, strength)).wcs
    x, y = anywhere()
    back = wcs.invert(*wcs(x, y))
    assert np.max(np.hypot(back[0] - x, back[1] - y)) < 1e-5


def test_scale_is_the_models_and_orientation_the_headers(assign: Assign, linear: dict[str, Any]) -> None:
    """A header whose pixels are given 3 % too large changes nothing."""
    larger = {key: value * 1.03 if key.startswith("CD") else value for key, value in linear.items()}
    first, second = (assign(exposure(header), distortion(1e-3)).wcs for header in (linear, larger))
    assert separation(first(*anywhere()), second(*anywhere())) < 1e-6


def test_header_that_says_the_same_gives_the_same(assign: Assign, linear: dict[str, Any]) -> None:
    with_reference = assign(exposure(linear), distortion()).wcs
    assert separation(with_reference(*anywhere()), assign(exposure(linear)).wcs(*anywhere())) < 1e-6


@pytest.mark.parametrize("window", [Window(1, 1, 64, 32), Window(1001, 3001, 512, 256), Window(4033, 4065, 64, 32)])
@pytest.mark.slow
def test_pixel_of_a_window_is_that_of_the_full_frame(assign: Assign, linear: dict[str, Any], window: Window) -> None:
    full = assign(exposure(linear), distortion(1e-3, 3e-3)).wcs
    part = assign(exposure(at(linear, window), window.shape, window=window), distortion(1e-3, 3e-3)).wcs
    x, y = anywhere(high=31.0)
    assert separation(part(x, y), full(x + window.xstart - 1, y + window.ystart - 1)) < 1e-6
    np.testing.assert_allclose(part.invert(*part(x, y)), [x, y], atol=1e-5)
    assert part.bounding_box.bounding_box(order="F") == ((-0.5, window.xsize - 0.5), (-0.5, window.ysize - 0.5))


@pytest.mark.parametrize("window", [None, Window(1001, 3001, 512, 256)])
@pytest.mark.parametrize("offset", [(2.0, 0.0), (-900.0, 1500.0)])
def test_the_reference_pixel_of_the_header_is_put_at_the_pointing(
    assign: Assign, linear: dict[str, Any], window: Window | None, offset: tuple[float, float]
) -> None:
    """An origin on the optical axis and a header that points another pixel: the geometry stays that of the model."""
    header = at(linear, window)
    header = {**header, "CRPIX1": header["CRPIX1"] + offset[0], "CRPIX2": header["CRPIX2"] + offset[1]}
    shape = FULL if window is None else window.shape
    made = assign(exposure(header, shape, window=window), distortion())
    assert [fact for fact in ("CRPIX", "origin", f"{header['CRPIX1']:g}") if fact not in made.notes[0]] == []
    x, y = anywhere(high=255.0)
    assert separation(made.wcs(x, y), assign(exposure(header, shape)).wcs(x, y)) < 1e-6
    middle = made.wcs(header["CRPIX1"] - 1, header["CRPIX2"] - 1, with_bounding_box=False)
    assert separation(middle, (header["CRVAL1"], header["CRVAL2"])) < 1e-6


def test_a_reference_pixel_that_is_off_by_less_than_a_pixel_changes_nothing(
    assign: Assign, linear: dict[str, Any]
) -> None:
    near = {**linear, "CRPIX1": linear["CRPIX1"] + 0.6, "CRPIX2": linear["CRPIX2"] - 0.6}
    made = assign(exposure(near), distortion(1e-3))
    assert made.notes == ()
    assert separation(made.wcs(*anywhere()), assign(exposure(linear), distortion(1e-3)).wcs(*anywhere())) < 1e-6


@pytest.mark.parametrize("strength", [0.0, 1e-3])
def test_a_reference_pixel_beyond_the_detector_is_compared_along_a_straight_line(
    assign: Assign, linear: dict[str, Any], strength: float
) -> None:
    """Detectors around one optical axis: their models are not defined there, and their terms of degree 5 explode."""
    beyond = models.Shift(2400.0) & models.Shift(-2400.0) | distortion(strength, strength, strength)
    header = {**linear, "CRPIX1": linear["CRPIX1"] - 2400, "CRPIX2": linear["CRPIX2"] + 2400}
    assert assign(exposure(header), beyond).notes == ()
    far = {**header, "CRPIX1": header["CRPIX1"] - 900}
    made = assign(exposure(far), beyond)
    assert "CRPIX" in made.notes[0]
    x, y = anywhere()
    if not strength:
        assert separation(made.wcs(x, y), assign(exposure(far)).wcs(x, y)) < 1e-6


def test_a_reference_pixel_that_counts_on_the_whole_detector_is_noted(assign: Assign, linear: dict[str, Any]) -> None:
    window = Window(1001, 3001, 512, 256)
    right, whole = (
        assign(exposure(header, window.shape, window=window), distortion(1e-3))
        for header in (at(linear, window), linear)
    )
    assert right.notes == ()
    assert "whole detector" in whole.notes[0]
    assert separation(whole.wcs(*anywhere(high=255.0)), right.wcs(*anywhere(high=255.0))) < 1e-6


def test_window_that_the_header_does_not_give_is_noted(assign: Assign, linear: dict[str, Any]) -> None:
    assert "SUBSTRT" in assign(exposure(linear, (64, 64)), distortion()).notes[0]
    assert assign(exposure(linear), distortion()).notes == ()


@pytest.mark.slow
def test_full_frame_smaller_than_the_detector_needs_no_note(assign: Assign, linear: dict[str, Any]) -> None:
    """A header that says that it is the full frame has said where the window begins."""
    small = exposure(linear, (64, 64))

    def notes(number: int, **header: Any) -> tuple[str, ...]:
        meta = replace(small.meta, subarray_id=number)
        return assign(small.replace(header=Header(header.items()), meta=meta), distortion()).notes

    assert notes(0, SUBARRAY="FULL", SUBARRID=0) == ()
    for silent in (notes(0, SUBARRAY="CUSTOM"), notes(0, SUBARRID=0), notes(2, SUBARRAY="FULL", SUBARRID=2)):
        assert "SUBSTRT" in silent[0]


def test_integrations_share_one_wcs(assign: Assign, linear: dict[str, Any]) -> None:
    cube = exposure(linear, (3, *FULL))  # type: ignore[arg-type] # the number of integrations goes first
    one, many = assign(exposure(linear), distortion(1e-3)), assign(cube, distortion(1e-3))
    assert many.is_integrations
    np.testing.assert_array_equal(many.wcs(*anywhere()), one.wcs(*anywhere()))


@pytest.mark.parametrize("own_inverse", [False, True])
def test_asdf_keeps_every_bit(
    assign: Assign, stored: Callable[[WCS], WCS], linear: dict[str, Any], own_inverse: bool
) -> None:
    """Also of the inverse, which refers to the forward model."""
    model = distortion(2e-3, 8e-3, 2e-3)
    if own_inverse:
        model.inverse = models.Scale(1 / SCALE) & models.Scale(1 / SCALE) | models.Shift(MIDDLE[0]) & models.Shift(
            MIDDLE[1]
        )
    wcs = assign(exposure(linear), model).wcs
    again = stored(wcs)
    x, y = anywhere()
    np.testing.assert_array_equal(again(x, y), wcs(x, y))
    np.testing.assert_array_equal(again.invert(*wcs(x, y)), wcs.invert(*wcs(x, y)))
    assert again.available_frames == ["detector", "focal", "sky"]
    assert again.bounding_box == wcs.bounding_box


@pytest.mark.parametrize(("angle", "north"), [(0.0, (0, 1)), (90.0, (1, 0)), (180.0, (0, -1)), (-90.0, (-1, 0))])
@pytest.mark.parametrize("how", ["parameter", "keyword"])
def test_pointing_without_wcs(assign: Assign, how: str, angle: float, north: tuple[int, int]) -> None:
    """At position angle 0 north is up and east on the left; at 90 the y axis points east, so that north is right."""
    pointed = exposure({"PA": angle if how == "keyword" else 45.0}, ra=150.0, dec=2.0)
    result = assign(pointed, distortion(), **({"position_angle": angle} if how == "parameter" else {}))
    x, y = result.wcs.invert(150.0, 2.0 + 0.4 / 3600)
    assert (x - MIDDLE[0], y - MIDDLE[1]) == pytest.approx((100 * north[0], 100 * north[1]), abs=1e-3)
    x, y = result.wcs.invert(150.0 + 0.4 / 3600 / np.cos(np.deg2rad(2.0)), 2.0)
    assert (x - MIDDLE[0], y - MIDDLE[1]) == pytest.approx((-100 * north[1], 100 * north[0]), abs=1e-3)
    assert "position angle" in result.notes[0]


@pytest.mark.parametrize(
    ("header", "meta"),
    [({}, {"ra": 150.0, "dec": 2.0}), ({"PA": 0.0}, {"ra": 150.0}), ({"PA": 0.0}, {"dec": 2.0}), ({}, {})],
)
def test_pointing_that_is_not_known_is_an_error(assign: Assign, header: dict[str, Any], meta: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"x_rate.fits: no WCS.*needs RA, DEC and PA, or the parameter position_angle"):
        assign(exposure(header, **meta), distortion())


def test_position_angle_has_to_be_a_number(assign: Assign) -> None:
    with pytest.raises(InputError, match="PA = 'north' is not a number"):
        assign(exposure({"PA": "north"}, ra=1.0, dec=2.0), distortion())


def test_what_the_reference_overrides_is_noted(assign: Assign, linear: dict[str, Any]) -> None:
    curved = {**linear, "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-4}
    notes = assign(exposure(curved), distortion(), position_angle=3.0).notes
    assert any("SIP" in note for note in notes)
    assert any("position_angle is not used" in note for note in notes)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (distortion() | models.Scale(1 / 3600) & models.Scale(1 / 3600), "arcsec per pixel.*must be in arcsec"),
        (models.Polynomial2D(1), "2 inputs and 1 outputs"),
        (models.Identity(3), "3 inputs and 3 outputs"),
        (models.Tabular1D(np.arange(10), np.arange(10.0)) & models.Scale(1.0), "cannot be evaluated at pixel"),
        (
            models.Tabular1D(np.arange(4096), np.arange(4096) * SCALE) & models.Scale(SCALE),
            "cannot be evaluated over 4096 x 4096 pixels",
        ),
        (distortion(-2.0), "has no inverse on the detector"),
    ],
)
def test_reference_that_is_no_map_of_the_detector_is_refused(
    assign: Assign, linear: dict[str, Any], model: Model, words: str
) -> None:
    with pytest.raises(InputError, match=words) as error:
        assign(exposure(linear), model)
    assert "distortion.asdf" in str(error.value)


def test_headers_are_enough(assign: Assign, linear: dict[str, Any]) -> None:
    """The stage reads no pixels: before the run it is its own check."""
    assert assign_wcs.__dict__["iris_stage"].headers_only
    assert assign(exposure(linear)).wcs is not None
    with pytest.raises(InputError, match="no WCS"):
        assign(exposure({}))


def test_the_check_gives_the_wcs_of_the_stage_without_its_fits_keywords(
    linear: dict[str, Any], mode: InstrumentMode, references: Any
) -> None:
    given = exposure(linear), WcsParams(), references(distortion(1e-3)), mode
    checked, made = check_wcs(*given), assign_wcs(*given)
    assert checked.wcs(10.0, 20.0) == made.wcs(10.0, 20.0)
    assert checked.fits_wcs is None
    assert "CTYPE1" not in checked.sci_header
    assert made.fits_wcs["CTYPE1"].endswith("-SIP")
    with pytest.raises(InputError, match="no WCS"):
        check_wcs(exposure({}), *given[1:])


def test_reference_that_is_no_model_is_an_error(linear: dict[str, Any], mode: InstrumentMode, tmp_path: Any) -> None:
    path = tmp_path / "x.asdf"
    references = References({"distortion": Reference(reftype="distortion", path=path, provider="test", content=1)})
    with pytest.raises(InputError, match=r"x\.asdf"):
        assign_wcs(exposure(linear), WcsParams(), references, mode)


def test_a_distortion_is_inverted_once_for_all_exposures_of_a_window(
    linear: dict[str, Any], mode: InstrumentMode, references: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iris_wcs import _optics

    found, inverted = references(distortion(1e-3)), list[Any]()
    own = _optics.with_inverse

    def with_inverse(model: Any, *ranges: Any) -> Any:
        inverted.append(ranges)
        return own(model, *ranges)

    monkeypatch.setattr(_optics, "with_inverse", with_inverse)
    turned = {**linear, "CD1_1": -linear["CD1_1"], "CRVAL1": 10.0}
    window = Window(101, 201, 64, 32)
    given = [exposure(linear), exposure(turned), exposure(at(linear, window), window.shape, window=window)]
    together = [assign_wcs(one, WcsParams(), found, mode).wcs for one in given]
    assert len(inverted) == 2
    alone = [assign_wcs(one, WcsParams(), references(distortion(1e-3)), mode).wcs for one in given]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one(*anywhere(10, 30)), other(*anywhere(10, 30)))
