"""The panels that are images: two exposures, their difference, their DQ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from iris_compare._blocks import block_size, extreme_of_blocks, largest_of_blocks, mean_of_blocks
from iris_core import DQ, Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

__all__ = ["DQ_KINDS", "Box", "classify_dq", "number_of_blocks", "show_difference", "show_dq", "show_pair"]

Box = tuple[slice, slice]

# Colours of Okabe & Ito, which all readers can tell apart. In a block of pixels the last of its kinds is shown.
DQ_KINDS = {
    "same bits": "#f4f4f4",
    "invalid in both": "#a8a8a8",
    "bits lost": "#56b4e9",
    "bits gained": "#e69f00",
    "bits lost and gained": "#cc79a7",
    "valid in the other only": "#0072b2",
    "valid in the first only": "#d55e00",
}


def classify_dq(first: Array, other: Array) -> Array:
    """Return the index in `DQ_KINDS` of what each pixel is.

    Parameters
    ----------
    first, other
        `iris_core.DQ` bits; a pixel is valid without DO_NOT_USE.
    """
    gained, lost = (other & ~first) != 0, (first & ~other) != 0
    bad_first, bad_other = ((bits & DQ.DO_NOT_USE) != 0 for bits in (first, other))
    kinds = {
        "valid in the first only": bad_other & ~bad_first,
        "valid in the other only": bad_first & ~bad_other,
        "bits lost and gained": gained & lost,
        "bits gained": gained,
        "bits lost": lost,
        "invalid in both": bad_first & bad_other,
    }
    index = {name: number for number, name in enumerate(DQ_KINDS)}
    return np.select(list(kinds.values()), [index[name] for name in kinds], 0).astype(np.uint8)


def show_pair(panels: tuple[Axes, Axes], images: tuple[Array, Array], box: Box, unit: str) -> None:
    """Show a part of two images in the same colours, which suit the first of them."""
    from matplotlib import colormaps

    norm = _stretch(images[0][box])
    for axes, image in zip(panels, images, strict=True):
        part = image[box]
        shown = _show(axes, mean_of_blocks(part, block_size(part.shape)), box, cmap=colormaps["viridis"], norm=norm)
        bar = _bar(shown, axes, unit, "both")
        # Ticks at equal distances on the bar, whatever the stretch does to their values.
        bar.set_ticks([float(f"{value:.3g}") for value in norm.inverse(np.linspace(0, 1, 6))[1:-1]])
        bar.minorticks_off()
        bar.ax.xaxis.set_major_formatter("{x:g}")


def _stretch(image: Array) -> Any:
    """Return colours from just below the sky to the brightest pixels: linear in the noise, logarithmic above it."""
    from astropy.stats import mad_std
    from astropy.visualization import AsinhStretch, ImageNormalize

    finite = np.isfinite(image)
    values = image[finite] if finite.any() else np.zeros(1)
    noise = float(mad_std(values))
    low = max(float(values.min()), float(np.median(values)) - 3 * noise)
    high = float(np.percentile(values, 99.9))
    if high <= low:
        high = low + max(abs(low), 1.0) * 1e-3
    softening = min(max(6 * noise / (high - low), 0.003), 1.0)
    return ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(softening), clip=False)


def show_difference(axes: Axes, difference: Array, box: Box, unit: str) -> None:
    """Show a part of a difference, red where the other is higher and blue where it is lower; white is zero."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    part = difference[box]
    image = extreme_of_blocks(part, block_size(part.shape))
    sizes = np.abs(image[np.isfinite(image)])
    most = float(sizes.max(initial=0.0))
    limit = float(np.percentile(sizes, 99.5)) if sizes.size else 0.0
    limit = limit or most or 1.0
    shown = _show(axes, image, box, cmap=colormaps["RdBu_r"], norm=Normalize(-limit, limit))
    _bar(shown, axes, unit, "both" if most > limit else "neither")


def show_dq(axes: Axes, kinds: Array, box: Box) -> None:
    """Show a part of what `classify_dq` returned."""
    from matplotlib.colors import BoundaryNorm, ListedColormap

    part = kinds[box]
    image = largest_of_blocks(part, block_size(part.shape))
    norm = BoundaryNorm(np.arange(len(DQ_KINDS) + 1) - 0.5, len(DQ_KINDS))
    _show(axes, image, box, cmap=ListedColormap(list(DQ_KINDS.values())), norm=norm)


def number_of_blocks(box: Box) -> int:
    """Return how many pixels of the exposure, along each side, are one pixel of the picture."""
    return block_size(tuple(side.stop - side.start for side in box))


def _show(axes: Axes, image: Array, box: Box, **colours: Any) -> AxesImage:
    """Draw an image in the pixel coordinates of the exposure; NaN lets the hatched ground be seen."""
    rows, columns = box
    side = number_of_blocks(box)
    height, width = (side * size for size in image.shape)
    extent = (columns.start - 0.5, columns.start + width - 0.5, rows.start - 0.5, rows.start + height - 0.5)
    shown = axes.imshow(np.ma.masked_invalid(image), origin="lower", interpolation="nearest", extent=extent, **colours)
    axes.set(xlim=(columns.start - 0.5, columns.stop - 0.5), ylim=(rows.start - 0.5, rows.stop - 0.5))
    axes.patch.set(facecolor="#a8a8a8", edgecolor="#606060", hatch="//////", linewidth=0)
    axes.tick_params(labelsize=8)
    return shown


def _bar(shown: AxesImage, axes: Axes, unit: str, extend: str) -> Any:
    """Put a colour bar below a panel without taking room from it: all panels stay of one size."""
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(
        shown, cax=axes.inset_axes((0, -0.2, 1, 0.035)), orientation="horizontal", extend=extend, extendfrac=0.03
    )
    if type(shown.norm) is Normalize:  # more than five numbers run into each other
        bar.locator = MaxNLocator(5)
        bar.update_ticks()
    bar.set_label(f"[{unit}]", labelpad=1)
    bar.ax.tick_params(labelsize=8)
    return bar
