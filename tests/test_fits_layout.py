"""Masks, errors and science images by the names that other pipelines give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty, VarianceUncertainty
from numpy.testing import assert_allclose, assert_array_equal

from iris_core import DQ, InputError, read_fits

RATE = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
BAD = DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL
MASK = RATE == 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.fits"


def image(data: Any, name: str = "", **cards: Any) -> fits.ImageHDU:
    return fits.ImageHDU(data, header=fits.Header(list(cards.items())), name=name or None)


def write(path: Path, *hdus: Any, primary: Any = None, **cards: Any) -> Path:
    first = fits.PrimaryHDU(primary, header=fits.Header(list(cards.items())))
    fits.HDUList([first, *hdus]).writeto(path)
    return path


@pytest.mark.parametrize("kind", [StdDevUncertainty, VarianceUncertainty, InverseVariance])
def test_the_mask_and_the_uncertainty_of_ccddata_are_used(path: Path, kind: Any) -> None:
    error = {StdDevUncertainty: RATE, VarianceUncertainty: RATE**2, InverseVariance: RATE**-2.0}[kind]
    CCDData(RATE, mask=MASK, uncertainty=kind(error), unit="electron/s").write(path)
    exposure = read_fits(path)
    assert_array_equal(exposure.dq, np.where(MASK, BAD, 0))
    assert exposure.err is not None
    assert_allclose(exposure.err, RATE, rtol=1e-6)
    assert exposure.notes == ()
    assert read_fits(path, pixels=False).variance.keys() == exposure.variance.keys()


def test_an_uncertainty_of_another_kind_is_named(path: Path) -> None:
    write(path, image(RATE, "UNCERT", UTYPE="UnknownUncertainty"), primary=RATE)
    exposure = read_fits(path)
    assert exposure.err is None
    assert any("UNCERT" in note for note in exposure.notes)


def test_the_variance_and_the_flags_of_dragons_are_used(path: Path) -> None:
    flags = np.zeros((3, 4), dtype=np.int16)
    flags.ravel()[:7] = (1, 2, 4, 8, 16, 32, 64)
    write(path, image(RATE, "SCI"), image(RATE**2, "VAR"), image(flags, "DQ"))
    exposure = read_fits(path)
    assert exposure.err is not None
    assert_allclose(exposure.err, RATE)
    unusable = exposure.dq.ravel() & DQ.DO_NOT_USE != 0
    assert unusable[:8].tolist() == [True, False, True, True, True, False, True, False]
    assert exposure.dq.ravel()[2] & DQ.SATURATED


def test_the_mask_of_lsst_is_used_by_the_names_of_its_bits(path: Path) -> None:
    bits = {"MP_BAD": 0, "MP_SAT": 1, "MP_CR": 3, "HIERARCH MP_DETECTED": 5, "HIERARCH MP_NO_DATA": 8}
    planes = np.zeros((3, 4), dtype=np.int32)
    planes.ravel()[:5] = [1 << bit for bit in bits.values()]
    write(path, image(RATE, "IMAGE"), image(planes, "MASK", **bits), image(RATE**2, "VARIANCE"))
    exposure = read_fits(path)
    assert_array_equal(exposure.data, RATE)
    assert exposure.err is not None
    assert_allclose(exposure.err, RATE)
    assert (exposure.dq.ravel()[:6] & DQ.DO_NOT_USE).tolist() == [1, 1, 1, 0, 1, 0]


def test_no_weight_in_an_inverse_variance_is_no_measurement(path: Path) -> None:
    write(path, image(RATE, "SCI"), image(np.where(MASK, 0, 1 / RATE), "IVAR"))
    assert_array_equal(np.isnan(read_fits(path).mask_invalid().data), MASK)


def test_dq_and_mask_are_both_used(path: Path) -> None:
    write(path, image(RATE, "SCI"), image(np.full((3, 4), 16, dtype=np.int16), "DQ"), image(MASK.astype("u1"), "MASK"))
    assert_array_equal(read_fits(path).dq, np.where(MASK, 16 | BAD, 16))


@pytest.mark.parametrize("name", ["BPM", "BADPIX", "WEIGHT", "WHT", "SIGMA", "RMS", "NOISEMAP", "FLAGS", "DQ2", "ERR2"])
def test_what_looks_like_a_mask_or_an_error_is_named_where_it_is_not_used(path: Path, name: str) -> None:
    write(path, image(RATE, "SCI"), image(RATE, name))
    exposure = read_fits(path)
    assert any(name in note and "not used" in note for note in exposure.notes)
    assert_array_equal(exposure.planes[name], RATE)


def test_of_two_errors_the_other_one_is_named(path: Path) -> None:
    write(path, image(RATE, "SCI"), image(RATE, "ERR"), image(RATE, "IVAR"))
    exposure = read_fits(path)
    assert_array_equal(exposure.err, RATE)
    assert any("IVAR" in note for note in exposure.notes)


def test_the_bits_of_hst_are_doubted(path: Path) -> None:
    write(path, image(RATE, "SCI"), image(MASK.astype(np.int16), "DQ"), TELESCOP="HST")
    assert any("HST" in note for note in read_fits(path).notes)


@pytest.mark.parametrize(
    "names", [("CHIP1", "CHIP2", "CHIP3"), ("CHIP1.INT1", "CHIP2.INT1"), ("", ""), ("SCI", "SCI2")]
)
def test_several_science_images_are_an_error_that_lists_them(path: Path, names: tuple[str, ...]) -> None:
    write(path, *(image(RATE, name) for name in names))
    for pixels in (True, False):
        with pytest.raises(InputError, match=f"{len(names)} science images .*{names[-1] or 'without a name'}"):
            read_fits(path, pixels)


def test_images_with_their_own_wcs_are_science_images(path: Path) -> None:
    write(path, *(image(RATE, name, CTYPE1="RA---TAN") for name in ("EAST", "WEST")))
    with pytest.raises(InputError, match=r"EAST.*WEST"):
        read_fits(path)


def test_versions_of_sci_are_listed(path: Path) -> None:
    write(path, image(RATE, "SCI", EXTVER=1), image(RATE, "SCI", EXTVER=2))
    with pytest.raises(InputError, match=r"SCI,1, SCI,2"):
        read_fits(path)


@pytest.mark.parametrize("other", [("SAMP", RATE), ("SKY", RATE), ("", RATE[:2])])
def test_one_science_image_with_other_planes_is_read(path: Path, other: tuple[str, Any]) -> None:
    write(path, image(RATE, "FIRST"), image(other[1], other[0]))
    assert_array_equal(read_fits(path).data, RATE)


@pytest.mark.parametrize("shape", [(6, 8), (2, 3, 4), (4, 3)])
def test_pixel_areas_of_another_shape_are_refused(path: Path, shape: tuple[int, ...]) -> None:
    write(path, image(RATE, "SCI"), image(np.ones(shape), "AREA"))
    for pixels in (True, False):
        with pytest.raises(InputError, match=r"x\.fits: AREA"):
            read_fits(path, pixels)


@pytest.mark.parametrize("name", ["ERR", "VAR", "VAR_RNOISE"])
def test_errors_of_zero_nearly_everywhere_count_as_unknown(path: Path, name: str) -> None:
    zero = np.zeros((64, 64))
    zero[0, 0] = 1
    write(path, image(np.ones((64, 64)), "SCI"), image(zero, name))
    exposure = read_fits(path)
    assert exposure.err is None
    assert any("zero" in note for note in exposure.notes)


def test_one_component_of_zero_beside_another_stays(path: Path) -> None:
    write(path, image(RATE, "SCI"), image(RATE, "VAR_POISSON"), image(0 * RATE, "VAR_FLAT"))
    exposure = read_fits(path)
    assert list(exposure.variance) == ["poisson", "flat"]
    assert exposure.notes == ()
