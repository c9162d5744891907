"""How much memory a run may take."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["memory_of_machine", "rows_budget", "workers_within"]

_CGROUP = Path("/sys/fs/cgroup/memory.max")
# Of many exposures some rows of each are in memory at a time [byte].
_ROWS = 256 << 20
# An exposure takes so many times the memory of its planes while a stage works on it.
_AT_WORK = 4


def memory_of_machine() -> int:
    """Return half of the memory [byte] of the machine, or of what this process may use of it."""
    limits = []
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # "max" is no limit
        limits.append(int(_CGROUP.read_text()))
    return min(limits, default=8 << 30) // 2


def rows_budget(memory: int) -> int:
    """Return what the rows of all exposures may take at a time [byte]."""
    return min(_ROWS, memory // 4)


def workers_within(memory: int, workers: int, size: int) -> int:
    """Return how many exposures may be worked on at a time.

    Parameters
    ----------
    memory
        Of the whole run [byte].
    workers
        How many are asked for.
    size
        Of the planes of one exposure [byte].
    """
    return max(1, min(workers, (memory - rows_budget(memory)) // max(1, _AT_WORK * size)))
