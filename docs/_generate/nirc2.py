"""Draw the pictures of the page on NIRC2 from the COSMOS01 dither: `python docs/_generate/nirc2.py FOLDER`.

The frames belong to the Keck Observatory Archive and are not part of this repository; FOLDER has them in ``raw``, and
the calibrations in ``cal``. The pictures are kept, small, beside the page.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table
from pictures import STYLE

import iris_core
from iris_core import Exposure, Image

PAGE = Path(__file__).parents[1] / "tutorials"
REFERENCES = {"dark": "drk_80_1_16_11apr", "flat": "flat_Ks_W_11apr", "mask": "badpix_12oct"}
# Column and row of the galaxy in the deep image.
GALAXY = 487, 706
OPTIONS = {"quality": 82, "optimize": True}


def reduce_frames(folder: Path, output: Path) -> None:
    """Make the deep image of the nine frames."""
    references = {reftype: folder / "cal" / f"{name}.fits.gz" for reftype, name in REFERENCES.items()}
    report = iris_core.run("nirc2-dither", folder / "raw", references=references, directory=output)
    assert not report.failed, [result.error for result in report.results]


def show(axes: plt.Axes, image: Image, spread: tuple[float, float], title: str) -> None:
    """Draw an image from so many standard deviations below its median to so many above."""
    middle = np.nanmedian(image)
    scatter = 1.4826 * np.nanmedian(np.abs(image - middle))
    limits = middle - spread[0] * scatter, middle + spread[1] * scatter
    axes.imshow(image, vmin=limits[0], vmax=limits[1], cmap="gray_r" if spread[0] > 2 else "magma")
    axes.set(title=title, xticks=[], yticks=[])


def draw_frames(raw: Exposure, cal: Exposure, deep: Exposure) -> None:
    """Draw a raw frame, the same without its sky, and the image of all nine."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.3))
    show(axes[0], raw.data, (2, 4), "n0035, raw: 5700 DN of sky")
    show(axes[1], cal.data, (2, 6), "n0035_cal: without the sky")
    show(axes[2], deep.data, (2, 8), "the nine frames together, north up")
    figure.savefig(PAGE / "nirc2-frames.jpg", dpi=80, pil_kwargs=OPTIONS)


def draw_deep(deep: Exposure, sources: Table) -> None:
    """Draw the deep image with an asinh stretch, its sources encircled, and two of them enlarged."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 6.2), width_ratios=(1.6, 1))
    image = np.arcsinh(np.nan_to_num(deep.data) / 0.2)
    axes[0].imshow(image, vmin=-1.5, vmax=6)
    found = sources[sources["aper70_flux"] > 5 * sources["aper70_flux_err"]]
    axes[0].scatter(found["xcentroid"], found["ycentroid"], s=130, facecolors="none", edgecolors="#7fd1ff", lw=0.8)
    axes[0].set(title=f"COSMOS01, Ks, 9 x 80 s; {len(found)} sources above 5 sigma", xticks=[], yticks=[])
    x, y = GALAXY
    axes[1].imshow(image[y - 60 : y + 60, x - 60 : x + 60], vmin=-1.5, vmax=5, interpolation="bicubic")
    axes[1].set(title="a galaxy with arcs: 4.8 arcsec wide", xticks=[], yticks=[])
    figure.savefig(PAGE / "nirc2-deep.jpg", dpi=90, pil_kwargs=OPTIONS)


def draw_errors(frames: list[Exposure]) -> None:
    """Draw the differences of raw frames over their errors, beside a normal distribution."""
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    widths = []
    for first, second in pairwise(frames):
        pulls = pulls_of(first, second)
        widths.append(np.std(pulls[np.abs(pulls) < 4]))
        axes.hist(pulls, bins=np.arange(-5, 5.05, 0.1), density=True, histtype="step", lw=1)
    x = np.linspace(-5, 5, 200)
    axes.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), color="#ffffff", lw=2, label="normal distribution, width 1")
    axes.set(xlabel="difference of consecutive raw frames / ERR", yscale="log", ylim=(1e-5, 1))
    axes.set_title(f"{len(widths)} pairs, of widths {min(widths):.3f} to {max(widths):.3f}")
    axes.legend(loc="lower center")
    figure.savefig(PAGE / "nirc2-errors.jpg", dpi=80, pil_kwargs=OPTIONS)


def pulls_of(first: Exposure, second: Exposure) -> Image:
    """Return the differences of two raw frames over their errors, what is smooth on 32 pixels taken out."""
    level = np.median(first.data) / np.median(second.data)
    pulls = (first.data - second.data * level) / np.hypot(first.err, second.err * level)
    boxes = np.median(pulls.reshape(32, 32, 32, 32), axis=(1, 3))
    return (pulls - np.kron(boxes, np.ones((32, 32), dtype=np.float32)))[(first.dq | second.dq) == 0]


def main() -> None:
    """Reduce the frames and draw the pictures."""
    from iris_nirc2 import read_exposure

    plt.rcParams.update(STYLE)
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as output:
        reduce_frames(folder, Path(output))
        (deep,) = map(iris_core.read_fits, Path(output).glob("*_i2d.fits"))
        (sources,) = map(Table.read, Path(output).glob("*_cat.ecsv"))
        cal = iris_core.read_fits(Path(output) / "n0035_cal.fits")
    raw = [read_exposure(path, True, "") for path in sorted((folder / "raw").glob("*.fits.gz"))]
    draw_frames(raw[4], cal, deep)
    draw_deep(deep, sources)
    draw_errors(raw)


if __name__ == "__main__":
    main()
