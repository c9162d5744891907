"""The photom stage: truth in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import iris_photom
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from iris_photom import check_conversion
from iris_testkit import make_exposure, make_reference, run_stage

from iris_core import DQ, Exposure, Image, InputError, Reference, References, Window, blank_plane, load_plugins

if TYPE_CHECKING:
    from pathlib import Path

PER_ELECTRON = u.MJy / u.sr / (u.electron / u.s)
PER_DN = u.MJy / u.sr / (u.DN / u.s)
MJY_SR = u.MJy / u.sr
PIXEL = ((0.004 * u.arcsec) ** 2).to(u.sr)


def columns(**changes: Any) -> dict[str, Any]:
    """Return three rows: Kbb 0.25, J 0.5, H 0.75, with a relative uncertainty of 2 % and pixels of 4 mas."""
    factor = [0.25, 0.5, 0.75] * PER_ELECTRON
    table = {
        "filter": ["Kbb", "J", "H"],
        "photmjsr": factor,
        "uncertainty": 0.02 * factor,
        "pixar_sr": [PIXEL.value] * 3 * u.sr,
        "pixar_a2": [PIXEL.to_value(u.arcsec**2)] * 3 * u.arcsec**2,
    }
    return {key: value for key, value in {**table, **changes}.items() if value is not None}


def photom_file(folder: Path, table: dict[str, Any], **meta: Any) -> Reference:
    path = folder / "photom.ecsv"
    Table(table, meta=meta).write(path, overwrite=True)
    return photom_reference(path)


def photom_reference(path: Path) -> Reference:
    """Return a table as the framework gives it to the stage."""
    table = load_plugins(["iris-photom"]).read_reference(path, "photom")
    return Reference(reftype="photom", path=path, provider="test", content=table)


def calibrate(exposure: Exposure, *references: Reference) -> Exposure:
    return run_stage(iris_photom, exposure, references=references)


def check(exposure: Exposure, *references: Reference) -> Exposure:
    return check_conversion(outline(exposure), References({one.reftype: one for one in references}))


def outline(exposure: Exposure) -> Exposure:
    blank = blank_plane(exposure.data.shape)
    variance = dict.fromkeys(exposure.variance, blank)
    return exposure.replace(data=blank, dq=blank_plane(exposure.data.shape, np.uint32), variance=variance)


@pytest.mark.parametrize("nint", [0, 3])
def test_data_times_the_factor_and_variance_times_its_square(tmp_path: Path, nint: int) -> None:
    result = calibrate(make_exposure((8, 8), nint=nint), photom_file(tmp_path, columns()))
    assert result.data.shape == ((nint, 8, 8) if nint else (8, 8))
    np.testing.assert_array_equal(result.data, 2.5)
    assert set(result.variance) == {"poisson", "rnoise"}
    np.testing.assert_array_equal(result.variance["poisson"], 0.0625)
    np.testing.assert_array_equal(result.variance["rnoise"], 0.03125)
    assert result.unit == MJY_SR
    assert not result.dq.any()
    assert result.notes == ()


def test_keywords(tmp_path: Path) -> None:
    """1 MJy/sr is 23.5044 uJy/arcsec2: (pi / 648000)^2 sr in a square arcsecond, 1e12 uJy in a MJy."""
    header = calibrate(make_exposure((8, 8)), photom_file(tmp_path, columns())).sci_header
    assert header["PHOTMJSR"] == 0.25
    assert header["PHOTUJA2"] == pytest.approx(0.25 * 1e12 * (np.pi / 648000) ** 2, rel=1e-12)
    assert header["PHOTUJA2"] == pytest.approx(0.25 * 23.5044, rel=1e-5)
    assert header["PHOTUNC"] == pytest.approx(0.02)
    assert header["PIXAR_SR"] == pytest.approx(PIXEL.value)
    assert header["PIXAR_A2"] == pytest.approx(0.004**2, rel=1e-6)
    assert header.comments["PHOTMJSR"] == "MJy/sr per electron/s"


def test_magnitude_of_a_star_comes_out(tmp_path: Path) -> None:
    """A 20 mag (AB) star of 1e5 electron/s in all: its pixels, summed as the documentation says, give 20 mag."""
    jansky = 3631 * 10 ** (-0.4 * 20)
    factor = (jansky * 1e-6 / PIXEL.value / 1e5) * np.ones(3) * PER_ELECTRON
    star = np.random.default_rng(0).dirichlet(np.ones(64)).reshape(8, 8) * 1e5
    exposure = make_exposure((8, 8)).replace(data=star.astype(np.float32))
    result = calibrate(exposure, photom_file(tmp_path, columns(photmjsr=factor)))
    total = result.data.sum(dtype=float) * result.sci_header["PIXAR_SR"] * 1e6
    assert -2.5 * np.log10(total / 3631) == pytest.approx(20, abs=1e-5)


def test_input_is_left_alone(tmp_path: Path) -> None:
    exposure = make_exposure((8, 8))
    calibrate(exposure, photom_file(tmp_path, columns()))
    np.testing.assert_array_equal(exposure.data, 10)
    assert "PHOTMJSR" not in exposure.sci_header
    assert exposure.unit == u.electron / u.s


def test_invalid_pixels_stay_invalid(tmp_path: Path) -> None:
    exposure = make_exposure((8, 8)).flag(np.eye(8, dtype=bool), DQ.DO_NOT_USE)
    result = calibrate(exposure, photom_file(tmp_path, columns()))
    np.testing.assert_array_equal(np.isnan(result.data), np.eye(8, dtype=bool))
    np.testing.assert_array_equal(np.isnan(result.err), np.eye(8, dtype=bool))
    np.testing.assert_array_equal(result.dq, exposure.dq)


def test_unknown_errors_stay_unknown(tmp_path: Path) -> None:
    result = calibrate(make_exposure((8, 8)).replace(variance={}), photom_file(tmp_path, columns()))
    assert result.err is None


def test_pulls_do_not_change(tmp_path: Path) -> None:
    """Data and errors are scaled alike, so (result - truth) / err is what it was: 1.00."""
    rng = np.random.default_rng(20260803)
    data = (10 + np.sqrt(1.5) * rng.normal(size=(300, 300))).astype(np.float32)
    result = calibrate(make_exposure((300, 300)).replace(data=data), photom_file(tmp_path, columns()))
    assert ((result.data - 2.5) / result.err).std() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("unit", "per"), [("electron/s", PER_ELECTRON), ("DN/s", PER_DN)])
def test_factor_per_electron_or_per_dn(tmp_path: Path, unit: str, per: u.UnitBase) -> None:
    table = columns(photmjsr=[0.25, 0.5, 0.75] * per, uncertainty=None)
    np.testing.assert_array_equal(calibrate(make_exposure(unit=unit), photom_file(tmp_path, table)).data, 2.5)


def test_factor_in_another_unit_of_surface_brightness_is_converted(tmp_path: Path) -> None:
    """0.25 MJy/sr is 250 kJy/sr; the uncertainty may have its own unit."""
    table = columns(photmjsr=[250, 500, 750] * u.kJy / u.sr / (u.electron / u.s))
    result = calibrate(make_exposure((8, 8)), photom_file(tmp_path, table))
    np.testing.assert_allclose(result.data, 2.5, rtol=1e-6)
    assert result.sci_header["PHOTMJSR"] == pytest.approx(0.25)
    assert result.sci_header["PHOTUNC"] == pytest.approx(0.02)


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")  # FITS has no electron
@pytest.mark.parametrize(
    "unit", ["MJy/sr/(electron/s)", "(MJy/sr)/(electron/s)", "MJy/sr per electron/s", "MJy.s/(sr.electron)"]
)
def test_table_in_fits(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "photom.fits"
    names = fits.Column("FILTER", "8A", array=["J", "Kbb"])
    factor = fits.Column("PHOTMJSR", "E", unit=unit, array=[0.5, 0.25])
    fits.BinTableHDU.from_columns([names, factor]).writeto(path)
    np.testing.assert_array_equal(calibrate(make_exposure((8, 8)), photom_reference(path)).data, 2.5)


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
def test_unit_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "photom.fits"
    names = fits.Column("FILTER", "8A", array=["Kbb"])
    factor = fits.Column("PHOTMJSR", "E", unit="per wish", array=[0.25])
    fits.BinTableHDU.from_columns([names, factor]).writeto(path)
    with pytest.raises(InputError, match=r"photom\.fits for x_rate\.fits: .*photmjsr: 'per wish' is not a unit"):
        calibrate(make_exposure((8, 8)), photom_reference(path))


def test_names_of_columns_and_filters_in_any_case(tmp_path: Path) -> None:
    table = {key.upper(): value for key, value in columns(filter=[" KBB", "J", "H"]).items()}
    np.testing.assert_array_equal(calibrate(make_exposure((8, 8)), photom_file(tmp_path, table)).data, 2.5)


@pytest.mark.parametrize("pupil", ["ANY", "N/A", "any", ""])
def test_any_matches_all(tmp_path: Path, pupil: str) -> None:
    table = columns(pupil=[pupil] * 3, detector=["IMG1", "ANY", "IMG1"])
    np.testing.assert_array_equal(calibrate(make_exposure(pupil="CLEAR"), photom_file(tmp_path, table)).data, 2.5)


def test_missing_cell_matches_all(tmp_path: Path) -> None:
    pupil = MaskedColumn(["x", "x", "x"], mask=[True, False, False])
    table = photom_file(tmp_path, columns(pupil=pupil))
    np.testing.assert_array_equal(calibrate(make_exposure(pupil="CLEAR"), table).data, 2.5)


@pytest.mark.parametrize("column", ["detector", "pupil"])
def test_detector_and_pupil_choose_the_row(tmp_path: Path, column: str) -> None:
    table = columns(filter=["Kbb", "Kbb", "J"], **{column: ["other", "mine", "mine"]})
    result = calibrate(make_exposure(**{column: "mine"}), photom_file(tmp_path, table))
    np.testing.assert_array_equal(result.data, 5.0)


@pytest.mark.parametrize("kept", ["pixar_sr", "pixar_a2"])
def test_one_statement_of_the_pixel_area_is_enough(tmp_path: Path, kept: str) -> None:
    table = {key: value for key, value in columns().items() if key == kept or not key.startswith("pixar")}
    header = calibrate(make_exposure((8, 8)), photom_file(tmp_path, table)).sci_header
    assert header["PIXAR_SR"] == pytest.approx(PIXEL.value, rel=1e-9)
    assert header["PIXAR_A2"] == pytest.approx(1.6e-5, rel=1e-6)


def test_pixel_area_from_the_tables_keywords(tmp_path: Path) -> None:
    table = columns(pixar_sr=None, pixar_a2=None)
    header = calibrate(make_exposure((8, 8)), photom_file(tmp_path, table, PIXAR_A2=1.6e-5)).sci_header
    assert header["PIXAR_SR"] == pytest.approx(PIXEL.value, rel=1e-6)


def test_what_the_table_leaves_open_is_noted(tmp_path: Path) -> None:
    table = columns(uncertainty=None, pixar_sr=None, pixar_a2=[np.nan] * 3)
    result = calibrate(make_exposure((8, 8)), photom_file(tmp_path, table))
    assert result.notes == (
        "the photom photom.ecsv gives no uncertainty",
        "the photom photom.ecsv gives no pixel area",
    )
    assert not {"PHOTUNC", "PIXAR_SR", "PIXAR_A2"} & set(result.sci_header)


# Columns that would select a row


@pytest.mark.parametrize("column", ["subarray", "READMODE", "Instrume"])
def test_a_column_that_selects_has_to_match(tmp_path: Path, column: str) -> None:
    exposure = with_cards(SUBARRAY="FULL")
    rows = ["ANY", "other", "other"]
    assert calibrate(exposure, photom_file(tmp_path, columns(**{column: rows}))).sci_header["PHOTMJSR"] == 0.25
    with pytest.raises(InputError, match=rf"no rows for .*{column.lower()} "):
        calibrate(exposure, photom_file(tmp_path, columns(**{column: ["other"] * 3})))


@pytest.mark.parametrize(
    ("column", "values"), [("grating", ["G1", "ANY", "ANY"]), ("USEAFTER", ["2020-01-01"] * 3), ("coadds", [1, 1, 2])]
)
def test_a_column_that_would_select_and_is_not_known_is_an_error_with_those_that_are(
    tmp_path: Path, column: str, values: list[Any]
) -> None:
    table = photom_file(tmp_path, columns(**{column: values}))
    exposure = with_cards(COADDS=2)
    with pytest.raises(InputError, match=rf"column {column}, .*filter, detector, pupil, readmode, subarray"):
        calibrate(exposure, table)
    with pytest.raises(InputError, match=column):
        check(exposure, table)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("comment", ["made up", "", "by hand"]),
        ("grating", ["ANY", "N/A", ""]),
        ("wavelength", [2.2, 1.2, 1.6]),
        ("number", [1, 2, 3]),
        ("exptime", [10.0, 20.0, 30.0]),
    ],
)
def test_a_column_that_tells_no_rows_apart_is_no_obstacle(tmp_path: Path, column: str, values: list[Any]) -> None:
    result = calibrate(make_exposure((8, 8)), photom_file(tmp_path, columns(**{column: values})))
    assert result.sci_header["PHOTMJSR"] == 0.25


def with_cards(**cards: Any) -> Exposure:
    exposure = make_exposure((8, 8))
    header = exposure.header.copy()
    header.update(cards)
    return exposure.replace(header=header)


# By what is wrong: the columns, and the facts that the message gives.
WRONG: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no row": (
        {"filter": ["Ks", "J", "H"]},
        ("no rows", "filter 'Kbb'", "detector 'IMG1'", "filter Ks photmjsr 0.25; filter J photmjsr 0.5; filter H"),
    ),
    "two rows": (
        {"filter": ["Kbb", "J", "ANY"]},
        ("2 rows", "filter 'Kbb'", "there are: filter Kbb photmjsr 0.25; filter ANY photmjsr 0.75"),
    ),
    "no filter": ({"filter": None}, ("no column filter", "columns are: photmjsr")),
    "no factor": ({"photmjsr": None}, ("no column photmjsr", "columns are: filter")),
    "unit of a DN": ({"photmjsr": [1, 1, 1] * PER_DN}, ("photmjsr", "MJy s / (DN sr)", "exposure is in electron / s")),
    "unit without rate": ({"photmjsr": [1, 1, 1] * MJY_SR}, ("photmjsr", "MJy / sr", "exposure is in electron / s")),
    "unit of the uncertainty": ({"uncertainty": [1, 1, 1] * u.percent}, ("uncertainty", "is in %", "(electron / s)")),
    "no unit": ({"photmjsr": [0.25, 1, 1]}, ("photmjsr has no unit", "MJy/sr per (electron / s)")),
    "zero": ({"photmjsr": [0, 1, 1] * PER_ELECTRON}, ("above 0", "filter Kbb photmjsr 0.0")),
    "nan": ({"photmjsr": [np.nan, 1, 1] * PER_ELECTRON}, ("above 0", "filter Kbb photmjsr nan")),
    "negative uncertainty": ({"uncertainty": [-0.1] * 3 * PER_ELECTRON}, ("uncertainty", "-0.1", "negative")),
    "two areas": (
        {"pixar_sr": [4e-16] * 3 * u.sr, "pixar_a2": [1e-5] * 3 * u.arcsec**2},
        ("PIXAR_SR and PIXAR_A2", "4e-16 sr and 2.35044e-16 sr", "filter Kbb photmjsr 0.25"),
    ),
    "area in metres": ({"pixar_sr": [1, 1, 1] * u.m**2}, ("pixar_sr is in m2", "in sr")),
}


@pytest.mark.parametrize(("changes", "facts"), WRONG.values(), ids=WRONG)
def test_wrong_table_is_an_error_before_and_while_pixels_are_read(
    tmp_path: Path, changes: dict[str, Any], facts: tuple[str, ...]
) -> None:
    bare = {"uncertainty": None, "pixar_sr": None, "pixar_a2": None}
    table = photom_file(tmp_path, columns(**{**bare, **changes}))
    for stage in (calibrate, check):
        with pytest.raises(InputError) as raised:
            stage(make_exposure(), table)
        message = str(raised.value)
        assert message.startswith("the photom photom.ecsv for x_rate.fits")
        assert [fact for fact in facts if fact not in message] == []


def test_exposure_in_surface_brightness_is_refused(tmp_path: Path) -> None:
    exposure = make_exposure((8, 8), unit="MJy/sr")
    with pytest.raises(InputError, match=r"x_rate\.fits is in MJy / sr already"):
        calibrate(exposure, photom_file(tmp_path, columns()))


def test_exposure_without_unit_is_in_that_of_its_mode(tmp_path: Path) -> None:
    result = calibrate(make_exposure((8, 8)).replace(unit=None), photom_file(tmp_path, columns()))
    np.testing.assert_array_equal(result.data, 2.5)
    assert any("no BUNIT" in note and "electron/s" in note for note in result.notes)


def test_check_returns_the_outline_in_its_new_unit(tmp_path: Path) -> None:
    assert check(make_exposure((8, 8)), photom_file(tmp_path, columns())).unit == MJY_SR


def area_file(folder: Path, area: Image) -> Reference:
    return make_reference(folder / "area.fits", "area", area)


def test_areas_are_cut_to_the_window_and_not_applied(tmp_path: Path) -> None:
    area = (1 + 1e-3 * np.mgrid[-8:8, -8:8][0]).astype(np.float32)
    exposure = make_exposure((4, 6), window=Window(xstart=3, ystart=5, xsize=6, ysize=4))
    result = calibrate(exposure, photom_file(tmp_path, columns()), area_file(tmp_path, area))
    np.testing.assert_array_equal(result.area, area[4:8, 2:8])
    np.testing.assert_array_equal(result.data, 2.5)


@pytest.mark.parametrize(("value", "given"), [(1.6e-5, "1.6e-05"), (1.2, "1.2"), (np.nan, "nan")])
def test_areas_that_are_not_relative_are_an_error(tmp_path: Path, value: float, given: str) -> None:
    area = area_file(tmp_path, np.full((8, 8), value, dtype=np.float32))
    with pytest.raises(InputError, match=rf"area\.fits has a mean of {given} in x_rate\.fits"):
        calibrate(make_exposure((8, 8)), photom_file(tmp_path, columns()), area)


def test_areas_with_a_unit_are_an_error(tmp_path: Path) -> None:
    area = make_reference(tmp_path / "area.fits", "area", np.ones((8, 8)), unit="arcsec2")
    with pytest.raises(InputError, match=r"area\.fits for x_rate\.fits .* is in arcsec2"):
        calibrate(make_exposure((8, 8)), photom_file(tmp_path, columns()), area)
