"""A simulated night: raw exposures of several detectors with known truth, made when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import (
    DQ,
    Exposure,
    Image,
    InstrumentMode,
    meta_from_header,
    parse_unit,
)
from iris_simulate._chip import Chip, make_chip
from iris_simulate._field import Field, draw_field
from iris_simulate._frames import Frame, Kind, list_frames
from iris_simulate._galaxy import exponential_disc
from iris_simulate._night_headers import frame_header, frame_name, sci_header
from iris_simulate._night_setup import (
    choose_detectors,
    choose_filters,
    field_box,
    filter_number,
    frame_shape,
    make_cameras,
    moved_together,
    simulation_spec,
)
from iris_simulate._night_spec import NightSpec
from iris_simulate._noise import expose
from iris_simulate._optics import Pointing
from iris_simulate._psf import PSF, add_stars
from iris_simulate._random import Stream, generator
from iris_simulate._rays import Rays, draw_rays
from iris_simulate._simulation import installed_mode

if TYPE_CHECKING:
    from iris_core import Array
    from iris_simulate._camera import Camera

__all__ = ["Night", "NightDetector", "simulate_night"]

_THERMAL_K = 14388.0 / 283.0  # h c / k T in um, at 283 K
_THERMAL_UM = 2.2
_TWILIGHT_STARS = 0.3  # of the brightest star that does not saturate
_GALAXY_PLACE = (0.15, -0.1)  # of a detector's width from the centre of the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The exposures of a night, and their truth.

    Parameters
    ----------
    spec
        What was asked for.
    mode
        The instrument mode; the detectors lie as far from the axis as their size lets them.
    filters, detectors
        Their names.
    frames
        The exposures, each of all detectors, in the order in which they are taken.
    field, twilight
        The stars of the science exposures and of the twilight flats.
    """

    spec: NightSpec
    mode: InstrumentMode
    filters: tuple[str, ...]
    detectors: tuple[str, ...]
    frames: tuple[Frame, ...]
    field: Field
    twilight: Field

    def detector(self, name: str) -> NightDetector:
        """Return one detector with its truth, which takes a few planes of memory."""
        cameras = make_cameras(self.spec, self.mode, self.filters, name)
        first = cameras[self.filters[0]]
        number = list(self.mode.detectors).index(name)
        rng = generator(self.spec.seed, Stream.CHIP, number)
        chip = make_chip(first.shape, first.dark_current, self.spec.glow, self.spec.defects, rng)
        return NightDetector(night=self, name=name, number=number, cameras=cameras, chip=chip)

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of each detector."""
        return {name: frame_shape(self.spec, self.mode.detectors[name].shape) for name in self.detectors}

    @property
    def galaxy(self) -> tuple[float, float] | None:
        """RA and Dec of the galaxy, degrees; None where there is none."""
        if not self.spec.galaxy:
            return None
        first = self.detectors[0]
        width, offsets = min(self.shapes[first]) * self.mode.pixel_scale, self.mode.detectors[first].offset
        place = (offset + share * width for offset, share in zip(offsets, _GALAXY_PLACE, strict=True))
        ra, dec = Pointing(self.spec.ra, self.spec.dec, self.spec.position_angle).to_sky(*place)
        return float(ra), float(dec)


@dataclass(frozen=True, slots=True, kw_only=True)
class NightDetector:
    """One detector of a night.

    Parameters
    ----------
    night, name
        Which.
    number
        Of the detector in its mode, from 0.
    cameras
        By filter.
    chip
        Its truth.
    """

    night: Night
    name: str
    number: int
    cameras: Mapping[str, Camera]
    chip: Chip

    def flat(self, name: str) -> Image:
        """Return the true response to a uniform surface brightness through a filter: efficiency times pixel area."""
        camera = self.cameras[name]
        return self.chip.efficiency(filter_number(camera)) * camera.area

    def thermal_rate(self, name: str) -> float:
        """Return the thermal light in flats through a filter, electron / s in a pixel of mean response.

        The spectrum is that of a body of 283 K on its Wien side, ``exp(-h c / (k T lambda))``.
        """
        centre = self.cameras[name].mode.filters[name].centre
        return float(self.night.spec.thermal * np.exp(-_THERMAL_K * (1 / centre - 1 / _THERMAL_UM)))

    def positions(self, frame: Frame, reach: float | None = 0.0) -> tuple[Array, Array, Array]:
        """Return which stars of the frame's field fall on the detector, and their 0-based pixels."""
        return self._stars(frame).on_detector(self.cameras[frame.filter], frame.pointing, reach)

    def sky_rate(self, frame: Frame) -> float:
        """Return the uniform light, electron / s in a pixel of mean response: of sky, twilight or lamp."""
        bright = self.cameras[frame.filter].sky_rate if frame.kind is Kind.SCIENCE else 1.0
        return frame.level * bright

    def rate(self, frame: Frame) -> Image:
        """Return the expected rate without rays, electron / s: ``QE (stars + A sky + thermal) + dark + glow``."""
        spec = self.night.spec
        rate = np.zeros(self.chip.bad.shape, dtype=np.float32)
        if frame.kind is not Kind.DARK:
            self._add_light(rate, frame)
            rate *= self.chip.efficiency(filter_number(self.cameras[frame.filter]))
        rate += self.chip.dark
        rate += self.chip.glow * np.float32(spec.reads * spec.coadds / frame.seconds)
        return rate

    def rays(self, frame: Frame) -> Rays:
        """Return the cosmic rays that hit it."""
        rng = generator(self.night.spec.seed, Stream.RAYS, self.number, frame.number)
        shape = self.chip.bad.shape
        return draw_rays(shape, self.night.spec.rays * 1e-6 * shape[0] * shape[1] * frame.seconds, rng)

    def exposure(self, frame: Frame) -> Exposure:
        """Return the raw exposure: rate, errors, and DQ of what is saturated; no bad pixel is flagged."""
        spec, camera = self.night.spec, self.cameras[frame.filter]
        rng = generator(spec.seed, Stream.FRAME, self.number, frame.number)
        read_noise = camera.read_noise * np.sqrt(2 * spec.coadds / spec.reads)
        full = camera.saturation * spec.coadds
        noisy = expose(self.rate(frame), frame.seconds, 0, read_noise, full, rng)
        where, more = self.chip.extra_noise(np.sqrt(2) * read_noise, rng)
        noisy.data[where] += (more / frame.seconds).astype(np.float32)
        self.rays(frame).add_to(noisy.data, 1 / frame.seconds)
        over = noisy.data > full / frame.seconds
        np.minimum(noisy.data, np.float32(full / frame.seconds), out=noisy.data)
        header = frame_header(frame, camera, self.name, spec)
        return Exposure(
            data=noisy.data,
            dq=noisy.saturated | np.where(over, np.uint32(DQ.SATURATED | DQ.DO_NOT_USE), np.uint32(0)),
            variance=noisy.variance,
            unit=parse_unit("electron/s"),
            meta=meta_from_header(header, Path(frame_name(frame, self.name))),
            header=header,
            sci_header=sci_header(frame, camera),
        )

    def galaxy_image(self, name: str) -> tuple[PSF, float]:
        """Return the galaxy as it is seen through a filter, and its electron / s."""
        camera = self.cameras[name]
        scale = self.night.spec.galaxy_scale / camera.mode.pixel_scale
        return exponential_disc(scale, camera.psf), 2 * np.pi * scale**2 * camera.sky_rate

    def _stars(self, frame: Frame) -> Field:
        return self.night.twilight if frame.kind is Kind.TWILIGHT else self.night.field

    def _add_light(self, rate: Image, frame: Frame) -> None:
        camera = self.cameras[frame.filter]
        rate += camera.area * np.float32(self.sky_rate(frame))
        if frame.kind.is_flat:
            rate += self.chip.thermal() * np.float32(self.thermal_rate(frame.filter))
        if frame.kind.sees_sky:
            which, x, y = self.positions(frame, reach=None)
            flux = self._stars(frame).flux[frame.filter][which]
            add_stars(rate, camera.psf, x, y, flux * camera.electrons_per_jy)
        if frame.kind is Kind.SCIENCE and self.night.galaxy:
            self._add_galaxy(rate, frame, self.night.galaxy)

    def _add_galaxy(self, rate: Image, frame: Frame, place: tuple[float, float]) -> None:
        image, electrons = self.galaxy_image(frame.filter)
        ra, dec = (np.array([one]) for one in place)
        camera = self.cameras[frame.filter]
        _, x, y = Field(ra, dec, {}).on_detector(camera, frame.pointing, reach=image.half)
        add_stars(rate, image, x, y, electrons)


