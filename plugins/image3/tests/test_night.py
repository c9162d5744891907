"""A simulated night, from raw exposures to a catalogue, compared with the truth."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from iris_references import add_references
from iris_simulate import simulate_night, write_night

from iris_core import DQ, Exposure, load_plugins, read_exposure, run

pytestmark = pytest.mark.slow

PIXEL = 4.0  # mas
NIGHT = {
    "filters": ("Kbb",),
    "detectors": 1,
    "size": (256, 256),
    "stars": 14,
    "separation": 50.0,
    "strehl": 0.8,
    "dither_step": 0.12,
    "darks": 3,
    "flats": 3,
    "twilights": 0,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return the report of image3, with masters that were made of the same night, and the folder."""
    folder = tmp_path_factory.mktemp("night")
    raw, masters, store = folder / "raw", folder / "masters", folder / "store"
    write_night(simulate_night(**NIGHT), raw)
    for recipe, given in (("create-dark", raw), ("create-flat", raw), ("create-badpix", masters)):
        report = run(recipe, given, directory=masters)
        assert not report.failed, report.failed
    add_references(store, [*masters.glob("*.fits"), *(raw / "references").iterdir()], load_plugins())
    report = run("image3", raw, directory=folder / "deep", references={"store": store})
    assert not report.failed, report.failed
    return SimpleNamespace(folder=folder, report=report)


@pytest.fixture(scope="module")
def stars(made: SimpleNamespace) -> Table:
    """Return the sources of the catalogue that are stars of the truth, within 2 pixels, with both."""
    found = Table.read(made.folder / "deep" / "SIMULATED-FIELD_Kbb_cat.ecsv")
    truth = Table.read(made.folder / "raw" / "truth" / "stars.ecsv")
    places = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    index, apart, _ = found["sky_centroid"].match_to_catalog_sky(places)
    found["off"], found["true"] = apart.mas / PIXEL, truth["flux_Kbb"][index]
    return found[found["off"] < 2]


@pytest.fixture(scope="module")
def image(made: SimpleNamespace) -> Exposure:
    return read_exposure(made.folder / "deep" / "SIMULATED-FIELD_Kbb_i2d.fits")


@pytest.fixture(scope="module")
def bright(stars: Table, image: Exposure) -> Table:
    """Return the bright stars that no edge of the only exposure that has them cuts off."""
    corners = zip(stars["xcentroid"].astype(int) - 10, stars["ycentroid"].astype(int) - 10, strict=True)
    weight = np.pad(image.planes["WHT"], ((0, 20), (0, 20)))
    whole = [min(x, y) >= 0 and (weight[y : y + 21, x : x + 21] > 0).all() for x, y in corners]
    return stars[np.array(whole) & (stars["aper70_flux"] > 100 * stars["aper70_flux_err"])]


def test_every_product_is_listed_and_written(made: SimpleNamespace) -> None:
    names = {path.name for path in made.report.products}
    there = {path.name for path in (made.folder / "deep").iterdir()}
    assert there - {"SHA256SUMS"} == names  # iris-verify, where it is installed, writes the sums of the products
    assert {f"SIMULATED-FIELD_Kbb_{end}" for end in ("i2d.fits", "cat.ecsv", "segm.fits")} <= names
    assert sum(name.endswith("_cal.fits") for name in names) == 5
    assert sum(name.endswith("_crf.fits") for name in names) == 5


def test_no_stage_was_skipped_but_that_of_sky_fields(image: Exposure) -> None:
    assert [record.stage for record in image.history if record.status != "COMPLETE"] == ["background"]
    assert image.header["NEXP"] == 5
    assert str(image.unit) == "MJy / sr"


def test_stars_are_where_they_are_within_a_tenth_of_a_pixel(bright: Table) -> None:
    assert len(bright) >= 6
    assert np.max(bright["off"]) < 0.1


def test_bright_stars_have_their_fluxes_within_three_per_cent(bright: Table) -> None:
    ratio = bright["aper_total_flux"] / bright["true"]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.015)
    np.testing.assert_allclose(ratio, 1.0, atol=0.03)


def test_the_scatter_of_the_blank_sky_is_that_of_the_errors(made: SimpleNamespace, image: Exposure) -> None:
    """Neighbouring pixels share noise: CORRFAC is about whole areas, single pixels have ERR."""
    segments = read_exposure(made.folder / "deep" / "SIMULATED-FIELD_Kbb_segm.fits")
    weight = image.planes["WHT"]
    deep = (weight > 0.9 * np.nanmax(weight)) & (segments.data == 0) & np.isfinite(image.data)
    pull = (image.data / image.err)[deep]
    spread = 1.4826 * np.median(np.abs(pull - np.median(pull)))
    assert spread == pytest.approx(1.0, abs=0.1)


def test_values_and_flags_agree_in_every_image(made: SimpleNamespace) -> None:
    for path in made.report.products:
        if path.suffix == ".fits" and "segm" not in path.name:
            exposure = read_exposure(path)
            np.testing.assert_array_equal(np.isnan(exposure.data), (exposure.dq & DQ.DO_NOT_USE) != 0)
            assert (exposure.err[np.isfinite(exposure.data)] > 0).all()


def test_the_bad_pixels_of_the_detector_are_flagged_in_each_exposure(made: SimpleNamespace) -> None:
    truth = Table.read(made.folder / "raw" / "truth" / "bad_pixels_IMG1.ecsv")
    dead = truth[truth["kind"] == "dead"]
    for path in (made.folder / "deep").glob("*_cal.fits"):
        assert (read_exposure(path).dq[dead["y"], dead["x"]] & DQ.DO_NOT_USE).all()
