"""The truth of a night, as tables and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from iris_simulate._chip import BAD_DQ, Bad
from iris_simulate._night_headers import frame_name

if TYPE_CHECKING:
    from astropy.io.fits import HDUList
    from astropy.table import Table

    from iris_core import Flags, Image
    from iris_simulate._field import Field
    from iris_simulate._night import Night, NightDetector

__all__ = ["bad_pixels", "dark_file", "exposures_of", "flat_file", "positions", "rays", "stars"]


def stars(night: Night, field: Field) -> Table:
    """Return the stars of a field: `id`, `ra`, `dec`, and `flux_FILTER` in Jy for each filter."""
    columns: dict[str, Any] = {"id": np.arange(1, len(field.ra) + 1), "ra": field.ra, "dec": field.dec}
    units = {"ra": "deg", "dec": "deg"}
    for name, flux in field.flux.items():
        columns[f"flux_{name}"], units[f"flux_{name}"] = flux, "Jy"
    meta: dict[str, Any] = {"parameters": night.spec.model_dump(mode="json")}
    if field is night.field and night.galaxy is not None:
        meta["galaxy"] = _galaxy(night, night.galaxy)
    return _table(columns, units, meta)


def _galaxy(night: Night, place: tuple[float, float]) -> dict[str, Any]:
    """Return place, scale length and total fluxes of the galaxy."""
    detector = night.detector(night.detectors[0])
    flux = {name: detector.galaxy_image(name)[1] / detector.cameras[name].electrons_per_jy for name in night.filters}
    return {"ra_deg": place[0], "dec_deg": place[1], "scale_arcsec": night.spec.galaxy_scale, "flux_jy": flux}


def positions(detector: NightDetector) -> Table:
    """Return where each star falls on the detector, in each exposure: `exposure`, `star`, and 0-based `x`, `y`."""
    rows = [np.empty((0, 4))]
    for frame in detector.night.frames:
        if frame.kind.sees_sky:
            which, x, y = detector.positions(frame)
            rows.append(np.column_stack([np.full(len(which), frame.number), which + 1, x, y]))
    exposure, star, x, y = np.concatenate(rows).T
    columns = {"exposure": exposure.astype(int), "star": star.astype(int), "x": x, "y": y}
    return _table(columns, {"x": "pix", "y": "pix"}, {"detector": detector.name})


def rays(detector: NightDetector) -> Table:
    """Return the cosmic rays: `exposure`, 0-based `x`, `y` of their first pixel, `electrons`, `length`, `angle`."""
    names = ("x", "y", "electrons", "length", "angle")
    parts = [(frame.number, detector.rays(frame)) for frame in detector.night.frames]
    columns = {"exposure": np.concatenate([np.full(len(found.x), number, dtype=int) for number, found in parts])}
    columns |= {name: np.concatenate([getattr(found, name) for _, found in parts]) for name in names}
    units = {"x": "pix", "y": "pix", "electrons": "electron", "length": "pix", "angle": "rad"}
    return _table(columns, units, {"detector": detector.name})


def bad_pixels(detector: NightDetector) -> Table:
    """Return the bad pixels: 0-based `x`, `y`, the `kind` and its `dq`, the `dark` and the `response` of each."""
    chip = detector.chip
    y, x = np.nonzero(chip.bad)
    kinds = [Bad(kind) for kind in chip.bad[y, x]]
    columns = {
        "x": x,
        "y": y,
        "kind": np.array([kind.name for kind in kinds], dtype="U6"),
        "dq": np.array([int(BAD_DQ[kind]) for kind in kinds], dtype=np.int64),
        "dark": chip.dark[y, x],
        "response": chip.response[y, x],
    }
    return _table(columns, {"x": "pix", "y": "pix", "dark": "electron/s"}, {"detector": detector.name})


def exposures_of(detector: NightDetector) -> Table:
    """Return the exposures: `exposure`, `file`, `kind`, `filter`, `exptime`, `start`, and what light fell on it.

    `light` is that of sky, lamp or twilight, and `thermal` that of telescope and dome, in a pixel of mean response.
    """
    frames = detector.night.frames
    columns = {
        "exposure": [frame.number for frame in frames],
        "file": [frame_name(frame, detector.name) for frame in frames],
        "kind": [str(frame.kind) for frame in frames],
        "filter": [frame.filter for frame in frames],
        "exptime": [frame.seconds for frame in frames],
        "start": [frame.start.isoformat(timespec="milliseconds") for frame in frames],
        "light": [detector.sky_rate(frame) for frame in frames],
        "thermal": [detector.thermal_rate(frame.filter) if frame.kind.is_flat else 0.0 for frame in frames],
    }
    units = {"exptime": "s", "light": "electron/s", "thermal": "electron/s"}
    return _table(columns, units, {"detector": detector.name})


def dark_file(detector: NightDetector) -> HDUList:
    """Return DARK [electron/s], GLOW [electron] of one read, and DQ of what is wrong with the pixels.

    The rate of a dark is ``DARK + GLOW NREADS COADDS / EXPTIME``.
    """
    chip = detector.chip
    return _file({"DARK": (chip.dark, "electron/s"), "GLOW": (chip.glow, "electron"), "DQ": (chip.dq, "")})


def flat_file(detector: NightDetector, name: str) -> HDUList:
    """Return FLAT, the response to a uniform sky, and THERMAL [electron/s], what the dome adds to a flat."""
    chip, camera = detector.chip, detector.cameras[name]
    thermal = chip.thermal() * detector.flat(name) / camera.area * np.float32(detector.thermal_rate(name))
    return _file({"FLAT": (detector.flat(name), ""), "THERMAL": (thermal, "electron/s"), "DQ": (chip.dq, "")})


def _file(planes: dict[str, tuple[Image | Flags, str]]) -> HDUList:
    from astropy.io import fits

    hdus = fits.HDUList([fits.PrimaryHDU()])
    for name, (plane, unit) in planes.items():
        header = fits.Header([("BUNIT", unit)] if unit else [])
        hdus.append(fits.ImageHDU(np.ascontiguousarray(plane), header=header, name=name))
    return hdus


def _table(columns: dict[str, Any], units: dict[str, str], meta: dict[str, Any]) -> Table:
    from astropy.table import Table

    return Table(columns, units=units, meta=meta)
