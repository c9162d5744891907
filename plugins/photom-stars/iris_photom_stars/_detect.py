"""Where stars are in an image, and how wide they are."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from astropy.stats import SigmaClip
from photutils.background import Background2D
from photutils.detection import DAOStarFinder
from photutils.segmentation import detect_sources
from photutils.utils.exceptions import NoDetectionsWarning
from scipy.ndimage import zoom

from iris_core import Doubles, Image, InputError
from iris_photom_stars._frame import Frame

__all__ = ["Detections", "find_stars", "measure_width", "without_background"]

_BOX = 128  # pixels, for the smooth background that detection subtracts
_MASKED = 90.0  # per cent of a box that may be invalid
# Stars whose width is measured: so many connected pixels above so many standard deviations, the brightest of them.
_WIDTH_PIXELS, _WIDTH_SIGMA, _WIDTH_STARS = 5, 10.0, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """What was found in an image: 0-based centroids and peaks above the background, ``(n,)``, brightest first.

    `fwhm` is the width of the stars in pixels.
    """

    x: Doubles
    y: Doubles
    peak: Doubles
    fwhm: float

    def __len__(self) -> int:
        return len(self.x)


def find_stars(frame: Frame, sigma: float, fwhm: float | None, name: str) -> Detections:
    """Return the point sources of an image.

    Parameters
    ----------
    frame
        The image.
    sigma
        How many standard deviations of the background a star has to stand out, in the image convolved with its width.
    fwhm
        Width of the stars in pixels; measured where it is None.
    name
        What to call the image in a message.

    Raises
    ------
    InputError
        When there is nothing to find, or no star is bright enough for its width.
    """
    flat, noise = without_background(frame, name)
    if fwhm is None:
        fwhm = measure_width(flat, noise, frame, name)
    # Two stars that are closer than their width are one.
    finder = DAOStarFinder(sigma * noise, fwhm, min_separation=fwhm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = finder(flat, mask=frame.bad)
    if found is None:
        raise InputError(f"{name}: no star stands out by {sigma:g} standard deviations; nothing to measure")
    found.sort("peak", reverse=True)
    x, y, peak = (np.asarray(found[key], dtype=np.float64) for key in ("x_centroid", "y_centroid", "peak"))
    return Detections(x=x, y=y, peak=peak, fwhm=fwhm)


def without_background(frame: Frame, name: str) -> tuple[Image, Image]:
    """Return the image without its smooth background, 0 where it is invalid, and the background's noise."""
    try:
        background = Background2D(
            frame.data,
            tuple(min(_BOX, size) for size in frame.shape),
            mask=frame.bad,
            exclude_percentile=_MASKED,
            sigma_clip=SigmaClip(3.0),
            filter_size=1,
        )
    except ValueError as error:
        valid = np.count_nonzero(~frame.bad)
        raise InputError(f"{name}: only {valid} of its {frame.bad.size} pixels are valid, too few for stars") from error
    meshes = (background.background_mesh, background.background_rms_mesh)
    level, noise = (_drawn(_smoothed(mesh), frame.shape) for mesh in meshes)
    flat = frame.data - level
    flat[frame.bad] = 0
    return flat, noise


def _smoothed(mesh: Doubles) -> Doubles:
    """Return the median of each box and those around it: photutils' filter, which calls Python for each box."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(mesh, 1, constant_values=np.nan), (3, 3))
    return np.asarray(np.nanmedian(around, axis=(2, 3)))


def _drawn(mesh: Doubles, shape: tuple[int, int]) -> Image:
    """Return values of boxes as a smooth image: photutils' spline, one axis after the other, which is 20 times faster.

    As in photutils the result lies within the values of the boxes.
    """
    down, across = (
        np.array([zoom(one, min(_BOX, size), order=3, mode="reflect", grid_mode=True)[:size] for one in np.eye(boxes)])
        for boxes, size in zip(mesh.shape, shape, strict=True)
    )
    image = np.matmul(down.T.astype(np.float32), (mesh @ across).astype(np.float32))
    return np.asarray(np.clip(image, mesh.min(), mesh.max(), out=image))


def measure_width(flat: Image, noise: Image, frame: Frame, name: str) -> float:
    """Return the median over bright stars of ``2 sqrt(A / pi)``, A the area in which a star is above half its peak."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = detect_sources(flat, _WIDTH_SIGMA * noise, _WIDTH_PIXELS, mask=frame.bad)
    if found is None:
        raise InputError(
            f"{name}: no star stands out by {_WIDTH_SIGMA:g} standard deviations, so that their width is not known; "
            f"give it in the parameter 'fwhm'"
        )
    sources = []
    for label, box in zip(found.labels, found.slices, strict=True):
        mine = found.data[box] == label
        if not frame.saturated[box][mine].any():
            values = flat[box][mine]
            sources.append((float(values.max()), np.count_nonzero(values > values.max() / 2)))
    if not sources:
        raise InputError(f"{name}: every bright star is saturated; give the width of a star in the parameter 'fwhm'")
    areas = [area for _, area in sorted(sources, reverse=True)[:_WIDTH_STARS]]
    return float(2 * np.sqrt(np.median(areas) / np.pi))
