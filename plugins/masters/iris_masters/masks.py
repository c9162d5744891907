"""The stage make_mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import field_validator

from iris_core import DQ, Exposure, InputError, Params, choices, did_you_mean, parameter, parse_unit, stage

if TYPE_CHECKING:
    from iris_core import Exposures, Flags

__all__ = ["MaskParams", "check_members", "flags_of_dark", "flags_of_flat", "mask_pixels"]

# What darks have found out about their pixels, by frames that are no longer there.
_FROM_DARKS = np.uint32(DQ.TELEGRAPH | DQ.SATURATED)
_NAMED = (
    DQ.HOT,
    DQ.WARM,
    DQ.TELEGRAPH,
    DQ.SATURATED,
    DQ.DEAD,
    DQ.LOW_QE,
    DQ.NO_FLAT_FIELD,
    DQ.OPEN,
    DQ.ADJ_OPEN,
)


class MaskParams(Params):
    """Parameters of make_mask."""

    hot: float = parameter(10.0, "HOT: further above the median of a dark than so many spreads of its pixels.", gt=0)
    warm: float = parameter(5.0, "WARM: further above the median of a dark than so many spreads of its pixels.", gt=0)
    low: float = parameter(0.5, "LOW_QE, or OPEN: response below this, relative to the pixels around.", ge=0)
    dead: float = parameter(0.1, "DEAD: response below this, relative to the pixels around.", ge=0)
    high: float = parameter(1.5, "NO_FLAT_FIELD: response above this, relative to the pixels around.", gt=1)
    unusable: tuple[str, ...] = parameter(
        ("TELEGRAPH", "SATURATED", "DEAD", "NO_FLAT_FIELD", "OPEN"), "Flags that make a pixel DO_NOT_USE."
    )
    max_fraction: float = parameter(
        0.1, "A mask in which a larger part of the pixels is not to be used is refused.", gt=0, le=1
    )

    @field_validator("unusable")
    @classmethod
    def _are_flags(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [str(one.name) for one in _NAMED]
        for name in names:
            if name not in known:
                raise ValueError(f"no flag '{name}'{did_you_mean(name, known)} Flags: {choices(known)}")
        return names


def check_members(exposures: Exposures, params: MaskParams) -> None:
    """Refuse members that are no darks and flats of one detector.

    Raises
    ------
    InputError
        With the roles there are, or what differs.
    """
    for role in ("dark", "flat"):
        if role not in exposures.roles:
            raise InputError(f"make_mask: no exposure has the role {role}; there are {choices(exposures.roles)}")
    if other := [one.name for one in exposures.outlines if one.is_integrations]:
        raise InputError(f"make_mask: {', '.join(other)}: integrations; combine them into one image before")
    exposures.check_alike("shape", "window", "INSTRUME", "detector")


@stage("make_mask", params=MaskParams, check=check_members)
def mask_pixels(exposures: Exposures, params: MaskParams) -> Exposure:
    """Flag the bad pixels that darks and flats show: what any of them shows counts.

    Parameters
    ----------
    exposures
        Darks and flats of one detector, best those that other recipes have combined: of a dark that was combined of
        five frames or more the pixels that are noisy, TELEGRAPH, are known.
    params
        What is bad.

    Returns
    -------
    Exposure
        Without unit and variance: 0, and NaN in pixels that are not to be used.

    Raises
    ------
    InputError
        When more than `max_fraction` of the pixels would not be used.
    """
    darks, flats = exposures.with_role("dark"), exposures.with_role("flat")
    bits = np.zeros(exposures.outlines[0].shape, dtype=np.uint32)
    for flags in darks.each(flags_of_dark, hot=params.hot, warm=params.warm):
        bits |= flags
    for flags in flats.each(flags_of_flat, low=params.low, dead=params.dead, high=params.high):
        bits |= flags
    unusable = (bits & _bits_of(params.unusable)) != 0
    _check_fraction(unusable, bits, params)
    bits |= np.where(unusable, np.uint32(DQ.DO_NOT_USE), np.uint32(0))
    data = np.where(unusable, np.float32(np.nan), np.float32(0))
    made = exposures.merged("shape").replace(data=data, dq=bits, variance={}, unit=parse_unit("1"))
    return made.replace(notes=(*made.notes, *_notes(bits, unusable)))


def _bits_of(names: tuple[str, ...]) -> np.uint32:
    return np.uint32(sum(int(DQ[name]) for name in names))


def _check_fraction(unusable: Flags, bits: Flags, params: MaskParams) -> None:
    if unusable.mean() > params.max_fraction:
        named = ", ".join(_counts(bits))
        raise InputError(
            f"make_mask: {unusable.mean():.1%} of the pixels would not be used (max_fraction: "
            f"{params.max_fraction:.0%}): {named}; is a dark or a flat the wrong file?"
        )


def _counts(bits: Flags) -> list[str]:
    numbers = {str(one.name): int(np.count_nonzero(bits & np.uint32(one))) for one in _NAMED}
    return [f"{name} {number} ({number / bits.size:.3%})" for name, number in numbers.items() if number]


def _notes(bits: Flags, unusable: Flags) -> list[str]:
    counts = ", ".join(_counts(bits)) or "no pixel is bad"
    return [f"pixels: {counts}; not to be used: {np.count_nonzero(unusable)} ({unusable.mean():.3%})"]


def flags_of_dark(exposure: Exposure, hot: float, warm: float) -> Flags:
    """Return what a dark shows: HOT, WARM by its values, TELEGRAPH and SATURATED by its flags."""
    from iris_masters._pixels import dark_flags, dark_level, usable_values

    data = usable_values(exposure.data, exposure.dq)
    try:
        level = dark_level(data, exposure.err)
    except InputError as error:
        raise InputError(f"{exposure.name}: {error}") from None
    return dark_flags(data, level, hot, warm) | (exposure.dq & _FROM_DARKS)


def flags_of_flat(exposure: Exposure, low: float, dead: float, high: float) -> Flags:
    """Return what a flat shows: OPEN and ADJ_OPEN, else LOW_QE, DEAD or NO_FLAT_FIELD."""
    from iris_masters._pixels import flat_flags, open_pixels, relative_response, usable_values

    data = usable_values(exposure.data, exposure.dq)
    response = relative_response(data)
    opened = open_pixels(response, low)
    is_open = (opened & DQ.OPEN) != 0
    bits = flat_flags(data, response, low, dead, high)
    return np.where(is_open, bits & DQ.NO_FLAT_FIELD, bits) | opened
