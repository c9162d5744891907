"""The FITS keywords and the names of the exposures of a night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iris_simulate._frames import Frame, Kind
from iris_simulate._headers import science_header
from iris_simulate._optics import Pointing

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from iris_simulate._camera import Camera
    from iris_simulate._night_spec import NightSpec

__all__ = ["frame_header", "frame_name", "read_mode", "sci_header"]

# IMTYPE, LAMP, SHUTTER, OBJECT: these tell the roles.
_KEYWORDS = {
    Kind.DARK: ("DARK", "OFF", "CLOSED", "DARK"),
    Kind.LAMP_ON: ("FLAT", "ON", "OPEN", "DOME FLAT"),
    Kind.LAMP_OFF: ("FLAT", "OFF", "OPEN", "DOME FLAT"),
    Kind.TWILIGHT: ("FLAT", "SKY", "OPEN", "TWILIGHT"),
    Kind.SCIENCE: ("SCI", "OFF", "OPEN", "SIMULATED FIELD"),
}


def frame_name(frame: Frame, detector: str) -> str:
    """Return the name of a file, ``sim_0031_IMG1_lamp-on_Kbb_rate.fits``."""
    part = "" if frame.kind is Kind.DARK else f"_{frame.filter}"
    return f"sim_{frame.number:04d}_{detector}_{frame.kind}{part}_rate.fits"


def read_mode(spec: NightSpec) -> str:
    """Return READMODE."""
    return "CDS" if spec.reads == 2 else "MCDS"


def frame_header(frame: Frame, camera: Camera, detector: str, spec: NightSpec) -> Header:
    """Return the primary header of an exposure."""
    from astropy.io.fits import Header

    imtype, lamp, shutter, target = _KEYWORDS[frame.kind]
    mode, (rows, columns) = camera.mode, camera.shape
    cards: list[tuple[str, Any, str]] = [
        ("FILENAME", frame_name(frame, detector), "name of this file"),
        ("DATALVL", 1, "1 is a rate"),
        ("TELESCOP", mode.telescope, "telescope"),
        ("INSTRUME", mode.instrument, "instrument"),
        ("DETECTOR", detector, "detector"),
        ("FILTER", frame.filter, "filter"),
        ("READMODE", read_mode(spec), "read mode"),
        ("NREADS", spec.reads, "reads of a coadd"),
        ("COADDS", spec.coadds, "coadds"),
        ("IMTYPE", imtype, "what was observed"),
        ("LAMP", lamp, "light of a flat: ON, OFF, or SKY in twilight"),
        ("SHUTTER", shutter, "OPEN or CLOSED"),
        ("OBJECT", target, "target"),
        ("EXPNUM", frame.number, "number of the exposure"),
        ("EXPTIME", frame.seconds, "[s] exposure time, all coadds"),
        ("DATE-OBS", frame.start.isoformat(timespec="milliseconds"), "start of the exposure, UTC"),
        ("DATE-END", frame.end.isoformat(timespec="milliseconds"), "end of the exposure, UTC"),
        *_pointing_cards(frame, spec),
        ("SUBARRAY", "FULL", "part of the detector"),
        ("SUBARRID", 0, "0 is the full frame"),
        ("DETXSIZE", columns, "columns of the detector"),
        ("DETYSIZE", rows, "rows of the detector"),
        ("SIMSEED", spec.seed, "seed of the simulation"),
    ]
    return Header(cards)


def _pointing_cards(frame: Frame, spec: NightSpec) -> list[tuple[str, Any, str]]:
    if not frame.kind.sees_sky:
        return []
    pointing, target = frame.pointing, Pointing(spec.ra, spec.dec)
    cards: list[tuple[str, Any, str]] = [
        ("RA", pointing.ra, "[deg] optical axis"),
        ("DEC", pointing.dec, "[deg] optical axis"),
        ("DITHNUM", frame.dither, "number in the dither"),
    ]
    if frame.kind is Kind.SCIENCE:
        west, north = target.to_focal(pointing.ra, pointing.dec)
        cards += [
            ("RAOFF", round(-float(west), 6) + 0.0, "[arcsec] dither to the east"),
            ("DECOFF", round(float(north), 6) + 0.0, "[arcsec] dither to the north"),
        ]
    return cards


def sci_header(frame: Frame, camera: Camera) -> Header:
    """Return the header of the science extension: the unit, and the linear WCS of what sees the sky."""
    header = science_header(camera, frame.pointing)
    return header if frame.kind.sees_sky else header[:1]
