"""
Distortion, and the grid without it
===================================

:doc:`assign_wcs </reference/assign_wcs>` attaches a gWCS with the distortion of the camera, and writes a FITS WCS for
tools that know no other. :doc:`resample </reference/resample>` puts the image onto a grid without distortion.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy.wcs import WCS
from iris_simulate import simulate, write_set

import iris_core

directory = tempfile.TemporaryDirectory()
folder = Path(directory.name)
made = simulate(size=(512, 512), distortion=12.0, seed=6)
write_set(made, folder)
references = {"store": folder / "references"}
products = iris_core.calibrate(made.exposure(), "image2", references=references)
cal, i2d = products["cal"], products["i2d"]

# %%
# Where the pixels of the detector fall on the rectified grid, against a grid of equal steps: the distortion.

x, y = np.meshgrid(np.linspace(0, 511, 17), np.linspace(0, 511, 17))
column, row = i2d.wcs.world_to_pixel_values(*cal.wcs.pixel_to_world_values(x, y))
terms = np.stack([np.ones(x.size), x.ravel(), y.ravel()], axis=1)
straight = [terms @ np.linalg.lstsq(terms, value.ravel(), rcond=None)[0] for value in (column, row)]
dx, dy = (value - line.reshape(x.shape) for value, line in zip((column, row), straight, strict=True))

# %%
# How far the WCS in the header of the rate, which is linear, is off the gWCS. The FITS WCS that the stage writes has
# the distortion as polynomials (TAN-SIP), and says in ``WCSERR`` by how much it misses the gWCS.

x_all, y_all = np.meshgrid(np.arange(0.0, 512, 4), np.arange(0.0, 512, 4))
sky = cal.wcs.pixel_to_world_values(x_all, y_all)
linear_x, linear_y = WCS(made.exposure().sci_header).all_world2pix(*sky, 0)
off = np.hypot(linear_x - x_all, linear_y - y_all)

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.2))
arrows = left.quiver(x, y, dx, dy, color="#7fd1ff", angles="xy")
left.quiverkey(arrows, 0.85, 1.04, 5, "5 pixels", labelpos="W")
left.set(title="distortion", xlabel="column", ylabel="row", aspect="equal")
shown = right.imshow(off, extent=(0, 512, 0, 512))
right.set(title=f"linear WCS; that of the product: {cal.fits_wcs['WCSERR']:.1g} pixel", xlabel="column")
figure.colorbar(shown, ax=right, label="off by [pixel]")
