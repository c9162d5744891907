"""Instrument modes: what the framework has to know of a camera, as data with its sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iris_core.errors import ModeNotFound, choices, did_you_mean
from iris_core.model import Exposure

__all__ = ["Detector", "Filter", "InstrumentMode", "load_mode", "match_mode", "mode_not_installed"]


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
        Its name, ``iris-imager``.
    telescope, instrument
        As in TELESCOP and INSTRUME.
    detectors
        By the names that DETECTOR takes.
    pixel_scale
        arcsec per pixel.
    unit
        Unit of a rate whose file does not say.
    filters
        By the names that FILTER takes; empty where any will do.
    facts
        Numbers that belong to the camera (dark current, read noise, gain ...), each as
        ``{"value": ..., "unit": ..., "source": ...}``.
    use, params
        The implementation and the parameters this mode prefers for a stage; the recipe goes first.
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

    def matches(self, exposure: Exposure) -> bool:
        """Whether an exposure is of this mode: its instrument and its detector are."""
        meta = exposure.meta
        return meta.instrument.casefold() == self.instrument.casefold() and meta.detector in self.detectors


def load_mode(path: Path) -> InstrumentMode:
    """Read a mode from YAML whose keys are the fields of `InstrumentMode`.

    ``filters`` are ``[minimum, centre, maximum, sky]``.
    """
    import yaml

    # The C parser, where PyYAML was built with it, is ten times quicker.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    raw = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    detectors = {
        name: Detector(shape=tuple(item["shape"]), offset=tuple(item.get("offset", (0.0, 0.0))))
        for name, item in raw.pop("detectors").items()
    }
    filters = {name: _filter(*numbers) for name, numbers in raw.pop("filters", {}).items()}
    return InstrumentMode(detectors=detectors, filters=filters, **raw)


def _filter(minimum: float, centre: float, maximum: float, sky: float | None = None) -> Filter:
    return Filter(minimum=minimum, centre=centre, maximum=maximum, sky=sky)


def mode_not_installed(name: str, installed: Iterable[str]) -> ModeNotFound:
    """Return the error for a mode that a recipe names and nobody brings."""
    known = choices(installed)
    return ModeNotFound(f"no instrument mode '{name}'{did_you_mean(name, installed)} Installed modes are: {known}")


def _described(modes: Mapping[str, InstrumentMode]) -> str:
    return choices(f"{mode.name} ({mode.instrument}: {', '.join(mode.detectors)})" for mode in modes.values())


def match_mode(exposure: Exposure, modes: Iterable[InstrumentMode], name: str = "") -> InstrumentMode:
    """Return the mode of an exposure.

    Parameters
    ----------
    exposure
        It, or its outline.
    modes
        The installed modes.
    name
        The mode to take, whatever the header says; ``""`` to go by the header.

    Raises
    ------
    ModeNotFound
        When none or more than one matches, or `name` is not installed.
    """
    installed = {mode.name: mode for mode in modes}
    if name:
        if name not in installed:
            raise mode_not_installed(name, installed)
        return installed[name]
    matching = [mode for mode in installed.values() if mode.matches(exposure)]
    if len(matching) == 1:
        return matching[0]
    meta = exposure.meta
    said = f"INSTRUME '{meta.instrument}', DETECTOR '{meta.detector}'"
    if not matching:
        raise ModeNotFound(f"{exposure.name}: no mode matches {said}; installed modes are: {_described(installed)}")
    raise ModeNotFound(
        f"{exposure.name}: {said} matches {choices(mode.name for mode in matching)}; name one with 'instrument:'"
    )
