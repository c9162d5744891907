"""The distortion reference: pixel to focal plane."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from astropy.modeling import models

from iris_core import Doubles, Exposure, InputError, InstrumentMode, Reference, Window
from iris_wcs._inverse import with_inverse

if TYPE_CHECKING:
    from astropy.modeling import Model

__all__ = ["at_reference_pixel", "find"]

# By how much of the way a distorted field is off a straight line.
_CURVED = 0.05


def find(exposure: Exposure, reference: Reference, instrument: InstrumentMode) -> tuple[Exposure, Model]:
    """Return the exposure, with notes, and its pixel (0-based, of the window) to arcsec in the focal plane.

    Raises
    ------
    InputError
        When the reference is not such a model, has another scale than the instrument, or cannot be inverted.
    """
    name = f"the distortion {reference.path.name}"
    exposure, window = _window(exposure, instrument)
    make = partial(_invertible, reference, window, instrument, name)
    invertible = reference.derive(make, "iris-wcs: invertible", window, instrument.name, instrument.pixel_scale)
    return exposure, models.Shift(window.xstart - 1.0) & models.Shift(window.ystart - 1.0) | invertible


def _invertible(reference: Reference, window: Window, instrument: InstrumentMode, name: str) -> Model:
    """Return the model of a reference with an inverse over a window of the detector."""
    x, y = window.xstart - 1, window.ystart - 1
    model = reference.model()
    _refuse_other(model, name)
    _refuse_scale(model, (x + window.xsize / 2, y + window.ysize / 2), instrument, name)
    ranges = ((x - 0.5, x + window.xsize - 0.5), (y - 0.5, y + window.ysize - 0.5))
    try:
        return with_inverse(model, *ranges, name)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name} cannot be evaluated over {window} and half a pixel around it: {error}") from error


def at_reference_pixel(
    exposure: Exposure, optics: Model, crpix: tuple[float, float] | None, instrument: InstrumentMode
) -> tuple[Exposure, Model]:
    """Return the exposure, with a note, and its optics with the reference pixel of the header at the origin.

    To a pixel the origin of the model stands: CRPIX is often given as a whole number. Where a header counts CRPIX on
    the whole detector and has its window, the origin stands, too.

    Parameters
    ----------
    exposure
        The exposure.
    optics
        Its pixel (0-based, of its window) to arcsec in the focal plane.
    crpix
        Its reference pixel, 0-based; None where the header has none.
    instrument
        Its pixel scale, and the size of its detectors.

    Raises
    ------
    InputError
        When the optics cannot be evaluated there.
    """
    if crpix is None:
        return exposure, optics
    away, pixels = _away(exposure, optics, crpix, instrument)
    x, y = crpix
    given = f"CRPIX ({x + 1:g}, {y + 1:g})"
    if not np.isfinite(pixels):
        raise InputError(f"{exposure.name}: the distortion reference gives no place in the focal plane for {given}")
    if not pixels:
        return exposure, optics
    window = exposure.meta.window
    if window is not None:
        whole = (x - window.xstart + 1, y - window.ystart + 1)
        if not _away(exposure, optics, whole, instrument)[1]:
            return exposure.note(f"{given} counts on the whole detector, as the distortion reference does"), optics
    note = f"{given} is {pixels:.4g} pixels from the origin of the distortion reference; CRPIX is put at the pointing"
    return exposure.note(note), optics | models.Shift(-away[0]) & models.Shift(-away[1])


def _away(
    exposure: Exposure, optics: Model, crpix: tuple[float, float], instrument: InstrumentMode
) -> tuple[Doubles, float]:
    """Return where the optics put a pixel [arcsec], and how far from the origin that is [pixel], 0 where it is near.

    Near is a pixel. Beyond the detector the model need not be defined: it is continued in a straight line from the
    middle of the image, and near is a twentieth of the way more.
    """
    pixel, middle = np.array(crpix), np.array(exposure.shape[::-1]) / 2
    if _is_on_detector(exposure, crpix, instrument):
        away, tolerance = np.array(optics(*pixel)), 1.0
    else:
        at, right, up = (np.array(optics(*(middle + step))) for step in ((0, 0), (1, 0), (0, 1)))
        away = at + np.transpose([right - at, up - at]) @ (pixel - middle)
        tolerance = 1 + _CURVED * float(np.hypot(*(pixel - middle)))
    pixels = float(np.hypot(*away)) / instrument.pixel_scale
    return away, 0.0 if pixels <= tolerance else pixels


def _is_on_detector(exposure: Exposure, pixel: tuple[float, float], instrument: InstrumentMode) -> bool:
    window, detector = exposure.meta.window, instrument.detectors.get(exposure.meta.detector)
    x, y = (0, 0) if window is None else (window.xstart - 1, window.ystart - 1)
    rows, columns = exposure.shape if window is None or detector is None else detector.shape
    return -0.5 <= pixel[0] + x <= columns - 0.5 and -0.5 <= pixel[1] + y <= rows - 0.5


def _window(exposure: Exposure, instrument: InstrumentMode) -> tuple[Exposure, Window]:
    if exposure.meta.window is not None:
        return exposure, exposure.meta.window
    rows, columns = exposure.shape
    detector = instrument.detectors.get(exposure.meta.detector)
    if detector is not None and detector.shape != exposure.shape and not _is_full_frame(exposure):
        exposure = exposure.note("no SUBSTRT1/2 in the header: the window is taken to begin at column 1, row 1")
    return exposure, Window(1, 1, columns, rows)


def _is_full_frame(exposure: Exposure) -> bool:
    """Whether it is one by its header, whatever size the mode gives the detector."""
    return exposure.meta.subarray_id == 0 and str(exposure.header.get("SUBARRAY", "")).strip().upper() == "FULL"


def _refuse_other(model: Model, name: str) -> None:
    if (model.n_inputs, model.n_outputs) != (2, 2) or model.uses_quantity:
        raise InputError(
            f"{name} has {model.n_inputs} inputs and {model.n_outputs} outputs"
            f"{' with units' if model.uses_quantity else ''}; pixel (x, y) to arcsec (x, y), plain numbers, is needed"
        )


def _refuse_scale(model: Model, middle: tuple[float, float], instrument: InstrumentMode, name: str) -> None:
    x, y = middle
    try:
        at, right, up = np.array([model(x, y), model(x + 1, y), model(x, y + 1)])
    except Exception as error:
        raise InputError(f"{name} cannot be evaluated at pixel ({x}, {y}): {error}") from error
    scale = float(np.sqrt(abs(np.linalg.det([right - at, up - at]))))
    if not instrument.pixel_scale / 2 < scale < instrument.pixel_scale * 2:
        raise InputError(
            f"{name} gives {scale:.4g} arcsec per pixel, but {instrument.name} has {instrument.pixel_scale:.4g}; "
            f"the model's output must be in arcsec"
        )
