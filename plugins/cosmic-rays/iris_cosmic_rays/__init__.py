"""The stage cosmic_rays: flags rays and unstable hot pixels in a single exposure."""

from __future__ import annotations

from typing import Any

import numpy as np

from iris_core import DQ, Exposure, InputError, InstrumentMode, Mask, Params, StageSkipped, parameter, stage
from iris_cosmic_rays.hookspecs import cosmic_rays

__all__ = ["CosmicRayParams", "check_rays", "cosmic_rays", "flag_rays"]

# Keywords with which a pipeline says that it has looked for jumps along a ramp, or fitted one.
_RAMP_STATUS = ("S_JUMP", "S_RAMPFI")


class CosmicRayParams(Params):
    """Parameters of cosmic_rays."""

    sigma: float = parameter(5.0, "Threshold in standard deviations above which a sharp pixel counts as hit.", gt=0)
    contrast: float = parameter(
        10.0,
        "How much sharper than a star a hit is at least (objlim of astroscrappy); 20 where stars have a FWHM below "
        "1.5 pixels.",
        gt=0,
    )
    iterations: int = parameter(4, "How often hits are looked for in what earlier ones leave.", ge=1)
    gain: float | None = parameter(
        None, "Of exposures in DN/s; by default the fact 'gain' of the instrument mode.", "electron/DN", gt=0
    )
    max_fraction: float = parameter(
        0.05,
        "An exposure in which a larger part of the pixels would be flagged is refused: stars are taken for rays.",
        gt=0,
        le=1,
    )
    ramps: bool = parameter(False, "Look at rates of up-the-ramp reads, too; there rays show as jumps (JUMP_DET).")


def check_rays(exposure: Exposure, params: CosmicRayParams, instrument: InstrumentMode) -> None:
    """Refuse exposures of which the electrons are not known.

    Raises
    ------
    StageSkipped
        For a rate of up-the-ramp reads, where the ramp has shown the rays.
    InputError
        When neither the unit nor a gain gives electrons.
    """
    if not params.ramps and (reason := _ramp(exposure)):
        raise StageSkipped(f"up-the-ramp reads ({reason}) show rays as jumps; 'ramps: true' looks for more")
    electrons_per_unit(exposure, params, instrument)


@stage("cosmic_rays", params=CosmicRayParams, check=check_rays, by_integration=True)
def flag_rays(exposure: Exposure, params: CosmicRayParams, instrument: InstrumentMode) -> Exposure:
    """Flag OUTLIER and DO_NOT_USE where a pixel is sharper than a star can be, or a hole.

    Parameters
    ----------
    exposure
        In electron/s or DN/s, best after dark and flat: their patterns are as sharp as rays. Of a cube each
        integration by itself.
    params
        What counts as a hit.
    instrument
        Gives the gain of exposures in DN/s.

    Returns
    -------
    Exposure
        In the same unit.

    Raises
    ------
    InputError
        When more than `max_fraction` of the pixels of an image would be flagged.

    Notes
    -----
    LA-Cosmic (van Dokkum 2001, PASP 113, 1420) by astroscrappy, in electrons, with the variance of the exposure.
    """
    from iris_cosmic_rays._find import find_hits, find_holes, usable_image

    factor = np.float32(electrons_per_unit(exposure, params, instrument))
    hits, holes = (np.zeros(exposure.data.shape, dtype=np.bool_) for _ in range(2))
    err = exposure.err
    for index in np.ndindex(exposure.data.shape[:-2]):
        noise = None if err is None else err[index] * factor
        image = usable_image(exposure.data[index] * factor, exposure.dq[index], noise)
        hits[index] = find_hits(image, params.sigma, params.contrast, params.iterations)
        holes[index] = find_holes(image, params.sigma)
        _check_fraction(exposure, hits[index] | holes[index], params)
    note = f"{np.count_nonzero(hits)} pixels hit by rays or unstable, {np.count_nonzero(holes)} pixels are holes"
    return exposure.flag(hits | holes, DQ.OUTLIER | DQ.DO_NOT_USE).mask_invalid().note(note)


def electrons_per_unit(exposure: Exposure, params: CosmicRayParams, instrument: InstrumentMode) -> float:
    """Return how many electrons a pixel has counted for each unit of its value.

    Raises
    ------
    InputError
        For another unit than electron/s and DN/s, an unknown exposure time, or an unknown gain.
    """
    unit, seconds = str(exposure.unit), exposure.meta.exposure_time
    gain: Any = params.gain or instrument.facts.get("gain", {}).get("value")
    per_count = {"electron / s": 1.0, "DN / s": gain}
    if unit not in per_count:
        raise InputError(f"{exposure.name}: cosmic_rays counts electrons: it comes before photom, not in {unit}")
    if not per_count[unit] or not seconds:
        missing = "EXPTIME" if not seconds else f"the gain: give 'gain', or the fact 'gain' in {instrument.name}"
        raise InputError(f"{exposure.name}: cosmic_rays counts electrons and needs {missing}")
    return float(per_count[unit]) * seconds


def _ramp(exposure: Exposure) -> str:
    """Return what says that the exposure is a rate fitted to up-the-ramp reads; ``""`` where nothing does."""
    done = [keyword for keyword in _RAMP_STATUS if exposure.status.get(keyword) == "COMPLETE"]
    if done:
        return f"{done[0]} is COMPLETE"
    mode = exposure.meta.read_mode
    return f"READMODE is {mode}" if "UTR" in mode.upper() else ""


def _check_fraction(exposure: Exposure, hits: Mask, params: CosmicRayParams) -> None:
    if hits.mean() > params.max_fraction:
        raise InputError(
            f"{exposure.name}: cosmic_rays would flag {hits.mean():.1%} of the pixels (max_fraction: "
            f"{params.max_fraction:.0%}); stars may be taken for rays, or a flat or dark be missing: raise 'contrast'"
        )
