"""
What the flat does, and what it costs
=====================================

The :doc:`flat_field </reference/flat_field>` stage divides by the response of the pixels. The error of the flat comes
in with it: a share of the signal, which is more than the noise where an exposure is bright.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from iris_simulate import simulate, write_set

import iris_core

# %%
# A flat that is known to 0.5 %, and a sky without stars.

directory = tempfile.TemporaryDirectory()
folder = Path(directory.name)
made = simulate(size=(256, 256), stars=0, flat_error=0.005, defects=0.0, seed=3)
write_set(made, folder)
recipe = folder / "flat.yaml"
recipe.write_text("recipe: 1\nname: flat\nsteps:\n  - dark_current: {save: dark}\n  - flat_field: {save: flat}\n")
products = iris_core.calibrate(made.exposure(), recipe, references={"store": folder / "references"})
before, after = products["dark"], products["flat"]

# %%
# The response falls towards the corners, and scatters from pixel to pixel. Divided by it, blank sky is as bright
# everywhere. Means of 16 x 16 pixels show it better than single ones.


def means(image: np.ndarray) -> np.ndarray:
    """Return the means of boxes of 16 x 16 pixels."""
    return image.reshape(16, 16, 16, 16).mean(axis=(1, 3))


figure, panels = plt.subplots(1, 3, figsize=(13, 5))
images = {
    "flat": made.reference_image("flat").data,
    "blank sky, before": means(before.data / before.data.mean()),
    "after": means(after.data / after.data.mean()),
}
for axes, (title, image) in zip(panels, images.items(), strict=True):
    shown = axes.imshow(image, vmin=0.955, vmax=1.045)
    axes.set(title=title, xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes, location="bottom", label="over its mean")

# %%
# The components of the error in a pixel, for longer and longer exposures of that sky: noise averages out, the error of
# the flat does not.

seconds = np.geomspace(10, 10000, 50)
rate = float(after.data.mean())
noise = np.sqrt(after.variance["poisson"].mean() * 100 / seconds) / rate
read = np.sqrt(after.variance["rnoise"].mean()) * 100 / seconds / rate
flat = np.full_like(seconds, np.sqrt(after.variance["flat"].mean()) / rate)
figure, axes = plt.subplots(figsize=(9, 5))
for label, error in {"poisson": noise, "rnoise": read, "flat": flat}.items():
    axes.loglog(seconds, 100 * error, label=label, linewidth=2)
axes.loglog(seconds, 100 * np.sqrt(noise**2 + read**2 + flat**2), "--", color="#d8dee9", label="all")
axes.set(xlabel="exposure time [s]", ylabel="error of one pixel of sky [%]")
axes.legend()
