"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import DQ, Exposure, InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from iris_core import Exposures


@stage_spec(status="S_MERGSA", group=True, makes="one", reshapes=True, dq=DQ.SUBARRAY)
def merge_subarrays(
    exposures: Exposures, params: Params, references: References, instrument: InstrumentMode
) -> Exposure:
    """Put the subarrays of a full frame into it: the way back from parse_subarray_map.

    Members: one ``science``, the full frame (SUBARRID 0), and its ``subarray`` exposures. Units: unchanged; all members
    have the same one. The result is the full frame, with its headers, and in each window the pixels of the subarray,
    which have SUBARRAY besides their own DQ bits.

    Examples
    --------
    >>> @stage("merge_subarrays")
    ... def full_frame_alone(exposures):
    ...     return exposures.with_role("science")[0]
    """
