"""Four panels that show how good a zero point is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import atomic
from iris_photom_stars._report import shift_of, unused
from iris_photom_stars._result import POGSON, ZeroPoint

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.axes import Axes

    from iris_core import Doubles
    from iris_photom_stars._product import Measured

__all__ = ["draw"]

# Colours that people with any colour vision tell apart (Okabe & Ito 2008).
_USED, _CLIPPED, _OTHER, _BAND = "#0072b2", "#d55e00", "#8a8a8a", "#56b4e9"
_STYLE: Any = {"font.size": 10, "axes.titlesize": 11, "axes.grid": True, "grid.alpha": 0.25, "legend.fontsize": 9}
# The axis of zero points reaches so many standard deviations of a star from the mean.
_REACH = 6.0


def draw(measured: Measured, path: Path) -> None:
    """Draw zero point against magnitude, residuals over the detector, the curve of growth, and offsets of the places.

    Parameters
    ----------
    measured
        What is shown.
    path
        Of the figure; its suffix gives the format. Replaced if it is there.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    zero = measured.zero
    with rc_context(_STYLE):
        figure = Figure(figsize=(12.5, 10.0), layout="constrained")
        magnitudes, detector, growth, places = figure.subplots(2, 2).flat
        _magnitudes(magnitudes, measured)
        _detector(detector, zero, measured.product.shape)
        _growth(growth, zero)
        _places(places, zero, measured.params.match_radius * zero.fwhm)
        figure.suptitle(
            f"{measured.product.name}: zero point {zero.value:.4f} ± {zero.error:.4f} mag "
            f"(AB magnitude of 1 {measured.unit})\n{zero.number} stars of {measured.catalog.name}, "
            f"band {measured.catalog.band}; not used: {unused(zero)}",
            fontsize=12,
        )
        with atomic(path) as temporary:
            figure.savefig(temporary, dpi=120)


def _of(stars: Table, *statuses: str) -> Table:
    return stars[np.isin(stars["status"], statuses)]


def _magnitudes(axes: Axes, measured: Measured) -> None:
    """Show the zero point of each star against its magnitude, with the mean and its error."""
    zero = measured.zero
    axes.axhspan(
        zero.value - zero.error, zero.value + zero.error, color=_BAND, alpha=0.45, lw=0, label="mean, its error"
    )
    axes.axhline(zero.value, color=_USED, lw=1)
    if measured.stated is not None:
        axes.axhline(measured.stated, color="black", lw=1, ls="--", label="calibration of the product")
    groups = {"faint": _of(zero.stars, "faint"), "blended": _of(zero.stars, "blended")}
    for (label, stars), marker in zip(groups.items(), "v^", strict=True):
        _points(axes, stars, color=_OTHER, marker=marker, mfc="none", label=label)
    _points(axes, _of(zero.stars, "clipped"), color=_CLIPPED, marker="x", label="clipped")
    used = _of(zero.stars, "used")
    _points(axes, used, color=_USED, marker="o", label="used")
    reach = _REACH * max(zero.mean.scatter, zero.error)
    axes.set_ylim(zero.value - reach, zero.value + reach)
    _beyond(axes, zero, reach)
    axes.set(xlabel="magnitude of the catalogue (AB)", ylabel="zero point [mag]", title="zero point of each star")
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, frameon=False)


def _points(axes: Axes, stars: Table, **style: Any) -> None:
    if len(stars):
        shown = {"ls": "none", "ms": 5, "elinewidth": 0.8, "capsize": 0, **style}
        shown["label"] = f"{style['label']} ({len(stars)})"
        axes.errorbar(stars["mag"], stars["zero_point"], yerr=stars["error"], **shown)


def _beyond(axes: Axes, zero: ZeroPoint, reach: float) -> None:
    """Point at stars that the axis leaves out."""
    stars = _of(zero.stars, "clipped", "faint", "blended")
    off = np.asarray(stars["zero_point"]) - zero.value
    for mag, side in zip(stars["mag"][np.abs(off) > reach], np.sign(off[np.abs(off) > reach]), strict=True):
        edge = zero.value + side * reach
        axes.annotate(
            "", (mag, edge), (mag, edge - side * reach * 0.09), arrowprops={"arrowstyle": "->", "color": _CLIPPED}
        )


