"""Truth for conformance tests: a noise-free exposure, reference files with known errors, a world that is a plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iris_core.dq import DQ
from iris_core.errors import InputError
from iris_core.meta import Window
from iris_core.model import Exposure
from iris_core.testing._make import make_exposure

if TYPE_CHECKING:
    from gwcs import WCS

    from iris_core.instruments import InstrumentMode

__all__ = ["FileTruth", "ImageTruth", "add_wcs", "blemish", "cut_window", "known_reference", "pattern", "truth_of_mode"]

Plane = NDArray[np.float32]
BLEMISHES = (DQ.HOT, DQ.DO_NOT_USE, DQ.WARM)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTruth:
    """A reference image without noise.

    Parameters
    ----------
    data
        ``(ny, nx)`` of the full detector.
    err
        Its standard deviation, by which each realisation of the file is off; None for a file without errors.
    dq
        Its bits; None for none.
    unit
        Its BUNIT; ``""`` for none.
    """

    data: ArrayLike
    err: ArrayLike | None = None
    dq: ArrayLike | None = None
    unit: str = ""

    def realise(self, generator: np.random.Generator) -> ImageTruth:
        """Return the image with noise of its errors."""
        if self.err is None:
            return self
        data = np.asarray(self.data, dtype=np.float32)
        noise = generator.standard_normal(data.shape, dtype=np.float32)
        return replace(self, data=data + noise * np.asarray(self.err, dtype=np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTruth:
    """A reference file that is no image: a function writes it to a path of the given ending (``.ecsv``, ``.asdf``)."""

    ending: str
    write: Callable[[Path], Any]


def pattern(shape: tuple[int, int], seed: int = 1) -> Plane:
    """Return a plane between about -1 and 1: smooth, and different from pixel to pixel."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    smooth = 0.6 * np.sin(3.0 * rows / shape[0]) * np.cos(4.0 * columns / shape[1])
    grain = np.random.default_rng(seed).uniform(-0.4, 0.4, shape)
    return np.asarray(smooth + grain, dtype=np.float32)


