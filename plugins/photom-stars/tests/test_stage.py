"""The stage photom from stars: truth in closed form, what is left out, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from iris_photom_stars import ZeroPointParams, check_stars, plugin
from iris_testkit import cut_window, run_stage
from pydantic import ValidationError

from iris_core import DQ, Exposure, InputError, Window

Make = Callable[..., Any]

# AB = 25 is 1 electron/s; 3631 Jy are AB = 0; the pixels are 0.1 arcsec wide.
PIXEL = (0.1 * u.arcsec).to_value(u.rad) ** 2
FACTOR = 3631e-6 * 10 ** (-0.4 * 25.0) / PIXEL


def calibrate(field: Any, folder: Path, params: ZeroPointParams, exposure: Exposure | None = None) -> Exposure:
    given = field.exposure if exposure is None else exposure
    return run_stage(plugin, given, references=field.references(folder).values(), **params.model_dump())


def test_the_factor_is_that_of_the_stars(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    """Data by C, variances by C^2, in MJy/sr."""
    result = calibrate(field, tmp_path, params)
    np.testing.assert_allclose(result.data, field.exposure.data * FACTOR, rtol=2e-6)
    for name, plane in field.exposure.variance.items():
        np.testing.assert_allclose(result.variance[name], plane * FACTOR**2, rtol=4e-6)
    assert result.unit == u.MJy / u.sr
    np.testing.assert_array_equal(result.dq, 0)


def test_the_keywords_say_it(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    header = calibrate(field, tmp_path, params).sci_header
    assert header["PHOTMJSR"] == pytest.approx(FACTOR, rel=1e-6)
    assert header["PHOTUJA2"] == pytest.approx(FACTOR * 23.5044, rel=1e-5)
    assert header["PIXAR_SR"] == pytest.approx(PIXEL, rel=1e-6)
    assert header["PIXAR_A2"] == pytest.approx(0.01, rel=1e-6)
    assert header["PHOTUNC"] == pytest.approx(header["ZP_ERR"] * 0.4 * np.log(10))
    assert header["ZP_AB"] == pytest.approx(25.0, abs=1e-6)
    assert 0 < header["ZP_ERR"] < 0.003
    assert (header["ZP_NSTAR"], header["ZP_BAND"]) == (14, "Kbb")
    assert header["ZP_APER"] == pytest.approx(0.1 * 2 * 3, rel=0.1)
    assert header["ZP_APCOR"] == pytest.approx(0.0, abs=0.001)
    assert header.comments["PHOTMJSR"] == "MJy/sr per electron/s"
    assert header.comments["ZP_AB"] == "[mag] AB magnitude of 1 electron/s"


def test_a_star_has_its_magnitude_in_the_product(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    """Jy = sum(MJy/sr) PIXAR_SR area 1e6 over a star without its sky."""
    result = calibrate(field, tmp_path, params)
    x, y = round(field.x[0]), round(field.y[0])
    box = slice(y - 12, y + 13), slice(x - 12, x + 13)
    assert result.area is not None
    above = result.data[box].astype(float) - 5 * FACTOR
    jansky = np.sum(above * result.area[box]) * result.sci_header["PIXAR_SR"] * 1e6
    assert -2.5 * np.log10(jansky / 3631) == pytest.approx(field.table["mag"][0], abs=1e-4)


def test_the_area_is_that_of_the_wcs_with_mean_one(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    area = calibrate(field, tmp_path, params).area
    assert area is not None
    assert area.shape == field.exposure.shape
    np.testing.assert_allclose(area, 1.0, atol=1e-6)


def test_the_notes_say_what_was_done(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    notes = calibrate(field, tmp_path, params).notes
    assert notes[0] == "the exposure is not flat-fielded: the zero point is a mean over the places of the stars"
    assert notes[1].startswith("zero point 25.0000 +- 0.00")
    assert "from 14 of 14 stars of stars.ecsv, band Kbb" in notes[1]
    assert notes[2] == "not used: none"
    assert "(0.638 arcsec, FWHM 3.19 pixels), correction 0.0000 mag from" in notes[3].replace("-0.0000", "0.0000")
    assert notes[4].startswith("the exposure lies (+0.00, +0.00) pixels from the catalogue")


@pytest.mark.parametrize("ending", ["ecsv", "fits", "vot"])
def test_the_catalogue_may_be_a_file_of_three_formats(
    field: Any, catalog_file: Make, params: ZeroPointParams, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"stars.{ending}"
    field.table.write(path, format={"ecsv": "ascii.ecsv", "vot": "votable"}.get(ending, ending))
    result = run_stage(
        plugin, field.exposure, references=[catalog_file(path)], **params.model_dump() | {"system": "AB"}
    )
    assert result.sci_header["ZP_AB"] == pytest.approx(25.0, abs=1e-6)


def test_vega_magnitudes_with_an_offset_give_the_same(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    vega = field.with_table(mag=field.table["mag"] - 1.85 * u.mag)
    told = params.model_copy(update={"system": "Vega", "ab_offset": 1.85})
    assert calibrate(vega, tmp_path, told).sci_header["ZP_AB"] == pytest.approx(25.0, abs=1e-6)


def test_another_band_is_taken_by_name_and_noted(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    other = field.with_table(band=["Ks"] * 14)
    result = calibrate(other, tmp_path, params.model_copy(update={"band": "Ks"}))
    assert result.sci_header["ZP_BAND"] == "Ks"
    assert "magnitudes in band Ks were taken for the filter Kbb" in result.notes


def test_dn_per_second_is_a_rate_too(make_field: Make, params: ZeroPointParams, tmp_path: Path) -> None:
    result = calibrate(make_field(unit="DN/s"), tmp_path, params)
    assert result.sci_header["PHOTMJSR"] == pytest.approx(FACTOR, rel=1e-6)
    assert result.sci_header.comments["PHOTMJSR"] == "MJy/sr per DN/s"


@pytest.mark.parametrize("shift", [(0.5, 0.5), (-3.0, 4.0)])
def test_a_catalogue_that_is_off_by_a_common_shift_is_matched(
    field: Any, params: ZeroPointParams, tmp_path: Path, shift: tuple[float, float]
) -> None:
    """In pixels of 0.1 arcsec, x to the west."""
    off = field.with_table(
        ra=field.table["ra"] + shift[0] * 0.1 / 3600 / np.cos(np.deg2rad(2.2)) * u.deg,
        dec=field.table["dec"] - shift[1] * 0.1 / 3600 * u.deg,
    )
    result = calibrate(off, tmp_path, params)
    assert result.sci_header["ZP_AB"] == pytest.approx(25.0, abs=1e-6)
    assert f"lies ({shift[0]:+.2f}, {shift[1]:+.2f}) pixels from the catalogue" in result.notes[4]


def test_stars_that_are_wrong_in_the_catalogue_are_clipped(
    make_field: Make, params: ZeroPointParams, tmp_path: Path
) -> None:
    field = make_field(noise=1, mag_err=0.01)
    magnitudes = field.table["mag"].copy()
    magnitudes[[2, 7]] += 0.3
    result = calibrate(field.with_table(mag=magnitudes), tmp_path, params)
    assert "not used: 2 clipped" in result.notes
    assert result.sci_header["ZP_NSTAR"] == 12
    assert abs(result.sci_header["ZP_AB"] - 25) < 3 * result.sci_header["ZP_ERR"]


def spoil(field: Any, star: int, bits: DQ, offset: int = 2) -> Exposure:
    where = np.zeros(field.exposure.shape, dtype=bool)
    where[round(field.y[star]), round(field.x[star]) + offset] = True
    return field.exposure.flag(where, bits)


def test_saturated_and_flagged_stars_are_not_used(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    """Whatever else is set: a pixel that saturated is DO_NOT_USE, too, and the star counts as saturated."""
    exposure = spoil(field, 0, DQ.SATURATED | DQ.DO_NOT_USE)
    where = np.zeros(field.exposure.shape, dtype=bool)
    where[round(field.y[3]) + 1, round(field.x[3])] = True
    result = calibrate(field, tmp_path, params, exposure.flag(where, DQ.HOT | DQ.DO_NOT_USE))
    assert "not used: 1 saturated, 1 flagged" in result.notes
    assert result.sci_header["ZP_AB"] == pytest.approx(25.0, abs=1e-5)


@pytest.mark.parametrize("bit", [DQ.NONLINEAR, DQ.PERSISTENCE])
def test_stars_whose_core_is_not_linear_or_holds_an_older_image_are_not_used(
    field: Any, params: ZeroPointParams, tmp_path: Path, bit: DQ
) -> None:
    result = calibrate(field, tmp_path, params, spoil(field, 0, bit))
    assert f"not used: 1 {'nonlinear' if bit is DQ.NONLINEAR else 'persistent'}" in result.notes
    outside = calibrate(field, tmp_path, params, spoil(field, 0, bit, offset=5))
    assert "not used: none" in outside.notes


def test_bits_that_leave_a_value_usable_leave_the_star(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    result = calibrate(field, tmp_path, params, spoil(field, 0, DQ.JUMP_DET | DQ.WARM))
    assert "not used: none" in result.notes


def test_stars_at_the_edge_are_not_used(make_field: Make, params: ZeroPointParams, tmp_path: Path) -> None:
    field = make_field(margin=0.0, number=24, seed=3)
    near = np.minimum(np.minimum(field.x, 255 - field.x), np.minimum(field.y, 239 - field.y)) < 18.6
    assert near.sum() > 1
    result = calibrate(field, tmp_path, params)
    assert f"not used: {near.sum()} edge" in result.notes
    assert result.sci_header["ZP_AB"] == pytest.approx(25.0, abs=2e-3)


def test_blended_stars_are_not_used(
    make_field: Make, draw_stars: Make, params: ZeroPointParams, tmp_path: Path
) -> None:
    """A companion of a third of the star's light, 6.5 pixels away, that the catalogue does not know."""
    field = make_field()
    extra = draw_stars(field.exposure.shape, field.x[4:5] + 6.5, field.y[4:5], field.flux[4:5] / 3)
    result = calibrate(field, tmp_path, params, field.exposure.replace(data=field.exposure.data + extra))
    assert "not used: 1 blended" in result.notes
    assert result.sci_header["ZP_AB"] == pytest.approx(25.0, abs=1e-3)


