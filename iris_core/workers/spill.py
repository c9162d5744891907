"""Exposures between the stages of a run of many: in memory while there is room, else in files that are read by rows."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import count, islice
from math import prod
from pathlib import Path
from typing import Any, TypeAlias
from weakref import finalize

import numpy as np

from iris_core.arrays import Array, blank_plane
from iris_core.exposure import Exposure, as_masked, planes_of, with_planes
from iris_core.exposures import Checked, Member, Pool, outline_of, rows_of
from iris_core.rows import in_threads
from iris_core.workers.warned import logged, replay

__all__ = ["DiskPool", "Room", "Spilled", "spill"]


# A part of the pixels that is few, and how many of a sample of few may differ by chance.
_FEW, _SOME = 256, 16


class Room:
    """Memory in which planes may stay from one stage to the next.

    Parameters
    ----------
    size
        How much of it there is [byte]: what a plane took is free again when nobody holds the plane.
    """

    def __init__(self, size: int = 0) -> None:
        self._size, self._taken, self._numbers = size, dict[int, int](), count()

    @property
    def left(self) -> int:
        """How much of it is free [byte]."""
        return self._size - sum(list(self._taken.values()))

    def takes(self, plane: Array) -> bool:
        """Whether there is room for a plane, which has it then; a part of a larger array would hold all of that."""
        whole = plane if plane.base is None else plane.base
        if plane.nbytes > self.left or getattr(whole, "nbytes", np.inf) > plane.nbytes:
            return False
        number = next(self._numbers)
        self._taken[number] = plane.nbytes
        finalize(plane, self._taken.pop, number)  # in any thread, at any time
        return True


@dataclass(frozen=True, slots=True)
class Stored:
    """One plane in a file: where it begins, and what it is."""

    path: Path
    offset: int
    dtype: str
    shape: tuple[int, ...]

    def read(self) -> Array:
        """Return the plane."""
        return np.fromfile(self.path, self.dtype, prod(self.shape), offset=self.offset).reshape(self.shape)

    def rows(self, where: slice) -> Array:
        """Return some rows, of every integration."""
        *cube, height, width = self.shape
        rows = np.empty((*cube, where.stop - where.start, width), dtype=self.dtype)
        size = width * rows.dtype.itemsize
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            for at, part in enumerate(rows.reshape(-1, *rows.shape[-2:])):
                _read_into(descriptor, part, self.offset + (at * height + where.start) * size)
        finally:
            os.close(descriptor)
        return rows


def _read_into(descriptor: int, rows: Array, offset: int) -> None:
    view = memoryview(rows.data).cast("B")
    if hasattr(os, "preadv"):
        while view:
            number = os.preadv(descriptor, [view], offset)
            if not number:
                raise OSError("a scratch file ends before its planes do: it was cut, or the disk is full")
            view, offset = view[number:], offset + number
    else:  # not on every system
        os.lseek(descriptor, offset, os.SEEK_SET)
        view[:] = os.read(descriptor, len(view))


# How a plane is kept.
Kept: TypeAlias = "Array | Stored | Patched"


@dataclass(frozen=True, slots=True)
class Patched:
    """A plane that differs from another one in a few pixels: those are kept, by their flat indices, in order."""

    before: Kept
    where: Array
    values: Array

    @property
    def path(self) -> Path | None:
        """The file of the plane that it differs from; None for one in memory."""
        return None if isinstance(self.before, np.ndarray) else self.before.path

    def read(self) -> Array:
        """Return the plane."""
        plane = self.before.copy() if isinstance(self.before, np.ndarray) else self.before.read()
        plane.reshape(-1)[self.where] = self.values
        return plane

    def rows(self, where: slice) -> Array:
        """Return some rows, of every integration."""
        before = self.before
        rows = before[..., where, :].copy() if isinstance(before, np.ndarray) else before.rows(where)
        height, width = self.shape[-2:]
        for at, part in enumerate(rows.reshape(-1, *rows.shape[-2:])):
            start = (at * height + where.start) * width
            first, last = np.searchsorted(self.where, (start, start + part.size))
            part.reshape(-1)[self.where[first:last] - start] = self.values[first:last]
        return rows

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the plane."""
        return self.before.shape


def patch(kept: Kept, before: Array, plane: Array) -> Patched | None:
    """Return by what a plane differs from the one before it, where that is in a few pixels.

    Parameters
    ----------
    kept
        Where the plane before it is.
    before, plane
        Both; compared bit by bit.
    """
    if before.shape != plane.shape or before.dtype != plane.dtype:
        return None
    old, new = (np.ascontiguousarray(one).reshape(-1).view(f"u{one.dtype.itemsize}") for one in (before, plane))
    few = plane.size // _FEW
    if np.count_nonzero(old[::_FEW] != new[::_FEW]) > few // _FEW + _SOME:
        return None  # most stages change all pixels, which a part of them tells
    where = np.flatnonzero(old != new)
    return Patched(kept, where, plane.reshape(-1)[where]) if where.size <= few else None


