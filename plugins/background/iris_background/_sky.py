"""The background of an exposure, from background exposures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from iris_background._frame import Frame, FrameInFile, Part, frames_of, sample, signed_error
from iris_background._level import measure_level, thinned
from iris_background._match import outlines_of, overlap, window_of
from iris_background._noise import Noise, measure_noise
from iris_background._notes import clipped, describe
from iris_background._stack import Clipped, Counts, combine, counted, is_unknown
from iris_core import Array, Exposure, Exposures, Flags, Image, InputError, Removal

__all__ = [
    "MeanSky",
    "Sky",
    "frames_of",
    "net_variance",
    "shared_components",
    "sky_from_exposures",
    "sky_level",
    "without_sky",
]

Matching = tuple[str, float]

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
    dq
        ``(ny, nx)``, why `data` are not known where they are not; None where they are everywhere.
    counts
        How many values of each background exposure are valid, and how many of them are in the mean.
    notes
        How it was found.
    """

    data: Image
    variance: Image | None
    shared: Mapping[str, Image] = field(default_factory=dict)
    dq: Flags | None = None
    counts: Counts | None = None
    notes: tuple[str, ...] = ()

    def part(self, where: tuple[slice, ...]) -> Sky:
        """Return that of some rows, or of some rows of an integration."""

        def cut(plane: Array) -> Array:
            return plane[where if plane.ndim > 2 else where[-1]]

        return self._of(cut)

    def thinned(self, step: int) -> Sky:
        """Return that of every so many rows and columns."""
        return self._of(lambda plane: thinned(plane, step))

    def _of(self, cut: Callable[[Array], Array]) -> Sky:
        return replace(
            self,
            data=cut(self.data),
            variance=None if self.variance is None else cut(self.variance),
            dq=None if self.dq is None else cut(self.dq),
            shared={name: cut(plane) for name, plane in self.shared.items()},
        )

    def describe(self, _counts: Iterable[Counts]) -> tuple[str, ...]:
        """Return how it was found."""
        return self.notes


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSky:
    """The mean of background exposures, made of a part of the pixels at a time.

    Parameters
    ----------
    frames
        The background exposures, in the window of the exposure.
    sigma, noise
        By what outliers are clipped.
    described
        Returns how the sky was found, from what was clipped.
    """

    frames: tuple[Frame | FrameInFile, ...]
    sigma: float
    noise: Noise | None
    described: Callable[[Clipped], tuple[str, ...]]

    def part(self, where: tuple[slice, ...]) -> Sky:
        """Return the sky of some rows."""
        return self._of((where[-1], slice(None)))

    def thinned(self, step: int) -> Sky:
        """Return that of every so many rows and columns."""
        return self._of((slice(None, None, step), slice(None, None, step)))

    def _of(self, part: Part) -> Sky:
        made = combine([frame.cut(part) for frame in self.frames], self.sigma, self.noise)
        return Sky(data=made.mean, variance=made.variance, shared=made.shared, dq=made.dq, counts=made.counts)

    def describe(self, counts: Iterable[Counts]) -> tuple[str, ...]:
        """Return how the sky was found, from the counts of its parts.

        Raises
        ------
        InputError
            When no pixel of any background exposure is valid.
        """
        return self.described(Clipped(counts=counted(counts), noise=self.noise))


def without_sky(exposure: Exposure, sky: Sky) -> Exposure:
    """Return an exposure less its sky, with the flags of the sky and its variance as component ``background``."""
    subtracted = exposure.replace(data=exposure.data - sky.data, variance=net_variance(exposure, sky))
    if sky.variance is not None:
        subtracted = subtracted.add_variance("background", sky.variance)
    return subtracted if sky.dq is None or not sky.dq.any() else subtracted.replace(dq=exposure.dq | sky.dq)


def sky_from_exposures(exposure: Exposure, backgrounds: Sequence[Exposure], sigma: float, match: str) -> Sky | MeanSky:
    """Return the mean of background exposures without their outliers, in the window of an exposure.

    Parameters
    ----------
    exposure
        The science exposure.
    backgrounds
        One background exposure or more; the integrations of each are combined first.
    sigma
        How far a value may be off, in standard deviations.
    match
        How each is brought to the level of the sky in `exposure`: ``factor``, ``offset``, or ``none``. No factor is
        applied as long as the dark current is in the data, since that does not change with the sky.

    Raises
    ------
    InputError
        When a level by which to multiply is not above 0, no pixel of any background exposure is valid (of one image,
        when it is described), or their errors cannot be known.
    """
    outlines = outlines_of(backgrounds)
    shared = shared_components(exposure, outlines)
    dark_first = match == "factor" and exposure.removed.get("dark") is not Removal.WHOLE
    target = None if match == "none" or dark_first else (match, _level_to_match(exposure, match))
    proportional = exposure.removed.get("flat") is not Removal.WHOLE
    prepared = [
        _one_image(exposure, outline, _frames(backgrounds, index, shared), sigma, target, proportional)
        for index, outline in enumerate(outlines)
    ]
    whole, names = zip(*prepared, strict=True)
    images = tuple(in_window(image, exposure, one) for image, one in zip(whole, outlines, strict=True))
    # What the clip goes by has to be the same for a window as for the full frame.
    alike = len({window_of(one) for one in outlines}) == 1
    noise = measure_noise(whole if alike else images, proportional) if len(whole) > 1 else None
    _check_errors(exposure, outlines, is_unknown(images, noise))

    def described(clip: Clipped) -> tuple[str, ...]:
        _check_values(exposure, outlines, clip)
        return describe(clip, names, sigma, matched=target is not None, dark_first=dark_first)

    if not exposure.is_integrations:
        return MeanSky(frames=images, sigma=sigma, noise=noise, described=described)
    stack = combine(images, sigma, noise)
    notes = described(stack)
    return Sky(data=stack.mean, variance=stack.variance, shared=stack.shared, dq=stack.dq, notes=notes)


