"""Tools of the field open our products: CCDData of astropy, stdatamodels, what takes the WCS of the image header."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.wcs import WCS, FITSFixedWarning
from iris_testkit import iris_mode

from iris_core import DQ, Exposure, read_fits, run

for package in ("iris_background", "iris_resample", "iris_simulate"):
    pytest.importorskip(package)

Products = Mapping[str, Path]
images = pytest.mark.parametrize("suffix", ["cal", "i2d"])
each = pytest.mark.parametrize(("suffix", "integrations"), [("cal", 0), ("i2d", 0), ("cal", 2), ("i2d", 2)])


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Products]:
    """Return a function to the products of image2 by suffix: of a rate, or of integrations, with a distorted WCS."""
    from iris_simulate import simulate, write_set

    kept: dict[int, Products] = {}

    def make(integrations: int = 0) -> Products:
        if integrations not in kept:
            made = simulate(
                instrument=iris_mode(), size=(96, 80), stars=2, backgrounds=3, defects=0.01, position_angle=30.0,
                integrations=integrations, seed=3,
            )  # fmt: skip
            written = write_set(made, tmp_path_factory.mktemp("night"))
            store = written.references["dark"].parent
            report = run("image2", *written.associations, references={"store": store})
            assert not report.failed, report.failed[0].error
            kept[integrations] = report.results[0].products
        return kept[integrations]

    return make


def pixel_errors(product: Exposure, header: fits.Header) -> float:
    """Return the largest distance between the FITS WCS and the gWCS over all pixels, in pixels."""
    assert product.wcs is not None
    rows, columns = np.mgrid[: product.shape[0], : product.shape[1]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        wcs = WCS(header, naxis=2)
    x, y = wcs.all_world2pix(*product.wcs(columns, rows), 0, tolerance=1e-8)
    return float(np.max(np.hypot(x - columns, y - rows)))


@each
def test_who_looks_into_the_header_of_the_image_finds_the_wcs(products: Any, suffix: str, integrations: int) -> None:
    """As ds9 does. It is the gWCS, within the error that the header states; the primary header has no other."""
    path = products(integrations)[suffix]
    with fits.open(path) as hdus:
        header = hdus["SCI"].header
        assert pixel_errors(read_fits(path), header) <= header["WCSERR"] + 1e-5
        assert header["WCSERR"] < 0.01
        assert header["RADESYS"] == "ICRS"
        assert header["CTYPE1"] == ("RA---TAN-SIP" if suffix == "cal" else "RA---TAN")
        assert ("A_ORDER" in header) == (suffix == "cal")
        assert "CTYPE1" not in hdus["PRIMARY"].header


@images
def test_ccddata_reads_unit_and_wcs_without_being_told_anything(products: Any, suffix: str) -> None:
    path = products()[suffix]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        image = CCDData.read(path)
    product = read_fits(path)
    assert image.unit == product.unit == u.MJy / u.sr
    assert np.array_equal(image.data, product.data, equal_nan=True)
    assert pixel_errors(product, image.wcs.to_header(relax=True)) < 0.01


@each
def test_ccddata_reads_errors_and_flags_that_are_named(products: Any, suffix: str, integrations: int) -> None:
    """Its mask is true where any flag is set, the harmless ones too: NaN says what must not be used."""
    path = products(integrations)[suffix]
    image = CCDData.read(path, hdu="SCI", hdu_uncertainty="ERR", hdu_mask="DQ")
    product = read_fits(path)
    assert isinstance(image.uncertainty, StdDevUncertainty)
    assert image.uncertainty.unit == product.unit
    assert product.err is not None
    assert np.array_equal(image.uncertainty.array, product.err, equal_nan=True)
    assert np.array_equal(image.mask, product.dq != 0)
    assert np.array_equal(np.isnan(image.data), (product.dq & DQ.DO_NOT_USE) != 0)
    assert image.mask.any()
    assert not image.mask.all()


@pytest.fixture
def library() -> Any:
    return pytest.importorskip("stdatamodels")


def assert_same(model: Any, product: Exposure) -> None:
    """Require the pixels and the gWCS of a product in a model."""
    assert np.array_equal(model.data, product.data, equal_nan=True)
    assert product.err is not None
    assert np.array_equal(model.err, product.err, equal_nan=True)
    assert np.array_equal(model.dq, product.dq)
    assert product.wcs is not None
    rows, columns = np.mgrid[: product.shape[0], : product.shape[1]]
    assert np.array_equal(model.meta.wcs(columns, rows), product.wcs(columns, rows), equal_nan=True)
    sky = model.meta.wcs(3.0, 4.0)
    assert np.allclose(model.meta.wcs.invert(*sky), (3.0, 4.0), atol=1e-4)


@each
@pytest.mark.filterwarnings("error")
def test_a_model_of_jwst_opens_a_product(products: Any, suffix: str, integrations: int, library: Any) -> None:
    """With its keywords at their places. Not validated: jwst's schema lists the names of its own instruments alone."""
    from stdatamodels.jwst.datamodels import CubeModel, ImageModel  # type: ignore[import-untyped]

    path = products(integrations)[suffix]
    product = read_fits(path)
    with (CubeModel if integrations else ImageModel)(path, validate_on_assignment=False) as model:
        assert_same(model, product)
        meta = model.meta
        assert (meta.instrument.name, meta.instrument.detector, meta.instrument.filter) == ("IRIS", "IMG1", "Kbb")
        assert (meta.bunit_data, meta.bunit_err) == ("MJy/sr", "MJy/sr")
        assert meta.photometry.conversion_megajanskys == product.sci_header["PHOTMJSR"]
        assert meta.photometry.pixelarea_steradians == product.sci_header["PIXAR_SR"]
        assert meta.wcsinfo.s_region == product.sci_header["S_REGION"]
        assert {meta.cal_step.dark_sub, meta.cal_step.flat_field, meta.cal_step.photom} == {"COMPLETE"}
        assert meta.cal_step.bkg_subtract == "COMPLETE"
        assert meta.ref_file.dark.name == product.header["R_DARK"]
        planes = {"cal": ("var_poisson", "var_rnoise", "var_flat", "area"), "i2d": ("wht", "con")}[suffix]
        if not integrations:  # jwst's cube of a rectified image has no such planes
            assert all(model.hasattr(name) for name in planes)


SMALLEST = {
    "type": "object",
    "properties": {
        "data": {"fits_hdu": "SCI", "datatype": "float32"},
        "err": {"fits_hdu": "ERR", "datatype": "float32"},
        "dq": {"fits_hdu": "DQ", "datatype": "uint32"},
    },
}


@each
@pytest.mark.filterwarnings("error")
def test_the_smallest_model_opens_a_product_and_what_it_saves_is_read_again(
    products: Any, suffix: str, integrations: int, library: Any, tmp_path: Path
) -> None:
    """A schema that names the three images suffices, validation included; the gWCS comes from the ASDF extension."""
    product = read_fits(products(integrations)[suffix])
    with library.DataModel(products(integrations)[suffix], schema=SMALLEST) as model:
        assert_same(model, product)
        model.save(str(tmp_path / "saved.fits"))
    again = read_fits(tmp_path / "saved.fits")
    assert np.array_equal(again.data, product.data, equal_nan=True)
    assert list(again.variance) == list(product.variance)
    done = [[(record.stage, record.status, record.references) for record in one.history] for one in (again, product)]
    assert done[0] == done[1]  # of the parameters it drops those that are None
    assert again.wcs is not None
    assert again.fits_wcs is not None
    assert pixel_errors(again, again.fits_wcs) < 0.01