@dataclass(frozen=True, slots=True)
class Spilled:
    """An exposure whose planes are in files, or in memory; those that take none are in the outline."""

    outline: Exposure
    planes: Mapping[str, Kept]

    @property
    def files(self) -> set[Path]:
        """Where its planes are."""
        paths = (one.path for one in self.planes.values() if not isinstance(one, np.ndarray))
        return {path for path in paths if path is not None}

    def read(self) -> Exposure:
        """Return the exposure."""
        planes = {name: one if isinstance(one, np.ndarray) else one.read() for name, one in self.planes.items()}
        return as_masked(with_planes(self.outline, {**planes_of(self.outline), **planes}))  # as every stage leaves them

    def rows(self, plane: str, where: slice) -> Array:
        """Return some rows of a plane."""
        everything: dict[str, Kept] = {**planes_of(self.outline), **self.planes}
        wanted = [
            name for name in everything if name == plane or (plane == "variance" and name.startswith("variance:"))
        ]
        rows = {name: self._rows_of(everything[name], where) for name in wanted}
        number = where.stop - where.start
        return rows_of(rows, plane, slice(0, number), (*self.outline.data.shape[:-2], number, self.outline.shape[1]))

    @staticmethod
    def _rows_of(plane: Kept, where: slice) -> Array:
        return plane[..., where, :] if isinstance(plane, np.ndarray) else plane.rows(where)

    def with_outline(self, outline: Exposure) -> Spilled:
        """Return the same pixels with other headers, or another WCS or unit."""
        return replace(self, outline=outline_of(outline))


def spill(
    exposure: Exposure,
    path: Path,
    before: Exposure | None = None,
    stored: Spilled | None = None,
    room: Room | None = None,
) -> Spilled:
    """Keep the planes of an exposure that are others than those it was made of: in memory, or in a file.

    Parameters
    ----------
    exposure
        What is kept.
    path
        A file that is not there yet.
    before, stored
        What it was made of, and where the planes of that are.
    room
        Memory for planes; by default all are written.
    """
    room = room or Room()
    old = {} if before is None else planes_of(before)
    known = {} if stored is None else stored.planes
    planes: dict[str, Kept] = {}
    with path.open("xb") as file:
        for name, plane in planes_of(exposure).items():
            if name in known and plane is old[name]:
                planes[name] = known[name]
            elif plane.dtype.names or _is_blank(plane):
                continue  # in the outline
            elif name in known and (differs := patch(known[name], old[name], plane)):
                planes[name] = differs
            elif room.takes(plane):
                planes[name] = plane
            else:
                planes[name] = Stored(path, file.tell(), plane.dtype.str, plane.shape)
                np.ascontiguousarray(plane).tofile(file)
    return Spilled(outline_of(exposure), planes)


def _is_blank(plane: Array) -> bool:
    """Return whether a plane is that of an outline: one value that takes no memory."""
    if any(plane.strides):
        return False
    return bool(np.array_equal(plane, blank_plane(plane.shape, plane.dtype), equal_nan=plane.dtype.kind == "f"))


class DiskPool(Pool):
    """Calls functions of exposures by the executor of the run, and keeps in a folder what they change.

    Parameters
    ----------
    folder
        Where planes go.
    executor
        That of the run; None for this process.
    workers
        How many exposures may be worked on at a time.
    budget
        See `Pool`.
    held
        How much of what changes may stay in memory [byte]; nothing can that other processes are to read.
    """

    def __init__(
        self, folder: Path, executor: Executor | None = None, workers: int = 1, budget: int = Pool.budget, held: int = 0
    ) -> None:
        self.folder, self.executor, self.workers, self.budget = folder, executor, workers, budget
        self.room = Room(0 if executor else held)
        self._numbers = count()

    def new_path(self) -> Path:
        """Return the path of a file that is not there yet."""
        return self.folder / f"{next(self._numbers)}.planes"

    def each(
        self, function: Callable[..., Any], members: Sequence[Member], arguments: Sequence[Mapping[str, Any]]
    ) -> Iterator[Any]:
        """Yield what a function returns for each exposure, in order."""
        each = zip(members, arguments, strict=True)
        yield from self.call(_call, [(function, member, given) for member, given in each], self._together(function))

    def change(
        self, function: Callable[..., Exposure], members: Sequence[Member], arguments: Sequence[Mapping[str, Any]]
    ) -> list[Member]:
        """Return the exposures that a function makes of `members`; only planes that change are written."""
        each = zip(members, arguments, strict=True)
        calls = [(function, member, given, self.new_path(), self.room) for member, given in each]
        return list(self.call(_change, calls, self._together(function)))

    def _together(self, function: Callable[..., Any]) -> int:
        """Return for how many exposures a function may be called at a time in this process."""
        own = function.function if isinstance(function, Checked) else function
        return self.workers if getattr(own, "iris_thread_safe", False) else 1

    def call(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], together: int = 1) -> Iterator[Any]:
        """Yield what a function of this module, or of one that a worker can import, returns for each call, in order.

        Without an executor, `together` calls are made at a time.
        """
        if self.executor is None:
            yield from in_threads(lambda one: function(*one), calls, together)
            return
        rest = iter(calls)
        waiting = deque(self.executor.submit(logged, function, *one) for one in islice(rest, self.workers))
        while waiting:
            result, records = waiting.popleft().result()
            replay(records)
            yield result
            waiting.extend(self.executor.submit(logged, function, *one) for one in islice(rest, 1))


def _call(function: Callable[..., Any], member: Member, given: Mapping[str, Any]) -> Any:
    return function(member.read(), **given)


def _change(
    function: Callable[..., Exposure], member: Member, given: Mapping[str, Any], path: Path, room: Room
) -> Spilled:
    before = member.read()
    return spill(function(before, **given), path, before, member if isinstance(member, Spilled) else None, room)
