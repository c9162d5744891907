"""What a run of many exposures needs of the machine, foretold from headers: the numbers by which it is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

from iris_core.errors import InputError, IrisError
from iris_core.exposure import Exposure, planes_of
from iris_core.recipe import ExecutorOptions
from iris_core.workers.memory import memory_of_machine, rows_budget, workers_within

__all__ = ["Needs", "needs_of"]

# So many times their planes a stage takes that works on an exposure, on rows of all of them, on what is made of all:
# measured, 1 to 4 times less (docs/recipes.md).
_AT_WORK, _OF_ROWS, _MADE = 4, 2, 3.5
# A stage writes what it changes while the planes of the three before it may still be needed.
_ON_DISK = 4
# What changes may stay in memory as far as it is allowed: with more, memory would grow with the number of exposures.
_HELD = 1 << 31
_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What making something of many exposures takes, beside Python and its libraries in each process.

    Parameters
    ----------
    memory
        At most, without what is `held` [byte]; `allowed` is what the run may take.
    workers
        How many exposures are worked on at a time.
    scratch
        On the disk, for the exposures between two stages [byte].
    """

    memory: int
    allowed: int
    workers: int
    scratch: int

    @property
    def held(self) -> int:
        """How much stays in memory from one stage to the next, where that is allowed [byte]."""
        return max(0, min(_HELD, self.scratch, self.allowed - self.memory))

    def __str__(self) -> str:
        """Return them for a line of `iris check`."""
        memory, allowed, disk = (size / _GIB for size in (self.memory + self.held, self.allowed, self.scratch))
        return (
            f"{memory:.2f} GiB of memory ({allowed:.2f} allowed, exposures at a time: {self.workers}), "
            f"{disk:.2f} GiB of disk"
        )

    def refuse(self, name: str) -> Iterator[IrisError]:
        """Yield an error where it takes more memory than the run may take."""
        if self.memory > self.allowed:
            yield InputError(
                f"{name}: {self.memory / _GIB:.2f} GiB of memory are needed and {self.allowed / _GIB:.2f} GiB allowed; "
                f"--memory {-(-self.memory // 2**20)}M allows them, a smaller grid or window needs less"
            )


def needs_of(
    members: Sequence[Exposure], made: Iterable[Exposure], options: ExecutorOptions, backgrounds: int = 0
) -> Needs:
    """Return what is needed to make something of exposures.

    Parameters
    ----------
    members
        Their outlines, as they come between the first steps and the first stage of many.
    made
        The outlines of what the stages make of all of them.
    options
        What the run may take.
    backgrounds
        How many background exposures each of them has.
    """
    allowed, sizes = options.memory or memory_of_machine(), [_size(one) for one in members]
    largest, asked = max(sizes), options.workers or 2
    workers = workers_within(allowed, asked, largest)
    rows = min(rows_budget(allowed), sum(sizes))
    at_work = workers * (_AT_WORK + backgrounds) * largest
    products = int(_MADE * max(map(_size, made), default=0))
    return Needs(
        memory=max(_OF_ROWS * rows, at_work) + products, allowed=allowed, workers=workers, scratch=_ON_DISK * sum(sizes)
    )


def _size(outline: Exposure) -> int:
    """Return what the planes of an exposure take [byte]."""
    return sum(prod(plane.shape) * plane.dtype.itemsize for plane in planes_of(outline).values())
