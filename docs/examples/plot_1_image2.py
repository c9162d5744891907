"""
From a rate to a rectified image
================================

An exposure of 100 s with IRIS in Kbb: as the detector gives it, calibrated, and on a rectified grid with north up.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy.visualization import AsinhStretch, ImageNormalize
from iris_simulate import simulate, write_set

import iris_core

# %%
# A simulated exposure of a star field and four of blank sky, with the reference files that calibrate them.

directory = tempfile.TemporaryDirectory()
folder = Path(directory.name)
made = simulate(size=(512, 512), backgrounds=4, position_angle=20.0, seed=1)
written = write_set(made, folder)

# %%
# Through the recipe ``image2``. The rectified image is to have north up.

products = iris_core.calibrate(
    made.exposure(),
    "image2",
    backgrounds=[made.background(number) for number in range(4)],
    references={"store": folder / "references"},
    params={"resample.rotation": 0.0},
)

# %%
# In the calibrated image the sky is gone, and bad pixels have no value (here green). The rectified image is larger: its
# corners lie outside of the detector.

images = {
    "rate": made.exposure(),
    "cal: calibrated": products["cal"],
    "i2d: rectified, north up": products["i2d"],
}
figure, panels = plt.subplots(1, 3, figsize=(13, 5))
colours = plt.colormaps["magma"].with_extremes(bad="#35d0ba")
for axes, (title, exposure) in zip(panels, images.items(), strict=True):
    low, high = np.nanpercentile(exposure.data, (1, 99.8))
    norm = ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(0.03))
    shown = axes.imshow(exposure.data, cmap=colours, norm=norm)
    axes.set(title=title, xticks=[], yticks=[])
    ticks = [float(f"{value:.2g}") for value in norm.inverse(np.linspace(0.1, 0.9, 4))]
    figure.colorbar(shown, ax=axes, location="bottom", label=str(exposure.unit), ticks=ticks, format="%g")
