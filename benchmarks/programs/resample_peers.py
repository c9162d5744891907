"""Resample the image of a `cal` product onto the grid of an `i2d` product, with drizzle or with reproject.

python resample_peers.py drizzle|interp|exact CAL I2D OUTPUT_FOLDER     (in the environment of the library)

What iris's resample does is done: science, variance, weight, and with drizzle the data quality. Pixels are placed
with the gWCS by drizzle, with the FITS keywords (TAN-SIP) by reproject.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from stopwatch import Stopwatch


class Cal:
    """The planes of a `cal` product."""

    def __init__(self, path: Path) -> None:
        with fits.open(path) as hdus:
            self.header = hdus["SCI"].header
            self.science = hdus["SCI"].data.astype("f4")
            self.flags = hdus["DQ"].data.astype("u4")
            self.variance = sum(hdu.data.astype("f4") for hdu in hdus if hdu.name.startswith("VAR_"))
            self.tree = hdus["ASDF"].data[0][0].tobytes()
        self.used = np.isfinite(self.science) & (self.flags & 1 == 0)


def by_drizzle(cal: Cal, grid: WCS, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Drizzle with the square kernel."""
    import asdf
    from drizzle.resample import Drizzle
    from drizzle.utils import calc_pixmap

    with asdf.open(io.BytesIO(cal.tree)) as tree:
        gwcs = tree["meta"]["wcs"]
    places = calc_pixmap(gwcs, grid, shape=cal.science.shape)
    sums = Drizzle(out_shape=shape, fillval="NaN", out_img2=[np.zeros(shape, np.float32)], out_dq=np.zeros(shape, "u4"))
    sums.add_image(
        np.where(cal.used, cal.science, np.float32(0)),
        exptime=1.0,
        pixmap=places,
        weight_map=cal.used.astype("f4"),
        data2=[np.where(cal.used, cal.variance, np.float32(0))],
        dq=cal.flags,
    )
    return {"SCI": sums.out_img, "VAR_TOTAL": sums.out_img2[0], "WHT": sums.out_wht, "DQ": sums.out_dq}


def by_reproject(cal: Cal, grid: WCS, shape: tuple[int, int], method: str) -> dict[str, np.ndarray]:
    """Interpolate bilinearly, or weight by areas on the sphere."""
    import reproject

    function = getattr(reproject, f"reproject_{method}")
    found, source = {}, WCS(cal.header)
    for name, plane in {"SCI": cal.science, "VAR_TOTAL": cal.variance}.items():
        image, weight = function((np.where(cal.used, plane, np.nan), source), grid, shape_out=shape)
        found |= {name: image.astype("f4"), "WHT": weight.astype("f4")}
    return found


def main() -> None:
    """Read, resample, write."""
    method, folder = sys.argv[1], Path(sys.argv[4])
    folder.mkdir()
    watch = Stopwatch()
    with watch.stage("read"):
        cal = Cal(Path(sys.argv[2]))
        header = fits.getheader(sys.argv[3], "SCI")
    grid, shape = WCS(header), (header["NAXIS2"], header["NAXIS1"])
    with watch.stage("resample"):
        planes = by_drizzle(cal, grid, shape) if method == "drizzle" else by_reproject(cal, grid, shape, method)
    with watch.stage("write"):
        planes["ERR"] = np.sqrt(planes["VAR_TOTAL"])
        hdus = [fits.ImageHDU(image, name=name) for name, image in planes.items()]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(folder / "peer_i2d.fits")
    watch.show()


if __name__ == "__main__":
    main()
