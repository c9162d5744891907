"""Draw the picture of the page on a simulated night: `python docs/_generate/night.py FOLDER`.

FOLDER is where the commands of the page were typed: it has raw, masters and deep. The picture is kept, small, beside
the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from pictures import STYLE

import iris_core
from iris_core import Image

PICTURE = Path(__file__).parents[1] / "tutorials" / "iris-night.jpg"
OPTIONS = {"quality": 82, "optimize": True}


def show(axes: plt.Axes, image: Image, title: str) -> None:
    """Draw an image with an asinh stretch about its median, in units of its scatter."""
    middle = np.nanmedian(image)
    scatter = 1.4826 * np.nanmedian(np.abs(image - middle))
    axes.imshow(np.arcsinh(np.nan_to_num((image - middle) / scatter) / 3), vmin=-0.6, vmax=5)
    axes.set(title=title, xticks=[], yticks=[])


def draw_fluxes(axes: plt.Axes, catalogue: Table, truth: Table) -> None:
    """Draw the fluxes of stars over the truth, with their errors."""
    stars = catalogue[~catalogue["is_extended"]]
    places = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    nearest, _, _ = stars["sky_centroid"].match_to_catalog_sky(places)
    true = truth["flux_Kbb"][nearest]
    ratio, error = (stars[name] / true for name in ("aper_total_flux", "aper_total_flux_err"))
    axes.errorbar(np.asarray(true) * 1e6, ratio, error, fmt="o", ms=4, lw=1)
    axes.axhline(1, color="#d8dee9", lw=0.8)
    axes.set(xscale="log", ylim=(0.9, 1.1), xlabel="true flux [uJy]", title="catalogue over truth, Kbb")


def main() -> None:
    """Draw raw exposure, dark, deep image and fluxes."""
    plt.rcParams.update(STYLE)
    folder = Path(sys.argv[1])
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.9))
    (raw,) = (folder / "raw").glob("sim_0001_IMG1_science_Kbb_*.fits")
    show(axes[0], iris_core.read_exposure(raw).data, "a raw exposure")
    cal = iris_core.read_exposure(folder / "deep" / "sim_0001_IMG1_science_Kbb_cal.fits")
    show(axes[1], cal.data, "the same, _cal: no value where bad")
    deep = folder / "deep" / "SIMULATED-FIELD_Kbb"
    show(axes[2], iris_core.read_exposure(f"{deep}_i2d.fits").data, "five together, _i2d")
    catalogue = Table.read(f"{deep}_cat.ecsv")
    axes[2].scatter(catalogue["xcentroid"], catalogue["ycentroid"], s=90, facecolors="none", edgecolors="#7fd1ff")
    draw_fluxes(axes[3], catalogue, Table.read(folder / "raw" / "truth" / "stars.ecsv"))
    figure.savefig(PICTURE, dpi=80, pil_kwargs=OPTIONS)


if __name__ == "__main__":
    main()
