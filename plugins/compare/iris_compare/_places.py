"""In what kind of pixels two images differ: on sources or on the sky, flagged or not, at the edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iris_compare._stored import Planes
from iris_core import Array, Exposure, row_blocks

__all__ = ["Places", "find_places"]

_BRIGHT = 5.0  # times the err above the sky
_EDGE = 4  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """How many of the pixels with another value are of which kind; one may be of several.

    Parameters
    ----------
    sources, sky
        Brighter in the first than its median and five times its err, and all others.
    flagged
        With a DQ bit in one of the two.
    edges
        Among the outer four rows and columns.
    """

    sources: int
    sky: int
    flagged: int
    edges: int


def find_places(first: Exposure | Planes, other: Exposure | Planes) -> Places:
    """Return in what kind of pixels the data of two exposures of one shape differ; NaN in both is the same."""
    first, other = Planes.of(first), Planes.of(other)
    known = _known(first)
    sky = float(np.median(known)) if known.size else 0.0
    del known
    edge = np.ones(first.data.shape[-2:], dtype=bool)
    edge[_EDGE:-_EDGE, _EDGE:-_EDGE] = False
    counts = np.zeros(4, dtype=np.int64)
    for block in row_blocks(first.data.shape):
        one, two = first.data[block], other.data[block]
        differs = (one != two) & ~(np.isnan(one) & np.isnan(two))
        bright = one > sky + _BRIGHT * first.err(block) if first.variance else np.zeros(one.shape, dtype=bool)
        flagged = (first.dq[block] | other.dq[block]) != 0
        counts += [np.count_nonzero(differs & kind) for kind in (bright, ~bright, flagged, edge[block[-1]])]
    return Places(**dict(zip(("sources", "sky", "flagged", "edges"), map(int, counts), strict=True)))


def _known(planes: Planes) -> Array:
    """Return the values that are numbers: what `numpy.nanmedian` looks at, in one copy less."""
    rows = (planes.data[block] for block in row_blocks(planes.data.shape))
    return np.concatenate([one[~np.isnan(one)] for one in rows])
