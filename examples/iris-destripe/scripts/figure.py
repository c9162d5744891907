"""Draw a simulated exposure with stripes, what destripe finds, and what is left: `python scripts/figure.py OUT.png`."""

from __future__ import annotations

import sys

import iris_simulate
import matplotlib.pyplot as plt
import numpy as np
from iris_testkit import run_stage

import iris_destripe

SIZE = 512


def draw(path: str) -> None:
    """Write the figure."""
    made = iris_simulate.simulate(iris_simulate.SimulationSpec(size=(SIZE, SIZE)))
    rate = made.exposure()
    rows = np.random.default_rng(5).normal(0, 0.6, (SIZE, 1)).astype(np.float32)
    striped = rate.replace(data=rate.data + rows)
    clean = run_stage(iris_destripe, striped)
    low, high = np.nanpercentile(rate.data, (1, 99))
    figure, panels = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
    images = {
        "with stripes of 0.6 electron/s rms": (striped.data, low, high),
        "without": (clean.data, low, high),
        "subtracted": (striped.data - clean.data, -1.5, 1.5),
    }
    for panel, (title, (image, least, most)) in zip(panels, images.items(), strict=True):
        shown = panel.imshow(image, origin="lower", vmin=least, vmax=most, cmap="viridis", interpolation="nearest")
        panel.set(title=title, xlabel="x [pixel]")
        figure.colorbar(shown, ax=panel, label="electron/s", shrink=0.8)
    panels[0].set_ylabel("y [pixel]")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    draw(sys.argv[1])