def _detector(axes: Axes, zero: ZeroPoint, shape: tuple[int, int]) -> None:
    """Show where the stars are on the detector, and how far their zero points are from the mean."""
    others = zero.stars[~np.isin(zero.stars["status"], ("used", "clipped"))]
    axes.plot(others["x"], others["y"], "+", color=_OTHER, ms=6, label=f"not used ({len(others)})")
    clipped, used = _of(zero.stars, "clipped"), _of(zero.stars, "used")
    axes.plot(clipped["x"], clipped["y"], "x", color=_CLIPPED, ms=7, label=f"clipped ({len(clipped)})")
    residual = 1e3 * (np.asarray(used["zero_point"]) - zero.value)
    limit = min(float(np.abs(residual).max()), 2e3 * zero.mean.scatter) or 1e-3
    style: Any = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "edgecolor": "black", "linewidth": 0.6}
    shown = axes.scatter(used["x"], used["y"], c=residual, s=_sizes(used), **style)
    axes.set(
        xlim=(-0.5, shape[1] - 0.5), ylim=(-0.5, shape[0] - 0.5), aspect="equal", xlabel="x [pixel]", ylabel="y [pixel]"
    )
    axes.set_title("zero point minus mean over the detector; size: weight")
    assert axes.figure is not None
    axes.figure.colorbar(shown, ax=axes, label="residual [mmag]", shrink=0.9, extend="both")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False)


def _sizes(stars: Table) -> Doubles:
    """Return areas of markers that grow with the weight of a star."""
    weight = 1 / np.asarray(stars["error"]) ** 2
    sizes: Doubles = 25 + 95 * weight / weight.max()
    return sizes


def _growth(axes: Axes, zero: ZeroPoint) -> None:
    """Show the curve of growth of each star and their mean, and its end enlarged."""
    growth, radii = zero.growth, zero.apertures
    radius = np.append(0.0, growth.radius)
    shares = np.insert(growth.stars[growth.used], 0, 0.0, axis=1) / growth.correction
    mean = np.append(0.0, growth.curve / growth.correction)
    inset = axes.inset_axes((0.44, 0.12, 0.53, 0.5))
    for panel in (axes, inset):
        panel.plot(radius, shares.T, color=_OTHER, lw=0.6, alpha=0.7)
        panel.plot(radius, mean, color=_USED, lw=2)
        panel.axvline(radii.star, color=_CLIPPED, lw=1.2)
        panel.axvspan(*radii.sky, color=_BAND, alpha=0.25, lw=0)
    axes.text(radii.star, 0.02, " aperture", color=_CLIPPED, rotation=90, va="bottom", ha="right")
    axes.text(sum(radii.sky) / 2, 0.02, "sky", color=_USED, rotation=90, va="bottom", ha="center")
    error = growth.error / growth.correction
    inset.axhspan(1 - error, 1 + error, color=_BAND, alpha=0.45, lw=0)
    deepest = max(0.03, 6 * error)
    start = radii.sky[1] if radii.sky[1] < radii.total else radii.star
    inset.set(xlim=(start, radii.total), ylim=(1 - deepest, 1 + deepest / 2), title="its end")
    inset.tick_params(labelsize=8)
    axes.set(xlim=(0, radii.total), ylim=(0, 1.08), xlabel="radius [pixel]", ylabel="share of the light")
    axes.set_title(
        f"curve of growth of {growth.used.sum()} stars: correction {zero.correction:.4f} mag, "
        f"error {POGSON * error:.4f}"
    )
    _arcsec_above(axes, zero.pixel_scale)


def _arcsec_above(axes: Axes, scale: float) -> None:
    def to_arcsec(radius: Any) -> Any:
        return radius * scale

    def to_pixel(radius: Any) -> Any:
        return radius / scale

    above = axes.secondary_xaxis("top", functions=(to_arcsec, to_pixel))
    above.tick_params(labelsize=8)
    above.set_xlabel("[arcsec]", fontsize=8)


def _places(axes: Axes, zero: ZeroPoint, radius: float) -> None:
    """Show how far the stars are from where the catalogue puts them, after the shift."""
    from matplotlib.patches import Circle

    mas = 1e3 * zero.pixel_scale
    for status, colour, marker in (("clipped", _CLIPPED, "x"), ("used", _USED, "o")):
        stars = _of(zero.stars, status)
        axes.plot(stars["dx"] * mas, stars["dy"] * mas, marker, color=colour, ms=5, alpha=0.8)
    limit = min(radius, 5 * zero.offset_rms + 1e-3) * mas
    axes.add_patch(Circle((0, 0), zero.offset_rms * mas, fill=False, color=_USED, lw=1))
    axes.axhline(0, color=_OTHER, lw=0.8)
    axes.axvline(0, color=_OTHER, lw=0.8)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel="dx [mas]", ylabel="dy [mas]")
    axes.set_title(
        f"place minus catalogue after a shift of {shift_of(zero)} pixels\n"
        f"circle: rms per axis {zero.offset_rms * mas:.2g} mas ({zero.offset_rms:.3f} pixel)"
    )
