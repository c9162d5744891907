"""Instrument modes: the facts of a camera that the framework needs, as data with sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from iris_core.errors import ModeNotFound, PluginError, choices, did_you_mean
from iris_core.exposure import Exposure

Item = TypeVar("Item")


SELECTORS = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One detector: its full `shape` (rows, columns), `offset` of its centre from the axis in arcsec (x, y)."""

    shape: tuple[int, int]
    offset: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One filter: band edges and centre in micrometres, sky brightness in mag / arcsec2 (None: not known)."""

    minimum: float
    centre: float
    maximum: float
    sky: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentMode:
    """A camera in one way of using it.

    Parameters
    ----------
    name
        Its name, ``my-imager``.
    telescope, instrument
        As in TELESCOP and INSTRUME.
    detectors
        By the names that DETECTOR takes; empty where any image will do: such a mode is used only where it is named.
    pixel_scale
        arcsec per pixel; 0 where only the header knows it.
    unit
        Unit of the pixels of a file that does not say. Where it is one of counts (DN), its files may be counts, and are
        divided by their exposure times; otherwise counts are refused.
    filters
        By the names that FILTER takes; empty where any will do.
    facts
        Numbers that belong to the camera (dark current, read noise, gain ...), each as
        ``{"value": ..., "unit": ..., "source": ...}``.
    use, params
        The implementation and the parameters this mode prefers for a stage; the recipe goes first.
    selectors
        Keywords by which its reference files are chosen: a store asks for no others.
    quality
        Lowest and highest usual value of header keywords of products, a warning beyond them; and of other numbers by
        which packages tell good products from bad.
    """

    name: str
    telescope: str
    instrument: str
    detectors: Mapping[str, Detector]
    pixel_scale: float
    unit: str
    filters: Mapping[str, Filter] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    use: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    selectors: tuple[str, ...] = SELECTORS
    quality: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def matches(self, exposure: Exposure) -> bool:
        """Whether an exposure is of this mode: its instrument is, and its detector or, of a mosaic, all of them are."""
        meta = exposure.meta
        of_several = not meta.detector and "NEXP" in exposure.header and len(self.detectors) > 1
        ours = meta.instrument.casefold() == self.instrument.casefold()
        return ours and (meta.detector in self.detectors or of_several)


class Offered(Mapping[str, Item], Generic[Item]):
    """What plugins bring under names: modes, recipes, executors. To take what two of them bring is an error.

    Parameters
    ----------
    what
        What the items are, for errors: ``"instrument mode"``.
    owners
        By name, the items by the plugin that brings each.
    """

    def __init__(self, what: str, owners: Mapping[str, Mapping[str, Item]]) -> None:
        self._what, self._owners = what, dict(sorted(owners.items()))

    def __getitem__(self, name: str) -> Item:
        items = self._owners[name]
        if len(items) > 1:
            raise PluginError(
                f"the {self._what} '{name}' is brought by {len(items)} plugins ({choices(items)}); "
                f"uninstall all but one of them, or name the plugins to load in IRIS_LOAD_PLUGINS"
            )
        return next(iter(items.values()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._owners)

    def __len__(self) -> int:
        return len(self._owners)

    def brought(self) -> Iterator[tuple[str, str, Item]]:
        """Yield name, plugin and item, those that share a name included."""
        yield from ((name, plugin, item) for name, items in self._owners.items() for plugin, item in items.items())

    def everything(self) -> list[Item]:
        """Return all items, those that share a name included."""
        return [item for _, _, item in self.brought()]


def match_mode(
    exposure: Exposure, modes: Offered[InstrumentMode], name: str = "", forced: bool = False
) -> InstrumentMode:
    """Return the mode of an exposure.

    Parameters
    ----------
    exposure
        It, or its outline.
    modes
        The installed modes.
    name
        The mode to take; ``""`` to go by the header.
    forced
        Whether `name` counts even where the header contradicts it.

    Raises
    ------
    ModeNotFound
        When none or more than one matches, or `name` is not installed or contradicts the header.
    PluginError
        When two packages bring the mode.
    """
    meta = exposure.meta
    given = f"INSTRUME '{meta.instrument}', DETECTOR '{meta.detector}'"
    if name:
        mode = find_mode(modes, name)
        if not forced and meta.instrument and mode.detectors and not mode.matches(exposure):
            raise ModeNotFound(
                f"{exposure.name}: the recipe is for {name}, but the header has {given}; "
                f"--instrument {name} takes the mode all the same"
            )
        return mode
    matching = dict.fromkeys(mode.name for mode in modes.everything() if mode.matches(exposure))
    if len(matching) == 1:
        return modes[next(iter(matching))]
    if not matching:
        every = modes.everything()
        known = choices(f"{one.name} ({one.instrument}: {', '.join(one.detectors)})" for one in every if one.detectors)
        general = "".join(f"; --instrument {one.name} takes any image" for one in every if not one.detectors)
        raise ModeNotFound(f"{exposure.name}: no mode matches {given}; installed modes are: {known}{general}")
    raise ModeNotFound(f"{exposure.name}: {given} matches {choices(matching)}; name one with 'instrument:'")


def find_mode(modes: Offered[InstrumentMode], name: str) -> InstrumentMode:
    """Return the installed mode of a name."""
    if name not in modes:
        raise ModeNotFound(f"no instrument mode '{name}'{did_you_mean(name, modes)} Modes: {choices(modes)}")
    return modes[name]
