"""A stack of exposures made into one image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from iris_core import InputError
from iris_masters._combine import Combined, Rule, combine
from iris_masters._planes import MEASURED, Components, Planes, blocks_of, components_of
from iris_masters._sample import Sample, take_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from iris_core import Doubles, Exposures
    from iris_masters._keep import Clip

__all__ = ["Stack", "check_components", "combine_rows", "describe", "open_stack", "rule_of"]


@dataclass(frozen=True, slots=True)
class Stack:
    """The images of some exposures, and what is known of them as a whole.

    Parameters
    ----------
    exposures
        All with the same components of the variance.
    components
        Their names.
    images
        Which images are used, the integrations of all exposures counted through.
    whole
        Some pixels of all images.
    sample
        Those of the images that are used.
    """

    exposures: Exposures
    components: Components
    images: tuple[int, ...]
    whole: Sample
    sample: Sample

    def __len__(self) -> int:
        return len(self.images)

    @property
    def names(self) -> tuple[str, ...]:
        """What to call each image that is used."""
        return tuple(self.name(number) for number in self.images)

    def name(self, number: int) -> str:
        """Return what to call an image: its file, and the number of the integration in it."""
        members = self.whole.members
        outline = self.exposures.outlines[members[number]]
        integration = f"[{members[: number + 1].count(members[number])}]" if outline.is_integrations else ""
        return f"{outline.name}{integration}"


def check_components(exposures: Exposures) -> None:
    """Refuse exposures of which some have other variance components than the first."""
    first = exposures.outlines[0]
    for one in exposures.outlines[1:]:
        if set(one.variance) != set(first.variance):
            theirs, ours = (", ".join(sorted(each.variance)) or "none" for each in (one, first))
            raise InputError(
                f"{one.name} has the variance components {theirs}, {first.name} {ours}; "
                f"give exposures that have been through the same stages"
            )


def open_stack(exposures: Exposures, skip_first: int = 0) -> Stack:
    """Return the stack of exposures of one shape.

    Parameters
    ----------
    exposures
        One at least.
    skip_first
        Images at the beginning of each sequence that are not used: integrations of a cube, or the first exposures.

    Raises
    ------
    InputError
        When nothing is left, or an image has no valid pixel.
    """
    components = components_of(exposures)
    whole = take_sample(exposures, components)
    images = tuple(_used(exposures, whole.members, skip_first))
    if not images:
        raise InputError(f"skip_first: {skip_first} leaves none of the {len(whole)} images")
    stack = Stack(exposures, components, images, whole, whole.take(images))
    for name, level in zip(stack.names, stack.sample.levels(), strict=True):
        if not np.isfinite(level):
            raise InputError(f"{name} has no valid pixel (finite, without DO_NOT_USE); combine the others without it")
    return stack


def _used(exposures: Exposures, members: Sequence[int], skip_first: int) -> Iterable[int]:
    """Yield the images that are used."""
    before: dict[int, int] = {}
    for number, member in enumerate(members):
        sequence = member if exposures.outlines[member].is_integrations else -1
        before[sequence] = before.get(sequence, 0) + 1
        if before[sequence] > skip_first:
            yield number


def rule_of(
    stack: Stack,
    clip: Clip,
    *,
    method: Literal["mean", "wmean", "median", "wmedian"] = "mean",
    error: Literal["propagate", "measure"] = "propagate",
    levels: Doubles | None = None,
    noisy: float | None = None,
) -> tuple[Rule, np.float32 | None]:
    """Return how a stack is combined, and the variance of its values where the exposures have no errors.

    Parameters
    ----------
    stack
        The stack.
    clip
        What is clipped.
    method
        Mean or median; with ``w`` weighted by the inverse of the median variance of each image.
    error
        Whether the errors are those that the exposures foretell, or these times the measured scatter over them.
    levels
        Of the images, where values are compared at one level.
    noisy
        See `Rule`.
    """
    ones, sample = np.ones(len(stack)), stack.sample
    own = ones if levels is None else levels
    relative, scatter = sample.relative_variances(own), sample.scatter(own)
    known = sample.variances is not None
    rule = Rule(
        levels=own,
        weights=_weights(relative) if method.startswith("w") else ones,
        relative=relative,
        inflation=max(1.0, scatter) if known else 1.0,
        factor=scatter**2 if known and error == "measure" else 1.0,
        median=method.endswith("median"),
        clip=clip,
        noisy=noisy,
    )
    return rule, None if known or len(stack) < 2 else np.float32((scatter * own.mean()) ** 2)


def _weights(relative: Doubles) -> Doubles:
    weights: Doubles = np.mean(relative) / relative
    return weights


def combine_rows(
    stack: Stack, rule: Rule, unknown: np.float32 | None, function: Callable[[Planes, Rule], Combined] = combine
) -> Combined:
    """Return the combination of a stack, ``(ny, nx)``, made some rows at a time.

    Parameters
    ----------
    stack, rule, unknown
        See `rule_of`.
    function
        What makes one image of some pixels of all.
    """
    shape = stack.exposures.outlines[0].shape
    names = (MEASURED,) if unknown is not None else stack.components.independent
    whole = Combined(
        np.empty(shape, dtype=np.float32),
        np.empty(shape, dtype=np.uint32),
        {name: np.empty(shape, dtype=np.float32) for name in names},
        {name: np.empty(shape, dtype=np.float32) for name in stack.components.shared},
        np.zeros(len(stack), dtype=np.int64),
    )
    for where, planes in blocks_of(stack.exposures, stack.components, stack.images, unknown):
        whole.put(where, function(planes, rule))
    return whole


def describe(stack: Stack, rule: Rule, combined: Combined, what: str) -> list[str]:
    """Return notes on how an image was made: how many, what was rejected of each, what was assumed."""
    number, pixels = len(stack), combined.data.size
    if number == 1:
        return [f"one frame, {stack.names[0]}: nothing can be rejected"]
    named = zip(stack.names, combined.rejected, strict=True)
    rejected = ", ".join(f"{name} {count / pixels:.3%}" for name, count in named)
    sigma = "no clip" if rule.clip.sigma is None else f"clipped at {rule.clip.sigma:g} sigma about the median"
    few = {2: "; of two that differ by 5 sigma of their difference the lower one"}.get(number, "")
    notes = [f"{what} of {number} frames, {sigma}{few}; rejected: {rejected}"]
    if stack.sample.variances is None:
        notes.append("the frames have no errors: these are from the scatter between the frames, one for all pixels")
    elif abs(rule.inflation - 1) > 0.1 or rule.factor != 1:
        used = "; the errors are those measured" if rule.factor != 1 else ""
        scatter = np.sqrt(rule.factor) if rule.factor != 1 else rule.inflation
        notes.append(f"the frames scatter by {scatter:.3g} times what their errors foretell{used}")
    return notes
