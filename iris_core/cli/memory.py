"""How the process of a command uses memory: for modules while it starts, for planes when it works."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["end_start", "keep_memory", "starting"]

# All modules together have about as many.
_OBJECTS = 300_000
_USUAL = gc.get_threshold()
# mallopt(3): what is freed stays with the process, in one place for all threads, and grows by so many bytes.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_KEEP = {_MMAP_MAX: 0, _TRIM_THRESHOLD: -1, _TOP_PAD: 64 << 20, _ARENA_MAX: 1}


@contextmanager
def starting() -> Iterator[None]:
    """Look for garbage rarely: what there is has no planes, and takes little memory."""
    gc.set_threshold(_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*_USUAL)


def end_start() -> None:
    """Look for it as often as usual from now on, but not among what is there."""
    gc.freeze()
    gc.set_threshold(*_USUAL)


def keep_memory() -> None:
    """Keep the memory of a plane for the next one, where the C library is glibc.

    By itself it gives every plane back to the operating system, which clears the next one page by page: on a virtual
    machine a quarter of the time of the main thread in image2 of one exposure.
    """
    import ctypes

    with suppress(OSError, AttributeError, TypeError):  # other systems have no mallopt, or no name for their library
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _KEEP.items():
            mallopt(option, value)
