"""Objects that the user knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from iris_objects import read_objects
from iris_sky import SkyParams, check_dither, subtract_dither_sky
from iris_sky._given import of_grid
from iris_sky._place import make_grid

from iris_core import InputError, Mask, Reference, References


def regions(folder: Path, *lines: str) -> Path:
    path = folder / "objects.reg"
    path.write_text("# Region file format: DS9 version 4.1\nglobal color=green\n" + "\n".join(lines) + "\n")
    return path


def given(path: Path) -> References:
    """Return the objects in a file as the framework gives them to the stage."""
    content = read_objects(path)
    return References({"objects": Reference(reftype="objects", path=path, provider="by hand", content=content)})


def on_grid(made: Any, path: Path) -> tuple[Mask, Any]:
    """Return what a file masks of the first exposure, and its WCS."""
    outlines = made.group.outlines
    grid = make_grid(outlines)
    masked = of_grid(read_objects(path), grid, outlines[0])
    return masked[grid.placements[0].index(slice(0, outlines[0].shape[0]))], WCS(outlines[0].sci_header)


@pytest.fixture
def made(dither: Any) -> Any:
    return dither(3, size=64, step=20.0, stars=1)


@pytest.mark.parametrize("frame", ["fk5", "icrs"])
def test_shapes_on_the_sky_mask_the_pixels_inside(made: Any, tmp_path: Path, frame: str) -> None:
    """0.01 arcsec per pixel: a circle of 10 pixels, an ellipse of 12 x 5, a box of 20 x 6 and a triangle."""
    wcs = WCS(made.group.outlines[0].sci_header)
    (ra, dec), corners = wcs.all_pix2world(30.0, 25.0, 0), wcs.all_pix2world([[10, 10], [40, 10], [10, 40]], 0)
    polygon = ",".join(f"{value:.9f}" for value in corners.ravel())
    expected = {
        f'circle({ra:.9f},{dec:.9f},0.1")': np.pi * 10**2,
        f'ellipse({ra:.9f},{dec:.9f},0.12",0.05",0)': np.pi * 12 * 5,
        f'box({ra:.9f},{dec:.9f},0.2",0.06",0)': 20 * 6,
        f"polygon({polygon})": 30 * 30 / 2,
    }
    for line, area in expected.items():
        masked, _ = on_grid(made, regions(tmp_path, frame, line))
        assert masked.sum() == pytest.approx(area, rel=0.12), line
        if "polygon" not in line:
            # FK5 and ICRS differ by 20 mas, 2 of these pixels.
            assert np.argwhere(masked).mean(axis=0) == pytest.approx([25, 30], abs=0.6 if frame == "icrs" else 3)


def test_a_region_that_is_excluded_is_free(made: Any, tmp_path: Path) -> None:
    ra, dec = WCS(made.group.outlines[0].sci_header).all_pix2world(30.0, 25.0, 0)
    lines = [f'circle({ra:.9f},{dec:.9f},0.1")', f'-circle({ra:.9f},{dec:.9f},0.04")']
    masked, _ = on_grid(made, regions(tmp_path, "icrs", *lines))
    assert masked.sum() == pytest.approx(np.pi * (10**2 - 4**2), rel=0.1)
    assert not masked[25, 30]


def test_regions_in_image_are_the_same_pixels_in_every_exposure(made: Any, tmp_path: Path) -> None:
    """DS9 counts pixels from 1."""
    path = regions(tmp_path, "image", "box(11,21,4,4,0)")
    mask = read_objects(path).of_image((64, 64))
    assert mask is not None
    assert np.argwhere(mask).mean(axis=0) == pytest.approx([20, 10], abs=0.6)
    exposures = subtract_dither_sky(made.group, SkyParams(passes=1), given(path))
    assert [one.sci_header["MASKFRAC"] for one in exposures] == pytest.approx([mask.mean()] * 3, rel=1e-3)
    assert all(np.isnan(one.data[mask]).all() for one in exposures)


def test_a_fits_image_masks_by_its_wcs_or_without_one_every_exposure(made: Any, tmp_path: Path) -> None:
    plane = np.zeros((64, 64), dtype=np.uint8)
    plane[20:30, 40:44] = 1
    for name, header in (("sky.fits", made.group.outlines[0].sci_header), ("plain.fits", None)):
        fits.PrimaryHDU(plane, header).writeto(tmp_path / name)
    masked, _ = on_grid(made, tmp_path / "sky.fits")
    np.testing.assert_array_equal(masked, plane != 0)
    assert read_objects(tmp_path / "sky.fits").of_image((64, 64)) is None
    np.testing.assert_array_equal(read_objects(tmp_path / "plain.fits").of_image((64, 64)), plane != 0)
    assert not on_grid(made, tmp_path / "plain.fits")[0].any()


def test_what_the_user_masks_keeps_its_light(dither: Any, tmp_path: Path) -> None:
    """A glow that is too faint and wide to be found: all of it is kept where it is masked."""
    made = dither(3, size=160, step=60.0, core=30.0, halo=30.0, brightest=1.5, drift=0.0, places=[(80.0, 80.0)])
    ra, dec = WCS(made.group.outlines[0].sci_header).all_pix2world(80.0, 80.0, 0)
    path = regions(tmp_path, "icrs", f'circle({ra:.9f},{dec:.9f},0.30")')
    row, column = np.mgrid[:160, :160]
    seen = np.hypot(row - 80, column - 80) < 18
    options = {"threshold": 50.0}
    kept = subtract_dither_sky(made.group, SkyParams(**options), given(path))[0].data[seen]
    assert np.nanmean(kept) == pytest.approx(made.stars[0][seen].mean(), abs=3)


def test_objects_without_wcs_and_of_another_shape_are_refused_by_the_check(made: Any, tmp_path: Path) -> None:
    fits.PrimaryHDU(np.zeros((8, 9))).writeto(tmp_path / "small.fits")
    with pytest.raises(InputError, match=r"have no WCS and shape \(8, 9\)"):
        check_dither(made.group, SkyParams(), given(tmp_path / "small.fits"))
