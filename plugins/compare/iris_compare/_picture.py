"""One picture of how two exposures differ: where, by how much, over which signal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_compare._catalogs import CatalogChange, flux_differences, match_sources
from iris_compare._difference import Difference, err_ratio, subtract
from iris_compare._images import DQ_KINDS, Box, classify_dq, number_of_blocks, show_difference, show_dq, show_pair
from iris_compare._statistics import show_against_signal, show_bits, show_histogram, show_nothing
from iris_core import Array, Exposure, InputError, atomic

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_catalogs", "draw_difference"]

_HALF = 20  # pixels on each side of the one in the middle of the enlarged part
_MARK = "#e6007e"
_STYLE: Any = {"font.size": 10, "axes.titlesize": 11, "hatch.color": "#606060", "hatch.linewidth": 0.4}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planes:
    """What is drawn, of all integrations; `shown` is in the images, `sigma` and `ratio` are None without err."""

    first: Array
    other: Array
    difference: Array
    shown: Array
    shown_unit: str
    sigma: Array | None
    ratio: Array | None
    kinds: Array
    unit: str


def draw_difference(
    first: Exposure,
    other: Exposure,
    difference: Difference,
    path: Path,
    *,
    names: tuple[str, str],
    title: str,
    over_err: bool = False,
) -> None:
    """Draw two exposures of one shape and unit, and how they differ, as PNG.

    Above, the whole frame (of rateints the integration with the largest difference); in the middle the part of it
    around the largest difference over err; below, of all pixels, the histograms of the difference over err and of the
    ratio of the errs, the difference over the signal, and the DQ bits.

    Parameters
    ----------
    first, other
        The exposures.
    difference
        What `measure_difference` found in them.
    path
        Of the picture; replaced if it is there.
    names, title
        What to call the two, and what they are.
    over_err
        Whether the images of the difference are in units of the first one's err, where that is known.
    """
    from matplotlib import style
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    planes = _planes(first, other, difference.unit, over_err)
    x, y, *integration = _middle(first, other, difference)
    box = _box(first.shape, x, y)
    # What a file matplotlibrc of the current folder says (TeX, which runs programs) is put aside.
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(17, 14.5), layout=ConstrainedLayoutEngine(h_pad=0.12))
        panels = figure.subplots(3, 4, squeeze=False, height_ratios=[1.25, 1.25, 1])
        _draw_images(panels[0], planes, _whole(first.shape), tuple(integration))
        _draw_images(panels[1], planes, box, tuple(integration))
        _draw_statistics(panels[2], planes, difference)
        _mark(panels[:2].ravel(), box)
        _label_panels(panels, names)
        _label_kinds(panels[0, 3], planes.kinds)
        where = f"integration {integration[0]} of {first.data.shape[0]} (0-based)" if integration else ""
        _label_figure(figure, f"{title}: {names[1]} against {names[0]}", where, first.shape)
        with atomic(path) as temporary:
            figure.savefig(temporary, dpi=100)


def draw_catalogs(first: Table, other: Table, change: CatalogChange, path: Path, *, names: tuple[str, str]) -> None:
    """Draw the fluxes of two catalogues, as PNG: their difference over the error as histogram, and over the flux.

    Parameters
    ----------
    first, other
        The tables.
    change
        What `compare_catalogs` found in them.
    path
        Of the picture; replaced if it is there.
    names
        What to call the two.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    column = next((one.column for one in reversed(change.fluxes) if one.sources), "")
    if not column:
        raise InputError(f"{path} cannot be drawn: no source has a flux and its error in both")
    here, there, _ = match_sources(first, other)
    over, _ = flux_differences(first[here], other[there], column)
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(12, 5.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        show_histogram(left, over, f"(other - first) / err of the first: {column}", 0)
        right.plot(first[column][here], over, ".", markersize=4)
        right.axhline(0, color="black", linewidth=1, linestyle=":")
        right.set(xscale="log", xlabel=f"first [{first[column].unit}]", ylabel="(other - first) / err of the first")
        figure.suptitle(f"{len(here)} sources: {names[1]} against {names[0]}", fontsize=13, fontweight="bold")
        with atomic(path) as temporary:
            figure.savefig(temporary, dpi=100)


def _planes(first: Exposure, other: Exposure, unit: str, over_err: bool) -> _Planes:
    difference, sigma = subtract(first, other)
    in_err = over_err and sigma is not None
    return _Planes(
        first=first.data,
        other=other.data,
        difference=difference,
        shown=sigma if in_err and sigma is not None else difference,
        shown_unit="err of the first" if in_err else unit,
        sigma=sigma,
        ratio=err_ratio(first, other),
        kinds=classify_dq(first.dq, other.dq),
        unit=unit,
    )


def _middle(first: Exposure, other: Exposure, difference: Difference) -> tuple[int, ...]:
    """Return the pixel to enlarge: of the largest difference, of the first one in DQ, or in the middle."""
    for spread in (difference.sigma, difference.data):
        if spread is not None and spread.largest.value:
            return spread.largest.pixel
    changed = first.dq != other.dq
    index = np.unravel_index(int(changed.argmax()), changed.shape) if changed.any() else None
    *integration, y, x = (size // 2 for size in changed.shape) if index is None else (int(one) for one in index)
    return (x, y, *integration)


def _whole(shape: tuple[int, int]) -> Box:
    return slice(0, shape[0]), slice(0, shape[1])


def _box(shape: tuple[int, int], x: int, y: int) -> Box:
    """Return the square around a pixel, moved into the frame where it would reach beyond."""
    rows, columns = (_side(size, at) for size, at in zip(shape, (y, x), strict=True))
    return rows, columns


def _side(size: int, at: int) -> slice:
    start = min(max(at - _HALF, 0), max(size - 2 * _HALF - 1, 0))
    return slice(start, min(start + 2 * _HALF + 1, size))


def _draw_images(panels: Array, planes: _Planes, box: Box, integration: tuple[int, ...]) -> None:
    show_pair((panels[0], panels[1]), (planes.first[integration], planes.other[integration]), box, planes.unit)
    show_difference(panels[2], planes.shown[integration], box, planes.shown_unit)
    show_dq(panels[3], planes.kinds[integration], box)


def _draw_statistics(panels: Array, planes: _Planes, difference: Difference) -> None:
    if planes.sigma is None:
        show_histogram(panels[0], planes.difference, f"other - first [{planes.unit}] (the err is not known)", 0)
    else:
        show_histogram(panels[0], planes.sigma, "(other - first) / err of the first", 0)
    show_against_signal(panels[1], planes.first, planes.difference, planes.unit)
    if planes.ratio is None:
        show_nothing(panels[2], "the err of one or both is not known")
    else:
        show_histogram(panels[2], planes.ratio, "err of the other / err of the first", 1)
    show_bits(panels[3], difference.dq)


def _mark(panels: Any, box: Box) -> None:
    """Frame the enlarged part in the panels of the whole (the first half), and the panels that enlarge it."""
    from matplotlib.patches import Rectangle

    rows, columns = box
    corner = columns.start - 0.5, rows.start - 0.5
    for axes in panels[:4]:
        size = columns.stop - columns.start, rows.stop - rows.start
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=_MARK, linewidth=1.3))
    for axes in panels[4:]:
        for spine in axes.spines.values():
            spine.set(color=_MARK, linewidth=1.5)


