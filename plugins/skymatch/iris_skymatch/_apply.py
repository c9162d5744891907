"""Levels are taken out of exposures, and recorded in their headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from iris_wcs import PixelMap, Plane

from iris_core import Doubles, Exposure, Removal, thread_safe, unit_string
from iris_skymatch._levels import Found

__all__ = ["Correction", "corrections_of", "subtract_level"]

_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What is to be done to one exposure.

    Parameters
    ----------
    terms
        Level at the origin of the plane and slopes along its axes [1/pixel].
    level, error
        At the middle of the exposure; NaN where it overlaps no other.
    subtracts
        Whether the level is subtracted.
    notes
        Remarks for its record.
    """

    terms: Doubles
    level: float
    error: float
    subtracts: bool
    notes: tuple[str, ...]

    def describe(self, exposure: Exposure) -> Exposure:
        """Return an exposure, or outline, with the keywords and the remarks."""
        unit = unit_string(exposure.unit) if exposure.unit is not None else ""
        cards: dict[str, tuple[object, str]] = {"BKGSUB": (self.subtracts, "whether BKGLEVEL has been subtracted")}
        if np.isfinite(self.level):
            cards["BKGLEVEL"] = (float(f"{self.level:.9g}"), f"[{unit}] level over that of others")
        if np.isfinite(self.error):
            cards["BKGLERR"] = (float(f"{self.error:.4g}"), f"[{unit}] error of BKGLEVEL")
        if self.terms.size > 1:
            for axis, slope in zip("XY", self.terms[1:], strict=True):
                cards[f"BKGSLOP{axis}"] = (float(f"{slope:.6g}"), f"[{unit}/pixel] slope along {axis} of the first")
        for note in self.notes:
            exposure = exposure.note(note)
        return exposure.with_keywords(cards)


def corrections_of(outlines: Sequence[Exposure], found: Found, *, subtract: bool) -> list[Correction]:
    """Return what is to be done to each exposure."""
    scale = np.array([1.0, found.unit, found.unit])[: found.terms.shape[1]]
    return [_correction(one, found, index, found.terms[index] / scale, subtract) for index, one in enumerate(outlines)]


def _correction(outline: Exposure, found: Found, index: int, terms: Doubles, subtract: bool) -> Correction:
    level, error, alone = float(found.level[index]), float(found.error[index]), not found.overlaps[index]
    removed = outline.removed.get("background", Removal.NO) is not Removal.NO
    small = removed and abs(level) < error
    subtracts = subtract and not small and not (alone and level == 0)
    if alone:
        level, error, note = level or np.nan, np.nan, "the exposure overlaps no other: its level was not compared"
    else:
        note = f"level {level:.5g} +- {error:.2g}, overlaps with {found.overlaps[index]} others"
    if small and not alone:
        note += "; the sky has been subtracted before, and the level is below its error: left as it is"
    return Correction(terms=terms, level=level, error=error, subtracts=subtracts, notes=(note, *found.notes))


@thread_safe
def subtract_level(exposure: Exposure, correction: Correction, plane: Plane) -> Exposure:
    """Return an exposure without its level, with the keywords."""
    if not correction.subtracts:
        return correction.describe(exposure)
    level, *slopes = correction.terms
    if not slopes:
        return correction.describe(exposure.replace(data=exposure.data - np.float32(level)))
    pixels, data = PixelMap.of(plane, exposure.wcs, exposure.shape), np.empty_like(exposure.data)
    for start in range(0, exposure.shape[0], _ROWS):
        where = slice(start, min(start + _ROWS, exposure.shape[0]))
        data[where] = exposure.data[where] - (level + np.tensordot(slopes, pixels.rows(where), 1))
    return correction.describe(exposure.replace(data=data))
