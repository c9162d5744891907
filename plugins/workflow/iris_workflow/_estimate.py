"""What a task takes, estimated from headers and file sizes. All constants stand here, with where they are from."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from iris_core import Exposure, JobPlan

__all__ = ["Estimate", "estimate"]

# Measured on two cores of 2026 with the file system in memory (README.md, "Estimates").
START = 2.0  # Python, plugins and the plan of one exposure [s]
STAGE = 10e-9  # one stage on one pixel of one exposure, the mean over the stages of image2 [s]
START_MANY = 4.0  # of many exposures: more libraries, and all their plans [s]
STAGE_MANY = 70e-9  # the mean over the stages of image3 [s]
MOVED = 1.5e-9  # to read or to write a byte, its hash included [s]
BASE = 200 << 20  # Python and its libraries [byte]
AT_WORK = 3  # an exposure at work takes so many times a product of its pixels ...
BACKGROUND = 0.5  # ... and each background exposure so many times more
PIXEL = 32  # a pixel of a product: science, error, DQ, its variances, the pixel area; float32 or uint32 [byte]
_LEAST = 64 << 20  # what `iris run --memory` takes at least [byte]
TABLE = 1 << 20  # a table of sources, whatever is in it [byte]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a task takes.

    Parameters
    ----------
    seconds
        From its start to its end [s].
    memory
        At its peak [byte].
    bytes
        Written [byte].
    """

    seconds: float
    memory: int
    bytes: int


def estimate(plan: JobPlan) -> Estimate:
    """Return what the task of a plan takes, from its pixels, stages and files.

    Parameters
    ----------
    plan
        Of one exposure, or of what is made of many.

    Notes
    -----
    ``seconds = START + STAGE * pixels * stages + MOVED * (bytes read + bytes written)``, with the pixels of all
    exposures and background exposures, and the stages that are not skipped; of many exposures with ``START_MANY`` and
    ``STAGE_MANY``. ``memory = BASE + (AT_WORK +
    BACKGROUND * backgrounds) * PIXEL * pixels`` for one exposure; for many what `iris check` foretells, and ``BASE``.
    """
    members, made = _outlines(plan)
    largest = max(one.data.size for one in (*made, *members))
    written = sum(TABLE if path.suffix == ".ecsv" else PIXEL * largest for path in plan.outputs)
    read = sum(path.stat().st_size for path in plan.inputs)
    pixels = sum(one.data.size for one in members) + len(plan.job.backgrounds) * members[0].data.size
    stages = sum(not one.skip for one in plan.steps)
    start, stage = (START_MANY, STAGE_MANY) if plan.job.members else (START, STAGE)
    seconds = start + stage * pixels * stages + MOVED * (read + written)
    return Estimate(seconds=round(seconds, 3), memory=_memory(plan, largest), bytes=written)


def _outlines(plan: Any) -> tuple[list[Exposure], list[Exposure]]:
    """Return the outlines of the exposures that are read, and of those that stages make of many of them."""
    each = getattr(plan, "plans", (plan,))
    after = (one for part in getattr(plan, "parts", ()) for one in part.plans)
    return [one.outline for one in each], [one.outline for one in after]


def _memory(plan: JobPlan, pixels: int) -> int:
    """Return the memory at the peak [byte]."""
    held = foretold(plan)
    return int(BASE + (held or (AT_WORK + BACKGROUND * len(plan.job.backgrounds)) * PIXEL * pixels))


def foretold(plan: Any) -> int:
    """Return the memory that the core foretells for many exposures, beside Python [byte]; 0 for a single one."""
    needs = getattr(plan, "needs", None)
    return max(_LEAST, int(needs.memory + needs.held)) if needs else 0


def mebibytes(size: int) -> int:
    """Return a size [byte] in MiB, rounded up."""
    return ceil(size / 2**20)


def minutes(seconds: float) -> int:
    """Return a time [s] in minutes, twice as long and at least 5: a limit at which an engine may end a task."""
    return max(5, ceil(2 * seconds / 60))
