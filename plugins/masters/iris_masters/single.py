"""The stages of one exposure: normalize, flag_dark, flag_flat, make_reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from iris_core import (
    DQ,
    Exposure,
    InputError,
    InstrumentMode,
    Params,
    iso_time,
    parameter,
    parse_unit,
    stage,
    text_card,
    unit_string,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "DarkFlagParams",
    "FlatFlagParams",
    "NormalizeParams",
    "ReferenceParams",
    "check_image",
    "check_reference_keywords",
    "divide_by_level",
    "flag_hot",
    "flag_response",
    "set_reference_keywords",
]


class NormalizeParams(Params):
    """Parameters of normalize."""

    method: Literal["mean", "median", "mode"] = parameter(
        "median", "What the level is, of the pixels without DO_NOT_USE; the mode is the half-sample mode."
    )
    region: str = parameter(
        "", "The part of the image it is measured in, [x1:x2,y1:y2] as in FITS; all of it by default.", "pixel"
    )


def check_image(exposure: Exposure) -> None:
    """Refuse integrations: what is measured here is measured of one image."""
    if exposure.is_integrations:
        raise InputError(
            f"{exposure.name} has {len(exposure.data)} integrations; one image is needed: combine_frames or "
            f"average_integrations makes one of them"
        )


def check_region(exposure: Exposure, params: NormalizeParams) -> Exposure:
    """Refuse integrations, and a region that is not within the image; return the exposure without unit."""
    from iris_masters._level import section_slices

    check_image(exposure)
    section_slices(params.region, exposure.shape)
    return exposure.replace(unit=parse_unit("1"))


@stage("normalize", params=NormalizeParams, check=check_region)
def divide_by_level(exposure: Exposure, params: NormalizeParams) -> Exposure:
    """Divide an image by its level: FLATNORM, with FLATSTAT, FLATSEC and its error FLATNERR in the header.

    Parameters
    ----------
    exposure
        In any unit.
    params
        How the level is measured.

    Returns
    -------
    Exposure
        Without unit.

    Raises
    ------
    InputError
        When no pixel of the region is valid, or the level is not above 0.
    """
    from iris_masters._level import measure_level, section_slices
    from iris_masters._pixels import usable_values

    part = section_slices(params.region, exposure.shape)
    data, err = usable_values(exposure.data[part], exposure.dq[part]), exposure.err
    good = np.isfinite(data)
    if not good.any():
        raise InputError(f"{exposure.name}: normalize: no pixel of the region {params.region or 'of all'} is valid")
    level = measure_level(data[good], None if err is None else np.square(err[part][good]), params.method)
    if not level.value > 0:
        raise InputError(
            f"{exposure.name}: normalize: the {params.method} is {level.value:.5g} {exposure.unit}; "
            f"it has to be above 0"
        )
    cards = _level_cards(exposure, level.value, level.error, params)
    return exposure.scale(1 / level.value).replace(unit=parse_unit("1")).with_keywords(cards).mask_invalid()


def _level_cards(exposure: Exposure, value: float, error: float, params: NormalizeParams) -> dict[str, Any]:
    unit, (rows, columns) = unit_string(exposure.unit) if exposure.unit else "", exposure.shape
    return {
        "FLATNORM": (float(f"{value:.9g}"), f"[{unit}] level by which all was divided"),
        "FLATNERR": (float(f"{error:.4g}"), f"[{unit}] its error, common to all pixels"),
        "FLATSTAT": (params.method, "what the level is"),
        "FLATSEC": (params.region or f"[1:{columns},1:{rows}]", "where it was measured"),
    }


class DarkFlagParams(Params):
    """Parameters of flag_dark."""

    hot: float = parameter(10.0, "HOT: further above the median than so many spreads of the pixels.", gt=0)
    warm: float = parameter(5.0, "WARM: further above the median than so many spreads of the pixels.", gt=0)


@stage("flag_dark", params=DarkFlagParams, check=check_image)
def flag_hot(exposure: Exposure, params: DarkFlagParams) -> Exposure:
    """Flag HOT and WARM in a dark, and DO_NOT_USE where it was saturated; DARKLEV, DARKRMS, NHOT and NWARM.

    Parameters
    ----------
    exposure
        A dark, electron/s or DN/s.
    params
        What is hot.

    Returns
    -------
    Exposure
        In the same unit. A hot pixel can be subtracted, and is not DO_NOT_USE.

    Raises
    ------
    InputError
        When no pixel is valid.
    """
    from iris_masters._pixels import dark_flags, dark_level, usable_values

    data = usable_values(exposure.data, exposure.dq)
    level = dark_level(data, exposure.err)
    bits = dark_flags(data, level, params.hot, params.warm)
    hot, warm = (int(np.count_nonzero(bits & np.uint32(bit))) for bit in (DQ.HOT, DQ.WARM))
    saturated = (exposure.dq & DQ.SATURATED) != 0
    unit = unit_string(exposure.unit) if exposure.unit else ""
    cards = {
        "DARKLEV": (float(f"{level.median:.6g}"), f"[{unit}] median of the dark"),
        "DARKRMS": (float(f"{level.spread:.6g}"), f"[{unit}] spread of its pixels"),
        "NHOT": (hot, f"pixels more than {params.hot:g} DARKRMS above DARKLEV"),
        "NWARM": (warm, f"others more than {params.warm:g} DARKRMS above DARKLEV"),
    }
    flagged = exposure.replace(dq=exposure.dq | bits).flag(saturated, DQ.DO_NOT_USE).mask_invalid()
    return flagged.with_keywords(cards).note(f"{hot} pixels are hot ({hot / bits.size:.3%}), {warm} are warm")


class FlatFlagParams(Params):
    """Parameters of flag_flat."""

    low: float = parameter(0.5, "LOW_QE: response below this, relative to the 31 x 31 pixels around.", ge=0)
    dead: float = parameter(0.1, "DEAD: response below this, relative to the 31 x 31 pixels around.", ge=0)
    high: float = parameter(1.5, "NO_FLAT_FIELD: response above this, relative to the 31 x 31 pixels around.", gt=1)


@stage("flag_flat", params=FlatFlagParams, check=check_image)
def flag_response(exposure: Exposure, params: FlatFlagParams) -> Exposure:
    """Flag pixels whose response differs from that of the pixels around; vignetting is no defect.

    Parameters
    ----------
    exposure
        A flat.
    params
        What differs too much.

    Returns
    -------
    Exposure
        LOW_QE and DEAD; NO_FLAT_FIELD with DO_NOT_USE and NaN.
    """
    from iris_masters._pixels import flat_flags, relative_response, usable_values

    data = usable_values(exposure.data, exposure.dq)
    bits = flat_flags(data, relative_response(data), params.low, params.dead, params.high)
    bits |= ((bits & DQ.NO_FLAT_FIELD) != 0).astype(np.uint32) * np.uint32(DQ.DO_NOT_USE)
    named = (DQ.LOW_QE, DQ.DEAD, DQ.NO_FLAT_FIELD)
    counts = ", ".join(f"{one.name} {np.count_nonzero(bits & np.uint32(one))}" for one in named)
    return exposure.replace(dq=exposure.dq | bits).mask_invalid().note(f"pixels: {counts}")


class ReferenceParams(Params):
    """Parameters of make_reference."""

    reftype: str = parameter("", "Type of the reference file: dark, flat, mask ...; has to be given.")
    useafter: Literal["night", "start"] = parameter(
        "night",
        "From when the file applies: the local noon before the first exposure (the darks of a night are taken after "
        "it, or before), or the start of the first exposure.",
    )
    since: str = parameter("", "USEAFTER itself, 2026-11-26T00:00:00, in place of the rule.")
    any: tuple[str, ...] = parameter(
        (), "Keywords of which the file fits all values, READMODE of a flat, say: they become ANY."
    )
    author: str = parameter("", "AUTHOR.")
    description: str = parameter("", "DESCRIP; by default what it is made of.")
    pedigree: str = parameter("INFLIGHT", "PEDIGREE.")


def check_reference_keywords(exposure: Exposure, params: ReferenceParams) -> None:
    """Refuse a reference file without a type, or of more images than one.

    Raises
    ------
    InputError
        With what is missing.
    """
    if not params.reftype:
        raise InputError("make_reference: 'reftype' is not given; it is dark, flat, mask ...")
    check_image(exposure)


@stage("make_reference", params=ReferenceParams, check=check_reference_keywords)
def set_reference_keywords(exposure: Exposure, params: ReferenceParams, instrument: InstrumentMode) -> Exposure:
    """Give an exposure the keywords by which it is chosen as a reference file.

    Parameters
    ----------
    exposure
        Made of one exposure or of many; EXPTIME and COADDS become those of one of them.
    params
        What it is.
    instrument
        Its fact ``longitude`` tells when noon is.

    Returns
    -------
    Exposure
        The same pixels.

    Raises
    ------
    InputError
        When the time of the first exposure is not known.
    """
    from iris_masters._reference import documented, single_exposure_cards

    header = exposure.header.copy()
    cards, notes = single_exposure_cards(exposure)
    since, how = _useafter(exposure, params, instrument)
    header.update(cards)
    header["REFTYPE"] = (params.reftype, "type of the reference file")
    header["USEAFTER"] = (since, "start of the exposures it applies to")
    header.update(dict.fromkeys(params.any, ("ANY", "fits all")))
    number = int(header.get("NEXP", 1))
    header.setdefault("NEXP", number)
    what = params.description or f"{params.reftype} of {number} exposure{'s' if number > 1 else ''}"
    described = documented({"PEDIGREE": params.pedigree, "DESCRIP": what, "AUTHOR": params.author})
    header.update({name: text_card(*card) for name, card in described.items()})
    made = exposure.replace(header=header)
    return made.replace(notes=(*made.notes, *notes, f"USEAFTER {since}: {how}"))


def _useafter(exposure: Exposure, params: ReferenceParams, instrument: InstrumentMode) -> tuple[str, str]:
    """Return USEAFTER, and how it was found."""
    from iris_masters._reference import longitude, noon_before, start_of

    if params.since:
        return params.since, "as it was given"
    start: datetime = start_of(exposure)
    if params.useafter == "start":
        return iso_time(start), "the start of the first exposure"
    east = longitude(exposure, instrument)
    how = "18 h before the first exposure, since the longitude of the telescope is not known"
    if east is not None:
        how = f"the local noon before the first exposure, at longitude {east:.2f}"
    return iso_time(noon_before(start, east)), how
