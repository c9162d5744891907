"""Many exposures for one stage: their headers are at hand, their pixels one exposure, or some rows, at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, overload

import numpy as np

from iris_core.arrays import Array, Flags, Image, blank_plane, total
from iris_core.errors import InputError, some_of
from iris_core.exposure import Exposure, as_masked, planes_of, with_planes

if TYPE_CHECKING:
    from astropy.table import Table


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of all exposures.

    Parameters
    ----------
    where
        Which rows.
    planes
        By name, ``(n, rows, nx)``; every integration of a cube counts as an image of its own.
    members
        For each of the n images, the index of its exposure.
    """

    where: slice
    planes: Mapping[str, Array]
    members: tuple[int, ...]

    @property
    def data(self) -> Image:
        """``(n, rows, nx)``, float32."""
        return self.planes["data"]

    @property
    def dq(self) -> Flags:
        """``(n, rows, nx)``, uint32."""
        return self.planes["dq"]

    @property
    def variance(self) -> Image:
        """``(n, rows, nx)``, float32, the sum of all components; NaN where the errors are unknown."""
        return self.planes["variance"]


Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Generic[Made]):
    """What a stage returns that makes more than an exposure; all of it is written, with provenance, or none.

    Parameters
    ----------
    exposure
        The exposure, or those of a group.
    tables
        Tables by the suffix that the specification of the stage declares: ``{"cat": table}``.
    images
        Exposures by such a suffix: ``{"segm": exposure}``.
    """

    exposure: Made
    tables: Mapping[str, Table] = field(default_factory=dict)
    images: Mapping[str, Exposure] = field(default_factory=dict)


class Member(Protocol):
    """One of many exposures, in memory or in files."""

    @property
    def outline(self) -> Exposure:
        """The exposure without pixels: headers, WCS, unit and shape."""

    def read(self) -> Exposure:
        """Return the exposure."""

    def rows(self, plane: str, where: slice) -> Array:
        """Return some rows of a plane, ``(rows, nx)`` or ``(nint, rows, nx)``."""

    def with_outline(self, outline: Exposure) -> Member:
        """Return the same pixels with other headers, or another WCS or unit."""


@dataclass(frozen=True, slots=True)
class InMemory:
    """An exposure that is in memory."""

    exposure: Exposure

    @property
    def outline(self) -> Exposure:
        """The exposure without pixels."""
        return outline_of(self.exposure)

    def read(self) -> Exposure:
        """Return the exposure."""
        return self.exposure

    def rows(self, plane: str, where: slice) -> Array:
        """Return some rows of a plane."""
        return rows_of(planes_of(self.exposure), plane, where, self.exposure.data.shape)

    def with_outline(self, outline: Exposure) -> InMemory:
        """Return the same pixels with other headers, or another WCS or unit."""
        return InMemory(with_planes(outline, planes_of(self.exposure)))


class Pool:
    """Where functions of exposures are called: here, one after the other, with all results in memory.

    Attributes
    ----------
    budget
        What the planes that `Exposures.rows` yields may take together [byte].
    """

    budget = 256 << 20

    def each(
        self, function: Callable[..., Any], members: Sequence[Member], arguments: Sequence[Mapping[str, Any]]
    ) -> Iterator[Any]:
        """Yield what a function returns for each exposure, in order."""
        for member, given in zip(members, arguments, strict=True):
            yield function(member.read(), **given)

    def change(
        self, function: Callable[..., Exposure], members: Sequence[Member], arguments: Sequence[Mapping[str, Any]]
    ) -> list[Member]:
        """Return the exposures that a function makes of `members`."""
        return [InMemory(made) for made in self.each(function, members, arguments)]


Check = Callable[[Exposure, Exposure], Exposure]


@dataclass(frozen=True, slots=True)
class Checked:
    """A function of an exposure whose result is checked where it is made."""

    function: Callable[..., Exposure]
    check: Check

    def __call__(self, exposure: Exposure, **arguments: Any) -> Exposure:
        """Return what the function makes of an exposure."""
        return self.check(exposure, self.function(exposure, **arguments))


