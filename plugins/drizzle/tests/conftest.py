"""Images, and where their pixels fall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import iris_drizzle
import numpy as np
import pytest
from iris_drizzle import Grid, Image, SplineMap, Weight
from scipy.interpolate import CubicSpline

ROUNDED = 2.0**16


@dataclass(frozen=True)
class Scene:
    """An image, its map as a spline, and the same map in every pixel, ``(ny, nx, 2)``."""

    image: Image
    mapping: SplineMap
    pixmap: Any
    shape: tuple[int, int]

    def drizzled(self, names: list[str] | None = None, **options: Any) -> Grid:
        """Return the grid that the kernel makes."""
        known = ["total"] * bool(self.image.variance)
        grid = Grid.empty(self.shape, known if names is None else names)
        iris_drizzle.drizzle(self.image, self.mapping, grid, **options)
        return grid

    def drop(self, pixel: tuple[int, int], pixfrac: float) -> list[Any]:
        """Return the corners of the drop of a pixel; edges of output pixels at whole numbers."""
        part, (row, column) = pixfrac / 2, np.add(pixel, 1)
        around = np.pad(self.pixmap, ((1, 1), (1, 1), (0, 0)), "reflect", reflect_type="odd")

        def corner(u: int, v: int) -> Any:
            lines = (around[line, [column, column + u]] for line in (row, row + v))
            own, beside = ((1 - part) * line[0] + part * line[1] for line in lines)
            return (1 - part) * own + part * beside + 0.5

        return [corner(u, v) for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))]

    def part(self, pixel: tuple[int, int], place: tuple[int, int], pixfrac: float) -> float:
        """Return the part of the drop of a pixel that falls into a pixel of the grid."""
        inner = drop = self.drop(pixel, pixfrac)
        for axis in (0, 1):
            low = place[1 - axis]
            inner = _cut(_cut(inner, axis, low, 1), axis, low + 1, -1)
        return _area(inner) / _area(drop)

    def mean(self, place: tuple[int, int], pixfrac: float) -> float:
        """Return the exact value of a pixel of the grid."""
        reach = 0.5 + 2 * np.ptp(self.pixmap[:2, :2], axis=(0, 1)).max()
        near = np.abs(self.pixmap - place[::-1]).max(axis=-1) < reach
        pixels = [(int(row), int(column)) for row, column in np.argwhere((self.weights > 0) & near)]
        parts = [self.part(pixel, place, pixfrac) * float(self.weights[pixel]) for pixel in pixels]
        return float(np.average([float(self.image.data[pixel]) for pixel in pixels], weights=parts))

    @property
    def total(self) -> Any:
        """The variance of the pixels."""
        return self.image.variance["poisson"] + self.image.variance["rnoise"]

    @property
    def weights(self) -> Any:
        """The weights of the pixels, 0 where they are not used."""
        image = self.image
        used = ((image.dq & image.unusable) == 0) & np.isfinite(image.data) & np.isfinite(self.total)
        weight = np.float32(image.weight.constant)
        if image.weight.over is not None:
            weight = 1 / (weight + sum(image.variance[name] for name in image.weight.over))
        return np.where(used, weight, 0).astype(np.float32)


def _cut(corners: list[Any], axis: int, border: float, sign: int) -> list[Any]:
    """Return what of a polygon lies on one side of a line (Sutherland & Hodgman)."""
    result = []
    for one, other in zip(corners, corners[1:] + corners[:1], strict=True):
        inside = [sign * (point[axis] - border) >= 0 for point in (one, other)]
        if inside[0]:
            result.append(one)
        if inside[0] != inside[1]:
            result.append(one + (other - one) * (border - one[axis]) / (other[axis] - one[axis]))
    return result


def _area(corners: list[Any]) -> float:
    if not corners:
        return 0.0
    x, y = np.transpose(corners)
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _map_of(transform: Any, shape: tuple[int, int], nodes: int = 5) -> tuple[SplineMap, Any]:
    """Return the spline through a map (x, y) -> (x, y), and its values in all pixels."""
    rows = np.linspace(0, shape[0] - 1, nodes)
    x, y = np.meshgrid(np.arange(shape[1], dtype=float), rows)
    spline = CubicSpline(rows, np.stack(transform(x, y), axis=-1), axis=0)
    pixmap = np.rint(spline(np.arange(shape[0], dtype=float)) * ROUNDED) / ROUNDED
    return SplineMap(coefficients=spline.c, breaks=spline.x), pixmap


def _turned(angle: float, scale: float = 1.0, bend: float = 0.0, flip: bool = False, shift: Any = (0.3, 0.7)) -> Any:
    """Return a map: turned by `angle` [deg] around (20, 20), and then bent like a lens."""
    cosine, sine = scale * np.cos(np.deg2rad(angle)), scale * np.sin(np.deg2rad(angle))

    def transform(x: Any, y: Any) -> Any:
        u, v = (x - 20) * (-1 if flip else 1), y - 20
        factor = 1 + bend * (u**2 + v**2) / 4000
        u, v = u * factor, v * factor
        return cosine * u - sine * v + 24 * scale + shift[0], sine * u + cosine * v + 24 * scale + shift[1]

    return transform


def _scene(
    transform: Any, *, seed: int = 1, shape: tuple[int, int] = (37, 45), grid: tuple[int, int] = (60, 64), **given: Any
) -> Scene:
    """Return a noisy image with stars, some pixels of which are flagged, or NaN, or without error."""
    random = np.random.default_rng(seed)
    y, x = np.indices(shape)
    data = random.normal(20, 3, shape)
    for row, column in random.uniform(0, 1, (4, 2)) * shape:
        data += random.uniform(100, 1e4) * np.exp(-((x - column) ** 2 + (y - row) ** 2) / 3)
    poisson = np.abs(data) + 1
    dq = np.where(random.random(shape) < 0.1, 1 << random.integers(0, 31, shape), 0).astype(np.uint32)
    data[random.random(shape) < 0.02] = np.nan
    poisson[random.random(shape) < 0.02] = np.inf
    variance = {"poisson": poisson.astype(np.float32), "rnoise": random.uniform(4, 6, shape).astype(np.float32)}
    planes = {"data": data.astype(np.float32), "dq": dq, "variance": variance, "unusable": 0b1011, "hidden": 1}
    mapping, pixmap = _map_of(transform, shape)
    return Scene(Image(**{**planes, "weight": Weight(constant=3.5), **given}), mapping, pixmap, grid)


@pytest.fixture(params=iris_drizzle.instructions())
def using(request: pytest.FixtureRequest) -> str:
    """Return each instruction set of this machine in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def scene() -> Callable[..., Scene]:
    """Return what makes a scene of a map."""
    return _scene


@pytest.fixture(scope="session")
def turned() -> Callable[..., Any]:
    """Return what makes a map."""
    return _turned
