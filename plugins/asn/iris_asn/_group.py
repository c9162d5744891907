"""Which exposures belong together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from iris_core import Meta, exposure_stem

__all__ = ["Grouping", "Member", "Product", "group_exposures"]

_SCIENCE = ("", "sci", "science", "object")
_SKY = ("sky", "background")


@dataclass(frozen=True, slots=True)
class Member:
    """An exposure by its file and its header."""

    path: Path
    meta: Meta = field(hash=False)

    @property
    def camera(self) -> tuple[str, ...]:
        """What a background exposure has to have in common with a science exposure."""
        meta = self.meta
        # Equal, not only in agreement as `iris_core.agree` has it: ANY agrees with J and with K, which are two groups.
        return tuple(map(str.casefold, (meta.instrument, meta.detector, meta.filter, meta.pupil, meta.read_mode)))

    @property
    def group(self) -> tuple[str, ...]:
        """What the science exposures of one group have in common."""
        return (*self.camera, self.meta.target.casefold(), str(self.meta.window or ""))

    def fits(self, science: Member) -> bool:
        """Whether this can be a background exposure of another one: a full frame can, for any window of it."""
        return self.camera == science.camera and self.meta.window in (None, science.meta.window)


@dataclass(frozen=True, slots=True)
class Product:
    """One product of an association: a science exposure and its background exposures, the nearest in time first."""

    name: str
    science: Member
    backgrounds: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Grouping:
    """A night in groups: products in the order of group and time, and why each other file is in none."""

    products: tuple[Product, ...]
    unused: Mapping[Path, str]


def group_exposures(
    exposures: Iterable[Member], backgrounds: Iterable[Member] = (), most: int | None = None
) -> Grouping:
    """Return the products that can be made of exposures; the order in which they are given plays no part.

    Parameters
    ----------
    exposures
        Of any kind: those whose IMTYPE is SKY become background exposures, other kinds than SCI are not used.
    backgrounds
        Background exposures, whatever their IMTYPE.
    most
        How many background exposures a product has at most; by default all that fit.
    """
    named = {one.path: one for one in backgrounds}
    others = [one for one in {one.path: one for one in exposures}.values() if one.path not in named]
    science = sorted((one for one in others if _kind(one) in _SCIENCE), key=lambda one: (one.group, *_moment(one)))
    skies = [*named.values(), *(one for one in others if _kind(one) in _SKY)]
    products = tuple(_product(one, skies, most) for one in science)
    used = {one.path for product in products for one in product.backgrounds}
    unused = {one.path: f"IMTYPE is {one.meta.image_type}" for one in others if _kind(one) not in (*_SCIENCE, *_SKY)}
    unused |= {one.path: _why_unused(one, science) for one in skies if one.path not in used}
    return Grouping(products, dict(sorted(unused.items())))


def _kind(member: Member) -> str:
    return member.meta.image_type.casefold()


def _moment(member: Member) -> tuple[bool, float, str]:
    """Return what sorts by time; exposures without a start time come last."""
    start = member.meta.start_time
    return start is None, start.timestamp() if start else 0.0, str(member.path)


def _product(science: Member, skies: Sequence[Member], most: int | None) -> Product:
    fitting = sorted(
        (one for one in skies if one.fits(science)), key=lambda one: _distance(one, science.meta.start_time)
    )
    return Product(exposure_stem(science.path), science, tuple(fitting[:most]))


def _distance(member: Member, start: datetime | None) -> tuple[bool, float, str]:
    """Return what sorts by distance in time from a moment, the unknown last."""
    own = member.meta.start_time
    known = own is not None and start is not None
    return not known, abs((own - start).total_seconds()) if own and start else 0.0, str(member.path)


def _why_unused(sky: Member, science: Sequence[Member]) -> str:
    if any(sky.fits(one) for one in science):
        return "there are enough background exposures nearer in time"
    if any(sky.camera == one.camera for one in science):
        return f"no science exposure is of its window, {sky.meta.window}"
    meta = sky.meta
    kind = " ".join(filter(None, (meta.instrument, meta.detector, meta.filter, meta.pupil, meta.read_mode)))
    return f"a background exposure of {kind}, of which there is no science exposure"
