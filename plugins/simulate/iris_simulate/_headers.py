"""The FITS keywords of what is simulated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from iris_core import Window

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from iris_core import InstrumentMode
    from iris_simulate._camera import Camera
    from iris_simulate._optics import Pointing
    from iris_simulate._scene import Scene

__all__ = ["exposure_header", "file_stem", "reference_keywords", "reference_name", "science_header", "window_keywords"]

READ_MODE = "DEFAULT"

_START = datetime(2026, 3, 21, 8, 0, 0)
_OVERHEAD = 10.0  # s between two exposures
_USEAFTER = "2025-01-01T00:00:00"
_ANY_FILTER = ("dark", "photom")
_DESCRIPTIONS = {
    "dark": "simulated dark current",
    "flat": "simulated response to a uniform sky",
    "area": "simulated relative pixel area",
    "photom": "simulated flux calibration",
    "distortion": "simulated distortion",
}


def file_stem(scene: Scene, number: int, *, sky: bool = False, window: int = 0) -> str:
    """Return the name of an exposure up to its product suffix, ``sim_IMG1_Kbb_0001``."""
    part = f"-{window:02d}" if window else ""
    return f"sim_{scene.camera.detector}_{scene.camera.filter}_{'sky' if sky else ''}{number:04d}{part}"


def reference_name(mode: InstrumentMode, detector: str, band: str, reftype: str) -> str:
    """Return the file name of a reference; the filter `band` is in that of some types only."""
    suffix = {"distortion": "asdf", "photom": "ecsv"}.get(reftype, "fits")
    kind = reftype.upper() if reftype in _ANY_FILTER else f"{reftype.upper()}-{band}"
    return f"{mode.instrument}_{detector}_{kind}_20250101_0001.{suffix}"


def exposure_header(scene: Scene, number: int, pointing: Pointing, filename: str, *, sky: bool = False) -> Header:
    """Return the primary header of an exposure of the full frame.

    Parameters
    ----------
    scene
        What is observed.
    number
        Counts from 1; sky exposures follow the science exposures.
    pointing
        Of the optical axis.
    filename
        Of the file that it goes to.
    sky
        Whether it is a background exposure.
    """
    from astropy.io.fits import Header

    spec, camera = scene.spec, scene.camera
    start = _START + timedelta(seconds=(number - 1) * (spec.exposure_time + _OVERHEAD))
    cards: list[tuple[str, Any, str]] = [
        ("FILENAME", filename, "name of this file"),
        ("DATALVL", 1, "1 is a rate"),
        ("TELESCOP", camera.mode.telescope, "telescope"),
        ("INSTRUME", camera.mode.instrument, "instrument"),
        ("DETECTOR", camera.detector, "detector"),
        ("FILTER", camera.filter, "filter"),
        ("READMODE", READ_MODE, "read mode"),
        ("IMTYPE", "SKY" if sky else "SCI", "what was observed"),
        ("OBJECT", "BLANK SKY" if sky else "SIMULATED STARS", "target"),
        ("EXPNUM", number, "number of the exposure"),
        ("EXPTIME", spec.exposure_time, "[s] exposure time"),
        ("DATE-OBS", start.isoformat(timespec="milliseconds"), "start of the exposure, UTC"),
        ("RA", pointing.ra, "[deg] optical axis"),
        ("DEC", pointing.dec, "[deg] optical axis"),
        ("SUBARRAY", "FULL", "part of the detector"),
        ("SUBARRID", 0, "0 is the full frame"),
        ("SIMSEED", spec.seed, "seed of the simulation"),
    ]
    return Header(cards)


def science_header(camera: Camera, pointing: Pointing) -> Header:
    """Return the header of the science extension: the unit, and the WCS without distortion.

    The linear WCS is exact in position and scale at the centre of the detector.
    """
    from astropy.io.fits import Header

    optics = camera.optics
    scale = optics.pixel_scale
    crpix = optics.x0 + 1 - optics.cx[0, 0] / scale, optics.y0 + 1 - optics.cy[0, 0] / scale
    header = Header([("BUNIT", "electron/s", "unit of the data")])
    for keyword, value in pointing.keywords(scale, (float(crpix[0]), float(crpix[1]))).items():
        header[keyword] = value
    return header


def window_keywords(scene: Scene, number: int, window: Window) -> dict[str, tuple[Any, str]]:
    """Return the keywords by which the file of a window differs from that of its full frame."""
    rows, columns = scene.camera.shape
    return {
        "SUBARRAY": ("CUSTOM", "part of the detector"),
        "SUBARRID": (number, "number of the window"),
        "SUBSTRT1": (window.xstart, "first column, from 1"),
        "SUBSTRT2": (window.ystart, "first row, from 1"),
        "SUBSIZE1": (window.xsize, "columns"),
        "SUBSIZE2": (window.ysize, "rows"),
        "DETXSIZE": (columns, "columns of the detector"),
        "DETYSIZE": (rows, "rows of the detector"),
        "FASTAXIS": (1, "axis that is read fast"),
        "SLOWAXIS": (2, "axis that is read slowly"),
    }


def reference_keywords(camera: Camera, reftype: str) -> dict[str, Any]:
    """Return the keywords of a reference file."""
    rows, columns = camera.shape
    return {
        "REFTYPE": reftype,
        "TELESCOP": camera.mode.telescope,
        "INSTRUME": camera.mode.instrument,
        "DETECTOR": camera.detector,
        "FILTER": "ANY" if reftype in _ANY_FILTER else camera.filter,
        "READMODE": READ_MODE if reftype == "dark" else "ANY",
        "DETXSIZE": columns,
        "DETYSIZE": rows,
        "USEAFTER": _USEAFTER,
        "PEDIGREE": "SIMULATED",
        "DESCRIP": _DESCRIPTIONS[reftype],
        "AUTHOR": "iris-simulate",
    }
