"""What source_catalog makes of images of all kinds: its products, words and columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import iris_catalog
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK5, SkyCoord
from astropy.table import QTable
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame
from iris_testkit import iris_mode, make_exposure, make_reference
from pydantic import ValidationError

from iris_core import DQ, Exposure, InputError, Result

COLUMNS = {
    "label",
    "xcentroid",
    "ycentroid",
    "sky_centroid",
    "aper_bkg_flux",
    "aper_bkg_flux_err",
    "aper30_flux",
    "aper30_flux_err",
    "aper30_abmag",
    "aper30_abmag_err",
    "aper30_vegamag",
    "aper30_vegamag_err",
    "aper50_flux",
    "aper70_flux",
    "aper_total_flux",
    "aper_total_flux_err",
    "aper_total_abmag",
    "aper_total_vegamag",
    "CI_50_30",
    "CI_70_50",
    "CI_70_30",
    "is_extended",
    "is_sharp",
    "sharpness",
    "roundness",
    "nn_label",
    "nn_dist",
    "isophotal_flux",
    "isophotal_flux_err",
    "isophotal_abmag",
    "isophotal_vegamag",
    "isophotal_area",
    "semimajor_sigma",
    "semiminor_sigma",
    "ellipticity",
    "orientation",
    "sky_orientation",
    "sky_bbox_ll",
    "sky_bbox_ul",
    "sky_bbox_lr",
    "sky_bbox_ur",
    "flags",
    "edge",
}


@pytest.fixture(name="field", scope="module")
def field_fixture(tools: Any) -> Any:
    return tools.make_field()


@pytest.fixture(name="result", scope="module")
def result_fixture(tools: Any, field: Any) -> Result:
    result: Result = tools.catalogue(field.exposure)
    return result


def words(result: Result) -> str:
    assert isinstance(result.exposure, Exposure)
    return " ".join(result.exposure.notes)


def test_the_table_has_the_columns_of_jwst_with_units(result: Result, tmp_path: Path) -> None:
    """And is the same, units and places on the sky included, after a way through ECSV."""
    table, path = result.tables["cat"], tmp_path / "x_cat.ecsv"
    assert set(table.colnames) >= COLUMNS
    table.write(path, format="ascii.ecsv")
    read = QTable.read(path)
    assert read["aper30_flux"].unit == u.Jy
    assert read["aper_total_abmag"].unit == u.mag
    assert read["orientation"].unit == u.deg
    assert isinstance(read["sky_centroid"], SkyCoord)
    assert np.array_equal(read["aper_total_flux"].value, table["aper_total_flux"].value)
    assert read["flags"].dtype.kind in "iu"
    assert read.meta["aper70_correction"] == pytest.approx(1 / 0.7, rel=0.01)


def test_places_on_the_sky_are_those_of_the_wcs(tools: Any, field: Any, result: Result) -> None:
    table = result.tables["cat"]
    index, _ = tools.matched(result, field.places)
    truth = SkyCoord(*field.exposure.wcs(*field.places.T), unit="deg")
    assert table["sky_centroid"][index].separation(truth).arcsec.max() < 0.01
    corner = table["sky_bbox_ll"][index].separation(table["sky_bbox_ur"][index]).arcsec
    assert np.all((corner > 0.5) & (corner < 4))


def test_the_segmentation_image_has_the_labels(tools: Any, field: Any, result: Result) -> None:
    segments = result.images["segm"]
    index, _ = tools.matched(result, field.places)
    columns, rows = np.rint(field.places).astype(int).T
    assert np.array_equal(segments.data[rows, columns], result.tables["cat"]["label"][index])
    assert np.array_equal(segments.data, np.rint(segments.data))
    assert segments.data.max() == len(result.tables["cat"])
    assert segments.wcs is field.exposure.wcs
    assert segments.unit == u.dimensionless_unscaled


def test_no_pixel_is_changed(field: Any, result: Result) -> None:
    assert isinstance(result.exposure, Exposure)
    assert result.exposure.data is field.exposure.data
    assert result.exposure.dq is field.exposure.dq
    assert result.exposure.variance is field.exposure.variance


def test_stars_are_round_and_not_extended(result: Result) -> None:
    table = result.tables["cat"]
    assert not table["is_extended"].any()
    assert np.all(np.abs(table["roundness"]) < 0.1)
    assert np.all((table["sharpness"] > 0.3) & (table["sharpness"] < 0.9))
    assert np.all(table["ellipticity"] < 0.1)


def test_a_hot_pixel_is_sharp_and_no_star(tools: Any) -> None:
    field = tools.make_field(noise=0.002)
    data = field.exposure.data.copy()
    data[150, 160] += 50
    result = tools.catalogue(field.exposure.replace(data=data))
    table, (index, _) = result.tables["cat"], tools.matched(result, np.array([[160.0, 150.0]]))
    assert np.flatnonzero(table["is_sharp"]).tolist() == index.tolist()
    assert result.exposure.sci_header["NSTARS"] == len(field.places)
    assert any("is_sharp" in note for note in result.exposure.notes)


def test_comments_fit_their_cards_in_any_unit(tools: Any) -> None:
    image = tools.make_field((200, 200), np.array([18.0, 19.0]), apart=60.0).exposure
    comments = tools.catalogue(image.replace(unit=u.electron / u.s)).exposure.sci_header.comments
    assert comments["FLUXLIM"].startswith("[electron / s]")
    assert all(len(text) <= 47 for text in comments)


def test_stars_among_galaxies_are_not_sharp(tools: Any) -> None:
    """Without isolated stars nothing tells how wide a star is."""
    places = tools.spread_places((300, 300), 25, 45.0, 25.0, 1)
    value = 1 + tools.draw_stars((300, 300), *places[5:].T, np.full(20, 60.0), 6.0)
    value += tools.draw_stars((300, 300), *places[:5].T, np.full(5, 20.0), 3.0)
    table = tools.catalogue(tools.on_sky((300, 300), value, 0.05, 1), correction=-0.3).tables["cat"]
    assert len(table) == 25
    assert not table["is_sharp"].any()


def test_a_galaxy_is_extended(tools: Any) -> None:
    field = tools.make_field((320, 420), noise_seed=None)
    value = field.truth.data + 80 * tools.draw_stars((320, 420), [370.3], [160.2], [100.0], fwhm=9.0)
    result = tools.catalogue(tools.on_sky((320, 420), value, 0.02, 3, filter="Ks"))
    index, _ = tools.matched(result, np.array([[370.3, 160.2]]))
    extended = result.tables["cat"]["is_extended"]
    assert extended[index[0]]
    assert np.count_nonzero(extended) == 1


def test_the_header_says_what_the_image_is_worth(tools: Any, result: Result) -> None:
    assert isinstance(result.exposure, Exposure)
    header = result.exposure.sci_header
    assert header["FWHM"] == pytest.approx(0.308, abs=0.01)
    assert header["ELLIPT"] < 0.02
    assert header["SKYLEV"] == pytest.approx(1.0, abs=0.001)
    assert header["SKYRMS"] == pytest.approx(np.sqrt(0.02**2 + 0.001), rel=0.02)
    assert header["ZPAB"] == pytest.approx(-2.5 * np.log10(1e6 * tools.AREA) + 8.9, abs=0.001)
    assert header["NSTARS"] == 12
    assert header["MAGRAT"] == pytest.approx(1.0, abs=0.1)
    assert header["FRACNAN"] == 0
    assert header["NEXP"] == 1
    # 5 sigma in the aperture, from first principles
    noise = np.sqrt(np.pi) * header["MAGLIMAP"] / tools.SCALE * header["SKYRMS"] / 0.7
    assert header["MAGLIM"] == pytest.approx(header["ZPAB"] - 2.5 * np.log10(5 * noise), abs=0.15)


def test_numbers_of_earlier_stages_stay(tools: Any, field: Any) -> None:
    known = field.exposure.with_keywords({"NEXP": (9, ""), "FRACREJ": (0.125, "")})
    result = tools.catalogue(known)
    header = result.exposure.sci_header
    assert (header["NEXP"], header["FRACREJ"]) == (9, 0.125)
    assert "image" not in result.tables["cat"].meta  # its name is that of the first of nine exposures


def test_the_catalogue_of_one_exposure_names_it(tools: Any, field: Any) -> None:
    assert tools.catalogue(field.exposure).tables["cat"].meta["image"] == field.exposure.name


def test_an_empty_field_gives_an_empty_catalogue(tools: Any, tmp_path: Path) -> None:
    result = tools.catalogue(tools.on_sky((200, 220), np.ones((200, 220)), 0.02, 1))
    table = result.tables["cat"]
    assert len(table) == 0
    assert set(table.colnames) >= COLUMNS
    table.write(tmp_path / "empty.ecsv", format="ascii.ecsv")
    assert len(QTable.read(tmp_path / "empty.ecsv")) == 0
    assert "the catalogue is empty" in words(result)
    assert result.exposure.sci_header["NSTARS"] == 0
    assert result.exposure.sci_header["MAGRAT"] == pytest.approx(1, abs=0.15)
    assert not result.images["segm"].data.any()


def test_an_image_without_a_valid_pixel_gives_an_empty_catalogue(tools: Any, field: Any) -> None:
    result = tools.catalogue(field.exposure.flag(np.ones((300, 320), dtype=bool), DQ.DO_NOT_USE))
    assert len(result.tables["cat"]) == 0
    assert "0 of its 96000 pixels are valid" in words(result)
    header = result.exposure.sci_header
    assert header["FRACNAN"] == 1
    assert not {"SKYLEV", "MAGLIM", "FWHM"} & set(header)


def test_without_isolated_stars_there_is_no_correction(tools: Any) -> None:
    """Fluxes in the apertures are there, those of all light are NaN, and the note says what to do."""
    field = tools.make_field((200, 200), np.array([18.0, 19.0]), apart=60.0)
    result = tools.catalogue(field.exposure)
    table = result.tables["cat"]
    assert np.isfinite(table["aper70_flux"].value).all()
    assert np.isnan(table["aper_total_flux"].value).all()
    assert "fewer than 3 isolated stars" in words(result)
    assert "'correction'" in words(result)
    comments = result.exposure.sci_header.comments
    assert "in the aperture alone" in comments["MAGLIM"]
    assert comments["FLUXLIM"].startswith("[Jy]")
    assert all(len(text) <= 47 for text in comments), "cut when it is written beside a number"


def test_a_given_correction_is_taken_with_its_error(tools: Any) -> None:
    field = tools.make_field((200, 200), np.array([18.0, 19.0]), apart=60.0, noise_seed=None)
    table = tools.catalogue(field.truth, correction=-0.3, correction_error=0.05).tables["cat"]
    ratio = table["aper_total_flux"] / table["aper70_flux"]
    assert ratio.value == pytest.approx([10**0.12] * 2)
    share = (table["aper_total_flux_err"] / table["aper_total_flux"]).value
    small = (table["aper70_flux_err"] / table["aper70_flux"]).value
    assert share == pytest.approx(np.hypot(small, 0.05 * np.log(10) / 2.5))


@pytest.mark.parametrize("sampling", [1, 3])
def test_a_psf_file_gives_the_correction(tools: Any, tmp_path: Path, sampling: int) -> None:
    field = tools.make_field((200, 200), np.array([18.0, 19.0]), apart=60.0, noise_seed=None)
    size = 41 * sampling
    middle = (size - 1) / 2
    width = np.hypot(tools.FWHM, 2.3548 / np.sqrt(12) * np.sqrt(1 - 1 / sampling**2)) * sampling
    star = tools.draw_stars((size, size), [middle], [middle], [1.0], fwhm=width)
    psf = make_reference(tmp_path / "psf.fits", "psf", star, err=np.full(star.shape, 1e-5))
    result = tools.catalogue(field.truth, psf=psf, psf_sampling=sampling)
    index, _ = tools.matched(result, field.places)
    table = result.tables["cat"]
    assert table["aper_total_flux"].value[index] == pytest.approx(field.flux, rel=0.01)
    assert "from the PSF psf.fits" in words(result)
    assert 0 < table.meta["aper70_correction_err"] < 0.01


def test_the_error_of_a_psf_is_that_of_its_pixels(tools: Any, tmp_path: Path) -> None:
    """Monte Carlo of the correction of a noisy PSF."""
    from iris_photom_stars import Apertures, psf_growth

    star = tools.draw_stars((61, 61), [30.0], [30.0], [1.0])
    random, values, error = np.random.default_rng(1), [], 0.0
    radii = Apertures(star=4.0, sky=(12.0, 20.0), total=25.0, total_sky=(25.0, 37.5))
    for _ in range(60):
        noisy = star + random.normal(0, 2e-4, star.shape)
        psf = make_reference(tmp_path / "psf.fits", "psf", noisy, err=np.full(star.shape, 2e-4))
        growth, _ = psf_growth(psf, 1.0, radii)
        values.append(growth.correction)
        error = growth.error
    assert np.std(values) == pytest.approx(error, rel=0.25)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda star: star[26:35, 26:35], "larger image"),
        (lambda star: -star, "no light"),
        (lambda star: np.where(star == star.max(), np.nan, star), "value in each pixel"),
    ],
)
def test_a_psf_that_cannot_be_used_is_refused(tools: Any, field: Any, tmp_path: Path, change: Any, wanted: str) -> None:
    star = tools.draw_stars((61, 61), [30.0], [30.0], [1.0])
    psf = make_reference(tmp_path / "psf.fits", "psf", change(star))
    with pytest.raises(InputError, match=wanted):
        tools.catalogue(field.exposure, psf=psf)


def test_an_image_without_photom_has_fluxes_and_no_magnitudes(tools: Any, field: Any) -> None:
    rate = field.exposure.replace(unit=u.electron / u.s)
    result = tools.catalogue(rate)
    table = result.tables["cat"]
    assert table["aper_total_flux"].unit == u.electron / u.s
    assert np.isnan(table["aper_total_abmag"].value).all()
    assert "ZPAB" not in result.exposure.sci_header
    assert "MAGLIM" not in result.exposure.sci_header
    assert "no magnitudes" in words(result)
    finer = tools.catalogue(rate.with_keywords({"PXSCLRT": (0.5, "")})).tables["cat"]
    assert finer["aper_total_flux"].value == pytest.approx(table["aper_total_flux"].value / 4)


@pytest.mark.parametrize(("name", "offset"), [("J", 0.91), ("H", 1.39), ("Ks", 1.85), ("Kbb", np.nan)])
def test_vega_magnitudes_are_those_of_2mass(tools: Any, field: Any, name: str, offset: float) -> None:
    exposure = field.exposure.replace(meta=replace(field.exposure.meta, filter=name))
    result = tools.catalogue(exposure)
    table = result.tables["cat"]
    found = (table["aper30_abmag"] - table["aper30_vegamag"]).value
    assert found == pytest.approx(np.full(12, offset), nan_ok=True)
    assert ("Vega" in words(result)) == np.isfinite(offset)
    assert ("ab_offset" in table.meta["ab_vega"]) == np.isnan(offset)


def test_the_offset_of_the_mode_goes_before_2mass_and_the_parameter_before_both(tools: Any, field: Any) -> None:
    mode = replace(iris_mode(), facts={"ab_vega_Ks": {"value": 1.9, "unit": "mag", "source": "test"}})
    for params, offset in (({}, 1.9), ({"ab_offset": 2.0}, 2.0)):
        table = tools.catalogue(field.exposure, mode, **params).tables["cat"]
        assert np.mean((table["aper30_abmag"] - table["aper30_vegamag"]).value) == pytest.approx(offset)


def test_flags_and_edges_are_those_of_the_apertures(tools: Any, field: Any) -> None:
    """A bit in the aperture is handed on; a pixel without value leaves no flux; the rim of the coverage is an edge."""
    order = field.places[[0, 1, 2]]
    columns, rows = np.rint(order).astype(int).T
    shape = field.exposure.shape
    weight = np.ones(shape, dtype=np.float32)
    saturated, dead = (np.zeros(shape, dtype=bool) for _ in range(2))
    saturated[rows[0], columns[0]] = dead[rows[1], columns[1] + 1] = True
    weight[:, columns[2] + 1 : columns[2] + 41] = 0
    exposure = field.exposure.flag(saturated, DQ.SATURATED).flag(dead, DQ.HOT | DQ.DO_NOT_USE)
    result = tools.catalogue(exposure.replace(planes={"WHT": weight}))
    table = result.tables["cat"]
    index, _ = tools.matched(result, order, within=4.0)
    assert table["flags"][index[0]] == DQ.SATURATED
    assert table["flags"][index[1]] == DQ.HOT | DQ.DO_NOT_USE
    assert np.isnan(table["aper70_flux"][index[1]])
    assert table["edge"][index[2]]
    assert not table["edge"][index[:2]].any()
    assert not np.any(result.images["segm"].data[weight == 0])


def test_places_on_the_sky_are_in_icrs_whatever_the_frame_of_the_image(tools: Any, field: Any, tmp_path: Path) -> None:
    """0.3 deg apart for an equinox of 1975: what is read back from the file is where the sources are."""
    frame = FK5(equinox="J1975")
    plain, sky = field.exposure.wcs, CelestialFrame(reference_frame=frame, name="sky")
    wcs = WCS([(plain.input_frame, plain.forward_transform), (sky, None)])
    made = tools.catalogue(field.exposure.replace(wcs=wcs)).tables["cat"]
    made.write(tmp_path / "x_cat.ecsv", format="ascii.ecsv")
    table = QTable.read(tmp_path / "x_cat.ecsv", format="ascii.ecsv")
    truth = SkyCoord(*plain(table["xcentroid"].value, table["ycentroid"].value), unit="deg", frame=frame)
    assert table["sky_centroid"].frame.name == "icrs"
    assert np.all(truth.separation(table["sky_centroid"]).arcsec < 1e-6)
    assert np.all(np.abs(table["sky_centroid"].ra.deg - truth.ra.deg) > 0.1)


def test_the_number_of_exposures_is_that_at_the_source(tools: Any, field: Any) -> None:
    columns, rows = np.rint(field.places).astype(int).T
    context = np.full((2, *field.exposure.shape), -1, dtype=np.int32)  # all 64 bits
    context[:, rows[0], columns[0]] = [0b101, 1 << 3]
    result = tools.catalogue(field.exposure.replace(planes={"CON": context}))
    index, _ = tools.matched(result, field.places[[0, 1]], within=4.0)
    assert result.tables["cat"]["exposures"][index].tolist() == [3, 64]
    assert set(tools.catalogue(field.exposure).tables["cat"]["exposures"]) == {1}


def test_an_image_without_errors_has_those_of_its_sky(tools: Any, field: Any, result: Result) -> None:
    unknown = tools.catalogue(field.exposure.replace(variance={}))
    assert "errors of the image are unknown" in words(unknown)
    faint = np.argmin(result.tables["cat"]["aper70_flux"])
    known, guessed = (one.tables["cat"]["aper_bkg_flux_err"][faint].value for one in (result, unknown))
    assert guessed == pytest.approx(known, rel=0.05)
    assert unknown.exposure.sci_header["MAGRAT"] == pytest.approx(1, abs=0.1)


def test_integrations_are_measured_in_their_mean(tools: Any, field: Any) -> None:
    cube = tools.make_field(nint=3)
    result = tools.catalogue(cube.exposure)
    assert len(result.tables["cat"]) == 12
    assert result.images["segm"].data.shape == (300, 320)
    alone, mean = (one["aper_bkg_flux_err"].value.mean() for one in (tools.catalogue(field.exposure).tables["cat"],
                                                                    result.tables["cat"]))  # fmt: skip
    assert mean == pytest.approx(alone / np.sqrt(3), rel=0.05)


def test_sources_that_touch_are_separated(tools: Any) -> None:
    value = 1 + tools.draw_stars((120, 120), [50.0, 57.0], [60.0, 61.0], [900.0, 600.0])
    exposure = tools.on_sky((120, 120), value, 0.02, 1)
    assert len(tools.catalogue(exposure).tables["cat"]) == 2
    table = tools.catalogue(exposure).tables["cat"]
    assert table["nn_dist"].value == pytest.approx([np.hypot(7, 1)] * 2, abs=0.2)
    assert table["nn_label"].tolist() == [2, 1]
    assert len(tools.catalogue(exposure, deblend=False).tables["cat"]) == 1


def test_the_width_of_stars_can_be_given(tools: Any, field: Any) -> None:
    result = tools.catalogue(field.exposure, fwhm=3.1, radii=(1.0, 2.0, 3.0))
    assert result.tables["cat"].meta["aper30_radius_arcsec"] == pytest.approx(0.31)


def test_an_exposure_without_wcs_is_refused() -> None:
    with pytest.raises(InputError, match="assign_wcs"):
        iris_catalog.check_catalogue(make_exposure((20, 20)))


@pytest.mark.parametrize(
    "wrong", [{"radii": (3, 2, 4)}, {"radii": (1, 2, 6)}, {"sky_inner": 9.0}, {"detection": 0.0}, {"correction": 0.1}]
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        iris_catalog.CatalogParams(**wrong)