def _check_values(exposure: Exposure, backgrounds: Sequence[Exposure], clip: Clipped) -> None:
    if not clip.kept:
        names = ", ".join(one.name for one in backgrounds)
        raise InputError(
            f"no pixel of the background exposures {names} is valid (finite, without DO_NOT_USE) where "
            f"{exposure.name} has pixels; give background exposures that have data there, or skip the stage"
        )


def _check_errors(exposure: Exposure, backgrounds: Sequence[Exposure], unknown: bool) -> None:
    if unknown and any(frame.with_known_errors().variance for frame in frames_of(exposure)):
        raise InputError(
            f"the background exposure {backgrounds[0].name} has no errors, or errors of 0, but {exposure.name} has "
            f"errors; give one that has, or two and more: their errors are then measured from their scatter"
        )


def _level_to_match(exposure: Exposure, match: str) -> float:
    return sky_level(exposure.name, frames_of(exposure), positive=match == "factor")


def _frames(backgrounds: Sequence[Exposure], index: int, shared: tuple[str, ...]) -> Sequence[Frame | FrameInFile]:
    """Return the integrations of a background exposure; an image that can be read row by row is not read yet."""
    if isinstance(backgrounds, Exposures) and not backgrounds.outlines[index].is_integrations:
        return [FrameInFile(backgrounds, index, shared)]
    return frames_of(backgrounds[index], shared)


def _one_image(
    exposure: Exposure,
    background: Exposure,
    images: Sequence[Frame | FrameInFile],
    sigma: float,
    target: Matching | None,
    proportional: bool,
) -> tuple[Frame | FrameInFile, str]:
    """Return a background exposure as one image, not cut to the exposure, and what to call it in a note."""
    frames, name = [image.with_known_errors() for image in images], background.name
    if target is not None:
        frames, name = _matched(frames, exposure, background, target)
    if len(frames) == 1:
        return frames[0], name
    stack = combine(frames, sigma, proportional=proportional)
    variance = () if stack.variance is None else (stack.variance,)
    image = Frame(stack.mean, stack.dq, variance, {key: error * error for key, error in stack.shared.items()})
    return image, f"{name} ({len(frames)} integrations, {clipped(sum(stack.clipped), float(np.mean(stack.rejected)))})"


def _matched(
    frames: Sequence[Frame | FrameInFile], exposure: Exposure, background: Exposure, target: Matching
) -> tuple[list[Frame | FrameInFile], str]:
    """Return the images of a background exposure at the level of the science exposure, and what to call them."""
    match, level = target
    inside = [in_window(frame, exposure, background) for frame in frames]
    own = sky_level(background.name, inside, positive=match == "factor")
    if match == "factor":
        return [replace(frame, factor=level / own) for frame in frames], f"{background.name} x {level / own:.4g}"
    return [replace(frame, offset=level - own) for frame in frames], f"{background.name} {level - own:+.4g}"


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


def in_window(frame: Frame | FrameInFile, exposure: Exposure, background: Exposure) -> Frame | FrameInFile:
    """Return an image of a background exposure in the window of an exposure, NaN where it has no pixel."""
    if window_of(exposure) == window_of(background):
        return frame
    inside, part = overlap(exposure, background)
    cut = frame.cut(part)
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
        frame.offset,
    )


def net_variance(exposure: Exposure, sky: Sky) -> dict[str, Image]:
    """Return the variance of an exposure from which a sky is subtracted, that of the sky itself apart."""
    return {
        name: np.square(signed_error(name, plane, exposure.data) - sky.shared[name]) if name in sky.shared else plane
        for name, plane in exposure.variance.items()
    }


def sky_level(name: str, frames: Sequence[Frame | FrameInFile], positive: bool) -> float:
    """Return the level of an exposure's sky, which has to be known, and above 0 where it is to be `positive`.

    Raises
    ------
    InputError
        When it is not.
    """
    part = sample(frames[0].shape)
    level = measure_level(np.stack([frame.cut(part).values() for frame in frames])).value
    if not (level > 0 if positive else np.isfinite(level)):
        remedy = "match: offset, or none" if positive else "match: none"
        raise InputError(
            f"match: {'factor' if positive else 'offset'} needs a sky {'above 0' if positive else 'that can be seen'}, "
            f"but that of {name} is {level:.4g}; use {remedy}"
        )
    return level
