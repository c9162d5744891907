"""Write products as FITS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core.asdfio import dump_tree
from iris_core.keywords import is_wcs_keyword, unit_string
from iris_core.model import Exposure

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["write_fits"]


def write_fits(exposure: Exposure, path: Path) -> None:
    """Write PRIMARY, SCI, ERR, DQ, VAR_<COMPONENT>, AREA, further planes, and ASDF.

    Parameters
    ----------
    exposure
        Any exposure; ERR is written where its errors are known.
    path
        Where to.
    """
    from astropy.io import fits

    sci_header = _science_header(exposure)
    hdus = fits.HDUList([fits.PrimaryHDU(header=_current(exposure.header, exposure))])
    hdus.append(fits.ImageHDU(exposure.data, header=sci_header, name="SCI"))
    for name, plane in _planes(exposure).items():
        hdus.append(fits.ImageHDU(plane, name=name))
        if name.startswith(("ERR", "VAR_")) and exposure.unit is not None:
            hdus[-1].header["BUNIT"] = unit_string(exposure.unit if name == "ERR" else exposure.unit**2)
    hdus.append(_asdf_extension(exposure))
    # astropy warns of each long keyword that it writes as HIERARCH; it came so and goes so.
    hdus.writeto(path, output_verify="silentfix")
    for hdu in hdus:
        # HDUs refer to each other in circles, and would keep the pixels until these are found.
        del hdu.data


def _planes(exposure: Exposure) -> dict[str, Any]:
    err = exposure.err
    planes: dict[str, Any] = {} if err is None else {"ERR": err}
    planes["DQ"] = exposure.dq
    planes |= {f"VAR_{name.upper()}": plane for name, plane in exposure.variance.items()}
    if exposure.area is not None:
        planes["AREA"] = exposure.area
    return planes | dict(exposure.planes)


def _asdf_extension(exposure: Exposure) -> Any:
    from astropy.io import fits

    content = np.frombuffer(dump_tree(exposure), dtype=np.uint8)
    column = fits.Column(name="ASDF_METADATA", format=f"{content.size}B", array=content[np.newaxis])
    return fits.BinTableHDU.from_columns([column], name="ASDF")


def _science_header(exposure: Exposure) -> Header:
    header = _current(exposure.sci_header, exposure)
    if exposure.unit is not None:
        header["BUNIT"] = (unit_string(exposure.unit), "unit of the data")
    if exposure.wcs is not None and exposure.fits_wcs is not None:
        header.remove("EQUINOX", ignore_missing=True)  # FITS wants WCSAXES before it
        header.update(exposure.fits_wcs)
    return header


def _current(header: Header, exposure: Exposure) -> Header:
    """Return a copy that says the unit of today, and nothing of a WCS that a stage has replaced."""
    kept = header.copy()
    if exposure.unit is not None:
        for keyword in ("BUNIT", "UNIT"):
            if keyword in kept:
                kept[keyword] = unit_string(exposure.unit)
    if exposure.wcs is not None:
        for keyword in {card.keyword for card in header.cards if is_wcs_keyword(card.keyword)}:
            kept.remove(keyword, ignore_missing=True, remove_all=True)
    return kept
