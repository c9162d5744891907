"""
The errors are true
===================

``ERR`` is what the result scatters by: (result - truth) / error has a standard deviation of 1, after every stage.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from iris_simulate import simulate, write_set

import iris_core

# %%
# The same field with four realisations of the noise: in the exposure, in its backgrounds, and in the reference files.

field = simulate(size=(256, 256), backgrounds=5, defects=0.0, seed=7)
directory = tempfile.TemporaryDirectory()
folder = Path(directory.name)


def calibrated(realisation: int) -> iris_core.Exposure:
    """Return the calibrated exposure of one realisation."""
    made = field.again(realisation)
    written = write_set(made, folder / str(realisation))
    return iris_core.calibrate(
        made.exposure(),
        "image2",
        backgrounds=[made.background(number) for number in range(5)],
        references={"store": next(iter(written.references.values())).parent},
        skip={"resample": "compared on the pixels of the detector"},
    )["cal"]


# %%
# The truth: what the stars send to each pixel, divided by the true flat, in MJy/sr.

results = [calibrated(number) for number in range(4)]
scene = field.scene
truth = (scene.rate(0) - scene.background_rate()) / scene.detector.flat * results[0].sci_header["PHOTMJSR"]
pull = np.concatenate([((one.data - truth) / one.err).ravel() for one in results])
pull = pull[np.isfinite(pull)]

# %%
# Against a Gaussian of width 1.

bins = np.linspace(-5, 5, 101)
figure, axes = plt.subplots(figsize=(9, 5))
axes.hist(pull, bins=bins, density=True, color="#7fd1ff", alpha=0.7, label=f"{pull.size} pixels")
axes.plot(bins, np.exp(-(bins**2) / 2) / np.sqrt(2 * np.pi), color="#ffb454", linewidth=2, label="Gaussian, width 1")
axes.set(xlabel="(result - truth) / error", yscale="log", ylim=(1e-5, 1))
axes.set_title(f"mean {pull.mean():+.3f}, standard deviation {pull.std():.3f}")
axes.legend()