class Exposures(Sequence[Exposure]):
    """Many exposures, as a stage declared with ``group=True`` is given them.

    ``exposures[i]`` reads one exposure; nothing is kept, so that memory does not grow with their number.

    Parameters
    ----------
    members
        The exposures, in the order of their start times.
    roles
        What each is: ``science``, ``dark``, ``flat``, ``flat_off`` ...
    pool
        Where functions of them are called.
    check
        Called with each exposure that is changed, before and after: ``check(before, after) -> after``.

    Examples
    --------
    >>> from iris_core import Exposures
    >>> Exposures.of([])
    Exposures()
    """

    def __init__(
        self, members: Iterable[Member], roles: Sequence[str] = (), pool: Pool | None = None, check: Check | None = None
    ) -> None:
        self.members, self.check = tuple(members), check
        self.roles = tuple(roles) or ("science",) * len(self.members)
        self.pool = pool or Pool()
        self.outlines = tuple(member.outline for member in self.members)

    @classmethod
    def of(cls, exposures: Iterable[Exposure], roles: Sequence[str] = (), pool: Pool | None = None) -> Self:
        """Return exposures in memory, NaN and DO_NOT_USE together as in a run: to call a stage in a test."""
        return cls([InMemory(one.mask_invalid()) for one in exposures], roles, pool)

    def __repr__(self) -> str:
        return f"Exposures({', '.join(one.name for one in self.outlines)})"

    def __len__(self) -> int:
        return len(self.members)

    @overload
    def __getitem__(self, index: int) -> Exposure: ...
    @overload
    def __getitem__(self, index: slice) -> Exposures: ...
    def __getitem__(self, index: int | slice) -> Exposure | Exposures:
        if isinstance(index, slice):
            return self._some(range(len(self))[index])
        return self.members[index].read()

    def part(self, index: int, rows: slice) -> Exposure:
        """Return some rows of one exposure, with its headers; it has no further planes."""
        one, outline = self.members[index], self.outlines[index].replace(area=None, planes={})
        return as_masked(with_planes(outline, {name: one.rows(name, rows) for name in planes_of(outline)}))

    def apart(self, name: str) -> list[Exposures]:
        """Return the exposures apart by what differs, as of `check_alike`: those of each detector, say."""
        values = [_value(one, name) for one in self.outlines]
        firsts = [at for at, value in enumerate(values) if value not in values[:at]]
        return [self._some([at for at, value in enumerate(values) if value == values[first]]) for first in firsts]

    def together(self, parts: Iterable[Exposures]) -> Exposures:
        """Return parts that were apart together, in the order of these exposures; what is in no part stays as it is."""
        changed = {member.outline.meta.path: member for part in parts for member in part.members}
        members = [changed.get(member.outline.meta.path, member) for member in self.members]
        return Exposures(members, self.roles, self.pool, self.check)

    def with_role(self, *roles: str) -> Exposures:
        """Return the exposures that are one of `roles`, in their order; there may be none."""
        return self._some([index for index, role in enumerate(self.roles) if role in roles])

    def _some(self, kept: Sequence[int]) -> Exposures:
        roles = [self.roles[index] for index in kept]
        return Exposures([self.members[index] for index in kept], roles, self.pool, self.check)

    def checked_by(self, check: Check) -> Exposures:
        """Return the same exposures, of which each that is changed is checked."""
        return Exposures(self.members, self.roles, self.pool, check)

    def merged(self, *alike: str) -> Exposure:
        """Return an outline for what is made of all of them, without WCS: see `merge_headers`.

        Parameters
        ----------
        *alike
            What has to be the same in all; by default the unit, and what has been removed from the pixels.

        Raises
        ------
        InputError
            When they differ in that.
        """
        from iris_core.merging import merge_headers

        self.check_alike(*(alike or ("unit", "removed")))
        return merge_headers(self.outlines)

    def each(
        self, function: Callable[..., Any], per: Mapping[str, Sequence[Any]] | None = None, **same: Any
    ) -> Iterator[Any]:
        """Yield what a function returns for each exposure, in order; the executor of the run may work on several.

        Parameters
        ----------
        function
            ``function(exposure, **arguments)``, of a module that a worker can import.
        per
            Arguments that differ: by name, one value for each exposure.
        **same
            Arguments that are the same for all.
        """
        return self.pool.each(function, self.members, self._arguments(per, same))

    def changed(
        self,
        change: Callable[..., Exposure] | Sequence[Exposure],
        per: Mapping[str, Sequence[Any]] | None = None,
        **same: Any,
    ) -> Exposures:
        """Return exposures of which some planes, or only headers, WCS or unit are others.

        Parameters
        ----------
        change
            A function as of `each` that returns the changed exposure; or, where no pixel changes, the new outlines.
        per, same
            See `each`.
        """
        if callable(change):
            function = Checked(change, self.check) if self.check else change
            members: Sequence[Member] = self.pool.change(function, self.members, self._arguments(per, same))
        else:
            members = [one.with_outline(outline) for one, outline in zip(self.members, change, strict=True)]
        return Exposures(members, self.roles, self.pool, self.check)

    def _arguments(self, per: Mapping[str, Sequence[Any]] | None, same: Mapping[str, Any]) -> list[dict[str, Any]]:
        columns = {name: tuple(values) for name, values in (per or {}).items()}
        if wrong := [name for name, values in columns.items() if len(values) != len(self)]:
            raise ValueError(f"'{wrong[0]}' has {len(columns[wrong[0]])} values for {len(self)} exposures")
        return [{**same, **{name: values[at] for name, values in columns.items()}} for at in range(len(self))]

    def rows(self, *planes: str, budget: int = 0) -> Iterator[Rows]:
        """Yield all exposures, some rows at a time.

        Parameters
        ----------
        *planes
            ``data``, ``dq``, ``variance`` (the sum of all components), ``variance:NAME`` (one of them), or the name
            of another plane; by default the first three.
        budget
            Bytes that the planes may take at a time; by default what the run has for them.

        Raises
        ------
        InputError
            When the exposures have not all the same number of rows and columns.
        """
        wanted = planes or ("data", "dq", "variance")
        self.check_alike("shape")
        counts = [one.data.shape[0] if one.is_integrations else 1 for one in self.outlines]
        members = tuple(np.repeat(np.arange(len(self)), counts).tolist())
        height, width = self.outlines[0].shape if self.outlines else (0, 0)
        step = max(1, (budget or self.pool.budget) // max(1, 4 * len(wanted) * len(members) * width))
        for start in range(0, height, step):
            where = slice(start, min(start + step, height))
            yield Rows(where, {name: self._stack(name, where, counts) for name in wanted}, members)

    def _stack(self, plane: str, where: slice, counts: Sequence[int]) -> Array:
        """Return some rows of one plane of all exposures; each goes to its place as it is read."""
        stack, at = np.empty(0), 0
        for member, count in zip(self.members, counts, strict=True):
            rows = member.rows(plane, where)
            if not at:
                stack = np.empty((sum(counts), *rows.shape[-2:]), dtype=rows.dtype)
            stack[at : at + count] = rows
            at += count
        return stack

    def check_alike(self, *names: str, tolerance: float = 1e-3) -> None:
        """Refuse exposures that differ in what has to be the same in all.

        Parameters
        ----------
        *names
            ``unit``, ``shape``, ``removed``, a field of `Meta` (``filter``), or a keyword (``COADDS``).
        tolerance
            Relative difference of numbers that does not count.

        Raises
        ------
        InputError
            With what differs, and in which exposures.
        """
        for name in names:
            values = [_value(one, name) for one in self.outlines]
            alike = [[_equal(value, other, tolerance) for other in values] for value in values]
            usual = max(alike, key=sum, default=[])
            odd: dict[str, list[str]] = {}
            for one, value, same in zip(self.outlines, values, usual, strict=True):
                if not same:
                    odd.setdefault(str(value), []).append(one.name)
            if odd:
                listed = ", ".join(f"{value} in {some_of(names)}" for value, names in odd.items())
                most, others = values[alike.index(usual)], len(values) - sum(map(len, odd.values()))
                raise InputError(f"the exposures differ in {name}: {listed}, and {most} in {others} others")


def _value(outline: Exposure, name: str) -> Any:
    if name == "removed":
        return {key: str(amount) for key, amount in sorted(outline.removed.items())}
    source = outline if name in ("unit", "shape") else outline.meta
    found = getattr(source, name) if hasattr(source, name) else outline.header.get(name, outline.sci_header.get(name))
    return found.strip().upper() if isinstance(found, str) else found


def _equal(one: Any, other: Any, tolerance: float) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return bool(abs(one - other) <= tolerance * abs(other)) if numbers else bool(one == other)


def outline_of(exposure: Exposure) -> Exposure:
    """Return an exposure without its pixels: its planes take no memory."""
    if not any(exposure.data.strides):
        return exposure
    return with_planes(exposure, {name: _blank(plane) for name, plane in planes_of(exposure).items()})


def _blank(plane: Array) -> Array:
    return plane if plane.dtype.names else blank_plane(plane.shape, plane.dtype)


def rows_of(planes: Mapping[str, Array], plane: str, where: slice, shape: tuple[int, ...]) -> Array:
    """Return some rows of a plane; ``variance`` is the sum of all components."""
    if plane != "variance":
        return planes[plane][..., where, :]
    components = [one[..., where, :] for name, one in planes.items() if name.startswith("variance:")]
    return total(components) if components else blank_plane((*shape[:-2], where.stop - where.start, shape[-1]))
