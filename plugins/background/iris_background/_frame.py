"""One image of a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isqrt

import numpy as np

from iris_core import Exposure, Exposures, Flags, Image, Mask

__all__ = ["Frame", "FrameInFile", "Part", "frames_of", "sample", "signed_error"]

Part = tuple[slice, slice]

# Pixels of an image that are enough to measure it as a whole: a median of so many is good to 0.3 % of the noise.
_SAMPLE = 250_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of a stack, as views into the planes of its exposure: NaN in all of them where a pixel is invalid.

    Parameters
    ----------
    data
        ``(ny, nx)``.
    dq
        `iris_core.DQ` bits.
    variance
        Components of the variance of `data`; empty where the errors are not known.
    shared
        Components, by name, that came with a reference file and are not among `variance`: their error is the same
        one in all images.
    factor
        What the data are multiplied by, and the variance by its square.
    offset
        What is then added to the data.
    hidden
        Further pixels that are not valid here, ``(ny, nx)``.
    """

    data: Image
    dq: Flags
    variance: tuple[Image, ...]
    shared: Mapping[str, Image] = field(default_factory=dict)
    factor: float = 1.0
    offset: float = 0.0
    hidden: Mask | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.data.shape[0], self.data.shape[1]

    def cut(self, part: Part) -> Frame:
        """Return a part of the image."""
        return replace(
            self,
            data=self.data[part],
            dq=self.dq[part],
            variance=tuple(plane[part] for plane in self.variance),
            shared={name: plane[part] for name, plane in self.shared.items()},
            hidden=None if self.hidden is None else self.hidden[part],
        )

    def values(self, out: Image | None = None) -> Image:
        """Return the data, in `out` where it is given; NaN in the pixels that are not valid."""
        data: Image = np.multiply(self.data, np.float32(self.factor), out=out, dtype=np.float32)
        if self.offset:
            data += np.float32(self.offset)
        if self.hidden is not None:
            np.copyto(data, np.float32(np.nan), where=self.hidden)
        return data

    def variances(self, out: Image | None = None) -> Image:
        """Return the variance, in `out` where it is given: the sum of the components."""
        total: Image = np.empty(self.shape, dtype=np.float32) if out is None else out
        first, *others = self.variance or (np.float32(0),)
        total[:] = first
        for component in others:
            total += component
        if self.factor != 1:
            total *= np.float32(self.factor**2)
        return total

    def with_known_errors(self) -> Frame:
        """Return the image without its errors where these are 0: such an error was not measured."""
        return replace(self, variance=()) if _is_unmeasured(self) else self

    def shared_error(self, name: str) -> Image:
        """Return by how much one standard deviation of a reference file moves the data."""
        return signed_error(name, self.shared[name], self.data) * np.float32(self.factor)


@dataclass(frozen=True, slots=True)
class FrameInFile:
    """One image of a stack, of which some rows are read when they are needed.

    Parameters
    ----------
    exposures, index
        The exposures, and which of them it is.
    shared
        Components that came with a reference file, and are not among the variance.
    has_errors
        Whether the errors are known.
    factor, offset
        See `Frame`.
    """

    exposures: Exposures
    index: int
    shared: tuple[str, ...] = ()
    has_errors: bool = True
    factor: float = 1.0
    offset: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.exposures.outlines[self.index].shape

    @property
    def variance(self) -> tuple[Image, ...]:
        """Components of the variance, without their pixels; none where the errors are not known."""
        named = self.exposures.outlines[self.index].variance.items() if self.has_errors else ()
        return tuple(plane for name, plane in named if name not in self.shared)

    def cut(self, part: Part) -> Frame:
        """Return a part of the image, with its pixels."""
        (rows,) = frames_of(self.exposures.part(self.index, part[0]), self.shared)
        frame = replace(rows.cut((slice(None), part[1])), factor=self.factor, offset=self.offset)
        return frame if self.has_errors else replace(frame, variance=())

    def with_known_errors(self) -> FrameInFile:
        """Return the image without its errors where these are 0: such an error was not measured."""
        return replace(self, has_errors=False) if _is_unmeasured(self) else self


def frames_of(exposure: Exposure, shared: Sequence[str] = ()) -> list[Frame]:
    """Return the integrations of an exposure; the components `shared` apart."""
    exposure = exposure.mask_invalid()
    images = range(len(exposure.data)) if exposure.is_integrations else [...]
    frames = []
    for image in images:
        planes = {name: plane[image] for name, plane in exposure.variance.items()}
        common = {name: planes.pop(name) for name in shared}
        frames.append(Frame(exposure.data[image], exposure.dq[image], tuple(planes.values()), common))
    return frames


def _is_unmeasured(frame: Frame | FrameInFile) -> bool:
    """Whether more errors of an image are 0 than above it."""
    some = frame.cut(sample(frame.shape))
    variance = some.variances()
    return bool(np.count_nonzero(variance == 0) > np.count_nonzero(variance > 0))


def signed_error(name: str, variance: Image, data: Image) -> Image:
    """Return the standard deviation of a component with the sign with which it acts.

    An error of the dark moves all images to the same side; one of the flat is proportional to the data.
    """
    error = np.sqrt(variance)
    return np.copysign(error, data) if name == "flat" else error


def sample(shape: tuple[int, int]) -> Part:
    """Return every so many rows and columns of an image; an odd step meets all channels of a detector."""
    step = isqrt(max(1, shape[0] * shape[1] // _SAMPLE)) | 1
    return slice(None, None, step), slice(None, None, step)
