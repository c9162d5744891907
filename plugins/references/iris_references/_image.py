"""What a store asks of a reference image, besides what every reference image has to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from iris_core import (
    DQ,
    InstrumentMode,
    ReferenceImage,
    ReferenceType,
    first_pixel,
    image_faults,
    parse_unit,
    unit_string,
)

__all__ = ["check_image"]

_RATES = ("electron/s", "DN/s")


def check_image(
    image: ReferenceImage, kind: ReferenceType, header: Mapping[str, Any], modes: Sequence[InstrumentMode]
) -> Iterator[str]:
    """Yield the problems of an image.

    Parameters
    ----------
    image
        As a reader returned it.
    kind
        The declared type; its `quantity` fixes the unit.
    header
        The keywords of the file.
    modes
        The modes of its instrument: they give the shape of each detector.
    """
    yield from image_faults(image, kind)
    yield from _shape_problems(image, header, modes)
    if kind.quantity == "rate":
        yield from _rate_problems(image)
    if image.data.ndim == 2 and image.has_errors:
        yield from _error_problems(image)


def _shape_problems(image: ReferenceImage, header: Mapping[str, Any], modes: Sequence[InstrumentMode]) -> Iterator[str]:
    if image.data.ndim != 2 or image.meta.window is not None:
        return
    shapes = _detector_shapes(image, header, modes)
    if shapes and image.data.shape not in shapes:
        yield (
            f"it has shape {image.data.shape} but {image.meta.detector} has {' or '.join(map(str, sorted(shapes)))}; "
            f"a window is given with SUBSTRT1/2 and SUBSIZE1/2, another detector with DETYSIZE and DETXSIZE"
        )


def _detector_shapes(
    image: ReferenceImage, header: Mapping[str, Any], modes: Sequence[InstrumentMode]
) -> set[tuple[int, int]]:
    """Return the shapes that a full frame may have: that which the file gives, or those of the modes' detectors."""
    rows, columns = header.get("DETYSIZE"), header.get("DETXSIZE")
    if isinstance(rows, int) and isinstance(columns, int):
        return {(rows, columns)}
    detector = image.meta.detector
    return {mode.detectors[detector].shape for mode in modes if detector in mode.detectors}


def _rate_problems(image: ReferenceImage) -> Iterator[str]:
    rates = " or ".join(_RATES)
    if image.unit is None:
        yield f"keyword BUNIT is missing; a rate is in {rates}"
    elif image.unit not in [parse_unit(rate) for rate in _RATES]:
        yield f"it is in {unit_string(image.unit)}; a rate is in {rates}"


def _error_problems(image: ReferenceImage) -> Iterator[str]:
    used = (image.dq & DQ.DO_NOT_USE) == 0
    wrong = used & np.isfinite(image.data) & ~np.isfinite(image.err)
    if wrong.any():
        yield f"{wrong.sum()} good pixels have no finite error, the first at {first_pixel(wrong)}"
