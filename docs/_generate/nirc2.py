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
from pictures import STYLE

import iris_core
from iris_core import Exposure, Image

PAGE = Path(__file__).parents[1] / "tutorials"
RECIPE = """\
recipe: 1
name: cosmos
extends: nirc2-dither
steps:
  - cosmic_rays: {after: background}
  - resample: {params: {crval: [150.4340, 2.9516], output_shape: [1200, 1200]}}
"""
REFERENCES = {"dark": "drk_80_1_16_11apr", "flat": "flat_Ks_W_11apr", "mask": "badpix_12oct"}
OPTIONS = {"quality": 82, "optimize": True}


def reduce_frames(folder: Path, output: Path) -> list[str]:
    """Calibrate the nine frames onto one grid, and return their names."""
    recipe = output / "cosmos.yaml"
    recipe.write_text(RECIPE)
    references = {reftype: folder / "cal" / f"{name}.fits.gz" for reftype, name in REFERENCES.items()}
    files = sorted((folder / "raw").glob("*.fits.gz"))
    report = iris_core.run(recipe, *files, references=references, directory=output)
    assert not report.failed, [result.error for result in report.results]
    return [path.name.removesuffix(".fits.gz") for path in files]


def show(axes: plt.Axes, image: Image, spread: tuple[float, float], title: str) -> None:
    """Draw an image from so many standard deviations below its median to so many above."""
    middle = np.nanmedian(image)
    scatter = 1.4826 * np.nanmedian(np.abs(image - middle))
    limits = middle - spread[0] * scatter, middle + spread[1] * scatter
    axes.imshow(image, vmin=limits[0], vmax=limits[1], cmap="gray_r" if spread[0] > 2 else "magma")
    axes.set(title=title, xticks=[], yticks=[])


def draw_frames(raw: Exposure, cal: Exposure, stack: Image) -> None:
    """Draw a raw frame, the same without its sky, and the mean of all nine on one grid."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.3))
    show(axes[0], raw.data, (2, 4), "n0035, raw: 5700 DN of sky")
    show(axes[1], cal.data, (2, 6), "n0035_cal: the sky of the others subtracted")
    show(axes[2], stack, (2, 8), "mean of the nine i2d, north up")
    figure.savefig(PAGE / "nirc2-frames.jpg", dpi=80, pil_kwargs=OPTIONS)


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
        names = reduce_frames(folder, Path(output))
        cal = iris_core.read_fits(Path(output) / "n0035_cal.fits")
        planes = [iris_core.read_fits(Path(output) / f"{name}_i2d.fits").data for name in names]
    raw = [read_exposure(folder / "raw" / f"{name}.fits.gz", True, "") for name in names]
    values = np.isfinite(planes).sum(axis=0)
    draw_frames(raw[4], cal, np.where(values > 0, np.nansum(planes, axis=0) / np.maximum(values, 1), np.nan))
    draw_errors(raw)


if __name__ == "__main__":
    main()