def _label_panels(panels: Array, names: tuple[str, str]) -> None:
    above = (f"first: {names[0]}", f"other: {names[1]}", "other - first", "DQ")
    below = ("difference over err", "difference over signal", "ratio of the errs", "DQ bits")
    for row, titles in ((panels[0], above), (panels[2], below)):
        for axes, title in zip(row, titles, strict=True):
            axes.set_title(title, fontweight="bold")
    for axes in panels[:2].ravel():
        axes.set_xlabel("x [pixel]", labelpad=1, fontsize=9)
    for axes in panels[:2, 0]:
        axes.set_ylabel("y [pixel]", fontsize=9)


def _label_kinds(axes: Axes, kinds: Array) -> None:
    """Name the colours of the DQ panel that occur, with the number of pixels of all integrations."""
    from matplotlib.patches import Patch

    counts = np.bincount(kinds.ravel(), minlength=len(DQ_KINDS))
    named = [
        Patch(facecolor=colour, edgecolor="black", linewidth=0.5, label=f"{name}: {count}")
        for (name, colour), count in zip(DQ_KINDS.items(), counts, strict=True)
        if count
    ]
    axes.legend(handles=named, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, fontsize=8, frameon=False)


def _label_figure(figure: Figure, title: str, where: str, shape: tuple[int, int]) -> None:
    side = number_of_blocks(_whole(shape))
    blocks = (
        f"one pixel of the upper row is {side} x {side} of the frame: their mean, the largest difference, the worst DQ"
    )
    notes = ["hatched grey: no valid value", *([blocks] if side > 1 else []), *([where] if where else [])]
    figure.suptitle(title, fontsize=15, fontweight="bold")
    notes.append("the middle row enlarges the frame around the largest difference")
    figure.supxlabel("; ".join(notes), fontsize=10)
