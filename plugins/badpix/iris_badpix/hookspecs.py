"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import DQ, Exposure, InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from collections.abc import Sequence


@stage_spec(status="S_DQINIT", dq=DQ.OTHER_BAD_PIXEL)
def flag_bad_pixels(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Exposure:
    """Flag the pixels that are bad in a mask.

    Units: unchanged. DO_NOT_USE and OTHER_BAD_PIXEL where the reference ``mask`` is not zero, and the mask's own DQ.
    Skipped where there is no mask.

    Examples
    --------
    >>> @stage("flag_bad_pixels", references=("mask",))
    ... def flag(exposure, references):
    ...     return exposure.flag(references["mask"].image(exposure).data != 0, DQ.DO_NOT_USE)
    """
