"""What two exposures have in common, bit for bit."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from iris_core import DQ, Array, Exposure, choices

__all__ = ["describe_difference", "fingerprint", "names_of", "part_of", "planes_of"]


def planes_of(exposure: Exposure) -> dict[str, Array]:
    """Return every plane of an exposure that has the shape of its data, by name."""
    return {"data": exposure.data, "dq": exposure.dq, **exposure.variance}


def describe_difference(result: Exposure, wanted: Exposure) -> str:
    """Return in which pixels two exposures differ in any bit; ``""`` where they are equal."""
    mine, theirs = planes_of(result), planes_of(wanted)
    if mine.keys() != theirs.keys():
        return f"its planes are {choices(mine)}, not {choices(theirs)}"
    for name, plane in mine.items():
        other = theirs[name]
        if plane.shape != other.shape:
            return f"{name} has shape {plane.shape}, not {other.shape}"
        differing = ~((plane == other) | ((plane != plane) & (other != other)))
        if differing.any():
            at = tuple(int(index) for index in np.argwhere(differing)[0])
            return f"{name} differs in {np.count_nonzero(differing)} pixels, first at {at}: {plane[at]} and {other[at]}"
    return ""


def fingerprint(content: Any) -> dict[str, str]:
    """Return a mark of each part of an exposure, a table or a model, by name: equal marks are equal contents."""
    if not isinstance(content, Exposure):
        rows = content.as_array().tolist() if hasattr(content, "as_array") else getattr(content, "parameters", content)
        return {"content": repr(rows), "meta": repr(getattr(content, "meta", None))}
    arrays = {**planes_of(content), **content.planes, "area": content.area}
    marks = {name: "" if plane is None else _hash(plane) for name, plane in arrays.items()}
    headers = {"header": content.header.tostring(), "sci_header": content.sci_header.tostring()}
    return {**marks, **headers, "wcs": _mark_of_sky(content)}


def _hash(plane: Array) -> str:
    return sha256(np.ascontiguousarray(plane).tobytes()).hexdigest()


def _mark_of_sky(exposure: Exposure) -> str:
    if exposure.wcs is None:
        return ""
    corner = exposure.wcs(0.0, 0.0, with_bounding_box=False)
    return repr((exposure.wcs.bounding_box, [float(value) for value in corner]))


def names_of(bits: int) -> str:
    """Return the names of DQ bits."""
    return choices(bit.name for bit in DQ if bit.value and bits & bit.value)


def part_of(exposure: Exposure, index: Any) -> Exposure:
    """Return an exposure with a part of its data, DQ, variance and, where it is a window, pixel areas."""
    variance = {name: plane[index] for name, plane in exposure.variance.items()}
    area = exposure.area[index] if exposure.area is not None and isinstance(index, tuple) else exposure.area
    return exposure.replace(data=exposure.data[index], dq=exposure.dq[index], variance=variance, area=area)
