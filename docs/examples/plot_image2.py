"""
Before and after
================

An exposure of 100 s with IRIS in Kbb as the detector gives it, calibrated, and on a rectified grid.
"""

from iris_simulate import simulate

# %%
# A simulated exposure of 512 x 512 pixels, and four of blank sky.

made = simulate(size=(512, 512), backgrounds=4, seed=1)
