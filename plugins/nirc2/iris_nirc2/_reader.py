"""NIRC2 files as exposures: raw frames, and master calibrations made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import (
    DQ,
    Exposure,
    Flags,
    Image,
    InputError,
    Mask,
    Meta,
    blank_plane,
    meta_from_header,
    open_fits,
    parse_unit,
    read_primary_header,
)
from iris_nirc2._camera import BASE, camera_number, number
from iris_nirc2._keywords import is_nirc2, required, translated
from iris_nirc2._noise import measure_read_variance, pairs_of, read_variance, shot_variance
from iris_nirc2._pointing import position_angle, tangent_plane

if TYPE_CHECKING:
    from pathlib import Path

    from astropy.io.fits import Header

__all__ = ["read_nirc2"]

UNCHECKED = DQ.NO_GAIN_VALUE | DQ.NO_SAT_CHECK


def read_nirc2(path: Path, pixels: bool, reftype: str) -> Exposure | None:
    """Return a NIRC2 file as an exposure, None for other files.

    A raw frame becomes a rate in DN/s with its errors, its saturated pixels flagged, and a WCS from the pointing.
    So does a dark, whose errors are estimated from NCOMBINE. Any other reference keeps its values, without unit
    or errors.

    Parameters
    ----------
    path
        Any file.
    pixels
        Whether to read pixels; an outline is returned otherwise.
    reftype
        ``""`` for an exposure, the type of a reference otherwise.

    Raises
    ------
    InputError
        When its header lacks what is needed, or a raw frame is given as a flat.
    """
    found = _load(path, pixels)
    if found is None:
        return None
    header, counts = found
    is_raw = header["BITPIX"] > 0  # the detector counts; what was averaged or divided is no longer an integer
    if reftype == "flat" and is_raw:
        raise InputError(f"{path}: a raw NIRC2 frame cannot be the flat; a normalised one, near 1, is needed")
    if not is_raw and not reftype:
        return None  # an image that was reduced elsewhere, in an unknown unit
    return _rate(header, counts, path, reftype) if reftype in ("", "dark") else _as_is(header, counts, path, reftype)


def _load(path: Path, pixels: bool) -> tuple[Header, Image] | None:
    """Return header and counts; None for whatever is not a readable NIRC2 image.

    Without pixels the counts are one NaN, for the planes to be spread from: an outline takes no memory.
    """
    try:
        if not is_nirc2(read_primary_header(path)):
            return None
        # A block of pixel-like bytes follows the data of raw frames: that there are such bytes is not worth a warning.
        with open_fits(path, pixels, tell=lambda _remark: None) as hdus:
            counts = np.asarray(hdus[0].data, dtype=np.float32) if pixels else blank_plane((1, 1))
            return hdus[0].header, counts
    except Exception:
        # Not FITS, or broken: the framework's own reader comes next and reports what is wrong.
        return None


def _rate(header: Header, counts: Image, path: Path, reftype: str) -> Exposure:
    shape = header["NAXIS2"], header["NAXIS1"]
    kept = translated(header, path, reftype, shape)
    meta = meta_from_header(kept, path)
    seconds = np.float32(required(header, "ITIME", path) * required(header, "COADDS", path))
    variance, notes = _variance(header, counts, meta)
    return Exposure(
        data=np.broadcast_to(counts / seconds, shape),
        dq=np.broadcast_to(_flags(header, counts, meta), shape),
        variance={name: np.broadcast_to(plane / seconds**2, shape) for name, plane in variance.items()},
        unit=parse_unit("DN/s"),
        meta=meta,
        header=kept,
        sci_header=_wcs_header(header, meta, shape),
        notes=notes,
    )


def _as_is(header: Header, values: Image, path: Path, reftype: str) -> Exposure:
    shape = header["NAXIS2"], header["NAXIS1"]
    kept = translated(header, path, reftype, shape)
    is_low = (values < number("flat_low")) & (reftype == "flat")
    flags = np.where(is_low, np.uint32(DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE), np.uint32(0))
    return Exposure(
        data=np.broadcast_to(values, shape),
        dq=np.broadcast_to(flags, shape),
        variance={},
        unit=None,
        meta=meta_from_header(kept, path),
        header=kept,
        sci_header=type(header)(),
    )


def _variance(header: Header, counts: Image, meta: Meta) -> tuple[dict[str, Image], tuple[str, ...]]:
    """Return the components, DN**2, none where read mode or electronics are not known; and where they come from."""
    pairs = pairs_of(header.get("SAMPMODE", 0), header.get("MULTISAM", 0))
    if not pairs or _is_after_upgrade(meta):
        return {}, ()
    coadds, combined = header["COADDS"], header.get("NCOMBINE", 1)
    read = read_variance(number("read_noise"), number("gain"), pairs, coadds)
    shot = shot_variance(counts, number("noise_gain"), coadds)
    if header["BITPIX"] < 0 or combined > 1 or counts.size == 1:
        return {"poisson": shot / combined, "rnoise": np.full((1, 1), read / combined, dtype=np.float32)}, ()
    quadrants = measure_read_variance(counts, shot, number("response_scatter"), read)
    notes = () if np.all(quadrants == np.float32(read)) else (_describe_read_noise(quadrants, read),)
    return {"poisson": shot, "rnoise": _spread(quadrants, counts.shape)}, notes


def _spread(quadrants: Image, shape: tuple[int, ...]) -> Image:
    """Return a plane with the value of each quadrant."""
    rows, columns = (np.arange(length) >= length // 2 for length in shape)
    plane: Image = quadrants[np.ix_(rows.astype(int), columns.astype(int))]
    return plane


def _describe_read_noise(quadrants: Image, documented: float) -> str:
    values = ", ".join(f"{noise:.1f}" for noise in np.sqrt(quadrants).ravel())
    return f"read noise measured in the quadrants, rows included: {values} DN; documented: {documented**0.5:.1f}"


def _flags(header: Header, counts: Image, meta: Meta) -> Flags:
    if _is_after_upgrade(meta):
        return np.full(counts.shape, UNCHECKED, dtype=np.uint32)
    coadds = header["COADDS"]
    dq = np.zeros(counts.shape, dtype=np.uint32)
    dq[counts > number("linear_limit") * coadds] = DQ.NONLINEAR
    dq[_saturated(counts, number("saturation") * coadds)] |= DQ.NONLINEAR | DQ.SATURATED | DQ.DO_NOT_USE
    return dq


def _saturated(counts: Image, level: float) -> Mask:
    """Return the pixels at or above a level, and those they enclose.

    In the core of a bright star the first read is saturated, too, and the difference of the reads drops again.
    """
    above: Mask = counts >= level
    if not above.any():
        return above
    from scipy.ndimage import binary_fill_holes

    enclosed: Mask = binary_fill_holes(above)
    return enclosed


def _is_after_upgrade(meta: Meta) -> bool:
    return meta.start_time is not None and meta.start_time.date() >= number("electronics_changed")


def _wcs_header(header: Header, meta: Meta, shape: tuple[int, int]) -> Header:
    """Return the WCS of the pointing, empty where camera, pointing or angle are not known."""
    cards: dict[str, tuple[Any, str]] = {}
    angle = position_angle(header)
    if meta.detector in BASE.detectors and meta.ra is not None and meta.dec is not None and angle is not None:
        angle += camera_number("position_angle", meta.detector, meta.start_time)
        scale = camera_number("pixel_scale", meta.detector, meta.start_time)
        cards = tangent_plane(meta.ra, meta.dec, angle, scale, shape, header.get("EQUINOX", 2000.0))
        missed = number(f"distortion_{meta.detector}")
        cards["WCSERR"] = (missed, "[pixel] largest distortion, not in this WCS")
    return type(header)([(name, *card) for name, card in cards.items()])
