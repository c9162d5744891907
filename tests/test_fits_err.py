"""The errors of FITS files: components of the variance, ERR, both, or neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from iris_core import InputError, read_fits

RATE = np.arange(12.0, dtype=np.float32).reshape(3, 4)


def write(path: Path, **images: Any) -> Path:
    """Write a file with one extension for each image."""
    hdus = [fits.ImageHDU(image, name=name) for name, image in images.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x_rate.fits"


def test_a_file_that_has_only_err_gives_one_component(path: Path) -> None:
    write(path, SCI=RATE, ERR=RATE)
    exposure = read_fits(path)
    assert list(exposure.variance) == ["total"]
    assert_array_equal(exposure.err, RATE)


def test_a_file_without_err_has_unknown_errors_and_no_flags(path: Path) -> None:
    write(path, SCI=RATE)
    exposure = read_fits(path)
    assert exposure.err is None
    assert not exposure.dq.any()
    assert exposure.unit is None


@pytest.mark.parametrize("component", ["ERR", "VAR_POISSON"])
def test_a_negative_error_is_no_error_but_a_missing_one(path: Path, component: str) -> None:
    write(path, SCI=RATE, **{component: np.where(RATE == 3, -1, RATE)})
    masked = read_fits(path).mask_invalid()
    assert_array_equal(np.isnan(masked.data), RATE == 3)
    assert_array_equal(masked.dq, RATE == 3)


def with_err(path: Path, where: Any, ratio: float) -> list[str]:
    """Return the components of a file whose ERR squared is their sum, and `ratio` times the sum in the pixels `where`.

    Its planes are 33 x 4000: of the rows 0, 16 and 32, 12 pixels are a thousandth.
    """
    component = np.full((33, 4000), 4.0, dtype=np.float32)
    total = 2 * component
    total[where] *= ratio
    write(path, SCI=component, VAR_POISSON=component, VAR_RNOISE=component, ERR=np.sqrt(total))
    exposure = read_fits(path)
    if "other" in exposure.variance:
        assert_allclose(exposure.variance["other"], total - 2 * component, atol=1e-5)
    return list(exposure.variance)


@pytest.mark.parametrize(
    ("where", "ratio", "more"),
    [
        (..., 1.0, False),
        (..., 0.5, False),
        (..., 1.005, False),
        (..., 1.02, True),
        (..., np.nan, False),
        (np.s_[0, :8], 4.0, False),
        (np.s_[0, :40], 4.0, True),
        (np.s_[16, :40], 4.0, True),
        (np.s_[32, :40], 4.0, True),
    ],
    ids=["equal", "smaller", "0.5 % more", "2 % more", "unknown", "few pixels", "row 0", "row 16", "row 32"],
)
def test_what_err_has_beyond_its_components_is_kept(path: Path, where: Any, ratio: float, more: bool) -> None:
    """More by 1 % of the variance, in a thousandth of the pixels of every 16th row; less is the rounding of others."""
    assert with_err(path, where, ratio) == ["poisson", "rnoise", *(["other"] if more else [])]


def test_the_parts_of_the_error_are_its_components_whatever_their_names(path: Path) -> None:
    write(path, SCI=RATE, VAR_POISSON=RATE + 1, VAR_MINE=RATE + 2)
    exposure = read_fits(path)
    assert list(exposure.variance) == ["poisson", "mine"]
    assert exposure.err is not None
    assert_allclose(exposure.err, np.sqrt(2 * RATE + 3))


def test_an_outline_has_the_components_of_the_file(path: Path) -> None:
    write(path, SCI=RATE, VAR_POISSON=RATE, ERR=10 * RATE)
    assert list(read_fits(path, pixels=False).variance) == ["poisson"]
    path.unlink()
    write(path, SCI=RATE, ERR=RATE)
    assert list(read_fits(path, pixels=False).variance) == ["total"]


@pytest.mark.parametrize("name", ["ERR", "VAR"])
@pytest.mark.parametrize("part", ["VAR_POISSON", "VAR_OTHER", "VAR_TOTAL"])
@pytest.mark.parametrize("row", [0, 5])
def test_no_error_of_a_reference_is_negative_whether_it_is_used_or_not(
    path: Path, name: str, part: str, row: int
) -> None:
    """Of an ERR that is the sum of its components every 16th row is enough, but not to trust the file."""
    planes = {part: np.full((20, 4), 4.0, np.float32), "ERR": np.full((20, 4), 2.0, np.float32)}
    name = part if name == "VAR" else name
    planes[name][row, :2] *= -1
    write(path, SCI=planes["ERR"], **planes)
    with pytest.raises(InputError, match="2 errors are negative"):
        read_fits(path, reftype="dark")
    assert np.count_nonzero(read_fits(path).mask_invalid().dq) == (0 if name == "ERR" else 2)
