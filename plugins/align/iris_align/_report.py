"""What an exposure is told: keywords and notes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iris_align._affine import Affine, basis, parameters
from iris_align._offsets import Offsets
from iris_align._solve import Outcome
from iris_core import Doubles, Exposure

__all__ = ["Correction", "by_hand", "kept", "told"]

log = logging.getLogger(__name__)

STATUS = "S_TWKREG"
# Errors by which stars and a table of offsets may differ, and pixels at least.
_DIFFERENT, _LEAST = 5.0, 0.1
_FEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The correction of an exposure, at its middle.

    Parameters
    ----------
    shift
        By how much the middle has moved to the east and to the north [arcsec].
    turn
        By how much its position angle has grown, from north through east [deg].
    scale
        Factor on the pixel scale, minus 1.
    errors
        Of these four numbers.
    matched, rms
        Number of stars, and the rms of their residuals along one axis [arcsec].
    pixel
        arcsec per pixel.
    """

    shift: tuple[float, float]
    turn: float
    scale: float
    errors: tuple[float, float, float, float]
    matched: int
    rms: float
    pixel: float

    @classmethod
    def of(cls, outcome: Outcome, middle: Doubles, pixel: float) -> Correction:
        """Return the correction where the middle of the exposure lies in the plane of its unit.

        Parameters
        ----------
        outcome
            What was found for the unit.
        middle
            ``(2,)`` [arcsec].
        pixel
            arcsec per pixel.
        """
        values = parameters(outcome.affine)
        shift = outcome.affine(middle[None])[0] - middle
        moves = basis(middle[None])[0]
        spread = np.sqrt(np.maximum(np.diag(moves @ outcome.covariance @ moves.T), 0))
        turn, scale = np.sqrt(np.maximum(np.diag(outcome.covariance)[2:4], 0))
        return cls(
            shift=(float(shift[0]), float(shift[1])),
            turn=float(-np.rad2deg(values[2])),
            scale=float(values[3]),
            errors=(float(spread[0]), float(spread[1]), float(np.rad2deg(turn)), float(scale)),
            matched=outcome.matched,
            rms=outcome.rms,
            pixel=pixel,
        )


def kept(outline: Exposure, reason: str) -> Exposure:
    """Return an outline that keeps its pointing, with the reason."""
    header = outline.header.copy()
    header[STATUS] = ("SKIPPED", "the pointing is kept: see the history")
    return outline.replace(header=header).note(f"the pointing is kept ({STATUS} SKIPPED): {reason}")


def told(outline: Exposure, found: Correction, catalog: str, excess: float, notes: Sequence[str]) -> Exposure:
    """Return an outline with keywords and notes of its correction.

    Parameters
    ----------
    outline
        With its new WCS.
    found
        The correction.
    catalog
        Name of the catalogue it is tied to; empty where the mean of the exposures counts.
    excess
        What had to be added in quadrature to the errors of the centroids [pixel].
    notes
        What else there is to say.
    """
    words = [
        f"{found.matched} stars match; moved by {found.shift[0]:.4f}, {found.shift[1]:.4f} arcsec and turned by "
        f"{found.turn:.4f} deg; residuals {found.rms / found.pixel:.3f} pixel rms on each axis"
    ]
    if not catalog:
        words.append("no refcat: the mean shift and rotation of the exposures are taken to be 0")
    if found.matched < _FEW:
        words.append(f"only {found.matched} stars match: a false match cannot be excluded")
        log.warning("%s: align: %s", outline.name, words[-1])
    if excess > 0:
        words.append(f"residuals exceed the errors of the centroids; {excess:.3f} pixel were added to these")
    outline = outline.with_keywords(_cards(found, catalog))
    for text in (*words, *notes):
        outline = outline.note(text)
    return outline


def _cards(found: Correction, catalog: str) -> dict[str, tuple[Any, str]]:
    values = (*found.shift, found.turn, found.scale)
    names = ("DRA", "DDEC", "DROT", "DSCALE")
    errors = ("DRAERR", "DDECERR", "DROTERR", "DSCALERR")
    units = ("[arcsec] to the east", "[arcsec] to the north", "[deg] position angle", "pixel scale, factor - 1")
    cards: dict[str, tuple[Any, str]] = {
        "NMATCH": (found.matched, "stars the WCS was aligned with"),
        "ASTRMS": (_short(1000 * found.rms), "[mas] rms residual on one axis"),
    }
    for name, error, value, spread, unit in zip(names, errors, values, found.errors, units, strict=True):
        cards[name] = (_short(value), f"{unit}: correction by align")
        cards[error] = (_short(spread), f"error of {name}")
    cards["REFCAT"] = (catalog or "NONE", "catalogue the WCS was aligned with")
    return cards


def _short(value: float) -> float:
    return float(f"{value:.6g}") + 0.0  # which makes -0 a 0


def by_hand(outline: Exposure, outcome: Outcome, affine: Affine, pixel: float, given: Offsets, index: int) -> Exposure:
    """Return an outline that was corrected by a table, with what its stars say to it.

    Parameters
    ----------
    outline
        With its new WCS.
    outcome
        What its stars would correct after that.
    affine
        What was corrected.
    pixel
        arcsec per pixel.
    given, index
        The table, and the row.
    """
    x, y = affine.shift
    errors = given.errors[index] * (pixel if given.in_pixels else 1.0)
    cards: dict[str, tuple[Any, str]] = {
        "DRA": (_short(x), "[arcsec] to the east: correction by hand"),
        "DDEC": (_short(y), "[arcsec] to the north: correction by hand"),
        "REFCAT": (given.name, "offsets the WCS was corrected by"),
    }
    if np.isfinite(errors).all():
        cards["DRAERR"] = (_short(float(errors[0])), "error of DRA")
        cards["DDECERR"] = (_short(float(errors[1])), "error of DDEC")
    outline = outline.with_keywords(cards).note(f"moved by {x:.4f}, {y:.4f} arcsec as {given.name} says")
    return outline.note(_comparison(outline.name, outcome, np.nan_to_num(errors), pixel))


def _comparison(name: str, outcome: Outcome, errors: Doubles, pixel: float) -> str:
    if outcome.reason:
        return f"the stars cannot tell whether that is right: {outcome.reason}"
    off = outcome.affine.shift
    error = np.hypot(np.sqrt(np.diag(outcome.covariance)[:2]), errors)
    words = f"{outcome.matched} stars differ from that by {off[0] / pixel:.3f}, {off[1] / pixel:.3f} pixel"
    if np.any(np.abs(off) > np.maximum(_DIFFERENT * error, _LEAST * pixel)):
        words += f", more than {_DIFFERENT:g} errors: are the offsets right?"
        log.warning("%s: align: %s", name, words)
    return words
