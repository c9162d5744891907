"""The stages this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import DQ, Exposure, InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iris_core import Exposures

_PIXELS = DQ.HOT | DQ.WARM | DQ.TELEGRAPH | DQ.DEAD | DQ.LOW_QE | DQ.NO_FLAT_FIELD | DQ.OPEN | DQ.ADJ_OPEN


@stage_spec(status="S_COMBIN", group=True, makes="one", reshapes=True, dq=DQ.TELEGRAPH)
def combine_frames(
    exposures: Exposures, params: Params, references: References, instrument: InstrumentMode
) -> Exposure:
    """Combine the same pixels of many exposures into one image.

    Units: unchanged, one for all; ``(ny, nx)`` comes out, integrations count as frames. Variance by component, that of
    the result. DQ of the values that were used; DO_NOT_USE and NaN where none was.

    Examples
    --------
    >>> @stage("combine_frames")
    ... def take_the_first(exposures):
    ...     first = exposures[0]
    ...     return exposures.merged().replace(data=first.data, dq=first.dq, variance=first.variance)
    """


@stage_spec(status="S_CMBFLT", group=True, makes="one", reshapes=True)
def combine_flat(exposures: Exposures, params: Params, references: References, instrument: InstrumentMode) -> Exposure:
    """Combine exposures of an evenly lit field into the light that each pixel has seen of it.

    Units: unchanged; `normalize` makes the response of it. The roles ``flat`` and ``flat_off`` tell lamp on and off.

    Examples
    --------
    >>> @stage("combine_flat")
    ... def take_the_first(exposures):
    ...     first = exposures.with_role("flat")[0]
    ...     return exposures.merged().replace(data=first.data, dq=first.dq, variance=first.variance)
    """


@stage_spec(status="S_LEVFLT", group=True)
def level_flats(exposures: Exposures, params: Params, references: References, instrument: InstrumentMode) -> Exposures:
    """Bring the flats of several detectors to one level, so that a flat keeps how sensitive its detector is.

    Units: unchanged, none. The errors are scaled with the values.

    Examples
    --------
    >>> @stage("level_flats")
    ... def leave(exposures):
    ...     return exposures
    """


@stage_spec(status="S_MKMASK", group=True, makes="one", unit="1", reshapes=True, dq=_PIXELS | DQ.SATURATED)
def make_mask(exposures: Exposures, params: Params, references: References, instrument: InstrumentMode) -> Exposure:
    """Flag the bad pixels that darks and flats show; the roles ``dark`` and ``flat`` tell which is which.

    Units: none; 0 in good pixels, NaN with DO_NOT_USE in those that are not to be used. No variance.

    Examples
    --------
    >>> @stage("make_mask")
    ... def flag_nothing(exposures):
    ...     return exposures[0].replace(data=zeros, dq=zeros, variance={})
    """


@stage_spec(status="S_NORMAL", unit="1")
def normalize(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Exposure:
    """Divide an exposure by its own level.

    Units: any; the result has none. Every variance component is divided by the square of the level; the error of the
    level is common to all pixels and goes into a keyword.

    Examples
    --------
    >>> @stage("normalize")
    ... def divide_by_the_largest(exposure):
    ...     return exposure.scale(1 / exposure.data.max()).replace(unit=parse_unit("1"))
    """


@stage_spec(status="S_FLAGDK", dq=DQ.HOT | DQ.WARM)
def flag_dark(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Exposure:
    """Flag HOT and WARM pixels of a dark.

    Units: unchanged, electron/s or DN/s.

    Examples
    --------
    >>> @stage("flag_dark")
    ... def flag_above_one(exposure):
    ...     return exposure.flag(exposure.data > 1, DQ.HOT)
    """


@stage_spec(status="S_FLAGFL", dq=DQ.LOW_QE | DQ.DEAD | DQ.NO_FLAT_FIELD)
def flag_flat(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Exposure:
    """Flag the pixels of a flat that respond otherwise than those around them.

    Units: unchanged; a response has none.

    Examples
    --------
    >>> @stage("flag_flat")
    ... def flag_below_a_tenth(exposure):
    ...     return exposure.flag(exposure.data < 0.1, DQ.DEAD)
    """


@stage_spec(status="S_MKREF")
def make_reference(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Exposure:
    """Give an exposure the keywords of a reference file: REFTYPE, USEAFTER, and those that select it.

    Units: unchanged; pixels are not touched.

    Examples
    --------
    >>> @stage("make_reference")
    ... def make_dark(exposure):
    ...     header = exposure.header.copy()
    ...     header.update({"REFTYPE": "dark", "USEAFTER": "2026-11-26T00:00:00"})
    ...     return exposure.replace(header=header)
    """
