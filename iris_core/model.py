"""The exposure that passes through the stages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iris_core.dq import DQ
from iris_core.errors import InputError
from iris_core.meta import Meta, StageRecord, Subarray

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.units import UnitBase
    from gwcs import WCS

__all__ = ["Exposure", "Flags", "Image", "root_of_sum", "row_blocks"]

Image = NDArray[np.float32]
Flags = NDArray[np.uint32]

BLOCK_PIXELS = 1 << 18
_STATUS = {"COMPLETE": "COMPLETE", "TRUE": "COMPLETE", "SKIPPED": "SKIPPED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One exposure of one detector: its pixels, their errors, and what was done to them.

    Frozen, and its planes are read-only views: `replace` and the methods below are the way on.

    Parameters
    ----------
    data
        ``(ny, nx)`` for a rate, ``(nint, ny, nx)`` for rateints, float32, in `unit`.
    dq
        `DQ` bits, uint32, shape of `data`.
    variance
        Named components of the variance, float32, shape of `data`, in `unit` squared.
        Empty where nothing is known of the errors; then no stage adds a component either.
    unit
        Unit of `data`; None only until the instrument mode has been matched.
    meta
        Typed header.
    wcs
        Detector pixel (0-based) to sky, after assign_wcs.
    fits_wcs
        The FITS keywords that say the same as `wcs`, for tools without gwcs.
    area
        Pixel area relative to the mean, ``(ny, nx)``.
    planes
        Further image extensions by name (SUBARR_MAP as read, WHT and CON as made).
    header, sci_header
        Primary header, and that of the science extension, as they came, plus what stages wrote.
        Treat them as read-only: `with_keywords` makes changed copies.
    subarrays
        Windows that were read out apart.
    history
        One record per stage that has run.
    provenance
        What is true of the whole run: recipe, software, command; written by the runner only.
    notes
        What the running stage wants to be remembered; the runner moves it into the record.
    """

    data: Image
    dq: Flags
    variance: Mapping[str, Image]
    unit: UnitBase | None
    meta: Meta
    header: Header
    sci_header: Header
    wcs: WCS | None = None
    fits_wcs: Header | None = None
    area: Image | None = None
    planes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    subarrays: tuple[Subarray, ...] = ()
    history: tuple[StageRecord, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "data", _readonly(self.data, np.float32))
        put(self, "dq", _readonly(self.dq, np.uint32))
        if not isinstance(self.variance, MappingProxyType):
            planes = {name: _readonly(plane, np.float32) for name, plane in self.variance.items()}
            put(self, "variance", MappingProxyType(planes))
        put(self, "planes", MappingProxyType({name: _readonly(plane) for name, plane in self.planes.items()}))
        if self.area is not None:
            put(self, "area", _readonly(self.area, np.float32))
        self._check_shapes()

    def _check_shapes(self) -> None:
        if self.data.ndim not in (2, 3):
            raise InputError(f"{self.name}: data has {self.data.ndim} axes; (ny, nx) or (nint, ny, nx) is needed")
        for name, plane in {"dq": self.dq, **self.variance}.items():
            if plane.shape != self.data.shape:
                raise InputError(f"{self.name}: {name} has shape {plane.shape}, but data has {self.data.shape}")

    def __reduce__(self) -> tuple[Any, ...]:
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        plain = {**values, "variance": dict(self.variance), "planes": dict(self.planes)}
        return _rebuild, (plain,)

    @property
    def name(self) -> str:
        """The file name, for messages."""
        return self.meta.filename or "exposure"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of one image."""
        return self.data.shape[-2], self.data.shape[-1]

    @property
    def is_integrations(self) -> bool:
        """Whether the data are a cube of integrations."""
        return self.data.ndim == 3

    @property
    def err(self) -> Image | None:
        """Standard deviation, float32, shape and unit of `data`; None where the errors are unknown."""
        return root_of_sum(self.variance.values()) if self.variance else None

    @property
    def status(self) -> Mapping[str, str]:
        """The ``S_*`` keywords of both headers, the primary's first: COMPLETE or SKIPPED by keyword."""
        cards = [*self.sci_header.items(), *self.header.items()]
        said = {key: str(value).strip().upper() for key, value in cards if key.startswith("S_")}
        return {key: _STATUS[value] for key, value in said.items() if value in _STATUS}

    def replace(self, **changes: Any) -> Self:
        """Return a copy with `changes` made; planes that do not change are shared."""
        return dataclasses.replace(self, **changes)

    def scale(self, factor: ArrayLike) -> Self:
        """Return the exposure times `factor`: data by it, every variance component by its square.

        Parameters
        ----------
        factor
            A number, or ``(ny, nx)``, without unit (change `unit` with `replace`).
        """
        scale = np.asarray(factor, dtype=np.float32)
        square = scale * scale
        return self.replace(
            data=self.data * scale,
            variance={name: plane * square for name, plane in self.variance.items()},
        )

    def add_variance(self, name: str, plane: ArrayLike) -> Self:
        """Return the exposure with the component `name`, added to one of that name if there is one.

        Where nothing is known of the errors it stays so: a part of them would be a lie.
        """
        if not self.variance:
            return self
        new = np.broadcast_to(np.asarray(plane, dtype=np.float32), self.data.shape)
        old = self.variance.get(name)
        return self.replace(variance={**self.variance, name: new if old is None else old + new})

    def flag(self, where: ArrayLike, bits: DQ) -> Self:
        """Return the exposure with `bits` added to `dq` in the pixels `where` (bool, ``(ny, nx)`` or full shape).

        With DO_NOT_USE among the bits the pixels become NaN too.
        """
        pixels = np.asarray(where, dtype=np.bool_)
        if not pixels.any():
            return self
        dq = self.dq.copy()
        dq[..., pixels] |= np.uint32(bits)
        flagged = self.replace(dq=dq)
        return flagged.mask_invalid() if bits & DQ.DO_NOT_USE else flagged

    def mask_invalid(self) -> Self:
        """Return the exposure with NaN and DO_NOT_USE together.

        A pixel is invalid when its data or any variance component is not finite, or DO_NOT_USE is set.
        """
        invalid = np.empty(self.data.shape, dtype=np.bool_)
        planes = (self.data, *self.variance.values())
        as_it_should = [True] * (1 + len(planes))
        for block in row_blocks(self.data.shape):
            unusable = (self.dq[block] & DQ.DO_NOT_USE) != 0
            finite = [np.isfinite(plane[block]) for plane in planes]
            invalid[block] = unusable | ~np.logical_and.reduce(finite)
            # An infinite value is as invalid as NaN, but NaN is what it has to be.
            marked = (unusable, *(np.isnan(plane[block]) for plane in planes))
            as_it_should = [
                before and np.array_equal(one, invalid[block]) for before, one in zip(as_it_should, marked, strict=True)
            ]
        if all(as_it_should):
            return self
        data, *components = (
            plane if right else np.where(invalid, np.float32(np.nan), plane)
            for plane, right in zip(planes, as_it_should[1:], strict=True)
        )
        return self.replace(
            dq=self.dq if as_it_should[0] else self.dq | invalid.view(np.uint8),
            data=data,
            variance=dict(zip(self.variance, components, strict=True)),
        )

    def note(self, text: str) -> Self:
        """Return the exposure with a note that the runner puts into this stage's record."""
        return self.replace(notes=(*self.notes, text))

    def with_keywords(self, cards: Mapping[str, tuple[Any, str]]) -> Self:
        """Return the exposure with FITS `cards`, keyword to (value, comment), in the science header."""
        header = self.sci_header.copy()
        for keyword, card in cards.items():
            header[keyword] = card
        return self.replace(sci_header=header)


def _rebuild(values: dict[str, Any]) -> Exposure:
    return Exposure(**values)


def _readonly(plane: ArrayLike, dtype: Any = None) -> NDArray[Any]:
    array = np.asarray(plane, dtype=dtype)
    if not array.flags.writeable:
        return array  # the same object, so that who compares sees that nothing changed
    view = array.view()
    view.flags.writeable = False
    return view


def root_of_sum(planes: Iterable[Image]) -> Image:
    """Return the standard deviation that one component of the variance or more make."""
    first, *others = planes
    total = first.copy()
    for plane in others:
        total += plane
    return np.sqrt(total, out=total)


def row_blocks(shape: tuple[int, ...]) -> Iterator[tuple[int | slice, ...]]:
    """Yield indices that cut planes of `shape` into pieces that fit a processor's cache.

    What is computed piece by piece needs no further plane in memory.
    """
    *cube, rows, columns = shape
    step = max(1, BLOCK_PIXELS // max(1, columns))
    for integration in np.ndindex(*cube):
        for start in range(0, rows, step):
            yield (*integration, slice(start, start + step))
