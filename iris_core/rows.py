"""Some rows of an exposure at a time, for what each pixel needs for itself; and work over threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from multiprocessing import parent_process
from threading import current_thread
from typing import Any, TypeVar

import numpy as np

from iris_core.arrays import Array, row_blocks
from iris_core.errors import StageContractError
from iris_core.exposure import Exposure, as_masked, is_masked, planes_of, with_planes

Item = TypeVar("Item")
Made = TypeVar("Made")
Function = TypeVar("Function", bound=Callable[..., Any])

# The name of our threads: they start no others.
_THREADS = "iris-rows"


def by_rows(function: Callable[..., Exposure], exposure: Exposure, *images: Any) -> Exposure:
    """Return the exposure that a function makes of it; the function is called with some rows at a time.

    Each plane goes through a processor's cache once, and beside the result nothing takes memory. No bit of the result
    depends on the number of rows. One thread does it: two would hand the interpreter to each other with each operation,
    which takes as long as they gain, while the other core writes, hashes, or works on another exposure.

    Parameters
    ----------
    function
        ``function(exposure, *images) -> exposure``. Each pixel of its result depends on that pixel alone, and all
        else (unit, names of the variance components) on no pixel. The rows have no WCS, area and further planes; their
        headers are those of the exposure, and what becomes of them is lost. Notes are kept.
    exposure
        ``(ny, nx)`` or ``(nint, ny, nx)``.
    *images
        Arrays, ``(ny, nx)`` or the shape of the exposure: the function is given the same rows of them. Of anything
        else (a reference image) it is given what its method ``part(where)`` returns, which is called with the index
        of the rows: ``(rows,)``, or an integration and its rows.

    Raises
    ------
    StageContractError
        When the results of the rows do not fit together.
    """
    frame = replace(exposure, wcs=None, fits_wcs=None, area=None, planes={}, notes=())
    made = _Made(planes_of(frame))
    notes = dict[str, None]()
    for block in row_blocks(exposure.data.shape):
        where = tuple(slice(at, at + 1) if isinstance(at, int) else at for at in block)
        rows = with_planes(frame, {name: plane[where] for name, plane in made.before.items()})
        notes |= made.take(rows, function(rows, *(_rows_of(image, where) for image in images)), where)
    planes = {name: (made.after if name in made.after else made.before)[name] for name in made.facts["planes"]}
    after = with_planes(replace(frame, unit=made.facts["unit"], common=made.facts["common"]), planes)
    pixels = {name: getattr(after, name) for name in ("data", "dq", "variance", "unit", "common")}
    whole = exposure.replace(**pixels, notes=(*exposure.notes, *notes))
    return as_masked(whole) if made.masked else whole


def thread_safe(function: Function) -> Function:
    """Say that several threads may call a function at a time, each with another exposure.

    `Exposures.each` and `Exposures.changed` then call it for two exposures at a time, in a run without an executor.

    Examples
    --------
    >>> from iris_core import Exposure, thread_safe
    >>> @thread_safe
    ... def without_level(exposure: Exposure, level: float) -> Exposure:
    ...     return exposure.replace(data=exposure.data - level)
    """
    function.__dict__["iris_thread_safe"] = True
    return function


def in_threads(function: Callable[[Item], Made], items: Iterable[Item], most: int = 0) -> Iterator[Made]:
    """Yield what a function returns for each item, in their order; several are worked on at a time, over threads.

    Parameters
    ----------
    function
        What takes long in it has to leave the interpreter to others, as numpy does with large arrays.
    items
        Taken as they are needed: at no time are many of the results in memory. After an error no more are begun.
    most
        How many are worked on at a time where that takes memory; by default as many as there are cores.
    """
    number, rest = usable_threads(), iter(items)
    number = min(number, most or number)
    first = list(islice(rest, 2))
    if number == 1 or len(first) < 2:
        yield from map(function, chain(first, rest))
        return
    with ThreadPoolExecutor(number, _THREADS) as pool:
        # np.errstate is of the context.
        submitted = (pool.submit(copy_context().run, function, one) for one in chain(first, rest))
        waiting = deque(islice(submitted, 2 * number))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(islice(submitted, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def usable_threads() -> int:
    """Return how many threads this process, or this thread, may start: those there are share the cores already."""
    if parent_process() or current_thread().name.startswith(_THREADS):
        return 1
    return len(getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0))


def _rows_of(image: Any, where: tuple[slice, ...]) -> Any:
    if isinstance(image, np.ndarray):
        return image[where if image.ndim > 2 else where[-1]]
    return image.part(where)


@dataclass(slots=True)
class _Made:
    """What is made of an exposure: the planes of which some rows have changed."""

    before: Mapping[str, Array]
    after: dict[str, Array] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    taken: list[tuple[slice, ...]] = field(default_factory=list)
    masked: bool = True

    def take(self, rows: Exposure, result: Exposure, where: tuple[slice, ...]) -> dict[str, None]:
        """Put the result of some rows into its place, and return its notes."""
        old, new = planes_of(rows), planes_of(result)
        facts = {"unit": result.unit, "common": result.common, "planes": list(new), "shape": rows.shape}
        self.facts = self.facts or facts
        if {**self.facts, "shape": result.shape} != facts:
            raise StageContractError(f"{rows.name}: rows have results of different units, components or shapes")
        for name in (name for name, plane in new.items() if plane is not old.get(name)):
            self._begin(name, new[name].dtype)
        self.taken.append(where)
        self.masked &= is_masked(result)
        for name in new.keys() & self.after.keys():
            self.after[name][where] = new[name]
        return dict.fromkeys(result.notes)

    def _begin(self, name: str, dtype: np.dtype[Any]) -> None:
        """Begin a plane with the rows that were taken before: in these it has not changed."""
        if name not in self.after:
            self.after[name] = np.empty(self.before["data"].shape, dtype)
            for earlier in self.taken:
                self.after[name][earlier] = self.before[name][earlier]
