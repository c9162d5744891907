"""The reference files that belong to a scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import Exposure, Flags, Image, InputError, meta_from_header, parse_unit
from iris_simulate._headers import reference_keywords, reference_name
from iris_simulate._random import Stream, generator

if TYPE_CHECKING:
    from astropy.table import Table

    from iris_simulate._camera import Camera
    from iris_simulate._scene import Scene

__all__ = ["REFERENCE_IMAGES", "distortion_tree", "photom_table", "reference_image"]

REFERENCE_IMAGES = ("dark", "flat", "area")

Planes = tuple[Image, Image | None, Flags, str]


def reference_image(scene: Scene, reftype: str, realisation: int) -> Exposure:
    """Return the reference ``dark``, ``flat`` or ``area``, with its own noise; its errors are the variance ``total``.

    Raises
    ------
    InputError
        When there is no reference image of that type.
    """
    from astropy.io.fits import Header

    if reftype not in REFERENCE_IMAGES:
        raise InputError(f"no reference image '{reftype}' is simulated; there are: {', '.join(REFERENCE_IMAGES)}")
    data, err, dq, unit = {"dark": _dark, "flat": _flat, "area": _area}[reftype](scene, realisation)
    camera = scene.camera
    header = Header(list(reference_keywords(camera, reftype).items()))
    return Exposure(
        data=data,
        dq=dq,
        variance={} if err is None else {"total": np.square(err)},
        unit=parse_unit(unit),
        meta=meta_from_header(header, Path(reference_name(camera.mode, camera.detector, camera.filter, reftype))),
        header=header,
        sci_header=Header([("BUNIT", unit)] if unit else []),
    )


def _dark(scene: Scene, realisation: int) -> Planes:
    """Return the true dark with Gaussian noise of the same size in every pixel."""
    noise = _noise(scene, Stream.DARK, realisation)
    err = np.broadcast_to(np.float32(scene.spec.dark_error), noise.shape)
    return scene.detector.dark + noise * err, err, scene.detector.dark_dq, "electron/s"


def _flat(scene: Scene, realisation: int) -> Planes:
    """Return the true flat with noise that is the same share of every pixel."""
    truth = scene.detector.flat
    err = truth * np.float32(scene.spec.flat_error)
    return truth + err * _noise(scene, Stream.FLAT, realisation), err, scene.detector.flat_dq, ""


def _area(scene: Scene, realisation: int) -> Planes:
    area = scene.detector.area
    return area, None, np.zeros(area.shape, dtype=np.uint32), ""


def _noise(scene: Scene, stream: Stream, realisation: int) -> Image:
    rng = generator(scene.spec.seed, stream, realisation)
    return rng.standard_normal(scene.camera.shape, dtype=np.float32)


def photom_table(camera: Camera, uncertainty: float) -> Table:
    """Return the photom reference, with a relative uncertainty: one row for each filter of the mode."""
    from astropy import units as u
    from astropy.table import QTable, Table

    factor = np.array([camera.conversion(band) for band in camera.mode.filters.values()])
    per_rate = u.MJy / u.sr / (u.electron / u.s)
    columns = {
        "filter": list(camera.mode.filters),
        "detector": [camera.detector] * len(factor),
        "photmjsr": factor * per_rate,
        "uncertainty": factor * uncertainty * per_rate,
        "pixar_sr": np.full(len(factor), camera.solid_angle) * u.sr,
        "pixar_a2": np.full(len(factor), camera.pixel_area) * u.arcsec**2,
    }
    return Table(QTable(columns), meta=reference_keywords(camera, "photom"))


def distortion_tree(camera: Camera) -> dict[str, Any]:
    """Return the content of the distortion reference: keywords under ``meta``, the astropy model under ``model``."""
    return {"meta": reference_keywords(camera, "distortion"), "model": camera.optics.model()}
