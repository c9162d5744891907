"""The exposure that passes through the stages."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import ref

import numpy as np
from numpy.typing import ArrayLike

from iris_core.arrays import Array, Flags, Image, Repeated, mask_together, root_of_sum
from iris_core.dq import DQ
from iris_core.errors import InputError, StageContractError
from iris_core.keywords import KEYWORDS, meta_of_headers, with_meta
from iris_core.meta import Meta, Removal, StageRecord, Subarray

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.units import UnitBase
    from gwcs import WCS


Made = TypeVar("Made", bound="Exposure")

_STATUS = {"COMPLETE": "COMPLETE", "TRUE": "COMPLETE", "SKIPPED": "SKIPPED"}
_NAMES = frozenset(keyword.name for keyword in KEYWORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One exposure of one detector: its pixels, their errors, and what was done to them.

    Frozen; its planes are read-only views and its headers cannot be written to. `replace` and the methods below
    return changed copies. `meta` and the headers always agree: what changes one of them changes the others.

    Parameters
    ----------
    data
        ``(ny, nx)`` for a rate, ``(nint, ny, nx)`` for rateints, float32, in `unit`.
    dq
        `DQ` bits, uint32, shape of `data`.
    variance
        Named components of the variance, float32, shape of `data`, in `unit` squared.
        Empty where the errors are unknown; then no stage adds a component either.
    unit
        Unit of `data`; None only until the instrument mode has been matched.
    meta
        Typed header. Where it contradicts `header` and `sci_header`, these are changed.
    wcs
        Detector pixel (0-based) to sky, after assign_wcs.
    fits_wcs
        FITS keywords equivalent to `wcs`, for tools without gwcs.
    area
        Pixel area relative to the mean, ``(ny, nx)``.
    planes
        Further image extensions by name (SUBARR_MAP as read, WHT and CON as made).
    header, sci_header
        Primary header, and that of the science extension, as read, with the keywords that stages wrote.
    subarrays
        Windows that were read out as exposures of their own.
    done
        Names of the stages that the pixels have been through, here or in another pipeline; kept by the framework.
    removed
        How much of the dark current, the background and the flat has been taken out of the pixels, by name;
        kept by the framework. What is not listed is still in.
    common
        Names of the variance components whose error is one and the same in all integrations, so that their mean has
        it as well: those of the background, the dark and the flat. All others are new in each integration.
    history
        One record per stage that has run; written by the runner only.
    provenance
        What is true of the whole run: recipe, software, command; written by the runner only.
    notes
        Remarks of the running stage; the runner moves them into the record.
    masked
        Planes in which NaN and DO_NOT_USE are known to go together; kept by the framework.
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
    planes: Mapping[str, Array] = field(default_factory=dict)
    subarrays: tuple[Subarray, ...] = ()
    done: frozenset[str] = frozenset()
    removed: Mapping[str, Removal] = field(default_factory=dict)
    common: frozenset[str] = frozenset()
    history: tuple[StageRecord, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    masked: tuple[ref[Array], ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        from iris_core.headers import agreeing, freeze

        put = object.__setattr__
        put(self, "data", _readonly(self.data, np.float32))
        put(self, "dq", _readonly(self.dq, np.uint32))
        if not isinstance(self.variance, MappingProxyType):
            planes = {name: _readonly(plane, np.float32) for name, plane in self.variance.items()}
            put(self, "variance", MappingProxyType(planes))
        put(self, "planes", MappingProxyType({name: _readonly(plane) for name, plane in self.planes.items()}))
        put(self, "removed", MappingProxyType(dict(self.removed)))
        put(self, "provenance", MappingProxyType(dict(self.provenance)))
        if self.area is not None:
            put(self, "area", _readonly(self.area, np.float32))
        agreed = getattr(self.header, "agreed", (None, None))
        if agreed[0] is not self.sci_header or agreed[1] is not self.meta:  # two headers take longer than all else
            for name, value in agreeing(*with_meta(self.meta, self.header, self.sci_header), self.meta).items():
                put(self, name, value)
        put(self, "fits_wcs", None if self.fits_wcs is None else freeze(self.fits_wcs))
        self._check_shapes()

    def _check_shapes(self) -> None:
        if self.data.ndim not in (2, 3):
            raise InputError(f"{self.name}: data has {self.data.ndim} axes; (ny, nx) or (nint, ny, nx) is needed")
        whole, areas = self.data.shape, {} if self.area is None else {"AREA": self.area}
        for name, plane in {"dq": self.dq, **self.variance, **areas}.items():
            if plane.shape != (whole if name not in areas else whole[-2:]):
                raise InputError(f"{self.name}: {name} has shape {plane.shape}, but data has {whole}")

    def __reduce__(self) -> tuple[Any, ...]:
        values = {item.name: _to_pickle(getattr(self, item.name)) for item in dataclasses.fields(self) if item.compare}
        return partial(Exposure, **values), ()

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
        # Keywords first: astropy takes ten times as long over the value of a card.
        named = [(header, key) for header in (self.sci_header, self.header) for key in header if key.startswith("S_")]
        values = {key: str(header[key]).strip().upper() for header, key in named}
        return {key: _STATUS[value] for key, value in values.items() if value in _STATUS}

    def replace(self, **changes: Any) -> Self:
        """Return a copy with `changes` made; planes that do not change are shared.

        Where a header changes and `meta` is not given, `meta` follows the header. With a new `wcs`, or `fits_wcs`,
        the cards of the old one leave the headers, and those of `fits_wcs` come into that of the science extension.
        """
        from iris_core.headers import agreeing, with_wcs

        if any(changes.get(name, getattr(self, name)) is not getattr(self, name) for name in ("wcs", "fits_wcs")):
            changes["header"] = with_wcs(changes.get("header", self.header))
            cards = changes.setdefault("fits_wcs", None)
            changes["sci_header"] = with_wcs(changes.get("sci_header", self.sci_header), cards)
        if "meta" not in changes and changes.keys() & {"header", "sci_header"}:
            headers = changes.get("header", self.header), changes.get("sci_header", self.sci_header)
            meta = dataclasses.replace(meta_of_headers(*headers, self.meta.path), mode=self.meta.mode)
            changes |= agreeing(*headers, meta)
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
        variance = {name: plane * square for name, plane in self.variance.items()}
        return self.replace(data=self.data * scale, variance=variance)

    def add_variance(self, name: str, plane: ArrayLike, *, common: bool | None = None) -> Self:
        """Return the exposure with the component `name`, added to one of that name if there is one.

        Unknown errors stay unknown: one component alone would be too small an error.

        Parameters
        ----------
        name
            Of the component.
        plane
            ``(ny, nx)`` or the shape of `data`, in `unit` squared.
        common
            Whether the error behind it is the same in all integrations; by default where `plane` is one plane
            for all of them. A component is common where any part of it is: the error of a mean is not too small.
        """
        if not self.variance:
            return self
        new = np.broadcast_to(np.asarray(plane, dtype=np.float32), self.data.shape)
        old = self.variance.get(name)
        variance = {**self.variance, name: new if old is None else old + new}
        shared = self.is_integrations and (np.ndim(plane) < 3 if common is None else common)
        return self.replace(variance=variance, common=self.common | ({name} if shared else set()))

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
        if is_masked(self) or not any((*self.data.strides, *self.dq.strides)):  # an outline has no pixels
            return self
        dq, (data, *components) = mask_together(self.dq, [self.data, *self.variance.values()])
        return as_masked(self.replace(dq=dq, data=data, variance=dict(zip(self.variance, components, strict=True))))

    def note(self, text: str) -> Self:
        """Return the exposure with a note for the record of this stage."""
        return self.replace(notes=(*self.notes, text))

    def with_keywords(self, cards: Mapping[str, tuple[Any, str]]) -> Self:
        """Return the exposure with FITS `cards`, keyword to (value, comment), in the science header.

        A keyword of `meta` that stands in the primary header changes there, too.
        """
        primary, science = self.header, self.sci_header.copy()
        science.update(cards)
        if known := {key: card for key, card in cards.items() if key in _NAMES and key in primary}:
            primary = primary.copy()
            primary.update(known)
        return self.replace(header=primary, sci_header=science)


def _readonly(plane: ArrayLike, dtype: Any = None) -> Array:
    array = np.asarray(plane, dtype=dtype)
    if not array.flags.writeable:
        return array  # the same object: a comparison by identity shows that nothing changed
    view = array.view()
    view.flags.writeable = False
    return view


def is_masked(exposure: Exposure) -> bool:
    """Whether NaN and DO_NOT_USE are known to go together: these very planes have been through `mask_invalid`."""
    planes, masked = (exposure.dq, exposure.data, *exposure.variance.values()), exposure.masked
    return len(planes) == len(masked) and all(plane is known() for plane, known in zip(planes, masked, strict=True))


def as_masked(exposure: Made) -> Made:
    """Return an exposure in whose planes NaN and DO_NOT_USE go together, as somebody has seen."""
    planes = exposure.dq, exposure.data, *exposure.variance.values()
    return dataclasses.replace(exposure, masked=tuple(map(ref, planes)))


def planes_of(exposure: Exposure) -> dict[str, Array]:
    """Return the planes of an exposure by name: ``data``, ``dq``, ``variance:NAME``, ``area`` and others."""
    area = {} if exposure.area is None else {"area": exposure.area}
    variance = {f"variance:{name}": plane for name, plane in exposure.variance.items()}
    return {"data": exposure.data, "dq": exposure.dq, **variance, **area, **exposure.planes}


def with_planes(outline: Exposure, planes: Mapping[str, Array]) -> Exposure:
    """Return an outline with the planes that `planes_of` returned."""
    own = dict(planes)
    variance = {name[9:]: own.pop(name) for name in planes if name.startswith("variance:")}
    data, dq, area = own.pop("data"), own.pop("dq"), own.pop("area", None)
    return outline.replace(data=data, dq=dq, variance=variance, area=area, planes=own)


def _to_pickle(value: Any) -> Any:
    """Return what is pickled for a field of an exposure; the planes of an outline take no memory there either."""
    if isinstance(value, MappingProxyType):
        return {name: _to_pickle(one) for name, one in value.items()}
    return Repeated(value) if isinstance(value, np.ndarray) and value.size and not any(value.strides) else value


def split(exposures: list[Exposure], pixels: int) -> None:
    """Cut a large cube into exposures of some integrations, so that what a stage needs for its work is bounded.

    Each plane of the cube is released as soon as it is copied.

    Parameters
    ----------
    exposures
        The cube alone; afterwards its pieces. An image, a small cube and pieces stay as they are.
    pixels
        Pixels of a piece, at most (one integration at least).
    """
    if len(exposures) > 1 or not exposures[0].is_integrations:
        return
    rows, columns = exposures[0].shape
    step, number = max(1, pixels // (rows * columns)), len(exposures[0].data)
    if number > step:
        frame, planes = _take_apart(exposures.pop())
        starts = range(0, number, step)
        parts: list[dict[str, Array]] = [{} for _ in starts]
        for key in tuple(planes):
            plane = planes.pop(key)
            for part, start in zip(parts, starts, strict=True):
                part[key] = plane[start : start + step].copy()
        exposures += [with_planes(frame, planes_of(frame) | part) for part in parts]


def join(exposures: list[Exposure]) -> None:
    """Make one cube of its pieces again; each of their planes is released as soon as it is copied.

    Headers, WCS and whatever else is not a plane of the cube come from the first piece.

    Parameters
    ----------
    exposures
        The pieces; afterwards the cube alone.

    Raises
    ------
    StageContractError
        When they have different planes, or different units.
    """
    if len(exposures) == 1:
        return
    name, apart = exposures[0].name, [_take_apart(one) for one in exposures]
    exposures.clear()
    frame, parts = apart[0][0], [planes for _, planes in apart]
    if any(list(part) != list(parts[0]) for part in parts) or any(one.unit != frame.unit for one, _ in apart):
        raise StageContractError(
            f"{name}: after a stage its integrations have different units, variance components or planes; "
            f"a stage with by_integration=True has to treat all alike"
        )
    joined = {key: np.concatenate([part.pop(key) for part in parts]) for key in tuple(parts[0])}
    exposures.append(with_planes(frame, planes_of(frame) | joined))


def _take_apart(exposure: Exposure) -> tuple[Exposure, dict[str, Array]]:
    """Return an exposure without integrations, and the planes of its cube; a plane for all integrations stays."""
    cube = {name: plane for name, plane in planes_of(exposure).items() if plane.shape == exposure.data.shape}
    nothing = np.empty((0, *exposure.shape), dtype=np.float32)
    rest = {name: plane for name, plane in exposure.planes.items() if name not in cube}
    return exposure.replace(data=nothing, dq=nothing.astype(np.uint32), variance={}, planes=rest), cube
