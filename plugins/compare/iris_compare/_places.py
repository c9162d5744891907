"""In what kind of pixels two images differ: on sources or on the sky, flagged or not, at the edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iris_core import Exposure, row_blocks

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


def find_places(first: Exposure, other: Exposure) -> Places:
    """Return in what kind of pixels the data of two exposures of one shape differ; NaN in both is the same."""
    sky = float(np.nanmedian(first.data)) if np.isfinite(first.data).any() else 0.0
    edge = np.ones(first.shape, dtype=bool)
    edge[_EDGE:-_EDGE, _EDGE:-_EDGE] = False
    counts = np.zeros(4, dtype=np.int64)
    for block in row_blocks(first.data.shape):
        one, two = first.data[block], other.data[block]
        differs = (one != two) & ~(np.isnan(one) & np.isnan(two))
        err = np.sqrt(sum((plane[block] for plane in first.variance.values()), np.zeros(1, dtype=np.float32)))
        bright = one > sky + _BRIGHT * err if first.variance else np.zeros(one.shape, dtype=bool)
        flagged = (first.dq[block] | other.dq[block]) != 0
        counts += [np.count_nonzero(differs & kind) for kind in (bright, ~bright, flagged, edge[block[-1]])]
    return Places(**dict(zip(("sources", "sky", "flagged", "edges"), map(int, counts), strict=True)))
