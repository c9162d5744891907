"""
The background, before and after
================================

The :doc:`background </reference/background>` stage subtracts the mean of the background exposures, without the values
that do not belong to it, and adds the variance of that mean.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from iris_simulate import simulate

import iris_core

# %%
# Four exposures of blank sky. A satellite has crossed one of them.

made = simulate(size=(256, 256), backgrounds=4, seed=2)
exposure = made.exposure()
skies = [made.background(number) for number in range(4)]
rows, columns = np.indices(exposure.shape)
trail = 40.0 * np.exp(-0.5 * ((rows - 0.6 * columns - 40) / 1.5) ** 2)
skies[2] = skies[2].replace(data=skies[2].data + trail)

# %%
# A recipe of one step.

directory = tempfile.TemporaryDirectory()
recipe = Path(directory.name) / "sky.yaml"
recipe.write_text("recipe: 1\nname: sky\nsteps:\n  - background: {save: bsub}\n")
subtracted = iris_core.calibrate(exposure, recipe, backgrounds=skies)["bsub"]

# %%
# The dark goes with the sky: both exposures have it. Of the trail nothing is left. Where it was, three values were
# averaged and not four, and the error of the background says so.

images = {
    "one of four backgrounds": (skies[2].data, (5, 12), str(exposure.unit)),
    "exposure": (exposure.data, (5, 12), str(exposure.unit)),
    "background subtracted": (subtracted.data, (-3, 4), str(exposure.unit)),
    "error of the background": (np.sqrt(subtracted.variance["background"]), (0.1, 0.25), str(exposure.unit)),
}
figure, panels = plt.subplots(2, 2, figsize=(9, 9.5))
for axes, (title, (image, (low, high), unit)) in zip(panels.flat, images.items(), strict=True):
    shown = axes.imshow(image, vmin=low, vmax=high)
    axes.set(title=title, xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes, location="bottom", label=unit, shrink=0.9)
