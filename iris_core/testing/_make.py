"""Exposures and reference files with known content."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iris_core.dq import DQ
from iris_core.fitsio import read_fits
from iris_core.instruments import InstrumentMode, load_mode
from iris_core.keyword_table import KEYWORDS
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
    value: ArrayLike = 10.0,
    nint: int = 0,
    unit: str | None = None,
    poisson: ArrayLike = 1.0,
    rnoise: ArrayLike = 0.5,
    bad: ArrayLike | None = None,
    seed: int | None = None,
    mode: InstrumentMode | None = None,
    header: Mapping[str, Any] | None = None,
    sci_header: Mapping[str, Any] | None = None,
    **meta: Any,
) -> Exposure:
    """Return an exposure whose truth is known.

    Parameters
    ----------
    shape
        Rows and columns.
    value
        The truth, in `unit`: a number, ``(ny, nx)``, or ``(nint, ny, nx)``.
    nint
        Number of integrations; 0 for a 2-D rate.
    unit
        Of the data; by default that of the mode's rates.
    poisson, rnoise
        The two variance components, in `unit` squared: numbers or planes.
    bad
        Pixels that are NaN and DO_NOT_USE: bool, ``(ny, nx)`` or the full shape.
    seed
        Of normal noise with the variance of the components, added to the truth; None for none.
    mode
        Instrument mode; by default the IRIS imager. Its first detector and its first filter are the exposure's.
    header, sci_header
        Keywords of the two headers; the primary header says what `meta` says, too.
    **meta
        Fields of `Meta`, over what the mode says; the exposure time is 100 s.

    Examples
    --------
    >>> from iris_core.testing import make_exposure
    >>> exposure = make_exposure((8, 9), value=10.0, seed=1)
    >>> exposure.data.shape, str(exposure.unit), exposure.meta.detector
    ((8, 9), 'electron / s', 'IMG1')
    """
    from astropy.io.fits import Header

    full = (nint, *shape) if nint else shape
    variance = {"poisson": _plane(poisson, full), "rnoise": _plane(rnoise, full)}
    data = _plane(value, full)
    if seed is not None:
        noise = np.random.default_rng(seed).standard_normal(full, dtype=np.float32)
        data = data + noise * np.sqrt(variance["poisson"] + variance["rnoise"])
    known = Meta(**{**_meta_of(mode), "exposure_time": 100.0, "path": Path("x_rate.fits"), **meta})
    exposure = Exposure(
        data=data,
        dq=np.zeros(full, dtype=np.uint32),
        variance=variance,
        unit=parse_unit(unit or (mode.unit if mode else "electron/s")),
        meta=known,
        header=Header(list({**_keywords_of(known), **(header or {})}.items())),
        sci_header=Header(list((sci_header or {}).items())),
    )
    return exposure if bad is None else exposure.flag(bad, DQ.DO_NOT_USE)


def _plane(value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.broadcast_to(np.asarray(value, dtype=np.float32), shape).copy()


def _meta_of(mode: InstrumentMode | None) -> dict[str, str]:
    if mode is None:
        iris = {"instrument": "IRIS", "telescope": "TMT", "detector": "IMG1"}
        return {**iris, "filter": "Kbb", "read_mode": "DEFAULT"}
    return {
        "instrument": mode.instrument,
        "telescope": mode.telescope,
        "mode": mode.name,
        "detector": next(iter(mode.detectors), ""),
        "filter": next(iter(mode.filters), ""),
    }


def _keywords_of(meta: Meta) -> dict[str, Any]:
    """Return the keywords that say what `meta` says, so that the exposure can be written and read."""
    said = {one.name: getattr(meta, one.field) for one in KEYWORDS if one.field}
    window = meta.window
    if window is not None:
        said |= {"SUBSTRT1": window.xstart, "SUBSTRT2": window.ystart}
        said |= {"SUBSIZE1": window.xsize, "SUBSIZE2": window.ysize}
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in said.items()}
    return {name: value for name, value in plain.items() if value not in (None, "", 0)}


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
