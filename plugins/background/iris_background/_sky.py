"""The background of an exposure, from background exposures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from astropy.stats import sigma_clip

from iris_background._frame import Frame, Part, sample, signed_error
from iris_background._match import overlap, window_of
from iris_background._noise import measure_noise
from iris_background._notes import clipped, describe
from iris_background._stack import combine
from iris_core import DQ, Array, Exposure, Image, InputError

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

    data: Image
    variance: Image | None
    shared: Mapping[str, Image] = field(default_factory=dict)
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
    level = sky_level(exposure.name, frames_of(exposure)) if scaled else None
    prepared = [_one_image(exposure, one, shared, sigma, level) for one in backgrounds]
    whole, names = zip(*prepared, strict=True)
    images = [in_window(image, exposure, one) for image, one in zip(whole, backgrounds, strict=True)]
    # What the clip goes by has to be the same for a window as for the full frame.
    alike = len({window_of(one) for one in backgrounds}) == 1
    stack = combine(images, sigma, measure_noise(whole) if alike and len(whole) > 1 else None)
    if not np.isfinite(stack.mean).any():
        raise InputError(
            f"no pixel of the background exposures {', '.join(one.name for one in backgrounds)} is valid (finite, "
            f"without DO_NOT_USE) where {exposure.name} has pixels; give background exposures that have data there, "
            f"or skip the stage"
        )
    notes = describe(stack, names, sigma, scaled)
    return Sky(data=stack.mean, variance=stack.variance, shared=stack.shared, notes=notes)


def _one_image(
    exposure: Exposure, background: Exposure, shared: Sequence[str], sigma: float, level: float | None
) -> tuple[Frame, str]:
    """Return a background exposure as one image, not cut to the exposure, and what to call it in a note."""
    frames, name = frames_of(background, shared), background.name
    if level is not None:
        factor = level / sky_level(name, [in_window(frame, exposure, background) for frame in frames])
        frames, name = [replace(frame, factor=factor) for frame in frames], f"{name} x {factor:.4g}"
    if len(frames) == 1:
        return frames[0], name
    stack = combine(frames, sigma)
    good = np.broadcast_to(np.uint32(DQ.GOOD), stack.mean.shape)
    variance = () if stack.variance is None else (stack.variance,)
    image = Frame(stack.mean, good, variance, {key: error * error for key, error in stack.shared.items()})
    return image, f"{name} ({len(frames)} integrations, {clipped(sum(stack.clipped), float(np.mean(stack.rejected)))})"


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


def frames_of(exposure: Exposure, shared: Sequence[str] = ()) -> list[Frame]:
    """Return the integrations of an exposure; the components `shared` apart."""
    images = range(len(exposure.data)) if exposure.is_integrations else [...]
    frames = []
    for image in images:
        planes = {name: plane[image] for name, plane in exposure.variance.items()}
        common = {name: planes.pop(name) for name in shared}
        frames.append(Frame(exposure.data[image], exposure.dq[image], tuple(planes.values()), common))
    return frames


def in_window(frame: Frame, exposure: Exposure, background: Exposure) -> Frame:
    """Return an image of a background exposure in the window of an exposure, NaN where it has no pixel."""
    inside, part = overlap(exposure, background)
    cut = Frame(
        frame.data[part],
        frame.dq[part],
        tuple(plane[part] for plane in frame.variance),
        {name: plane[part] for name, plane in frame.shared.items()},
        frame.factor,
    )
    return cut if cut.shape == exposure.shape else _padded(cut, exposure.shape, inside)


def _padded(frame: Frame, shape: tuple[int, int], inside: Part) -> Frame:
    def pad(plane: Array, value: float) -> Array:
        whole = np.full(shape, value, dtype=plane.dtype)
        whole[inside] = plane
        return whole

    return Frame(
        pad(frame.data, np.nan),
        pad(frame.dq, 0),
        tuple(pad(plane, 0) for plane in frame.variance),
        {name: pad(plane, 0) for name, plane in frame.shared.items()},
        frame.factor,
    )


def net_variance(exposure: Exposure, sky: Sky) -> dict[str, Image]:
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
