"""
The data quality of an exposure
===============================

Every stage only adds :doc:`DQ bits </reference/keywords>`. A pixel with ``DO_NOT_USE`` is NaN, in the data and in their
errors, and no other is.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from iris_simulate import simulate, write_set
from matplotlib.colors import ListedColormap

import iris_core
from iris_core import DQ

# %%
# A detector with many defects, two windows that were read out apart, and a star that saturates.

directory = tempfile.TemporaryDirectory()
folder = Path(directory.name)
made = simulate(size=(256, 256), defects=0.02, stars=12, brightest=2e-3, seed=5)
write_set(made, folder)
exposure = made.exposure()
labels = np.zeros(exposure.shape, dtype=np.int16)
labels[30:70, 40:110] = 1
labels[160:220, 170:230] = 2
exposure = exposure.replace(planes={"SUBARR_MAP": labels})
references = {"store": folder / "references"}
cal = iris_core.calibrate(exposure, "image2", references=references, skip={"resample": "not shown"})["cal"]

# %%
# Where the bits are, and how many pixels have each.

kinds = {
    DQ.HOT: "#ff7a93",
    DQ.DEAD: "#7fd1ff",
    DQ.SATURATED: "#ffb454",
    DQ.SUBARRAY: "#4c566a",
}
picture = np.zeros(cal.shape, dtype=int)
for number, bit in enumerate(kinds, start=1):
    picture[(cal.dq & bit) != 0] = number
figure, axes = plt.subplots(figsize=(8, 7))
axes.imshow(picture, cmap=ListedColormap(["#0f1318", *kinds.values()]), vmin=0, vmax=len(kinds))
for bit, colour in kinds.items():
    axes.plot([], [], "s", color=colour, label=f"{bit.name}: {np.count_nonzero(cal.dq & bit)}")
axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
axes.set(xticks=[], yticks=[])

# %%
# NaN and ``DO_NOT_USE`` go together.

unusable = (cal.dq & DQ.DO_NOT_USE) != 0
assert np.array_equal(unusable, np.isnan(cal.data))
assert np.array_equal(unusable, np.isnan(cal.err))
print(f"{unusable.mean():.1%} of the pixels are not to be used")  # noqa: T201
