"""The stage combine_flat."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from iris_core import Exposure, InputError, InstrumentMode, Params, Removal, get_fact, parameter, parse_unit, stage
from iris_masters.frames import assemble

if TYPE_CHECKING:
    from iris_core import Doubles, Exposures
    from iris_masters._combine import Combined
    from iris_masters._stack import Stack

__all__ = ["FlatParams", "check_flats", "combine_flats"]

_ALIKE = ("unit", "removed", "shape", "window", "detector", "read_mode", "NREADS", "filter", "pupil")
# A level is believed from so many errors of a pixel on.
_CERTAIN = 10.0
# From so many images on there is a slope, and a majority against a star.
_SLOPE, _MAJORITY = 2, 3


class FlatParams(Params):
    """Parameters of combine_flat."""

    method: Literal["on-off", "scaled", "slope"] = parameter(
        "on-off",
        "Lamp on minus lamp off; frames without dark, brought to one level (twilight, sky); or the slope of each "
        "pixel against the level, where dark and thermal light are not known.",
    )
    sigma: float | None = parameter(
        4.0, "Values further than so many expected standard deviations off are clipped; null for no clip.", gt=0
    )
    error: Literal["propagate", "measure"] = parameter(
        "propagate", "Errors from those of the exposures, or these times the scatter between the exposures over them."
    )
    allow: int = parameter(2, "Fewest exposures for method scaled; 1 keeps the stars of a single one.", ge=1)
    thermal: float = parameter(
        1.8, "Lamp on without off is refused for filters that reach beyond this wavelength.", "um", gt=0
    )
    spread: float = parameter(0.2, "Least spread of the levels over their mean for method slope.", gt=0)
    saturation: float = parameter(0.8, "Highest level over the saturation of the detector.", gt=0, le=1)


def check_flats(exposures: Exposures, params: FlatParams, instrument: InstrumentMode) -> None:
    """Refuse exposures that make no flat with the method.

    Raises
    ------
    InputError
        With what differs, how many are missing, or what has to be done before.
    """
    from iris_masters._stack import check_components

    on, off = exposures.with_role("flat"), exposures.with_role("flat_off")
    if not len(on):
        raise InputError(
            f"combine_flat: no exposure has the role flat; there are {', '.join(exposures.roles) or 'none'}"
        )
    same_time = () if params.method == "scaled" else ("exposure_time", "COADDS")
    exposures.check_alike(*_ALIKE, *same_time)
    check_components(exposures)
    if params.method == "on-off":
        _check_off(on, off, params, instrument)
    else:
        _check_single_role(on, off, params)
    if params.method == "slope" and (not on.outlines[0].variance or params.error == "measure"):
        raise InputError(
            f"combine_flat: method slope takes its errors from those of the exposures ({on.outlines[0].name} has "
            f"{', '.join(on.outlines[0].variance) or 'none'}); give exposures with errors, and 'error: propagate'"
        )


def _check_off(on: Exposures, off: Exposures, params: FlatParams, instrument: InstrumentMode) -> None:
    """Refuse lamp flats without off where the telescope glows."""
    reach = _longest_wavelength(on.outlines[0], instrument)
    if len(off) or (reach is not None and reach <= params.thermal):
        return
    name = on.outlines[0].meta.filter
    known = (
        f"the filter {name} reaches to {reach:g} um" if reach else f"the wavelength of the filter {name!r} is unknown"
    )
    raise InputError(
        f"combine_flat: {known}: beyond {params.thermal:g} um the thermal light of dome and telescope needs exposures "
        f"with the lamp off (role flat_off); give some, or raise 'thermal'"
    )


def _longest_wavelength(outline: Exposure, instrument: InstrumentMode) -> float | None:
    """Return the longest wavelength of the filter [um], from the mode or WAVEMAX; None where neither gives it."""
    name = outline.meta.filter
    if name in instrument.filters:
        return instrument.filters[name].maximum
    given = outline.header.get("WAVEMAX")
    return float(given) if isinstance(given, int | float) and given > 0 else None


def _check_single_role(on: Exposures, off: Exposures, params: FlatParams) -> None:
    number = sum(one.data.shape[0] if one.is_integrations else 1 for one in on.outlines)
    if len(off):
        raise InputError(
            f"combine_flat: method {params.method} uses no exposures with the lamp off, and there are {len(off)} "
            f"({', '.join(one.name for one in off.outlines)}); leave them out, or take method on-off"
        )
    fewest = params.allow if params.method == "scaled" else _SLOPE
    if number < fewest:
        remedy = "; 'allow: 1' takes a single one, with its stars" if params.method == "scaled" else ""
        raise InputError(f"combine_flat: method {params.method} needs {fewest} exposures, there is {number}{remedy}")
    removed = on.outlines[0].removed.get("dark", Removal.NO)
    if params.method == "scaled" and removed is not Removal.WHOLE:
        raise InputError(
            f"combine_flat: method scaled needs exposures without their dark, and in {on.outlines[0].name} it is "
            f"removed: {removed}; put dark_current before combine_flat, or take method slope"
        )


@stage("combine_flat", params=FlatParams, check=check_flats)
def combine_flats(exposures: Exposures, params: FlatParams, instrument: InstrumentMode) -> Exposure:
    """Combine exposures of an evenly lit field into the light that each pixel has seen.

    Parameters
    ----------
    exposures
        Alike in detector, window, read mode, filter, pupil; in exposure time unless the method is scaled.
    params
        How.
    instrument
        Gives the wavelengths of the filter, and the saturation.

    Returns
    -------
    Exposure
        ``(ny, nx)``, in the same unit, with the headers of all merged; `normalize` makes a response of it.

    Raises
    ------
    InputError
        When a level is too high, too low, or the levels spread too little, with the numbers.
    """
    make = {"on-off": _on_off, "scaled": _scaled, "slope": _slope}[params.method]
    combined, notes = make(exposures, params, instrument)
    _check_light(exposures, combined)
    return assemble(exposures, combined, notes)


def _on_off(exposures: Exposures, params: FlatParams, instrument: InstrumentMode) -> tuple[Combined, list[str]]:
    from iris_masters._flat import difference

    on, notes = _levelled(exposures.with_role("flat"), params, instrument)
    off = exposures.with_role("flat_off")
    if not len(off):
        return on, [
            *notes,
            f"no exposure with the lamp off: thermal light below {params.thermal:g} um is taken to be 0",
        ]
    dark, more = _plain(off, params)
    return difference(on, dark), [*(f"on: {note}" for note in notes), *(f"off: {note}" for note in more)]


def _plain(exposures: Exposures, params: FlatParams) -> tuple[Combined, list[str]]:
    """Return the mean of exposures as they are."""
    from iris_masters._keep import Clip
    from iris_masters._stack import combine_rows, describe, open_stack, rule_of

    stack = open_stack(exposures)
    rule, unknown = rule_of(stack, Clip(sigma=params.sigma), error=params.error)
    combined = combine_rows(stack, rule, unknown)
    return combined, describe(stack, rule, combined, "mean")


def _levelled(exposures: Exposures, params: FlatParams, instrument: InstrumentMode) -> tuple[Combined, list[str]]:
    """Return the sum of exposures over that of their levels, clipped at one level, times the mean level."""
    from iris_masters._keep import Clip
    from iris_masters._stack import combine_rows, describe, open_stack, rule_of

    stack = open_stack(exposures)
    levels = _checked_levels(stack, params, instrument)
    rule, unknown = rule_of(stack, Clip(sigma=params.sigma), error=params.error, levels=levels)
    combined = combine_rows(stack, rule, unknown)
    return combined, [*describe(stack, rule, combined, "mean"), _note_levels(levels)]


def _note_levels(levels: Doubles) -> str:
    return f"levels {', '.join(f'{level:.5g}' for level in levels)}"


def _scaled(exposures: Exposures, params: FlatParams, instrument: InstrumentMode) -> tuple[Combined, list[str]]:
    combined, notes = _levelled(exposures, params, instrument)
    number = len(combined.rejected)
    if number < _MAJORITY:
        notes.append(f"{number} exposures: {_MAJORITY} or more, dithered, are needed to be sure that no star stays")
    return combined, notes


def _slope(exposures: Exposures, params: FlatParams, instrument: InstrumentMode) -> tuple[Combined, list[str]]:
    from iris_masters._flat import fit_slope, spread
    from iris_masters._keep import Clip
    from iris_masters._stack import combine_rows, open_stack, rule_of

    stack = open_stack(exposures)
    levels = _checked_levels(stack, params, instrument)
    if spread(levels) <= params.spread:
        raise InputError(
            f"combine_flat: method slope needs levels that spread by more than {params.spread:.0%} of their mean; "
            f"these spread by {spread(levels):.1%}: {_note_levels(levels)}"
        )
    rule, _ = rule_of(stack, Clip(sigma=params.sigma), levels=levels)
    # The scatter between frames at one level is not noise here: the pattern that the slope removes is in it.
    combined = combine_rows(stack, replace(rule, inflation=1.0), None, fit_slope)
    return combined, [f"slope of {len(stack)} frames against their level, {_note_levels(levels)}"]


def _checked_levels(stack: Stack, params: FlatParams, instrument: InstrumentMode) -> Doubles:
    """Return the levels of a stack, all above the noise and below saturation."""
    levels = stack.sample.levels()
    for name, level, noise, member in zip(stack.names, levels, stack.sample.noise(), stack.sample.members, strict=True):
        if not level > noise:
            raise InputError(f"combine_flat: the level of {name}, {level:.5g}, is not above its noise, {noise:.3g}")
        highest = _saturation(stack.exposures.outlines[member], instrument)
        if highest is not None and level > params.saturation * highest:
            raise InputError(
                f"combine_flat: the level of {name}, {level:.5g}, is above {params.saturation:.0%} of saturation, "
                f"{highest:.5g} {stack.exposures.outlines[member].unit}; leave it out"
            )
    return levels


def _saturation(outline: Exposure, instrument: InstrumentMode) -> float | None:
    """Return the rate at which the detector saturates within an exposure; None where that is not known."""
    seconds = outline.meta.exposure_time
    if "saturation" not in instrument.facts or not seconds or outline.unit is None:
        return None
    coadds = float(outline.header.get("COADDS", 1) or 1)
    unit = str((outline.unit * parse_unit("s")).to_string("generic"))
    given = str(instrument.facts["saturation"]["unit"])
    if unit == given:
        return get_fact(instrument, "saturation", unit) * coadds / seconds
    if "gain" not in instrument.facts or {unit, given} != {"electron", "DN"}:
        return None
    gain = get_fact(instrument, "gain", "electron/DN")
    return get_fact(instrument, "saturation", given) * (gain if unit == "electron" else 1 / gain) * coadds / seconds


def _check_light(exposures: Exposures, combined: Combined) -> None:
    """Refuse a flat in which there is no light: lamp on and off confused, or a shutter that was closed."""
    light = np.isfinite(combined.data)
    level = float(np.median(combined.data[light])) if light.any() else 0.0
    variance = sum((plane for plane in combined.variance.values()), start=np.zeros_like(combined.data))
    error = float(np.sqrt(np.median(variance[light]))) if light.any() else 0.0
    if not level > _CERTAIN * error:
        named = ", ".join(f"{one.name} ({role})" for one, role in zip(exposures.outlines, exposures.roles, strict=True))
        raise InputError(
            f"combine_flat: the light is {level:.4g} {exposures.outlines[0].unit} with an error of {error:.3g} in a "
            f"pixel; {_CERTAIN:g} errors are needed: are the roles right? {named}"
        )
