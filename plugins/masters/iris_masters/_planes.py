"""The images of a stack, pixel by pixel: what is worked on at a time fits the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from iris_core import DQ

if TYPE_CHECKING:
    from iris_core import Array, Exposures, Flags, Image, Rows

__all__ = ["MEASURED", "SHARED", "Components", "Planes", "blocks_of", "components_of", "weighted_sum"]

# Components of the variance that a reference file brings: one dark, one flat, for all images.
SHARED = ("dark", "flat")
# Component of the variance of images whose errors are not known.
MEASURED = "total"
# Pixels that are worked on at a time.
_CHUNK = 1 << 14


@dataclass(frozen=True, slots=True)
class Components:
    """The names of the variance components of all images: what is new in each, and what they have in common."""

    independent: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


def components_of(exposures: Exposures) -> Components:
    """Return the components of the variance of exposures that have the same ones."""
    first = exposures.outlines[0]
    common = {*SHARED, *(name for one in exposures.outlines for name in one.common)}
    return Components(
        independent=tuple(name for name in first.variance if name not in common),
        shared=tuple(name for name in first.variance if name in common),
    )


@dataclass(frozen=True, slots=True)
class Planes:
    """The same pixels of n images.

    Parameters
    ----------
    data
        For each image its values, ``(k,)``.
    dq
        `iris_core.DQ` bits.
    variance
        By component, what is new in each image.
    shared
        By component, the variance behind an error that all images have in common.
    """

    data: Sequence[Image]
    dq: Sequence[Flags]
    variance: Mapping[str, Sequence[Image]]
    shared: Mapping[str, Sequence[Image]]

    def __len__(self) -> int:
        return len(self.data)

    @property
    def pixels(self) -> int:
        """Number of pixels of an image."""
        return len(self.data[0])

    def take(self, where: Array) -> Planes:
        """Return some of the pixels: their indices."""
        return Planes(
            [one[where] for one in self.data],
            [one[where] for one in self.dq],
            {name: [one[where] for one in planes] for name, planes in self.variance.items()},
            {name: [one[where] for one in planes] for name, planes in self.shared.items()},
        )

    def valid(self) -> Array:
        """Return which values are: finite with finite errors, without DO_NOT_USE; ``(n, k)``."""
        unusable = np.uint32(DQ.DO_NOT_USE)
        valid = np.array([np.isfinite(one) for one in self.data])
        for number, flags in enumerate(self.dq):
            valid[number] &= (flags & unusable) == 0
        for planes in (*self.variance.values(), *self.shared.values()):
            for number, one in enumerate(planes):
                valid[number] &= np.isfinite(one)
        return valid

    def signed_errors(self, name: str) -> list[Image]:
        """Return the standard deviations of a shared component with the sign with which they act.

        An error of the dark moves all images to the same side; one of the flat is proportional to the data.
        """
        errors = [np.sqrt(one) for one in self.shared[name]]
        if name != "flat":
            return errors
        return [np.copysign(error, data) for error, data in zip(errors, self.data, strict=True)]


def blocks_of(
    exposures: Exposures, components: Components, images: Sequence[int], unknown: np.float32 | None = None
) -> Iterator[tuple[slice, Planes]]:
    """Yield the pixels of a stack, some rows at a time: the rows, and their pixels one after the other.

    Parameters
    ----------
    exposures
        All with the same components.
    components
        Their names.
    images
        Which of the images, the integrations of all exposures counted through.
    unknown
        The variance of all values where the exposures have no errors.
    """
    names = (*components.independent, *components.shared)
    for rows in exposures.rows("data", "dq", *(f"variance:{name}" for name in names)):
        height, width = rows.data.shape[1:]
        step = max(1, _CHUNK // width)
        for start in range(0, height, step):
            part = slice(start, min(start + step, height))
            where = slice(rows.where.start + part.start, rows.where.start + part.stop)
            yield where, _planes(rows, part, components, images, unknown)


def _planes(
    rows: Rows, part: slice, components: Components, images: Sequence[int], unknown: np.float32 | None
) -> Planes:
    def each(name: str) -> list[Array]:
        return [rows.planes[name][number, part].ravel() for number in images]

    data = each("data")
    variance = {name: each(f"variance:{name}") for name in components.independent}
    if unknown is not None:
        variance = {MEASURED: [np.broadcast_to(unknown, one.shape) for one in data]}
    return Planes(data, each("dq"), variance, {name: each(f"variance:{name}") for name in components.shared})


def weighted_sum(planes: Sequence[Array], weights: Sequence[Array | np.float32]) -> Image:
    """Return the sum of planes times their weights, plane after plane: the same bits however pixels are cut up."""
    total: Image = planes[0] * weights[0]
    product = np.empty_like(total)
    for plane, weight in zip(planes[1:], weights[1:], strict=True):
        np.multiply(plane, weight, out=product)
        total += product
    return total
