"""The stage destripe keeps the rules of the framework: rows, columns, and both."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from iris_core import Exposure, Image
from iris_testkit import StageConformance
from scenes import alternating

import iris_destripe


class TestRows(StageConformance):
    """The rules that every stage has to keep, tried on an exposure with stripes as strong as the noise of a pixel."""

    plugin = iris_destripe
    stage = "destripe"
    shape = (192, 256)
    realisations = 8
    exempt: ClassVar = {
        "subarray": "the stripes of a window are measured from the pixels of the window alone",
        "variance": "it moves every seventh pixel of a row, and so the row's mean; "
        "test_errors.py moves one pixel and compares the whole covariance",
    }

    def truth(self) -> Exposure:
        """Return the exposure of the kit with stripes."""
        exposure = super().truth()
        return exposure.replace(data=exposure.data + self.stripes(exposure.shape))

    def stripes(self, shape: tuple[int, int]) -> Image:
        """Return what is to be removed."""
        return alternating(shape[0])[:, np.newaxis]


class TestColumns(TestRows):
    """The same along columns."""

    params: ClassVar = {"direction": "columns", "box_size": 32}

    def stripes(self, shape: tuple[int, int]) -> Image:
        """Return what is to be removed."""
        return alternating(shape[1])


class TestBoth(TestRows):
    """The same along both, in four channels."""

    params: ClassVar = {"direction": "both", "box_size": 32, "channels_x": 2, "channels_y": 2}

    def stripes(self, shape: tuple[int, int]) -> Image:
        """Return what is to be removed."""
        return super().stripes(shape) + alternating(shape[1])
