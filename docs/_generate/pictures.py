"""How the pictures of the gallery look."""

from __future__ import annotations

from typing import Any

INK, PAPER = "#d8dee9", "#0f1318"
STYLE: Any = {
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.facecolor": PAPER,
    "legend.edgecolor": "#4c566a",
    "figure.constrained_layout.use": True,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.15,
    "image.origin": "lower",
    "image.interpolation": "nearest",
    "image.cmap": "magma",
    "axes.prop_cycle": "cycler('color', ['7fd1ff', 'ffb454', '35d0ba', 'ff7a93'])",
    "savefig.dpi": 110,
}


def reset_style(_gallery: dict[str, Any], _file: str) -> None:
    """Give every picture the same look: a dark sheet that suits a light page and a dark one."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)
