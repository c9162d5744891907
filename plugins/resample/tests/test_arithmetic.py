"""The arithmetic on plain arrays, without exposures."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_resample._drizzle import Drop, Planes, Resampled, drizzle_planes, finish
from iris_resample._layout import Place
from iris_resample._noise import correlated_noise_factor
from iris_resample._pixmap import PixelMap

SQUARE = Drop(kernel="square", pixfrac=1.0, ratio=1.0)
SHAPE = (12, 14)


def shifted(dx: float, dy: float, scale: float = 1.0) -> PixelMap:
    """Return the map of an image whose pixel (0, 0) falls on (dx, dy)."""

    def mapping(rows: np.ndarray, columns: slice) -> np.ndarray:
        x, y = np.meshgrid(np.arange(100.0)[columns][: SHAPE[1]] * scale + dx, rows * scale + dy)
        return np.stack([x, y], axis=-1)

    return mapping


def drizzle(onto: tuple[int, int], *what: Any, components: bool = False, margin: int = 2) -> Resampled:
    """Drizzle onto a grid of which only the shape matters."""
    place = Place(rows=slice(0, onto[0]), columns=slice(0, onto[1]), ratio=1.0, margin=margin)
    return finish(drizzle_planes(*what, place, components))


def planes(data: np.ndarray, **variance: np.ndarray) -> Planes:
    cube = data.astype(np.float32)[np.newaxis]
    components = {name: np.broadcast_to(plane, cube.shape).astype(np.float32) for name, plane in variance.items()}
    return Planes(data=cube, dq=np.zeros(cube.shape, dtype=np.uint32), variance=components, unusable=1)


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(5, 1, SHAPE)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.5, 0.9])
def test_the_weights_of_a_shift_are_the_overlaps(fraction: float) -> None:
    """In one dimension a pixel is (1 - f) of one and f of the next, and its variance (1 - f)^2 + f^2 of theirs."""
    data = image()
    result = drizzle((12, 15), planes(data, a=2.0), shifted(fraction, 0), SQUARE, lambda _: 3.0)
    inner = (1 - fraction) * data[:, 1:] + fraction * data[:, :-1]
    assert result.data[0, :, 1:14] == pytest.approx(inner, rel=1e-5)
    assert result.variance["total"][0, :, 1:14] == pytest.approx(2 * ((1 - fraction) ** 2 + fraction**2), rel=1e-5)
    assert result.weight[0, :, 1:14] == pytest.approx(3.0, rel=1e-5)
    assert result.weight[0, :, 14] == pytest.approx(3 * fraction, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(dx=st.floats(1, 3), dy=st.floats(1, 3), scale=st.floats(0.3, 2.5), pixfrac=st.floats(0.3, 1.0))
def test_weight_and_weighted_value_are_neither_made_nor_lost(
    dx: float, dy: float, scale: float, pixfrac: float
) -> None:
    """What falls wholly inside: sum of WHT x value = sum of weight x value of the input."""
    data, drop = image(), Drop(kernel="square", pixfrac=pixfrac, ratio=1 / scale)
    result = drizzle((45, 45), planes(data), shifted(dx, dy, scale), drop, lambda _: 2.0)
    assert np.sum(result.weight) == pytest.approx(2 * data.size, rel=1e-5)
    assert np.nansum(result.weight * result.data) == pytest.approx(2 * np.sum(data), rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(-100, 100), offset=st.floats(-100, 100), kernel=st.sampled_from(["square", "turbo", "point"]))
def test_resampling_is_linear(factor: float, offset: float, kernel: str) -> None:
    data, drop = image(), Drop(kernel=kernel, pixfrac=1.0, ratio=1.0)
    mapping = shifted(0.3, 0.4, 1.1)
    one, other = (
        drizzle((15, 17), planes(values), mapping, drop, lambda _: 1.0).data
        for values in (data, factor * data + offset)
    )
    assert other == pytest.approx(factor * one + offset, rel=1e-4, abs=1e-3, nan_ok=True)


def test_components_and_total() -> None:
    exposure = planes(image(), a=image(1) ** 2, b=image(2) ** 2)
    mapping = shifted(0.3, 0.6)
    apart, total = (
        drizzle((13, 15), exposure, mapping, SQUARE, lambda _: 1.0, components=components)
        for components in (True, False)
    )
    assert set(apart.variance) == {"a", "b"}
    assert set(total.variance) == {"total"}
    assert sum(apart.variance.values()) == pytest.approx(total.variance["total"], rel=1e-6)


def test_weights_see_the_components_of_their_band() -> None:
    noise = np.linspace(1, 2, SHAPE[0])[:, np.newaxis]
    result = drizzle(SHAPE, planes(image(), a=noise), shifted(0, 0), SQUARE, lambda v: 1 / v["a"])
    assert result.weight[0] == pytest.approx(np.broadcast_to(1 / noise, SHAPE), rel=1e-6)


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf])
def test_pixels_without_a_weight_are_counted(weight: float) -> None:
    weights = np.ones(SHAPE)
    weights[2, 3:6] = weight
    result = drizzle(SHAPE, planes(image()), shifted(0, 0), SQUARE, lambda _: weights)
    assert result.unweighted == 3
    assert np.argwhere(np.isnan(result.data[0])).tolist() == [[2, 3], [2, 4], [2, 5]]


@pytest.mark.parametrize("name", ["data", "variance"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_out(name: str, value: float) -> None:
    data, variance = image(), np.ones(SHAPE)
    (data if name == "data" else variance)[4, 4] = value
    result = drizzle(SHAPE, planes(data, a=variance), shifted(0, 0), SQUARE, lambda _: 1.0)
    assert np.argwhere(result.dq[0]).tolist() == [[4, 4]]
    assert np.isnan(result.data[0, 4, 4])
    assert np.isnan(result.variance["total"][0, 4, 4])
    assert result.unweighted == 0


def test_a_margin_changes_nothing_but_the_edges() -> None:
    cut, plain = (
        drizzle((6, 6), planes(image()), shifted(-3.5, -2.5), SQUARE, lambda _: 1.0, margin=margin)
        for margin in (32, 2)
    )
    assert cut.data.shape == (1, 6, 6)
    assert cut.data[:, 1:-1, 1:-1] == pytest.approx(plain.data[:, 1:-1, 1:-1])


def test_a_grid_on_which_nothing_falls_is_blank() -> None:
    result = drizzle((9, 9), planes(image(), a=1.0), shifted(50, 50), SQUARE, lambda _: 1.0)
    assert np.all(np.isnan(result.data))
    assert np.all(result.dq == 1)
    assert np.all(result.weight == 0)


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5])
def test_the_noise_factor_of_a_shift_in_closed_form(fraction: float) -> None:
    """Sum c = 1 and sum c^2 = ((1 - f)^2 + f^2)^2, so that the factor is 1 / ((1 - f)^2 + f^2)."""
    expected = 1 / ((1 - fraction) ** 2 + fraction**2)
    assert correlated_noise_factor(shifted(fraction, fraction), SHAPE, SQUARE) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_the_noise_factor_of_finer_pixels_is_their_number_along_an_axis(parts: int) -> None:
    """Each value is repeated n x n times: n^4 over n^2 in the variance."""
    mapping = shifted((parts - 1) / 2, (parts - 1) / 2, parts)
    drop = Drop(kernel="square", pixfrac=1.0, ratio=1 / parts)
    assert correlated_noise_factor(mapping, SHAPE, drop) == pytest.approx(parts, rel=1e-5)


def test_the_noise_factor_is_not_known_where_nothing_falls() -> None:
    def nowhere(rows: np.ndarray, columns: slice) -> np.ndarray:
        return np.full_like(shifted(0, 0)(rows, columns), np.nan)

    assert np.isnan(correlated_noise_factor(nowhere, SHAPE, SQUARE))
