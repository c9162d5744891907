"""The errors of a mosaic are true: pixel by pixel, and in apertures with CORRFAC."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from iris_core import Exposure

pytestmark = pytest.mark.slow

GEOMETRIES: list[dict[str, Any]] = [
    {},
    {"pixfrac": 0.6},
    {"pixel_scale_ratio": 0.5},
    {"pixfrac": 0.8, "pixel_scale_ratio": 0.7},
]
ERRORS = (1.0, 0.5, 2.0, 1.3)


def realisations(field: Any, exposures: list[Exposure], number: int, **params: Any) -> Iterator[Exposure]:
    """Yield the mosaics of noise alone; the exposures have unequal errors."""
    random = np.random.default_rng(20)
    for _ in range(number):
        noise = (field.noisy(one, ERRORS[index % 4], random) for index, one in enumerate(exposures))
        yield field.mosaic(*noise, **params)


def middle(plane: np.ndarray) -> np.ndarray:
    """Return the part onto which all exposures fall."""
    return plane[tuple(slice(size // 5, size - size // 5) for size in plane.shape)].astype(float)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("number", [1, 2, 4, 9, 25])
def test_the_error_of_a_pixel_is_its_scatter(field: Any, number: int, geometry: dict[str, Any]) -> None:
    exposures = field.dithers(number, (80, 84), seed=number)
    mosaics = list(realisations(field, exposures, 6 if number < 9 else 2, **geometry))
    pulls = np.concatenate([middle(one.data / one.err).ravel() for one in mosaics])
    assert np.isfinite(pulls).all()
    # Neighbours share noise, so that some 2000 to 20 000 of the pulls count.
    assert np.std(pulls) == pytest.approx(1.0, abs=0.04)
    assert np.mean(pulls) == pytest.approx(0.0, abs=0.08)


@pytest.mark.parametrize("weighting", ["sky", "exptime"])
def test_the_error_is_that_of_the_mean_whatever_its_weights(field: Any, weighting: str) -> None:
    exposures = [field.dithers(1, position_angle=0.0, cubic=0.0, at=(step, -step))[0] for step in range(4)]
    (made,) = realisations(field, exposures, 1, weighting=weighting)
    inverse = [1 / error**2 for error in ERRORS]
    expected = 1 / sum(inverse) if weighting == "sky" else sum(error**2 for error in ERRORS) / 16
    assert middle(made.variance["total"]) == pytest.approx(expected, rel=1e-4)


def distance(drop: float) -> float:
    """Return the mean distance of pixels that share noise: of a trapezoid, the overlap of a drop and a pixel."""
    x = np.linspace(-0.5 - drop / 2, 0.5 + drop / 2, 20_001)
    overlap = np.minimum(0.5 + drop / 2 - np.abs(x), min(drop, 1.0))
    apart = np.arange(1, int(np.ceil(drop)) + 1)
    shared = [np.trapezoid(overlap * np.interp(x + one, x, overlap, left=0, right=0), x) for one in apart]
    return float(np.average(apart, weights=shared))


def test_how_far_apart_pixels_are_that_share_noise() -> None:
    """For a pixel half as large as the drop 0.6 and 0.1, one and two pixels apart: 8/7."""
    assert [distance(drop) for drop in (0.6, 1.0, 2.0)] == pytest.approx([1.0, 1.0, 8 / 7], abs=1e-3)


@pytest.mark.parametrize(
    ("number", "geometry", "draws", "tolerance"),
    [
        (4, {}, 10, 0.05),
        (4, {"pixfrac": 0.6}, 10, 0.05),
        *[
            pytest.param(number, geometry, 40, 0.02, marks=pytest.mark.acceptance)
            for number, geometry in [(2, {"pixfrac": 0.6}), (2, {}), (4, {"pixel_scale_ratio": 0.5}), (9, {})]
        ],
    ],
    ids=str,
)
def test_the_noise_of_an_aperture_follows_from_corrfac(
    field: Any, number: int, geometry: dict[str, Any], draws: int, tolerance: float
) -> None:
    """In boxes of L pixels, 2 and 4 times a FWHM of 2.5, it is 1 + (CORRFAC - 1)(1 - distance/L)."""
    exposures = field.dithers(number, (200, 200), seed=3)
    made = list(realisations(field, exposures, draws, **geometry))
    apart = distance(geometry.get("pixfrac", 1.0) / geometry.get("pixel_scale_ratio", 1.0))
    for length in (5, 10):
        squares = [np.square(boxes(nearly_all(one.data), length)) for one in made]
        variances = [boxes(nearly_all(one.variance["total"]), length) for one in made]
        expected = 1 + (made[0].sci_header["CORRFAC"] - 1) * (1 - apart / length)
        assert np.sqrt(np.mean(squares) / np.mean(variances)) == pytest.approx(expected, rel=tolerance)


def nearly_all(plane: np.ndarray) -> np.ndarray:
    """Return a plane without its edges: CORRFAC is a mean over all of it."""
    return plane[tuple(slice(size // 9, size - size // 9) for size in plane.shape)].astype(float)


@pytest.mark.parametrize(
    ("offsets", "factor"), [([(0, 0), (3, 1), (-2, 4)], 1.0), ([(0.5, 0.5), (3.5, 1.5)], 2.0)], ids=["whole", "half"]
)
def test_corrfac_of_aligned_pixels(field: Any, offsets: list[tuple[float, float]], factor: float) -> None:
    """Dithers by whole pixels: 1. Half a pixel off, a value goes in quarters to four pixels: 2."""
    exposures = [field.dithers(1, (60, 60), position_angle=0.0, cubic=0.0, at=offset)[0] for offset in offsets]
    asked = {"crval": field.centre, "crpix_fits": (40.5, 40.5), "output_shape": (80, 80)}
    assert field.mosaic(*exposures, **asked).sci_header["CORRFAC"] == pytest.approx(factor, abs=2e-3)


def boxes(plane: np.ndarray, side: int) -> np.ndarray:
    """Return the sums of a plane in boxes."""
    rows, columns = (size // side for size in plane.shape)
    return plane[: rows * side, : columns * side].reshape(rows, side, columns, side).sum(axis=(1, 3))
