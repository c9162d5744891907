"""The camera as it truly is: one detector behind one filter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from iris_core import Image, InputError, choices, did_you_mean
from iris_simulate._optics import Distortion, make_distortion
from iris_simulate._photometry import electrons_per_jansky, fact, sky_brightness
from iris_simulate._psf import PSF, adaptive_optics_psf, diffraction_fwhm, marechal_strehl

if TYPE_CHECKING:
    from iris_core import Detector, Filter, InstrumentMode
    from iris_simulate._spec import SimulationSpec

__all__ = ["Camera", "make_camera"]

Item = TypeVar("Item")

# About what the adaptive optics of the telescope promise on the axis, root mean square in nm.
_WAVEFRONT_ERROR = 190.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """What turns a flux into electrons, without the detector's structure.

    Parameters
    ----------
    mode
        The instrument mode.
    detector, filter
        Their names.
    shape
        Rows and columns.
    optics
        Pixel to focal plane.
    psf
        The image of a star on detector pixels.
    area
        Relative pixel area, mean 1, ``(ny, nx)``.
    pixel_area
        Mean area of a pixel, arcsec2.
    electrons_per_jy
        electron / s of a source of 1 Jy.
    sky_rate
        electron / s of the sky in a pixel of mean area and efficiency.
    dark_current
        electron / s.
    read_noise
        electron.
    saturation
        Full well, electron; infinite where the mode does not give it.
    """

    mode: InstrumentMode
    detector: str
    filter: str
    shape: tuple[int, int]
    optics: Distortion
    psf: PSF
    area: Image
    pixel_area: float
    electrons_per_jy: float
    sky_rate: float
    dark_current: float
    read_noise: float
    saturation: float

    @property
    def solid_angle(self) -> float:
        """Mean solid angle of a pixel, sr."""
        return float(self.pixel_area * np.deg2rad(1 / 3600) ** 2)

    def conversion(self, band: Filter | None = None) -> float:
        """Return what photom multiplies with, MJy / sr per electron / s, for this or another filter."""
        electrons = self.electrons_per_jy if band is None else electrons_per_jansky(self.mode, band)
        return 1e-6 / (electrons * self.solid_angle)


def make_camera(spec: SimulationSpec, mode: InstrumentMode) -> Camera:
    """Return the camera of a mode with the filter and the detector that `spec` asks for.

    Raises
    ------
    InputError
        When the mode has no such filter or detector, or does not give a number that is needed.
    """
    band = _choose(mode, "filter", spec.filter, mode.filters)
    name = spec.detector or next(iter(mode.detectors))
    chip = _choose(mode, "detector", name, mode.detectors)
    shape = _shape(spec.size, name, chip)
    optics = make_distortion(chip.offset, shape, mode.pixel_scale, spec.distortion)
    area = optics.pixel_area(shape)
    pixel_area = float(area.mean())
    electrons = electrons_per_jansky(mode, band)
    return Camera(
        mode=mode,
        detector=name,
        filter=spec.filter,
        shape=shape,
        optics=optics,
        psf=_psf(spec, mode, band),
        area=(area / pixel_area).astype(np.float32),
        pixel_area=pixel_area,
        electrons_per_jy=electrons,
        sky_rate=sky_brightness(mode, spec.filter, spec.sky) * pixel_area * electrons,
        dark_current=fact(mode, "dark_current", "electron/s"),
        read_noise=fact(mode, "read_noise", "electron"),
        saturation=fact(mode, "saturation", "electron") if "saturation" in mode.facts else np.inf,
    )


def _choose(mode: InstrumentMode, kind: str, name: str, known: Mapping[str, Item]) -> Item:
    if name not in known:
        near = did_you_mean(name, known)
        raise InputError(f"the mode '{mode.name}' has no {kind} '{name}'{near} Its {kind}s are: {choices(known)}")
    return known[name]


def _shape(size: tuple[int, int] | None, name: str, chip: Detector) -> tuple[int, int]:
    rows, columns = chip.shape
    if size is None:
        return rows, columns
    if not (16 <= size[0] <= columns and 16 <= size[1] <= rows):
        raise InputError(f"size {size[0]} x {size[1]}: {name} has {columns} x {rows} pixels, and 16 x 16 is the least")
    return size[1], size[0]


def _psf(spec: SimulationSpec, mode: InstrumentMode, band: Filter) -> PSF:
    core = diffraction_fwhm(band.centre, fact(mode, "collecting_area", "m2"))
    strehl = marechal_strehl(band.centre, _WAVEFRONT_ERROR) if spec.strehl is None else spec.strehl
    return adaptive_optics_psf(core / mode.pixel_scale, strehl, spec.halo_fwhm / mode.pixel_scale)
