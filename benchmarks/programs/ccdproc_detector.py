"""Dark, flat and background with ccdproc, errors propagated, flags kept.

python ccdproc_detector.py SCIENCE SKY DARK FLAT OUTPUT_FOLDER     (in the environment of ccdproc)
"""

from __future__ import annotations

import sys
from pathlib import Path

import astropy.units as u
import ccdproc
import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from stopwatch import Stopwatch


def read(path: str, unit: u.Unit) -> CCDData:
    """Return an image with its errors, its flags, and the pixels that are not to be used as mask."""
    with fits.open(path) as hdus:
        flags = hdus["DQ"].data.astype("u4")
        errors = StdDevUncertainty(hdus["ERR"].data.astype("f4"))
        data = hdus["SCI"].data.astype("f4")
    return CCDData(data, unit=unit, uncertainty=errors, mask=flags & 1 == 1, flags=flags)


def corrected(path: str, dark: CCDData, flat: CCDData) -> CCDData:
    """Return an exposure without dark, divided by the flat; the flat is divided by its mean, as ccdproc does it."""
    image = read(path, u.electron / u.s)
    flags = image.flags | dark.flags | flat.flags
    image = ccdproc.subtract_dark(image, dark, dark_exposure=1 * u.s, data_exposure=1 * u.s, scale=False)
    image = ccdproc.flat_correct(image, flat, norm_value=1.0)
    image.flags = flags
    return image


def main() -> None:
    """Read, calibrate, write."""
    science, sky, dark_file, flat_file, folder = sys.argv[1:]
    Path(folder).mkdir()
    watch = Stopwatch()
    with watch.stage("read references"):
        dark, flat = read(dark_file, u.electron / u.s), read(flat_file, u.dimensionless_unscaled)
    with watch.stage("dark, flat, background"):
        images = [corrected(path, dark, flat) for path in (science, sky)]
        result = images[0].subtract(images[1])
        flags = images[0].flags | images[1].flags
    with watch.stage("write"):
        planes = {"SCI": np.float32(result.data), "ERR": np.float32(result.uncertainty.array), "DQ": flags}
        hdus = [fits.ImageHDU(image, name=name) for name, image in planes.items()]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(Path(folder) / "peer_cal.fits")
    watch.show()


if __name__ == "__main__":
    main()
