"""Instrument modes in YAML."""

from __future__ import annotations

from pathlib import Path

from iris_core.instruments import Detector, Filter, InstrumentMode

__all__ = ["load_mode"]


def load_mode(path: str | Path) -> InstrumentMode:
    """Read a mode from YAML whose keys are the fields of `InstrumentMode`.

    ``filters`` are ``[minimum, centre, maximum, sky]``.
    """
    import yaml

    # The C parser, where PyYAML was built with it, is ten times quicker.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    raw = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=loader)
    detectors = {
        name: Detector(shape=tuple(item["shape"]), offset=tuple(item.get("offset", (0.0, 0.0))))
        for name, item in raw.pop("detectors").items()
    }
    filters = {name: _filter(*numbers) for name, numbers in raw.pop("filters", {}).items()}
    return InstrumentMode(detectors=detectors, filters=filters, **raw)


def _filter(minimum: float, centre: float, maximum: float, sky: float | None = None) -> Filter:
    return Filter(minimum=minimum, centre=centre, maximum=maximum, sky=sky)
