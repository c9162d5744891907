"""The gWCS of an exposure: where its pixels point, and the correction in a frame of its own, `aligned`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.modeling import models
from gwcs import WCS
from gwcs.coordinate_frames import Frame2D

from iris_align._affine import Affine
from iris_align._plane import Plane, directions
from iris_core import Doubles, Exposure, InputError

if TYPE_CHECKING:
    from astropy.modeling import Model

__all__ = ["ALIGNED", "Pointing", "pointing_of"]

ALIGNED = "aligned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointing:
    """Where an exposure points.

    Parameters
    ----------
    wcs
        Pixel to sky [deg].
    centre
        Direction of its middle in ICRS, ``(3,)``.
    radius
        How far from there its corners are [arcsec].
    scale
        arcsec per pixel in the middle.
    slope
        Axes of `plane` by axes of the detector [arcsec per pixel], in the middle, ``(2, 2)``.
    point
        Longitude and latitude [deg], in the frame of the WCS, where `plane` touches the sky.
    plane
        The one in which its correction is affine: that of an earlier one, or one that touches the sky in the middle.
    """

    wcs: WCS
    centre: Doubles
    radius: float
    scale: float
    slope: Doubles
    point: tuple[float, float]
    plane: Plane

    def directions(self, x: Doubles, y: Doubles) -> Doubles:
        """Return unit vectors in ICRS ``(n, 3)`` of pixels."""
        return _directions(self.wcs, x, y)

    def aligned(self, affine: Affine) -> WCS:
        """Return the WCS with a correction in `plane` [arcsec], composed with an earlier one."""
        return _corrected(self.wcs, affine, self.point)


def pointing_of(exposure: Exposure) -> Pointing:
    """Return where an exposure points.

    Raises
    ------
    InputError
        When it has no celestial gWCS.
    """
    wcs = exposure.wcs
    if wcs is None or getattr(wcs.output_frame, "reference_frame", None) is None:
        raise InputError(f"{exposure.name} has no celestial WCS; align comes after assign_wcs")
    rows, columns = exposure.shape
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
    corners = np.array([[-0.5, -0.5], [columns - 0.5, -0.5], [-0.5, rows - 0.5], [columns - 0.5, rows - 0.5]])
    points = _directions(wcs, *np.vstack([middle, middle + np.array([[1, 0], [0, 1]]), corners]).T)
    if not np.isfinite(points).all():
        raise InputError(f"{exposure.name}: its WCS gives some pixels no position")
    places = Plane.at(points[0]).project(points)
    point = _touching(wcs, middle)
    plane = _plane(wcs, point)
    own = plane.project(points[:3])
    return Pointing(
        wcs=wcs,
        centre=points[0],
        radius=float(np.hypot(*places[3:].T).max()),
        scale=float(np.sqrt(abs(np.linalg.det(places[1:3] - places[0])))),
        slope=(own[1:] - own[0]).T,
        point=point,
        plane=plane,
    )


def _directions(wcs: WCS, x: Doubles, y: Doubles) -> Doubles:
    longitude, latitude = wcs(x, y, with_bounding_box=False)
    return _in_icrs(wcs, np.atleast_1d(longitude), np.atleast_1d(latitude))


def _in_icrs(wcs: WCS, longitude: Doubles, latitude: Doubles) -> Doubles:
    frame = wcs.output_frame.reference_frame
    if frame.name == "icrs":
        return directions(longitude, latitude)
    sky = SkyCoord(longitude, latitude, unit="deg", frame=frame).icrs
    return directions(sky.ra.deg, sky.dec.deg)


def _plane(wcs: WCS, point: tuple[float, float]) -> Plane:
    """Return the plane that touches the sky in a point; its axes are those of the frame of the WCS."""
    longitude, latitude = point
    point, north = _in_icrs(wcs, np.array([longitude] * 2), np.array([latitude, latitude + 1 / 3600]))
    for _ in range(2):  # after the first time rounding has left it a little oblique
        north = north - point * (north @ point)
        north /= np.linalg.norm(north)
    return Plane(np.stack([np.cross(north, point), north, point]))


def _touching(wcs: WCS, middle: Doubles) -> tuple[float, float]:
    """Return where the plane of the frame `aligned` touches the sky, or would."""
    if ALIGNED in wcs.available_frames:
        longitude, latitude = wcs.get_transform(ALIGNED, wcs.output_frame.name)(0.0, 0.0)
    else:
        longitude, latitude = wcs(*middle, with_bounding_box=False)
    return float(longitude), float(latitude)


def _corrected(wcs: WCS, affine: Affine, point: tuple[float, float]) -> WCS:
    steps = [(step.frame, None if step.transform is None else step.transform.copy()) for step in wcs.pipeline]
    names = wcs.available_frames
    if ALIGNED in names:
        at = names.index(ALIGNED) - 1
        frame, earlier = steps[at]
        steps[at] = (frame, earlier.left | _model(affine.after(_affine(earlier.right))))
    else:
        (frame, last), sky = steps[-2:]
        to_sky = _to_sky(*point)
        plane = Frame2D(name=ALIGNED, axes_order=(0, 1), axes_names=("x", "y"), unit=(u.arcsec, u.arcsec))
        steps[-2:] = [(frame, last | to_sky.inverse | _model(affine)), (plane, to_sky), sky]
    made = WCS(steps)
    if wcs.bounding_box is not None:
        made.bounding_box = wcs.bounding_box.bounding_box(order="F")
    made.pixel_shape = wcs.pixel_shape
    return made


def _model(affine: Affine) -> Model:
    return models.AffineTransformation2D(matrix=affine.matrix, translation=affine.shift)


def _affine(model: Model) -> Affine:
    return Affine(np.array(model.matrix.value, dtype=float), np.array(model.translation.value, dtype=float))


def _to_sky(longitude: float, latitude: float) -> Model:
    """Return the gnomonic projection about a point, from arcsec to the east and to the north."""
    degrees = models.Scale(1 / 3600) & models.Scale(1 / 3600)
    # ASDF holds degrees, the models radian: only what survives the way there and back is the same when it is read.
    angles = (float(np.rad2deg(np.deg2rad(angle))) for angle in (longitude, latitude, 180.0))
    return degrees | models.Pix2Sky_TAN() | models.RotateNative2Celestial(*angles)
