"""What is wrong with a reference image: its shape, its unit and its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from iris_core import DQ, Exposure, InstrumentMode, Mask, ReferenceType, parse_unit, unit_string

__all__ = ["check_image"]

_RATES = ("electron/s", "DN/s")


def check_image(
    image: Exposure, kind: ReferenceType, header: Mapping[str, Any], modes: Sequence[InstrumentMode]
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
    yield from _shape_problems(image, header, modes)
    if kind.quantity == "rate":
        yield from _rate_problems(image)
    if kind.quantity == "ratio":
        yield from _ratio_problems(image)
    yield from _value_problems(image)


def _shape_problems(image: Exposure, header: Mapping[str, Any], modes: Sequence[InstrumentMode]) -> Iterator[str]:
    if image.is_integrations:
        yield f"it has shape {image.data.shape}; one image (ny, nx) is needed"
        return
    if image.meta.window is not None:
        return
    shapes = _detector_shapes(image, header, modes)
    if shapes and image.shape not in shapes:
        yield (
            f"it has shape {image.shape} but {image.meta.detector} has {' or '.join(map(str, sorted(shapes)))}; "
            f"a window is given with SUBSTRT1/2 and SUBSIZE1/2, another detector with DETYSIZE and DETXSIZE"
        )


def _detector_shapes(
    image: Exposure, header: Mapping[str, Any], modes: Sequence[InstrumentMode]
) -> set[tuple[int, int]]:
    """Return the shapes that a full frame may have: that which the file gives, or those of the modes' detectors."""
    rows, columns = header.get("DETYSIZE"), header.get("DETXSIZE")
    if isinstance(rows, int) and isinstance(columns, int):
        return {(rows, columns)}
    detector = image.meta.detector
    return {mode.detectors[detector].shape for mode in modes if detector in mode.detectors}


def _rate_problems(image: Exposure) -> Iterator[str]:
    rates = " or ".join(_RATES)
    if image.unit is None:
        yield f"keyword BUNIT is missing; a rate is in {rates}"
    elif image.unit not in [parse_unit(rate) for rate in _RATES]:
        yield f"it is in {unit_string(image.unit)}; a rate is in {rates}"


def _ratio_problems(image: Exposure) -> Iterator[str]:
    if image.unit is not None and image.unit != parse_unit(""):
        yield f"it is in {unit_string(image.unit)}; a ratio has no unit: divide it by its mean and omit BUNIT"
    good = image.data[(image.dq & DQ.DO_NOT_USE) == 0]
    good = good[np.isfinite(good)]
    if good.size and not 0.1 < np.median(good) < 10:
        yield f"its median is {np.median(good):.4g}; a ratio is near 1"


def _value_problems(image: Exposure) -> Iterator[str]:
    used = (image.dq & DQ.DO_NOT_USE) == 0
    valid = used & np.isfinite(image.data)
    infinite = np.isinf(image.data)
    if infinite.any():
        yield f"{infinite.sum()} values are infinite, the first at {_first(infinite)}; NaN means that there is no value"
    if not valid.any():
        yield "no pixel has a valid value"
    if image.err is not None:
        wrong = valid & ~np.isfinite(image.err)
        if wrong.any():
            yield f"{wrong.sum()} good pixels have no finite error, the first at {_first(wrong)}"


def _first(where: Mask) -> str:
    row, column = np.argwhere(where)[0][-2:]
    return f"column {column + 1}, row {row + 1} (1-based)"
