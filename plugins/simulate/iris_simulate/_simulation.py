"""A simulated set: exposures, references and truth, made when they are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import (
    Exposure,
    Image,
    InputError,
    InstrumentMode,
    Reference,
    References,
    Window,
    choices,
    did_you_mean,
    installed_modes,
    meta_from_header,
    parse_unit,
)
from iris_simulate._headers import exposure_header, file_stem, science_header, window_keywords
from iris_simulate._noise import expose
from iris_simulate._random import Stream, generator
from iris_simulate._references import reference_image
from iris_simulate._scene import Scene, build_scene
from iris_simulate._spec import SimulationSpec
from iris_simulate._windows import blank_windows, cut_window, place_windows

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.table import Table

    from iris_simulate._optics import Pointing

__all__ = ["SimulatedSet", "installed_mode", "simulate"]


def simulate(
    spec: SimulationSpec | None = None, *, instrument: InstrumentMode | None = None, **changes: Any
) -> SimulatedSet:
    """Return a simulated set with known truth; nothing is written.

    Parameters
    ----------
    spec
        What to simulate; the defaults of `SimulationSpec` when None.
    instrument
        The camera, instead of the installed mode that `spec` names.
    **changes
        Fields of `SimulationSpec` that differ from `spec`.

    Raises
    ------
    InputError
        When the mode is not installed or lacks what is asked for, or the stars do not fit.
    """
    spec = SimulationSpec(**{**(spec or SimulationSpec()).model_dump(), **changes})
    return SimulatedSet(build_scene(spec, instrument or installed_mode(spec.mode)))


def installed_mode(name: str) -> InstrumentMode:
    """Return an installed mode by its name."""
    modes = installed_modes()
    if name not in modes:
        raise InputError(
            f"no instrument mode '{name}'{did_you_mean(name, modes)} Installed modes are: {choices(modes)}"
        )
    return modes[name]


@dataclass(frozen=True, slots=True)
class SimulatedSet:
    """One realisation of the noise over a scene.

    Every piece is made when it is asked for, from its own random numbers: asking twice gives the same pixels.

    Parameters
    ----------
    scene
        The truth.
    realisation
        Number of the noise realisation.
    """

    scene: Scene
    realisation: int = 0

    def again(self, realisation: int) -> SimulatedSet:
        """Return the same scene with other noise, in the references too."""
        return dataclasses.replace(self, realisation=realisation)

    @property
    def suffix(self) -> str:
        """The suffix of an exposure's file, ``rate`` or ``rateints``."""
        return "rateints" if self.scene.spec.integrations else "rate"

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows that are read out as exposures of their own."""
        return place_windows(self.scene.camera.shape, self.scene.spec.subarrays)

    def exposure(self, index: int = 0) -> Exposure:
        """Return science exposure `index`, counted from 0; what lies in a window is blank."""
        full = self._science(index)
        return blank_windows(full, self.windows) if self.windows else full

    def window_exposures(self, index: int = 0) -> Iterator[Exposure]:
        """Yield the exposure of each window of science exposure `index`."""
        full = self._science(index) if self.windows else None
        for number, window in enumerate(self.windows, start=1):
            assert full is not None
            cut = cut_window(full, window)
            header = full.header.copy()
            header.update(window_keywords(self.scene, number, window))
            header["FILENAME"] = self._name(file_stem(self.scene, index + 1, window=number))
            yield cut.replace(header=header, meta=meta_from_header(header, Path(header["FILENAME"])))

    def background(self, index: int = 0) -> Exposure:
        """Return background exposure `index`, counted from 0."""
        name = self._name(file_stem(self.scene, index + 1, sky=True))
        pointing = self.scene.sky_pointing
        header = exposure_header(self.scene, self.scene.spec.dithers + index + 1, pointing, name, sky=True)
        rng = generator(self.scene.spec.seed, Stream.BACKGROUND, self.realisation, index)
        return self._observe(self.scene.background_rate(), header, pointing, rng)

    def _science(self, index: int) -> Exposure:
        pointing = self.scene.pointings[index]
        name = self._name(file_stem(self.scene, index + 1))
        header = exposure_header(self.scene, index + 1, pointing, name)
        rng = generator(self.scene.spec.seed, Stream.EXPOSURE, self.realisation, index)
        return self._observe(self.scene.rate(index), header, pointing, rng)

    def _name(self, stem: str) -> str:
        return f"{stem}_{self.suffix}.fits"

    def _observe(self, rate: Image, header: Header, pointing: Pointing, rng: np.random.Generator) -> Exposure:
        spec, camera = self.scene.spec, self.scene.camera
        seconds = spec.exposure_time / max(spec.integrations, 1)
        noisy = expose(rate, seconds, spec.integrations, camera.read_noise, camera.saturation, rng)
        return Exposure(
            data=noisy.data,
            dq=noisy.saturated | self.scene.detector.exposure_dq,
            variance=noisy.variance,
            unit=parse_unit("electron/s"),
            meta=meta_from_header(header, Path(header["FILENAME"])),
            header=header,
            sci_header=science_header(camera, pointing),
        )

    def reference_image(self, reftype: str) -> Exposure:
        """Return the reference ``dark``, ``flat`` or ``area`` of this realisation."""
        return reference_image(self.scene, reftype, self.realisation)

    def references(self, *reftypes: str) -> References:
        """Return reference images as a stage is given them, without files."""
        return References({reftype: self._in_memory(reftype) for reftype in reftypes})

    def _in_memory(self, reftype: str) -> Reference:
        image = self.reference_image(reftype)
        return Reference(reftype=reftype, path=image.meta.path, provider="simulated", content=image)

    def truth(self) -> Table:
        """Return the stars: `id`, `ra`, `dec`, `flux`, and their 0-based pixels `x_0001`, `y_0001` in each exposure."""
        from astropy import units as u
        from astropy.table import QTable, Table

        stars = self.scene.stars
        columns: dict[str, Any] = {
            "id": np.arange(1, len(stars.flux) + 1),
            "ra": stars.ra * u.deg,
            "dec": stars.dec * u.deg,
            "flux": stars.flux * u.Jy,
        }
        for index in range(len(self.scene.pointings)):
            x, y = self.scene.positions(index)
            columns |= {f"x_{index + 1:04d}": x * u.pix, f"y_{index + 1:04d}": y * u.pix}
        return Table(QTable(columns), meta=self._facts())

    def _facts(self) -> dict[str, Any]:
        """Return what else is known: the simulation's parameters, and the numbers behind the fluxes and the PSF."""
        camera = self.scene.camera
        return {
            "parameters": self.scene.spec.model_dump(mode="json"),
            "electron_per_s_per_jy": camera.electrons_per_jy,
            "sky_electron_per_s": camera.sky_rate,
            "pixar_sr": camera.solid_angle,
            "psf_sigma_pixel": camera.psf.sigma.tolist(),
            "psf_weight": camera.psf.weight.tolist(),
        }
