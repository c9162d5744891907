"""Truth for conformance tests: a noise-free exposure, reference files with known errors, a world that is a plane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from iris_core import DQ, Doubles, Exposure, Image, InputError, InstrumentMode, Window
from iris_testkit._compare import part_of
from iris_testkit._make import make_exposure

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from gwcs import WCS

__all__ = [
    "FileTruth",
    "ImageTruth",
    "add_wcs",
    "bent_nodes",
    "blemish",
    "cut_window",
    "known_reference",
    "pattern",
    "truth_of_mode",
]

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
    """A reference file that is no image.

    Parameters
    ----------
    ending
        Of its name: ``.ecsv``, ``.asdf``.
    write
        Function that writes it to a path.
    """

    ending: str
    write: Callable[[Path], Any]


def pattern(shape: tuple[int, int], seed: int = 1) -> Image:
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
    from astropy.io.fits import Header

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
    return exposure.replace(wcs=_tan_wcs(cards, exposure.shape), fits_wcs=Header(list(cards.items())))


def _tan_wcs(cards: Mapping[str, Any], shape: tuple[int, int]) -> WCS:
    from astropy import units as u
    from astropy.coordinates import ICRS
    from astropy.modeling.models import Pix2Sky_TAN, RotateNative2Celestial, Scale, Shift
    from gwcs import WCS
    from gwcs.coordinate_frames import CelestialFrame, Frame2D

    shift = Shift(1 - cards["CRPIX1"]) & Shift(1 - cards["CRPIX2"])
    scale = Scale(cards["CDELT1"]) & Scale(cards["CDELT2"])
    sky = Pix2Sky_TAN() | RotateNative2Celestial(cards["CRVAL1"], cards["CRVAL2"], 180.0)
    detector = Frame2D(name="detector", unit=(u.pix, u.pix))
    wcs = WCS([(detector, shift | scale | sky), (CelestialFrame(reference_frame=ICRS(), name="sky"), None)])
    wcs.bounding_box = _edges(shape)
    return wcs


def _edges(shape: tuple[int, int]) -> tuple[tuple[float, float], tuple[float, float]]:
    return (-0.5, shape[1] - 0.5), (-0.5, shape[0] - 0.5)


def bent_nodes(
    shape: tuple[int, int], shift: tuple[float, float], angle: float, bend: float
) -> tuple[Doubles, tuple[int, int]]:
    """Return where pixels fall by a closed form, as ``iris_wcs.PixelMap(*bent_nodes(...))`` takes it.

    Parameters
    ----------
    shape
        Rows and columns.
    shift
        x and y of the first pixel.
    angle
        Rotation [rad].
    bend
        Quadratic distortion of x [pixel at the far corner].

    Returns
    -------
    tuple
        x and y, ``(2, ny, nx)``, at nodes that are at most 32 pixels apart, from the first pixel to the last; `shape`.
    """
    y, x = (np.linspace(0, size - 1, -(-(size - 1) // 32) + 1) for size in shape)
    x, y = np.meshgrid(x, y)
    far = bend * (x * x + y * y) / (shape[0] ** 2 + shape[1] ** 2)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([cosine * x - sine * y + shift[0] + far, sine * x + cosine * y + shift[1]]), shape


def cut_window(exposure: Exposure, window: Window) -> Exposure:
    """Return what a subarray exposure of a window would hold of a full-frame exposure: its pixels, its WCS shifted.

    Raises
    ------
    InputError
        When the window is not inside the exposure.
    """
    ny, nx = exposure.shape
    rows, columns = window.slices_in(exposure.meta.window or Window(1, 1, nx, ny))
    part = part_of(exposure, (..., rows, columns)).replace(
        planes={name: plane[..., rows, columns] for name, plane in exposure.planes.items()},
        meta=replace(exposure.meta, window=window),
        sci_header=_shift_cards(exposure.sci_header, columns.start, rows.start),
    )
    return part if exposure.wcs is None else _shift_wcs(part, columns.start, rows.start)


def _shift_cards(header: Header, x: int, y: int) -> Header:
    """Return a header whose reference pixel is counted from another corner."""
    shifted = header.copy()
    for keyword, start in (("CRPIX1", x), ("CRPIX2", y)):
        if keyword in shifted:
            shifted[keyword] -= start
    return shifted


def _shift_wcs(exposure: Exposure, x: int, y: int) -> Exposure:
    from astropy.modeling.models import Shift
    from gwcs import WCS

    assert exposure.wcs is not None
    first, *others = exposure.wcs.pipeline
    shifted = (first.frame, Shift(x) & Shift(y) | first.transform)
    wcs = WCS([shifted, *((step.frame, step.transform) for step in others)])
    wcs.bounding_box = _edges(exposure.shape)
    cards = exposure.fits_wcs
    return exposure.replace(wcs=wcs, fits_wcs=None if cards is None else _shift_cards(cards, x, y))


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
            f"the kit knows no reference files of type '{reftype}'; override reference() in the test class"
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
