"""One picture of what calibration does: rate, calibrated, rectified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import Exposure, atomic, unit_string

if TYPE_CHECKING:
    from astropy.table import Row, Table
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_CUT = 40  # pixels on each side of the star that is shown enlarged
_INK, _PAPER, _MARK, _BAD = "#d8dee9", "#0f1318", "#7fd1ff", "#35d0ba"
_STYLE: Any = {
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "font.size": 11,
}


def draw(rate: Exposure, cal: Exposure, i2d: Exposure, stars: Table, path: Path) -> None:
    """Draw three exposures side by side, whole and around the brightest star, as PNG.

    Parameters
    ----------
    rate, cal, i2d
        The exposure as it came, calibrated, and rectified; the last two with a gWCS.
    stars
        With ``ra``, ``dec`` [deg] and ``flux``.
    path
        Of the picture; replaced if it is there.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    star = _well_inside(stars, cal)
    # A rate has no gWCS yet, and shares the pixels of its calibrated self.
    columns = {
        "rate: as observed": (rate, cal),
        "cal: calibrated": (cal, cal),
        "i2d: rectified, north up": (i2d, i2d),
    }
    # What a file matplotlibrc of the current folder says (TeX, which runs programs) is put aside.
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=(13.5, 10.4), facecolor=_PAPER, layout="constrained")
        panels = figure.subplots(2, 3, squeeze=False)
        for (title, (exposure, pointed)), (whole, near) in zip(columns.items(), panels.T, strict=True):
            _column(figure, whole, near, exposure, _box(pointed, star["ra"], star["dec"]))
            whole.set_title(title, fontsize=14, pad=10)
        figure.supxlabel("below: the framed star; green pixels have no valid value", fontsize=11)
        with atomic(path) as temporary:
            figure.savefig(temporary, dpi=110)


def _well_inside(stars: Table, cal: Exposure) -> Row:
    """Return the brightest star whose neighbourhood is in the frame, or the brightest of all."""
    assert cal.wcs is not None
    x, y = cal.wcs.world_to_pixel_values(np.asarray(stars["ra"]), np.asarray(stars["dec"]))
    rows, columns = cal.shape
    inside = (np.minimum(x, columns - x) > 2 * _CUT) & (np.minimum(y, rows - y) > 2 * _CUT)
    return stars[int(np.argmax(np.asarray(stars["flux"]) * np.where(inside, 1.0, 1e-6)))]


def _box(exposure: Exposure, ra: float, dec: float) -> tuple[slice, slice]:
    """Return the rows and columns around a place on the sky."""
    assert exposure.wcs is not None
    x, y = exposure.wcs.world_to_pixel_values(ra, dec)
    column, row = max(round(float(x)) - _CUT, 0), max(round(float(y)) - _CUT, 0)
    return slice(row, row + 2 * _CUT + 1), slice(column, column + 2 * _CUT + 1)


def _column(figure: Figure, whole: Axes, near: Axes, exposure: Exposure, box: tuple[slice, slice]) -> None:
    """Show all of an exposure, and the part of it in a box, each with colours that suit it."""
    from matplotlib.patches import Rectangle

    rows, columns = box
    _image(figure, whole, exposure, exposure.data, 0.02)
    _image(figure, near, exposure, exposure.data[box], 0.005)
    size = columns.stop - columns.start, rows.stop - rows.start
    whole.add_patch(Rectangle((columns.start, rows.start), *size, fill=False, edgecolor=_MARK, linewidth=1.5))
    for spine in near.spines.values():
        spine.set(color=_MARK, linewidth=1.5)


def _image(figure: Figure, axes: Axes, exposure: Exposure, image: Any, softening: float) -> None:
    from astropy.stats import mad_std
    from astropy.visualization import AsinhStretch, ImageNormalize
    from matplotlib import colormaps

    sky, high = np.nanpercentile(image, (50, 99.9))
    low = sky - 2 * mad_std(image, ignore_nan=True)
    norm = ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(softening), clip=False)
    colours = colormaps["magma"].with_extremes(bad=_BAD)
    shown = axes.imshow(np.ma.masked_invalid(image), origin="lower", cmap=colours, norm=norm, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    bar = figure.colorbar(shown, ax=axes, location="bottom", pad=0.02, aspect=35, shrink=0.97)
    # Five ticks at equal distances on the bar, whatever the stretch does to their values.
    bar.set_ticks([float(f"{value:.2g}") for value in norm.inverse(np.linspace(0, 1, 5))[1:-1]])
    bar.minorticks_off()
    bar.ax.xaxis.set_major_formatter("{x:g}")
    bar.set_label("" if exposure.unit is None else unit_string(exposure.unit))
