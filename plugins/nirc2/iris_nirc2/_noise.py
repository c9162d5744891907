"""The noise of NIRC2 counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from iris_core import Image

__all__ = ["read_variance", "reads_of", "shot_variance"]


def reads_of(sampmode: int, multisam: int) -> int | None:
    """Return how many reads the read noise is averaged over; None for an unknown mode.

    Parameters
    ----------
    sampmode
        1 single, 2 correlated double sampling (CDS), 3 multiple CDS.
    multisam
        Reads at each end of the ramp in multiple CDS.
    """
    return {1: 1, 2: 2, 3: multisam}.get(sampmode)


def read_variance(read_noise: float, gain: float, reads: int, coadds: int) -> float:
    """Return the variance that reading adds to one pixel, DN**2; every coadd is read anew.

    Parameters
    ----------
    read_noise
        Of one read, electron.
    gain
        electron/DN.
    reads
        See `reads_of`.
    coadds
        Number of coadds in the sum.
    """
    return coadds * (read_noise / gain) ** 2 / reads


def shot_variance(counts: Image, gain: float) -> Image:
    """Return the variance of counted electrons, DN**2, estimated by the counts themselves.

    A negative count is read noise only. Near zero the estimate is biased, but there the read noise is all that
    matters; at the sky level of a near-infrared frame (10**4 electrons) its own error is below 1 %.

    Parameters
    ----------
    counts
        ``(ny, nx)``, DN, sum of all coadds.
    gain
        electron/DN.
    """
    positive: Image = np.maximum(counts, np.float32(0))
    positive /= np.float32(gain)
    return positive
