"""Images of cameras that nobody has a mode for, with one star of known place and flux."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

SHAPE = (120, 90)
STAR = (40.3, 70.6)  # pixel x, y, 0-based
SIGMA = 2.5
WCS = {
    "CTYPE1": "RA---ZPN",
    "CTYPE2": "DEC--ZPN",
    "PV2_1": 1.0,
    "PV2_3": -60.0,
    "CRPIX1": 4655.3,
    "CRPIX2": -3864.6,
    "CRVAL1": 83.9,
    "CRVAL2": 21.8,
    "CD1_1": 5.57e-5,
    "CD1_2": 5e-8,
    "CD2_1": -8e-8,
    "CD2_2": 5.57e-5,
    "RADESYS": "ICRS",
}

MakeImage = Callable[..., Path]


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    """Write an image of a camera by the name of WIDE."""

    def make(name: str = "field.fits", shape: tuple[int, int] = SHAPE, **keywords: Any) -> Path:
        y, x = np.indices(shape)
        star = np.exp(-((x - STAR[0]) ** 2 + (y - STAR[1]) ** 2) / 2 / SIGMA**2) / (2 * np.pi * SIGMA**2)
        cards = {"INSTRUME": "WIDE", "DETECTOR": "D7", "BUNIT": "DN/s", **WCS, **keywords}
        header = fits.Header({key: value for key, value in cards.items() if value is not None})
        fits.PrimaryHDU(np.float32(1e4 * star), header).writeto(tmp_path / name)
        return tmp_path / name

    return make