def simulate_night(spec: NightSpec | None = None, *, instrument: InstrumentMode | None = None, **changes: Any) -> Night:
    """Return a night with known truth; nothing is written.

    Parameters
    ----------
    spec
        What to simulate; the defaults of `NightSpec` when None.
    instrument
        The camera, instead of the installed mode that `spec` names.
    **changes
        Fields of `NightSpec` that differ from `spec`.

    Raises
    ------
    InputError
        When the mode is not installed or lacks what is asked for, or the stars do not fit.
    """
    spec = NightSpec(**{**(spec or NightSpec()).model_dump(), **changes})
    mode = instrument or installed_mode(spec.mode)
    detectors, filters = choose_detectors(spec, mode), choose_filters(spec, mode)
    mode = moved_together(spec, mode)
    cameras = make_cameras(spec, mode, filters, detectors[0])
    step = min(cameras[filters[0]].shape) * mode.pixel_scale / 5 if spec.dither_step is None else spec.dither_step
    frames = list_frames(spec, filters, step)
    box = field_box(spec, mode, detectors, step * np.sqrt(max(spec.dithers, spec.twilights, 1) - 1))
    target = Pointing(spec.ra, spec.dec, spec.position_angle)
    science = {name: simulation_spec(spec, name, "", spec.exposure_time) for name in filters}
    short = {name: simulation_spec(spec, name, "", spec.flat_time) for name in filters}
    blank = next((one.pointing for one in frames if one.kind is Kind.TWILIGHT), target)
    return Night(
        spec=spec,
        mode=mode,
        filters=filters,
        detectors=detectors,
        frames=frames,
        field=draw_field(science, cameras, box, target, Stream.FIELD),
        twilight=draw_field(short, cameras, box, blank, Stream.TWILIGHT, _TWILIGHT_STARS),
    )
