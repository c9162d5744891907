"""Exposures and reference files with known content, for the tests of a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from iris_core.fitsio import read_fits
from iris_core.instruments import InstrumentMode, load_mode
from iris_core.keywords import parse_unit
from iris_core.meta import Meta
from iris_core.model import Exposure
from iris_core.references import Reference

__all__ = ["iris_mode", "make_exposure", "make_reference"]


def iris_mode() -> InstrumentMode:
    """Return the mode of the IRIS imager."""
    return load_mode(Path(__file__).parents[1] / "instruments" / "iris.yaml")


def make_exposure(
    shape: tuple[int, int] = (32, 32),
    *,
    value: float = 10.0,
    nint: int = 0,
    unit: str = "electron/s",
    poisson: float = 1.0,
    rnoise: float = 0.5,
    header: dict[str, Any] | None = None,
    sci_header: dict[str, Any] | None = None,
    **meta: Any,
) -> Exposure:
    """Return an exposure whose planes are constant.

    Parameters
    ----------
    shape
        Rows and columns.
    value
        Every pixel of the data, in `unit`.
    nint
        Number of integrations; 0 for a 2-D rate.
    unit
        Of the data.
    poisson, rnoise
        The two variance components, in `unit` squared.
    header, sci_header
        Keywords of the two headers.
    **meta
        Fields of `Meta`; by default a Kbb exposure of 100 s with IRIS IMG1.
    """
    from astropy.io.fits import Header

    full = (nint, *shape) if nint else shape
    defaults = {"instrument": "IRIS", "telescope": "TMT", "detector": "IMG1", "filter": "Kbb", "read_mode": "DEFAULT"}
    return Exposure(
        data=np.full(full, value, dtype=np.float32),
        dq=np.zeros(full, dtype=np.uint32),
        variance={
            "poisson": np.full(full, poisson, dtype=np.float32),
            "rnoise": np.full(full, rnoise, dtype=np.float32),
        },
        unit=parse_unit(unit),
        meta=Meta(**{**defaults, "exposure_time": 100.0, "path": Path("x_rate.fits"), **meta}),
        header=Header(list((header or {}).items())),
        sci_header=Header(list((sci_header or {}).items())),
    )


def make_reference(
    path: Path,
    reftype: str,
    data: ArrayLike,
    *,
    err: ArrayLike | None = None,
    dq: ArrayLike | None = None,
    unit: str = "",
    **keywords: Any,
) -> Reference:
    """Write a reference image and return it as a stage is given it.

    Parameters
    ----------
    path
        Where to write it; ``.fits``.
    reftype
        Its type.
    data, err, dq
        ``(ny, nx)``; no plane is written for None.
    unit
        BUNIT; not written when empty.
    **keywords
        Further keywords of the primary header; by default those of IRIS IMG1.
    """
    from astropy.io import fits

    cards = {"REFTYPE": reftype, "INSTRUME": "IRIS", "DETECTOR": "IMG1", "USEAFTER": "2020-01-01T00:00:00", **keywords}
    hdus = fits.HDUList([fits.PrimaryHDU(header=fits.Header(list(cards.items())))])
    hdus.append(fits.ImageHDU(np.asarray(data, dtype=np.float32), name="SCI"))
    if unit:
        hdus["SCI"].header["BUNIT"] = unit
    if err is not None:
        hdus.append(fits.ImageHDU(np.asarray(err, dtype=np.float32), name="ERR"))
    if dq is not None:
        hdus.append(fits.ImageHDU(np.asarray(dq, dtype=np.uint32), name="DQ"))
    hdus.writeto(path, overwrite=True)
    return Reference(
        reftype=reftype, path=path, provider="test", read=lambda file, _type, pixels: read_fits(file, pixels)
    )
