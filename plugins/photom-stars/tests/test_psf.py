"""The aperture correction from a PSF file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_photom_stars import Apertures, ZeroPointParams, plugin, psf_growth
from iris_testkit import make_reference, run_stage

from iris_core import InputError

RADII = Apertures(star=3.0, sky=(12.0, 18.0), total=18.0, total_sky=(18.0, 27.0))


@pytest.fixture(name="star")
def star_fixture(draw_stars: Callable[..., Any]) -> Any:
    """Return a Gaussian star of 3 pixels in the middle of 41 x 41."""
    middle = np.array([20.0])
    return draw_stars((41, 41), middle, middle, np.array([5.0]))


def test_the_correction_is_that_of_the_closed_form(star: Any, tmp_path: Path) -> None:
    """1 / (1 - 2^-(2r/FWHM)^2), the star widened by the pixel, twice."""
    growth, radii = psf_growth(make_reference(tmp_path / "psf.fits", "psf", star), 1.0, RADII)
    share = 1 - 2 ** -(6**2 / (9 + 2.3548**2 / 6))
    assert growth.correction == pytest.approx(1 / share, rel=2e-3)
    assert growth.error == 0
    assert growth.uncertainty > 0
    assert radii.total == 18


def test_the_error_of_the_correction_is_that_of_the_pixels(star: Any, tmp_path: Path) -> None:
    random, found = np.random.default_rng(1), []
    for _ in range(150):
        noisy = star + random.normal(0, 1e-3, star.shape)
        psf = make_reference(tmp_path / "psf.fits", "psf", noisy, err=np.full(star.shape, 1e-3))
        growth, _ = psf_growth(psf, 1.0, RADII)
        found.append((growth.correction, growth.error))
    values, errors = np.array(found).T
    assert values.std() == pytest.approx(errors.mean(), rel=0.15)


def test_the_zero_point_takes_a_psf(field: Any, params: ZeroPointParams, star: Any, tmp_path: Path) -> None:
    """It needs no isolated stars, and says where the correction is from."""
    psf = make_reference(tmp_path / "psf.fits", "psf", star, err=np.full(star.shape, 1e-5), FILTER="Kbb")
    references = [*field.references(tmp_path).values(), psf]
    given = params.model_dump() | {"aperture": 1.0}
    result = run_stage(plugin, field.exposure, references=references, **given)
    assert result.sci_header["ZP_AB"] == pytest.approx(25.0, abs=0.01)
    assert result.sci_header["ZP_APCOR"] == pytest.approx(-0.065, abs=0.02)
    assert "from the PSF psf.fits" in " ".join(result.notes)


def test_a_psf_smaller_than_the_aperture_is_refused(star: Any, tmp_path: Path) -> None:
    psf = make_reference(tmp_path / "psf.fits", "psf", star[18:23, 18:23])
    with pytest.raises(InputError, match="psf_sampling"):
        psf_growth(psf, 1.0, RADII)
