"""Time the compiled drizzle kernel and the drizzle library on the same images, interleaved: ns per input pixel.

python benchmarks/drizzle_kernel.py [--sizes 1024 2048 4096] [--runs 5] [--angle 10]

Data, variance, weight and DQ are drizzled, from planes in memory that were touched before. The library takes its
pixel map as an array and copies of the pixels; making these is part of the work, as in resample.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import iris_drizzle
import numpy as np
from drizzle.resample import Drizzle
from iris_drizzle import Grid, Image, SplineMap, Weight
from scipy.interpolate import CubicSpline

BAND = 128


def scene(size: int, angle: float) -> tuple[Image, CubicSpline, int]:
    """Return a noisy image, 1 % of it bad, the spline of its pixel map, and the side of its grid."""
    random = np.random.default_rng(1)
    data = random.normal(100, 10, (size, size)).astype(np.float32)
    dq = np.where(random.random((size, size)) < 0.01, 1, 0).astype(np.uint32)
    rows = np.linspace(0, size - 1, size // 64 + 1)
    x, y = np.meshgrid(np.arange(size) - size / 2, rows - size / 2)
    factor = 1 + 0.005 * (x**2 + y**2) / size**2
    sine, cosine = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    side = int(size * 1.01 * (abs(sine) + abs(cosine))) + 8
    places = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1) * factor[..., np.newaxis] + side / 2
    image = Image(data=data, dq=dq, variance={"total": data + 5}, unusable=1, hidden=1, weight=Weight(constant=100.0))
    return image, CubicSpline(rows, places, axis=0), side


def by_library(image: Image, spline: CubicSpline, side: int) -> None:
    """Drizzle with the library, in bands of rows."""
    zeros = [np.zeros((side, side), np.float32) for _ in range(3)]
    grid = Drizzle(
        out_img=zeros[0],
        out_wht=zeros[1],
        out_img2=[zeros[2]],
        out_dq=np.zeros((side, side), np.uint32),
        disable_ctx=True,
    )
    for first in range(0, image.shape[0], BAND):
        start, stop = max(first - 1, 0), min(first + BAND + 2, image.shape[0])
        used = image.dq[start:stop] & image.unusable == 0
        grid.add_image(
            np.where(used, image.data[start:stop], np.float32(0)),
            exptime=1.0,
            pixmap=spline(np.arange(start, stop, dtype=float)),
            weight_map=np.where(used, np.float32(image.weight.constant), np.float32(0)),
            data2=[np.where(used, image.variance["total"][start:stop], np.float32(0))],
            dq=image.dq[start:stop] & ~np.uint32(image.hidden),
            ymin=first - start,
            ymax=min(first + BAND, image.shape[0]) - 1 - start,
        )


def by_kernel(image: Image, spline: CubicSpline, side: int, using: str, threads: int) -> None:
    """Drizzle with the kernel."""
    mapping = SplineMap(coefficients=spline.c, breaks=spline.x)
    iris_drizzle.drizzle(image, mapping, Grid.empty((side, side), ["total"]), using=using, threads=threads)


def programs() -> dict[str, Callable[[Image, CubicSpline, int], None]]:
    """Return the programs by name."""
    found: dict[str, Callable[[Image, CubicSpline, int], None]] = {"library": by_library}
    for using in iris_drizzle.instructions():
        for threads in (1, 2):
            found[f"{using}, {threads} thread{'s' * (threads > 1)}"] = lambda *given, u=using, n=threads: by_kernel(
                *given, u, n
            )
    return found


def main() -> None:
    """Simulate, run in turn, print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--angle", type=float, default=10.0, help="of the grid [deg]")
    options = parser.parse_args()
    for size in options.sizes:
        given = scene(size, options.angle)
        taken: dict[str, list[tuple[float, float]]] = {}
        for _ in range(options.runs):
            for name, program in programs().items():
                wall, cpu = time.perf_counter(), time.process_time()
                program(*given)
                taken.setdefault(name, []).append((time.perf_counter() - wall, time.process_time() - cpu))
        print(f"{size} x {size}, {options.angle:g} deg, median of {options.runs}, ns per input pixel")
        for name, rows in taken.items():
            wall, cpu = (median(column) / size**2 * 1e9 for column in zip(*rows, strict=True))
            print(f"  {name:22s} wall {wall:6.1f}   CPU {cpu:6.1f}")


if __name__ == "__main__":
    main()
