"""Exposures and reference files with known content."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from iris_core import (
    DQ,
    Exposure,
    Image,
    InputError,
    InstrumentMode,
    Reference,
    load_plugins,
    meta_from_header,
    parse_unit,
    read_fits,
)

__all__ = ["iris_mode", "make_exposure", "make_reference"]

_IRIS = {"TELESCOP": "TMT", "INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT"}


def iris_mode() -> InstrumentMode:
    """Return the mode of the IRIS imager, ``iris-imager``."""
    return load_plugins(["iris-imager"]).modes()["iris-imager"]


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
        Keywords of the two headers, over what the mode gives.
    **meta
        Fields of `Meta`, over what the headers give; the exposure time is 100 s by default.

    Examples
    --------
    >>> from iris_testkit import make_exposure
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
    primary = Header(list({**_keywords_of(mode), **(header or {})}.items()))
    science = Header(list((sci_header or {}).items()))
    known = replace(meta_from_header(ChainMap(primary, science), Path("x_rate.fits")), mode=mode.name if mode else "")
    exposure = Exposure(
        data=data,
        dq=np.zeros(full, dtype=np.uint32),
        variance=variance,
        unit=parse_unit(unit or (mode.unit if mode else "electron/s")),
        meta=replace(known, **meta),
        header=primary,
        sci_header=science,
    )
    return exposure if bad is None else exposure.flag(bad, DQ.DO_NOT_USE)


def _plane(value: ArrayLike, shape: tuple[int, ...]) -> Image:
    return np.broadcast_to(np.asarray(value, dtype=np.float32), shape).copy()


def _keywords_of(mode: InstrumentMode | None) -> dict[str, Any]:
    """Return what the primary header of an exposure of a mode has by default."""
    if mode is None:
        return {**_IRIS, "EXPTIME": 100.0}
    first = {"DETECTOR": next(iter(mode.detectors), ""), "FILTER": next(iter(mode.filters), "")}
    given = {"TELESCOP": mode.telescope, "INSTRUME": mode.instrument, **first, "EXPTIME": 100.0}
    return {name: value for name, value in given.items() if value}


def make_reference(
    path: str | Path,
    reftype: str,
    data: ArrayLike,
    *,
    err: ArrayLike | None = None,
    dq: ArrayLike | None = None,
    unit: str = "",
    **keywords: Any,
) -> Reference:
    """Write a reference image and return it as a stage gets it: read.

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

    path = Path(path)
    cards = {"REFTYPE": reftype, "INSTRUME": "IRIS", "DETECTOR": "IMG1", "USEAFTER": "2020-01-01T00:00:00", **keywords}
    hdus = [fits.PrimaryHDU(header=fits.Header(list(cards.items())))]
    planes = {"SCI": _of_type(data, np.float32), "ERR": _of_type(err, np.float32), "DQ": _of_type(dq, np.uint32)}
    hdus += [fits.ImageHDU(plane, name=name) for name, plane in planes.items() if plane is not None]
    if unit:
        hdus[1].header["BUNIT"] = unit
    fits.HDUList(hdus).writeto(path, overwrite=True)
    reference = Reference(reftype=reftype, path=path, provider="test")
    with suppress(InputError):  # a file that cannot be read has no content, and is there for tests of that
        reference = reference.with_content(read_fits(path))
    return reference


def _of_type(plane: ArrayLike | None, dtype: type) -> Any:
    return None if plane is None else np.asarray(plane, dtype=dtype)
