"""The background of an exposure, from background exposures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astropy.stats import sigma_clip
from numpy.typing import NDArray

from iris_background._frame import Frame, Part, Plane, sample, signed_error
from iris_background._match import overlap
from iris_background._notes import clipped, describe
from iris_background._stack import combine
from iris_core import DQ, Exposure, InputError

__all__ = ["Sky", "frames_of", "net_variance", "sky_from_exposures", "sky_level"]

# Components of the variance that a reference file brings, and the keyword that names the file.
_REFERENCES = {"dark": "R_DARK", "flat": "R_FLAT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """What is to be subtracted.

    Parameters
    ----------
    data
        ``(ny, nx)``, or ``(nint, ny, nx)`` where each integration has its own; NaN where it is not known.
    variance
        That of `data`; None where it is not known.
    shared
        By component, the error of `data` that the exposure shares, with its sign.
    notes
        How it was found.
    """

    data: Plane
    variance: Plane | None
    shared: Mapping[str, Plane] = field(default_factory=dict)
    notes: tuple[str, ...]


def sky_from_exposures(exposure: Exposure, backgrounds: Sequence[Exposure], sigma: float, scaled: bool) -> Sky:
    """Return the mean of background exposures without their outliers, in the window of an exposure.

    Parameters
    ----------
    exposure
        The science exposure.
    backgrounds
        One background exposure or more; the integrations of each are combined first.
    sigma
        How far a value may be off, in standard deviations.
    scaled
        Whether each is multiplied to the level of the sky in `exposure`.

    Raises
    ------
    InputError
        When a level by which to scale is not above 0, or no pixel of any background exposure is valid.
    """
    shared = shared_components(exposure, backgrounds)
    level = sky_level(exposure.name, frames_of(exposure, exposure)) if scaled else None
    prepared = [_one_image(frames_of(exposure, one, shared), one.name, sigma, level) for one in backgrounds]
    images, names = zip(*prepared, strict=True)
    stack = combine(images, sigma)
    if not np.isfinite(stack.mean).any():
        raise InputError(
            f"no pixel of the background exposures {', '.join(one.name for one in backgrounds)} is valid (finite, "
            f"without DO_NOT_USE) where {exposure.name} has pixels; give background exposures that have data there, "
            f"or leave the stage out"
        )
    notes = describe(stack, names, sigma, scaled)
    return Sky(data=stack.mean, variance=stack.variance, shared=stack.shared, notes=notes)


def _one_image(frames: list[Frame], name: str, sigma: float, level: float | None) -> tuple[Frame, str]:
    """Return a background exposure as one image, and what to call it in a note."""
    if level is not None:
        factor = level / sky_level(name, frames)
        frames, name = [replace(frame, factor=factor) for frame in frames], f"{name} x {factor:.4g}"
    if len(frames) == 1:
        return frames[0], name
    stack = combine(frames, sigma)
    good = np.broadcast_to(np.uint32(DQ.GOOD), stack.mean.shape)
    variance = () if stack.variance is None else (stack.variance,)
    image = Frame(stack.mean, good, variance, {key: error * error for key, error in stack.shared.items()})
    return image, f"{name} ({len(frames)} integrations, {clipped(max(stack.rejected))})"


def shared_components(exposure: Exposure, backgrounds: Sequence[Exposure]) -> tuple[str, ...]:
    """Return the components of the variance that came with the same reference files for all exposures.

    In a difference of two exposures the error of their dark cancels, and that of their flat acts on the difference.
    """
    return tuple(
        name
        for name, keyword in _REFERENCES.items()
        if all(name in one.variance for one in (exposure, *backgrounds))
        # A file that only some of them name is not known to be that of the others; where none does there was one run.
        and all(one.header.get(keyword) == exposure.header.get(keyword) for one in backgrounds)
    )


def frames_of(exposure: Exposure, background: Exposure, shared: Sequence[str] = ()) -> list[Frame]:
    """Return the integrations of a background exposure in the window of an exposure, NaN where it has none."""
    inside, part = overlap(exposure, background)
    images = range(len(background.data)) if background.is_integrations else [...]
    frames = []
    for image in images:
        planes = {name: plane[image][part] for name, plane in background.variance.items()}
        common = {name: planes.pop(name) for name in shared}
        frames.append(Frame(background.data[image][part], background.dq[image][part], tuple(planes.values()), common))
    return frames if frames[0].shape == exposure.shape else [_padded(frame, exposure.shape, inside) for frame in frames]


def _padded(frame: Frame, shape: tuple[int, int], inside: Part) -> Frame:
    def pad(plane: NDArray[Any], value: float) -> NDArray[Any]:
        whole = np.full(shape, value, dtype=plane.dtype)
        whole[inside] = plane
        return whole

    return Frame(
        pad(frame.data, np.nan),
        pad(frame.dq, 0),
        tuple(pad(plane, 0) for plane in frame.variance),
        {name: pad(plane, 0) for name, plane in frame.shared.items()},
    )


def net_variance(exposure: Exposure, sky: Sky) -> dict[str, Plane]:
    """Return the variance of an exposure from which a sky is subtracted, that of the sky itself apart."""
    return {
        name: np.square(signed_error(name, plane, exposure.data) - sky.shared[name]) if name in sky.shared else plane
        for name, plane in exposure.variance.items()
    }


def sky_level(name: str, frames: Sequence[Frame]) -> float:
    """Return the median of an exposure's sky: of what is left of its pixels when sources are clipped.

    Raises
    ------
    InputError
        When it is not above 0.
    """
    part = sample(frames[0].shape)
    values = np.concatenate([frame.values(part).ravel() for frame in frames])
    sky = sigma_clip(values[np.isfinite(values)], sigma=3, cenfunc="median", stdfunc="mad_std", masked=False)
    level = float(np.median(sky)) if sky.size else float("nan")
    if not level > 0:
        raise InputError(f"scale: median needs a sky above 0, but that of {name} is {level:.4g}; use scale: none")
    return level
