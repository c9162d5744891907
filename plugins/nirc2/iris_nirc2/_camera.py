"""What is known of NIRC2: the numbers of ``nirc2.yaml``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core import load_mode

if TYPE_CHECKING:
    from datetime import datetime

    from iris_core import InstrumentMode

__all__ = ["BASE", "camera_modes", "camera_number", "number"]

# What the three cameras have in common, with the facts of all; the file is part of the package.
BASE = load_mode(Path(__file__).with_name("nirc2.yaml"))


def camera_modes() -> list[InstrumentMode]:
    """Return one mode for each camera, with its pixel scale of today."""
    return [
        replace(BASE, name=f"nirc2-{camera}", detectors={camera: detector}, pixel_scale=number(f"pixel_scale_{camera}"))
        for camera, detector in BASE.detectors.items()
    ]


def number(name: str) -> Any:
    """Return the value of a fact."""
    return BASE.facts[name]["value"]


def camera_number(name: str, camera: str, when: datetime | None) -> float:
    """Return a fact of a camera as it was at a time; as it is today where the time is not known.

    Parameters
    ----------
    name
        ``pixel_scale`` (arcsec) or ``position_angle`` (degrees).
    camera
        ``narrow``, ``medium`` or ``wide``.
    when
        Start of the exposure, UTC.
    """
    earlier = BASE.facts.get(f"{name}_{camera}_before")
    if earlier is not None and when is not None and when.date() < earlier["until"]:
        return float(earlier["value"])
    return float(number(f"{name}_{camera}"))
