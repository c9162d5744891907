"""Star fields with known truth: lists of stars, and images with a WCS that points a little wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import iris_align
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS
from astropy.modeling import models
from astropy.table import Table
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame, Frame2D
from iris_align._affine import Affine, parameters, small
from iris_align._match import Search
from iris_align._plane import Plane, directions
from iris_align._solve import Request, Solution, Unit
from iris_testkit import iris_mode, make_exposure

from iris_core import Doubles, Exposure, Exposures, Reference, References

RA, DEC = 150.1, 2.2
SCALE = 0.004  # arcsec per pixel


def sky_plane(ra: float = RA, dec: float = DEC) -> Plane:
    return Plane.at(directions(np.array([ra]), np.array([dec]))[0])


@dataclass(frozen=True, kw_only=True)
class Field:
    """Units that see the same stars, and the maps that bring each onto the sky."""

    units: list[Unit]
    truth: list[Affine]
    stars: Doubles


def make_field(
    rng: np.random.Generator,
    *,
    number: int = 8,
    stars: int = 30,
    sigma: float = 4e-4,
    errors: Sequence[float] = (0.3, 0.05, 3e-4),
    half: float = 8.5,
    dither: float = 2.0,
    missing: float = 0.0,
    spurious: int = 0,
    seen: Doubles | None = None,
) -> Field:
    """Return star lists of some exposures.

    ``errors`` are the standard deviations of the shift [arcsec, both axes together], the rotation [deg] and the scale;
    ``missing`` is the part of the stars that an exposure does not see, ``spurious`` how many it sees that are none.
    """
    common = sky_plane()
    places = rng.uniform(-half, half, (stars, 2)) if seen is None else seen
    units, truth = [], []
    for _ in range(number):
        centre = common.directions(rng.uniform(-dither, dither, (1, 2)))[0]
        plane = Plane.at(centre)
        turn, scale = np.deg2rad(rng.normal(0, errors[1])), rng.normal(0, errors[2])
        true = small(np.array([*rng.normal(0, errors[0] / np.sqrt(2), 2), turn, scale, 0, 0]))
        known = places[rng.random(len(places)) >= missing]
        ideal = plane.project(common.directions(known))
        ideal = np.vstack([ideal, rng.uniform(-half, half, (spurious, 2))])
        observed = true.inverse()(ideal + rng.normal(0, sigma, ideal.shape))
        spread = np.full(len(observed), sigma)
        units.append(Unit(centre=plane.axes[2], radius=1.4 * half, vectors=plane.directions(observed), sigma=spread))
        truth.append(true)
    return Field(units=units, truth=truth, stars=places)


def request(kind: str = "rscale", reach: float = 1.5, tolerance: float = 0.006, **known: Any) -> Request:
    return Request(search=Search(reach=reach, turn=np.deg2rad(0.3), tolerance=tolerance, **known), kind=kind)


def pulls(field: Field, solution: Solution) -> Doubles:
    """Return (found - true)/error of the four parameters of each unit; both have a mean of 0, as the gauge wants."""
    gauge = np.linalg.inv(np.mean([one.matrix for one in field.truth], axis=0))
    common = Plane.at(np.sum([unit.centre for unit in field.units], axis=0))
    true = []
    for one, unit in zip(field.truth, field.units, strict=True):
        turned = parameters(Affine(gauge @ one.matrix, gauge @ one.shift))
        turned[:2] += (gauge - np.eye(2)) @ common.project(unit.centre[None])[0]
        true.append(turned)
    off = np.array([parameters(one.affine) for one in solution.outcomes]) - true
    off -= off.mean(axis=0)
    errors = np.sqrt([np.diag(one.covariance) for one in solution.outcomes])
    return np.asarray(off[:, :4] / errors[:, :4])


def tan_wcs(
    shape: tuple[int, int],
    centre: tuple[float, float],
    error: Sequence[float] = (0.0, 0.0, 0.0),
    scale: float = SCALE,
    bend: float = 0.0,
) -> WCS:
    """Return a gWCS that is wrong by a shift to the east and north [arcsec], and a rotation [deg] as for the sky.

    ``bend`` is a distortion: so many pixels at the corner, cubic.
    """
    rows, columns = shape
    dx, dy, turn = error
    angle = np.deg2rad(turn)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([-scale, scale])
    middle = models.Shift(-(columns - 1) / 2) & models.Shift(-(rows - 1) / 2)
    rotate = models.AffineTransformation2D(matrix=matrix / 3600, translation=np.array([dx, dy]) / 3600)
    plane = middle | _bent(bend / (columns / 2) ** 3) | rotate if bend else middle | rotate
    sky = models.Pix2Sky_TAN() | models.RotateNative2Celestial(*centre, 180.0)
    frame = CelestialFrame(name="sky", reference_frame=ICRS(), unit=(u.deg, u.deg))
    wcs = WCS([(Frame2D(name="detector", unit=(u.pix, u.pix)), plane | sky), (frame, None)])
    wcs.bounding_box = ((-0.5, columns - 0.5), (-0.5, rows - 0.5))
    wcs.pixel_shape = (columns, rows)
    return wcs


def _bent(size: float) -> Any:
    x = models.Polynomial2D(3, c1_0=1.0, c3_0=size)
    y = models.Polynomial2D(3, c0_1=1.0, c0_3=size)
    model = models.Mapping((0, 1, 0, 1)) | x & y
    # Good enough for what is asked of it here: where a place of the sky falls, to a thousandth of a pixel.
    back_x = models.Polynomial2D(3, c1_0=1.0, c3_0=-size)
    back_y = models.Polynomial2D(3, c0_1=1.0, c0_3=-size)
    model.inverse = models.Mapping((0, 1, 0, 1)) | back_x & back_y
    return model


def make_image(
    true: WCS, sky: Doubles, flux: Doubles, shape: tuple[int, int], *, fwhm: float = 3.0, seed: int = 0, **known: Any
) -> Exposure:
    """Return an exposure of Gaussian stars at positions ``(n, 2)`` [deg], on a sky of 100, with errors of 1."""
    x, y = true.invert(*sky.T, with_bounding_box=False)
    row, column = np.mgrid[: shape[0], : shape[1]]
    image = np.full(shape, 100.0)
    spread = fwhm / 2.3548
    for one_x, one_y, one in zip(x, y, flux, strict=True):
        image += one * np.exp(-((column - one_x) ** 2 + (row - one_y) ** 2) / (2 * spread**2))
    return make_exposure(shape, value=image, poisson=0.9, rnoise=0.1, seed=seed, **known)


def point(exposure: Exposure, wcs: WCS) -> Exposure:
    """Return an exposure with a WCS; FITS keywords of it are not asked for."""
    return exposure.replace(wcs=wcs)


def star_positions(
    stars: int, shape: tuple[int, int], reach: float = 0.62, rng: np.random.Generator | None = None
) -> Doubles:
    """Return right ascension and declination [deg] of the stars of `make_dither`, ``(n, 2)``."""
    half = reach * max(shape) * SCALE
    places = (rng or np.random.default_rng(1)).uniform(-half, half, (stars, 2)) / 3600
    return np.column_stack([RA + places[:, 0] / np.cos(np.radians(DEC)), DEC + places[:, 1]])


def make_dither(
    number: int = 4,
    *,
    shape: tuple[int, int] = (256, 240),
    stars: int = 25,
    errors: Sequence[float] = (0.02, 0.05),
    seed: int = 1,
    bend: float = 0.0,
    step: float = 0.06,
    bright: tuple[float, float] = (30.0, 300.0),
    reach: float = 0.62,
) -> tuple[list[Exposure], list[WCS]]:
    """Return dithered exposures whose WCS are wrong by a shift [arcsec] and a rotation [deg], and the true WCS."""
    rng = np.random.default_rng(seed)
    sky = star_positions(stars, shape, reach, rng)
    flux = np.exp(rng.uniform(*np.log(bright), stars))
    exposures, truth = [], []
    for index in range(number):
        off = rng.uniform(-step, step, 2) / 3600
        centre = (RA + off[0] / np.cos(np.radians(DEC)), DEC + off[1])
        wrong = (*rng.normal(0, errors[0] / np.sqrt(2), 2), rng.normal(0, errors[1]))
        true = tan_wcs(shape, centre, bend=bend)
        known = {"header": {"EXPNUM": index + 1}, "path": Path(f"e{index}_rate.fits")}
        image = make_image(true, sky, flux, shape, seed=seed * 100 + index, **known)
        exposures.append(point(image, tan_wcs(shape, centre, wrong, bend=bend)))
        truth.append(true)
    return exposures, truth


@pytest.fixture
def sky() -> Any:
    """Return the functions of this module by name: star lists, images, and what is true of them."""
    return SimpleNamespace(
        plane=sky_plane,
        field=make_field,
        request=request,
        pulls=pulls,
        wcs=tan_wcs,
        image=make_image,
        point=point,
        dither=make_dither,
        stars=star_positions,
        places=places_of_truth,
    )


@pytest.fixture(scope="session")
def real() -> Path:
    """Return the folder of the real COSMOS01 dither."""
    folder = Path(__file__).parents[4] / "shared" / "data" / "nirc2_cosmos01_ks"
    if not folder.is_dir():
        pytest.skip("the COSMOS01 frames are not here: shared/data/nirc2_cosmos01_ks beside the project")
    return folder


@pytest.fixture
def align() -> Any:
    """Return a function that runs the stage on exposures, with references by type (tables) and parameters."""
    return run_align


def run_align(exposures: Sequence[Exposure], references: Mapping[str, Table] | None = None, **params: Any) -> Any:
    given = {
        name: Reference(reftype=name, path=Path(f"{name}.ecsv"), provider="test", content=table)
        for name, table in (references or {}).items()
    }
    group = Exposures.of(exposures)
    iris_align.check_align(group, References(given))
    return iris_align.align_exposures(group, iris_align.AlignParams(**params), References(given), iris_mode())


def places_of_truth(exposures: Sequence[Exposure], truth: Sequence[WCS], points: int = 4) -> Doubles:
    """Return by how much each exposure errs [pixel], ``(n, points^2, 2)``, east and north, over its area."""
    off = []
    for one, true in zip(exposures, truth, strict=True):
        rows, columns = one.shape
        x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, columns, points), np.linspace(0, rows, points)))
        assert one.wcs is not None
        (ra, dec), (true_ra, true_dec) = (wcs(x, y, with_bounding_box=False) for wcs in (one.wcs, true))
        off.append(np.column_stack([(ra - true_ra) * np.cos(np.radians(DEC)), dec - true_dec]) * 3600 / SCALE)
    return np.array(off)
