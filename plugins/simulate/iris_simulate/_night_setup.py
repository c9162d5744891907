"""The detectors, filters and cameras of a night, and the part of the focal plane that they see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import InputError, InstrumentMode, choices, did_you_mean
from iris_simulate._camera import Camera, make_camera
from iris_simulate._field import Box
from iris_simulate._spec import SimulationSpec

if TYPE_CHECKING:
    from iris_simulate._night_spec import NightSpec

__all__ = [
    "choose_detectors",
    "choose_filters",
    "field_box",
    "filter_number",
    "frame_shape",
    "make_cameras",
    "moved_together",
    "simulation_spec",
]


def choose_detectors(spec: NightSpec, mode: InstrumentMode) -> tuple[str, ...]:
    """Return the names of the detectors that are asked for."""
    known = tuple(mode.detectors)
    if isinstance(spec.detectors, int):
        if not 1 <= spec.detectors <= len(known):
            raise InputError(
                f"the mode '{mode.name}' has {len(known)} detectors, not {spec.detectors}: {choices(known)}"
            )
        return known[: spec.detectors]
    return _known(mode, "detector", spec.detectors or known, known)


def choose_filters(spec: NightSpec, mode: InstrumentMode) -> tuple[str, ...]:
    """Return the names of the filters that are asked for."""
    usual = [name for name, band in mode.filters.items() if band.sky is not None] or list(mode.filters)
    if not usual:
        raise InputError(f"the mode '{mode.name}' lists no filters; a night needs their wavelengths")
    return _known(mode, "filter", spec.filters or usual[:1], tuple(mode.filters))


def _known(mode: InstrumentMode, kind: str, names: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            near = did_you_mean(name, known)
            raise InputError(f"the mode '{mode.name}' has no {kind} '{name}'{near} Its {kind}s are: {choices(known)}")
    if len(set(names)) < len(names):
        raise InputError(f"the {kind}s {', '.join(names)} name one twice")
    return tuple(names)


def moved_together(spec: NightSpec, mode: InstrumentMode) -> InstrumentMode:
    """Return the mode with detectors of the size asked for; the gaps between them stay as wide as they are."""
    detectors = {}
    for name, chip in mode.detectors.items():
        sizes = zip(chip.offset, chip.shape[::-1], frame_shape(spec, chip.shape)[::-1], strict=True)
        x, y = (_inner(offset, full, size, mode.pixel_scale) for offset, full, size in sizes)
        detectors[name] = replace(chip, offset=(x, y))
    return replace(mode, detectors=detectors)


def _inner(offset: float, full: int, size: int, scale: float) -> float:
    """Return where the centre of a smaller detector is, whose edge towards the axis stays where it is."""
    over_axis = abs(offset) < full * scale / 2
    return offset if over_axis else float(np.copysign(abs(offset) - (full - size) * scale / 2, offset))


def frame_shape(spec: NightSpec, full: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of what is simulated of a detector with `full` rows and columns."""
    return full if spec.size is None else (spec.size[1], spec.size[0])


def field_box(spec: NightSpec, mode: InstrumentMode, detectors: tuple[str, ...], reach: float) -> Box:
    """Return the part of the focal plane that the detectors see, at any position of the dither."""
    edges = []
    for name in detectors:
        chip = mode.detectors[name]
        rows, columns = frame_shape(spec, chip.shape)
        half = np.array([columns, rows]) * mode.pixel_scale / 2 + reach
        edges.append((np.array(chip.offset) - half, np.array(chip.offset) + half))
    low, high = (np.array(side) for side in zip(*edges, strict=True))
    return Box(*low.min(axis=0).tolist(), *high.max(axis=0).tolist())


def simulation_spec(spec: NightSpec, name: str, detector: str, seconds: float) -> SimulationSpec:
    """Return what an exposure of one coadd through a filter is, in the words of `SimulationSpec`."""
    shared = spec.model_dump(include={"mode", "size", "seed", "stars", "brightest", "separation", "sky", "strehl",
                                      "halo_fwhm", "distortion", "photom_error"})  # fmt: skip
    return SimulationSpec(**shared, filter=name, detector=detector, exposure_time=seconds / spec.coadds)


def make_cameras(spec: NightSpec, mode: InstrumentMode, filters: tuple[str, ...], detector: str) -> dict[str, Camera]:
    """Return the cameras of a detector, by filter."""
    cameras: dict[str, Camera] = {}
    for name in filters:
        camera = make_camera(simulation_spec(spec, name, detector, spec.exposure_time), mode)
        # The pixels are the same in all filters, and their areas a plane of memory.
        cameras[name] = replace(camera, area=next(iter(cameras.values())).area) if cameras else camera
    return cameras


def filter_number(camera: Camera) -> int:
    """Return the number of the filter of a camera in its mode, from 0."""
    return list(camera.mode.filters).index(camera.filter)