def truth_of_mode(shape: tuple[int, int], mode: InstrumentMode) -> Exposure:
    """Return a noise-free exposure of a mode: a gradient of about 100 in its unit, errors that differ, a WCS."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] / np.array(shape).reshape(2, 1, 1)
    value = 100.0 + 20.0 * rows + 10.0 * np.sin(3.0 * columns)
    exposure = make_exposure(shape, value=value, poisson=1.0 + 0.5 * rows, rnoise=0.4 + 0.2 * columns, mode=mode)
    return add_wcs(exposure, mode.pixel_scale)


def add_wcs(exposure: Exposure, pixel_scale: float = 0.004) -> Exposure:
    """Return an exposure with a WCS in its headers and as a gWCS: TAN, north up, no distortion.

    Parameters
    ----------
    exposure
        ``(ny, nx)`` or ``(nint, ny, nx)``.
    pixel_scale
        arcsec per pixel.
    """
    ny, nx = exposure.shape
    cards: dict[str, Any] = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "RADESYS": "ICRS",
        "CRPIX1": (nx + 1) / 2,
        "CRPIX2": (ny + 1) / 2,
        "CRVAL1": 150.1,
        "CRVAL2": 2.2,
        "CDELT1": -pixel_scale / 3600,
        "CDELT2": pixel_scale / 3600,
    }
    header = exposure.sci_header.copy()
    header.update(cards)
    return exposure.replace(sci_header=header, wcs=_tan_wcs(header, exposure.shape))


def _tan_wcs(header: Any, shape: tuple[int, int]) -> WCS:
    from astropy import units as u
    from astropy.coordinates import ICRS
    from astropy.modeling.models import Pix2Sky_TAN, RotateNative2Celestial, Scale, Shift
    from gwcs import WCS
    from gwcs.coordinate_frames import CelestialFrame, Frame2D

    shift = Shift(1 - header["CRPIX1"]) & Shift(1 - header["CRPIX2"])
    scale = Scale(header["CDELT1"]) & Scale(header["CDELT2"])
    sky = Pix2Sky_TAN() | RotateNative2Celestial(header["CRVAL1"], header["CRVAL2"], 180.0)
    detector = Frame2D(name="detector", unit=(u.pix, u.pix))
    wcs = WCS([(detector, shift | scale | sky), (CelestialFrame(reference_frame=ICRS(), name="sky"), None)])
    wcs.bounding_box = ((-0.5, shape[1] - 0.5), (-0.5, shape[0] - 0.5))
    return wcs


def cut_window(exposure: Exposure, window: Window) -> Exposure:
    """Return what a subarray exposure of a window would hold of a full-frame exposure: its pixels, its WCS shifted.

    Raises
    ------
    InputError
        When the window is not inside the exposure.
    """
    ny, nx = exposure.shape
    rows, columns = window.slices_in(exposure.meta.window or Window(1, 1, nx, ny))
    header = exposure.sci_header.copy()
    for keyword, slice_ in (("CRPIX1", columns), ("CRPIX2", rows)):
        if keyword in header:
            header[keyword] -= slice_.start
    return exposure.replace(
        data=exposure.data[..., rows, columns],
        dq=exposure.dq[..., rows, columns],
        variance={name: plane[..., rows, columns] for name, plane in exposure.variance.items()},
        area=None if exposure.area is None else exposure.area[rows, columns],
        planes={name: plane[..., rows, columns] for name, plane in exposure.planes.items()},
        meta=replace(exposure.meta, window=window),
        sci_header=header,
        wcs=None if exposure.wcs is None else _tan_wcs(header, window.shape),
    )


def blemish(image: ImageTruth) -> ImageTruth:
    """Return a reference image with pixels that are NaN, not positive, or carry bits."""
    data = np.array(image.data, dtype=np.float32)
    dq = np.zeros(data.shape, dtype=np.uint32) if image.dq is None else np.array(image.dq, dtype=np.uint32)
    data[2, 3:6] = np.nan
    data[4, 5] = -data[4, 5]
    for column, bit in enumerate(BLEMISHES):
        dq[6, 3 + column] |= np.uint32(bit)
    return replace(image, data=data, dq=dq)


def known_reference(reftype: str, exposure: Exposure) -> ImageTruth | FileTruth:
    """Return a reference file of one of the types that our own stages use.

    Raises
    ------
    InputError
        When the type is none of them: the test class has to make it.
    """
    shape = exposure.shape
    images: dict[str, Callable[[], ImageTruth | FileTruth]] = {
        "dark": lambda: ImageTruth(data=2 + pattern(shape), err=np.full(shape, 0.5), unit=str(exposure.unit)),
        "flat": lambda: ImageTruth(data=1 + 0.2 * pattern(shape, 2), err=np.full(shape, 0.005)),
        "area": lambda: ImageTruth(data=1 + 0.02 * pattern(shape, 3)),
        "mask": lambda: ImageTruth(data=(pattern(shape, 4) > 0.9).astype(np.float32)),
        "photom": lambda: FileTruth(ending=".ecsv", write=lambda path: _write_photom(path, exposure)),
    }
    if reftype not in images:
        raise InputError(
            f"what a {reftype} reference is, the kit does not know; override reference() in the test class"
        )
    return images[reftype]()


def _write_photom(path: Path, exposure: Exposure) -> None:
    from astropy import units as u
    from astropy.table import Table

    meta, factor, area = exposure.meta, u.MJy / u.sr / exposure.unit, (0.004 * u.arcsec) ** 2
    rows = {
        "filter": [meta.filter],
        "detector": [meta.detector],
        "photmjsr": [0.25] * factor,
        "uncertainty": [0.005] * factor,
        "pixar_sr": [area.to_value(u.sr)] * u.sr,
        "pixar_a2": [area.value] * u.arcsec**2,
    }
    Table(rows, meta={"REFTYPE": "photom"}).write(path, format="ascii.ecsv")
