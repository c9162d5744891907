"""The distortion reference: pixel to focal plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.modeling import models

from iris_core import Exposure, InputError, InstrumentMode, Reference, Window
from iris_wcs._inverse import with_inverse

if TYPE_CHECKING:
    from astropy.modeling import Model

__all__ = ["find"]


def find(exposure: Exposure, reference: Reference, instrument: InstrumentMode) -> tuple[Exposure, Model]:
    """Return the exposure, with notes, and its pixel (0-based, of the window) to arcsec in the focal plane.

    Raises
    ------
    InputError
        When the reference is not such a model, has another scale than the instrument, or cannot be inverted.
    """
    name = f"the distortion {reference.path.name}"
    exposure, window = _window(exposure, instrument)
    x, y = window.xstart - 1, window.ystart - 1
    model = reference.model()
    _refuse_other(model, name)
    _refuse_scale(model, (x + window.xsize / 2, y + window.ysize / 2), instrument, name)
    ranges = ((x - 0.5, x + window.xsize - 0.5), (y - 0.5, y + window.ysize - 0.5))
    try:
        invertible = with_inverse(model, *ranges, name)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name} cannot be evaluated over {window} and half a pixel around it: {error}") from error
    return exposure, models.Shift(float(x)) & models.Shift(float(y)) | invertible


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
