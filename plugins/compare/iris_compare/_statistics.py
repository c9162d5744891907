"""The panels that count pixels: how large differences are, where in signal they are, and what DQ changed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from iris_compare._difference import BitChange

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from iris_core import Array

__all__ = ["show_against_signal", "show_bits", "show_histogram", "show_nothing"]


_INK, _LINE = "#0072b2", "#d55e00"


def show_nothing(axes: Axes, text: str) -> None:
    """Write in a panel why there is nothing to show."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, wrap=True)


def show_histogram(axes: Axes, plane: Array, label: str, same: float) -> None:
    """Count the finite values of a plane; the legend has the number of those that lie far out.

    Parameters
    ----------
    axes
        The panel.
    plane
        The values.
    label
        What they are.
    same
        Their value where nothing differs; it is always in the panel.
    """
    values = plane[np.isfinite(plane)].astype(np.float64)  # ratios near 1 have no 101 bins in float32
    if not values.size:
        show_nothing(axes, "no pixel to count")
        return
    low, high = _range(values, same)
    beyond = int(np.count_nonzero((values < low) | (values > high)))
    axes.hist(values, bins=101, range=(low, high), color=_INK, log=True)
    axes.axvline(same, color="black", linewidth=1, linestyle=":", label=f"no difference: {same:g}")
    axes.axvline(float(np.median(values)), color=_LINE, linewidth=1.5, label=f"median {np.median(values):.4g}")
    axes.set(xlabel=label, ylabel="pixels", xlim=(low, high))
    axes.set_ylim(bottom=0.5)
    axes.locator_params(axis="x", nbins=5)
    title = f"pixels farther out: {beyond}" if beyond else None
    # A fixed place: to look for the best one takes long, and matplotlib warns of it on a busy machine.
    axes.legend(title=title, loc="upper right", fontsize=8, title_fontsize=8)


def _range(values: Array, same: float) -> tuple[float, float]:
    """Return from where to where a histogram goes: over nearly all values, and `same`."""
    low, high = (float(one) for one in np.percentile(values, (0.02, 99.98)))
    low, high = min(low, same), max(high, same)
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def show_against_signal(axes: Axes, signal: Array, difference: Array, unit: str) -> None:
    """Show the difference over the signal of the first, and its median in bins: level if an offset, a line if a factor.

    Where the values span decades an axis is linear near zero and logarithmic far from it.
    """
    from matplotlib.colors import LogNorm

    known = np.isfinite(difference)
    x, y = signal[known].astype(np.float64), difference[known]
    if not y.any():
        show_nothing(axes, "no difference in the data" if y.size else "no pixel that is valid in both")
        return
    widths = _linear_width(x), _linear_width(y)
    edges = _edges(x, widths[0]), _edges(np.append(y, 0.0), widths[1])
    counts, _, _ = np.histogram2d(x, y, bins=edges)
    norm = LogNorm(vmin=0.3, vmax=counts.max())
    axes.pcolormesh(*edges, np.ma.masked_equal(counts.T, 0), norm=norm, cmap="Greys", rasterized=True)
    axes.axhline(0, color="black", linewidth=1, linestyle=":")
    axes.plot(*_running_median(x, y, edges[0]), color=_LINE, linewidth=1.5, label="median")
    _scale(axes, widths)
    axes.set(xlabel=f"first [{unit}]", ylabel=f"other - first [{unit}]")
    axes.legend(loc="upper right", fontsize=8)


def _linear_width(values: Array) -> float:
    """Return up to where an axis is linear: near most of the values, or everywhere (0) where they span no decades."""
    sizes = np.abs(values[values != 0])
    usual = float(np.median(sizes)) if sizes.size else 0.0
    return usual if sizes.size and sizes.max() > 20 * usual else 0.0


def _edges(values: Array, width: float, bins: int = 100) -> Array:
    """Return edges of bins that are of one size on an axis of that linear width, with a margin around the values."""
    low, high = float(values.min()), float(values.max())
    if not width:
        margin = 0.03 * (high - low) or 0.03 * abs(high) or 1.0
        return np.linspace(low - margin, high + margin, bins + 1)
    low, high = float(np.arcsinh(low / width)), float(np.arcsinh(high / width))
    margin = 0.03 * (high - low)
    return np.asarray(width * np.sinh(np.linspace(low - margin, high + margin, bins + 1)))


def _scale(axes: Axes, widths: tuple[float, float]) -> None:
    """Make the axes with a linear width linear up to it, and logarithmic beyond."""
    from matplotlib.ticker import AsinhLocator, NullLocator

    scaled = (axes.xaxis, axes.set_xscale, widths[0]), (axes.yaxis, axes.set_yscale, widths[1])
    for axis, set_scale, width in scaled:
        if width:
            set_scale("asinh", linear_width=width)
            axis.set_major_locator(AsinhLocator(width, numticks=6))
            axis.set_minor_locator(NullLocator())
        axis.set_major_formatter("{x:g}")


def _running_median(x: Array, y: Array, edges: Array) -> tuple[Array, Array]:
    """Return the median of `y` in each fourth bin of `x` that has ten values or more."""
    order = np.argsort(x)
    ends = np.searchsorted(x[order], edges[::4])
    parts = [order[start:end] for start, end in pairwise(ends) if end - start >= 10]
    return np.array([np.median(x[part]) for part in parts]), np.array([np.median(y[part]) for part in parts])


def show_bits(axes: Axes, changes: Mapping[str, BitChange]) -> None:
    """Show for each bit how many pixels gained it (to the right) and lost it (to the left)."""
    if not changes:
        show_nothing(axes, "no difference in DQ")
        return
    places = np.arange(len(changes))
    gained, lost = np.array([(one.gained, one.lost) for one in changes.values()]).T
    for counts, colour, label in ((gained, "#e69f00", "gained"), (-lost, "#56b4e9", "lost")):
        bars = axes.barh(places, counts, 0.5, color=colour, label=label)
        axes.bar_label(bars, labels=[f"{abs(count)}" if count else "" for count in counts], padding=3, fontsize=8)
    axes.set_xscale("symlog", linthresh=1)
    most = 100 * float(max(gained.max(), lost.max()))
    for place, name in zip(places, changes, strict=True):
        axes.text(0, place - 0.28, name, ha="center", va="bottom", fontsize=8)
    axes.tick_params(which="both", bottom=False, labelbottom=False)
    axes.set(yticks=[], xlim=(-most, most), ylim=(max(len(changes), 4) - 0.5, -0.8), xlabel="pixels")
    axes.vlines(np.zeros(len(changes)), places - 0.25, places + 0.25, color="black", linewidth=0.8)
    axes.legend(fontsize=8, loc="lower right")
