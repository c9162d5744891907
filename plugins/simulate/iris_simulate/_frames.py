"""The exposures of a night: what each is of, when, where, and how much light falls on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from iris_simulate._optics import Pointing, spiral

if TYPE_CHECKING:
    from iris_simulate._night_spec import NightSpec

__all__ = ["Frame", "Kind", "list_frames"]

_OVERHEAD = 10.0  # s between two exposures
_TWILIGHT_FIELD = 600.0  # arcsec from the field
_EVENING = datetime(2026, 3, 21, 4, 30)  # the sun has just set where these telescopes are
_DARK = datetime(2026, 3, 21, 6, 0)
_MORNING = datetime(2026, 3, 21, 16, 30)


class Kind(StrEnum):
    """What an exposure is of; the value stands in the name of its file."""

    DARK = "dark"
    LAMP_ON = "lamp-on"
    LAMP_OFF = "lamp-off"
    TWILIGHT = "twilight"
    SCIENCE = "science"

    @property
    def sees_sky(self) -> bool:
        """Whether there are stars in it."""
        return self in (Kind.TWILIGHT, Kind.SCIENCE)

    @property
    def is_flat(self) -> bool:
        """Whether it is a flat of any kind; telescope and dome shine in it."""
        return self in (Kind.LAMP_ON, Kind.LAMP_OFF, Kind.TWILIGHT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One exposure of all detectors.

    Parameters
    ----------
    number
        Counts from 1 through the night.
    kind
        What it is of.
    filter
        Name of the filter.
    seconds
        Time of all coadds together.
    start
        UTC.
    pointing
        Of the optical axis.
    dither
        Number in its dither, from 1; 0 for what does not see the sky.
    level
        Light of lamp or twilight, electron / s in a pixel of mean response; of the sky in a science exposure the share
        of its brightness at the start.
    """

    number: int
    kind: Kind
    filter: str
    seconds: float
    start: datetime
    pointing: Pointing
    dither: int = 0
    level: float = 0.0

    @property
    def end(self) -> datetime:
        """UTC."""
        return self.start + timedelta(seconds=self.seconds)


# What differs between exposures: kind, filter, seconds, number in the dither, level, not before.
_Item = tuple[Kind, str, float, int, float, datetime]


def list_frames(spec: NightSpec, filters: tuple[str, ...], step: float) -> tuple[Frame, ...]:
    """Return the exposures in the order in which they are taken: twilight, science, darks, lamp flats.

    Parameters
    ----------
    spec
        How many, and how long.
    filters
        Their names.
    step
        Of the dither, arcsec.
    """
    target = Pointing(spec.ra, spec.dec, spec.position_angle)
    bases = {Kind.TWILIGHT: target.moved(_TWILIGHT_FIELD, 0.0)}
    offsets = spiral(step, max(spec.dithers, spec.twilights))
    frames: list[Frame] = []
    now = _EVENING
    for kind, name, seconds, dither, level, earliest in _items(spec, filters):
        now = max(now, earliest)
        base = bases.get(kind, target)
        frame = Frame(
            number=len(frames) + 1,
            kind=kind,
            filter=name,
            seconds=seconds,
            start=now,
            pointing=base.moved(*offsets[dither - 1]) if dither > 1 else base,
            dither=dither,
            level=level,
        )
        frames.append(frame)
        now = frame.end + timedelta(seconds=_OVERHEAD)
    return tuple(frames)


def _items(spec: NightSpec, filters: tuple[str, ...]) -> Iterator[_Item]:
    for name in filters:
        for index in range(spec.twilights):
            level = spec.twilight_level * spec.twilight_fall**index / spec.flat_time
            yield Kind.TWILIGHT, name, spec.flat_time, index + 1, level, _EVENING
    last = max(len(filters) * spec.dithers - 1, 1)
    for index in range(len(filters) * spec.dithers):
        name, dither = filters[index // spec.dithers], index % spec.dithers + 1
        yield Kind.SCIENCE, name, spec.exposure_time, dither, 1 - spec.sky_drift * index / last, _DARK
    yield from _closed(spec, filters)


def _closed(spec: NightSpec, filters: tuple[str, ...]) -> Iterator[_Item]:
    """Yield what is taken in the morning, without sky."""
    times = (spec.exposure_time, *(() if spec.flat_time == spec.exposure_time else (spec.flat_time,)))
    for seconds in times:
        for _ in range(spec.darks):
            yield Kind.DARK, filters[0], seconds, 0, 0.0, _MORNING
    for name in filters:
        for kind, level in ((Kind.LAMP_ON, spec.flat_level / spec.flat_time), (Kind.LAMP_OFF, 0.0)):
            for _ in range(spec.flats):
                yield kind, name, spec.flat_time, 0, level, _MORNING