def test_stars_too_faint_to_matter_are_not_used(make_field: Make, params: ZeroPointParams, tmp_path: Path) -> None:
    field = make_field(noise=1, mag_err=0.01, fluxes=(30.0, 3e4))
    result = calibrate(field, tmp_path, params)
    assert "not found" in result.notes[2]
    assert "faint" in result.notes[2]
    assert abs(result.sci_header["ZP_AB"] - 25) < 3 * result.sci_header["ZP_ERR"]


def test_stars_without_a_magnitude_are_counted(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    magnitudes = field.table["mag"].copy()
    magnitudes[3] = np.nan
    result = calibrate(field.with_table(mag=magnitudes), tmp_path, params)
    assert "1 stars of stars.ecsv lack a place, a magnitude or its error; not used" in result.notes


def test_all_integrations_get_the_factor_of_their_mean(
    make_field: Make, params: ZeroPointParams, tmp_path: Path
) -> None:
    cube = make_field(nint=4, noise=3, mag_err=0.003)
    result = calibrate(cube, tmp_path, params)
    factor = result.sci_header["PHOTMJSR"]
    np.testing.assert_allclose(result.data, cube.exposure.data * factor, rtol=1e-6)
    mean = cube.exposure.replace(
        data=cube.exposure.data.mean(axis=0),
        dq=cube.exposure.dq[0],
        variance={name: plane[0] / 4 for name, plane in cube.exposure.variance.items()},
    )
    alone = calibrate(cube, tmp_path, params, mean).sci_header
    assert alone["PHOTMJSR"] == pytest.approx(factor, rel=1e-6)
    assert alone["PHOTUNC"] == pytest.approx(result.sci_header["PHOTUNC"], rel=1e-3)
    assert result.area is not None
    assert result.area.shape == cube.exposure.shape


def test_a_window_with_enough_stars_has_the_same_zero_point(
    make_field: Make, params: ZeroPointParams, tmp_path: Path
) -> None:
    field = make_field(shape=(400, 400), number=40, noise=2, mag_err=0.003)
    window = Window(xstart=101, ystart=51, xsize=250, ysize=300)
    part = calibrate(field, tmp_path, params, cut_window(field.exposure, window))
    whole = calibrate(field, tmp_path, params)
    assert 5 <= part.sci_header["ZP_NSTAR"] < whole.sci_header["ZP_NSTAR"]
    assert part.sci_header["ZP_ERR"] > whole.sci_header["ZP_ERR"]
    assert abs(part.sci_header["ZP_AB"] - 25) < 3 * part.sci_header["ZP_ERR"]
    assert part.sci_header["PIXAR_SR"] == pytest.approx(whole.sci_header["PIXAR_SR"], rel=1e-6)


def test_a_window_with_too_few_stars_is_refused(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    part = cut_window(field.exposure, Window(xstart=1, ystart=1, xsize=80, ysize=80))
    with pytest.raises(InputError, match=r"x_rate\.fits: \d of the stars of band 'Kbb' in stars\.ecsv fall on it"):
        calibrate(field, tmp_path, params, part)


def test_unknown_errors_stay_unknown(make_field: Make, params: ZeroPointParams, tmp_path: Path) -> None:
    field = make_field(noise=4, mag_err=0.003)
    result = calibrate(field, tmp_path, params, field.exposure.replace(variance={}))
    assert result.err is None
    assert "the errors of the exposure are unknown: the scatter of the sky stands for them" in result.notes
    assert abs(result.sci_header["ZP_AB"] - 25) < 3 * result.sci_header["ZP_ERR"]


def test_the_pixels_are_as_certain_as_they_were(make_field: Make, params: ZeroPointParams, tmp_path: Path) -> None:
    """The uncertainty of the factor is common to all pixels: it stands in PHOTUNC and not in their errors."""
    field = make_field(noise=5, mag_err=0.05)
    result = calibrate(field, tmp_path, params)
    assert result.sci_header["PHOTUNC"] > 0.005
    assert result.err is not None
    ratio = (result.err / field.exposure.err) / result.sci_header["PHOTMJSR"]
    np.testing.assert_allclose(ratio, 1.0, rtol=1e-5)


@pytest.mark.slow
def test_the_error_is_true_over_many_realisations(make_field: Make, params: ZeroPointParams, tmp_path: Path) -> None:
    """Noise in the pixels and in the catalogue, 40 times: (measured - truth) / ZP_ERR scatters by 1, or a bit less."""
    headers = [
        calibrate(make_field(noise=10 * seed, mag_err=0.01, number=20, apart=35.0), tmp_path, params).sci_header
        for seed in range(1, 41)
    ]
    pulls = np.array([(header["ZP_AB"] - 25) / header["ZP_ERR"] for header in headers])
    assert 0.65 < np.sqrt(np.mean(pulls**2)) < 1.25
    assert abs(pulls.mean()) < 0.5


def refusals(field: Any, make_field: Make) -> dict[str, tuple[Any, dict[str, Any], str]]:
    """Return fields, changes of parameters, and what is said."""
    permuted = np.random.default_rng(6).permutation(np.asarray(field.table["mag"]))
    halved = np.asarray(field.table["mag"]) + np.where(np.arange(14) % 5 < 2, 0.5, 0.0)
    crowd = make_field(number=60, apart=8.0, seed=5)
    return {
        "no stars here": (
            field.with_table(dec=field.table["dec"] + 3 * u.arcmin),
            {},
            "0 of the stars of band 'Kbb' in stars.ecsv fall on it, or next to it by up to 'max_shift', and 5 are",
        ),
        "no match": (
            field.with_table(dec=field.table["dec"] + 2 * u.arcsec),
            {},
            "no match between the 14 stars found in it and the",
        ),
        "other stars": (field.with_table(mag=permuted * u.mag), {}, "the zero points of 14 stars scatter by"),
        "two answers": (
            field.with_table(mag=halved * u.mag),
            {},
            "the zero points of 6 of 14 stars are more than 3 sta",
        ),
        "too few": (
            field,
            {"min_stars": 15},
            "14 of the stars of band 'Kbb' in stars.ecsv fall on it, or next",
        ),
        "crowded": (crowd, {"total": 20.0}, "no curve of growth: 3 stars are needed"),
    }


@pytest.mark.parametrize("case", ["no stars here", "no match", "other stars", "two answers", "too few", "crowded"])
def test_what_gives_no_zero_point_is_refused(
    field: Any, make_field: Make, params: ZeroPointParams, tmp_path: Path, case: str
) -> None:
    given, changes, message = refusals(field, make_field)[case]
    with pytest.raises(InputError) as raised:
        calibrate(given, tmp_path, params.model_copy(update=changes))
    assert str(raised.value).startswith(f"x_rate.fits: {message}")


def test_too_few_good_stars_are_refused_with_what_became_of_the_others(
    field: Any, params: ZeroPointParams, tmp_path: Path
) -> None:
    exposure = field.exposure
    for star in range(11):
        exposure = exposure.flag(spoil(field, star, DQ.DO_NOT_USE).dq != 0, DQ.DO_NOT_USE)
    with pytest.raises(InputError) as raised:
        calibrate(field, tmp_path, params, exposure)
    facts = ("x_rate.fits: 3 stars of band 'Kbb' of stars.ecsv", "5 are needed", "11 flagged")
    assert [fact for fact in facts if fact not in str(raised.value)] == []


def test_a_field_of_blends_is_refused(field: Any, draw_stars: Make, params: ZeroPointParams, tmp_path: Path) -> None:
    """Two stars alone can tell how much light is outside of the aperture: no parameter is named that accepts blends."""
    extra = draw_stars(field.exposure.shape, field.x[:12] + 6.5, field.y[:12], field.flux[:12] / 3)
    with pytest.raises(InputError, match="no curve of growth: 3 stars are needed") as raised:
        calibrate(field, tmp_path, params, field.exposure.replace(data=field.exposure.data + extra))
    assert "max_blend" not in str(raised.value)


@pytest.mark.parametrize(
    ("unit", "words"), [("MJy/sr", "MJy / sr.*electron/s or DN/s"), ("electron", "electron, counts")]
)
def test_what_is_no_rate_is_refused(
    make_field: Make, params: ZeroPointParams, tmp_path: Path, unit: str, words: str
) -> None:
    with pytest.raises(InputError, match=rf"x_rate\.fits is in {words}"):
        calibrate(make_field(unit=unit), tmp_path, params)


def test_an_exposure_without_unit_is_in_that_of_its_mode(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    result = calibrate(field, tmp_path, params, field.exposure.replace(unit=None))
    assert result.sci_header.comments["PHOTMJSR"] == "MJy/sr per electron/s"


def test_the_check_refuses_an_exposure_that_will_have_no_wcs(
    field: Any, params: ZeroPointParams, tmp_path: Path
) -> None:
    bare, references = field.exposure.replace(wcs=None), field.references(tmp_path)
    with pytest.raises(InputError, match=r"x_rate\.fits has no WCS, .*assign_wcs"):
        check_stars(exposure=bare, params=params, references=references)
    promised = bare.replace(done=frozenset({"assign_wcs"}))
    assert str(check_stars(exposure=promised, params=params, references=references).unit) == "MJy / sr"


def test_the_check_looks_for_the_stars(field: Any, params: ZeroPointParams, tmp_path: Path) -> None:
    elsewhere = field.with_table(dec=field.table["dec"] + 3 * u.arcmin)
    with pytest.raises(InputError, match=r"0 of the stars of band 'Kbb' in stars\.ecsv fall on it"):
        check_stars(exposure=field.exposure, params=params, references=elsewhere.references(tmp_path))


@pytest.mark.parametrize("radii", [{"aperture": 5.0}, {"sky_outer": 4.0}, {"total": 5.5}])
def test_radii_that_do_not_grow_are_refused(radii: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="radii of growing circles"):
        ZeroPointParams(**radii)


def test_one_standard_star_is_enough_with_its_aperture_correction(
    make_field: Make, params: ZeroPointParams, tmp_path: Path
) -> None:
    """A Gaussian star has all but a thousandth of its light within 2 FWHM."""
    field = make_field(noise=1, number=1)
    told = ZeroPointParams.model_validate({"stars": 1, "correction": 0.0, "correction_error": 0.01})
    header = calibrate(field, tmp_path, told).sci_header
    assert header["ZP_NSTAR"] == 1
    assert abs(header["ZP_AB"] - 25) < 0.01
    assert 0.01 < header["ZP_ERR"] < 0.015


def test_a_given_correction_is_used_and_its_error_is_that_of_the_zero_point(
    field: Any, params: ZeroPointParams, tmp_path: Path
) -> None:
    given = ZeroPointParams(**params.model_dump() | {"correction": -0.3, "correction_error": 0.04})
    result = calibrate(field, tmp_path, given)
    assert result.sci_header["ZP_AB"] == pytest.approx(25.3, abs=1e-3)
    assert result.sci_header["ZP_ERR"] == pytest.approx(0.04, rel=0.02)
    assert any("-0.3000 mag as given" in note for note in result.notes)


@pytest.mark.parametrize("number", [1, 2])
def test_less_than_three_stars_without_a_correction_are_refused(number: int) -> None:
    with pytest.raises(ValidationError, match="'correction'"):
        ZeroPointParams(min_stars=number)


def test_a_recipe_chooses_it_by_name(make_field: Make, as_raw: Make, run_recipe: Make, tmp_path: Path) -> None:
    """Beside iris-photom: with `use` it is this one."""
    field = make_field()
    references = field.references(tmp_path)
    step = {"photom": {"use": "iris-photom-stars", "params": {"total": 6.0}, "save": "cal"}}
    recipe = [{"assign_wcs": {"use": "iris-wcs"}}, step]
    product = run_recipe(
        recipe,
        as_raw(field.exposure),
        installed=["iris-wcs", "iris-photom", "iris-photom-stars", "iris-generic"],
        references=references.values(),
        instrument="generic",
    )["cal"]
    assert product.history[-1].plugin == "iris-photom-stars"
    assert product.sci_header["ZP_AB"] == pytest.approx(25.0, abs=1e-5)
    assert product.status["S_PHOTOM"] == "COMPLETE"
