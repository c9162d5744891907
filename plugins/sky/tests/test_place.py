"""Where dithered images lie on their common grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iris_sky._place import make_grid, onto_grid, tangent_header
from iris_testkit import add_wcs

from iris_core import InputError


def outlines_of(dither: Any, number: int, **options: Any) -> list[Any]:
    return list(dither(number, size=64, step=20.0, stars=1, **options).group.outlines)


def turned(outline: Any, angle: float) -> Any:
    """Return an outline whose image is turned by so many degrees about its centre."""
    header, cosine, sine = outline.sci_header.copy(), np.cos(np.radians(angle)), np.sin(np.radians(angle))
    scale = abs(header["CD1_1"])
    header.update({"CD1_1": -scale * cosine, "CD1_2": scale * sine, "CD2_1": scale * sine, "CD2_2": scale * cosine})
    return outline.replace(sci_header=header)


def test_shifts_are_those_of_the_wcs_to_the_pixel(dither: Any) -> None:
    made = dither(5, size=64, step=20.0, stars=1)
    grid = make_grid(made.group.outlines)
    rows, columns = np.array([one.offset for one in grid.placements]).T
    assert (columns - columns[0]).tolist() == [x for x, _ in made.offsets]
    assert (rows - rows[0]).tolist() == [y for _, y in made.offsets]
    assert not any(one.turned for one in grid.placements)
    assert grid.distances[0, 1] == pytest.approx(np.hypot(*made.offsets[1]), abs=0.01)


def test_all_pixels_of_all_images_lie_on_the_grid(dither: Any) -> None:
    outlines = [turned(one, 7.0 * k) for k, one in enumerate(outlines_of(dither, 4))]
    grid = make_grid(outlines)
    for placement in grid.placements:
        plane = np.zeros(grid.shape)
        plane[placement.index(slice(0, 64))] = 1
        assert plane.sum() > 0.8 * 64 * 64


def test_a_turned_image_is_put_where_its_wcs_says(dither: Any) -> None:
    from astropy.wcs import WCS

    first, second, *_ = outlines_of(dither, 2)
    second = turned(second, 30.0)
    grid = make_grid([first, second])
    placement = grid.placements[1]
    assert placement.turned
    row, column = placement.index(slice(10, 11))
    x, y = WCS(first.sci_header).all_world2pix(*WCS(second.sci_header).all_pix2world(5, 10, 0), 0)
    assert (column[0, 5], row[0, 5]) == (round(float(x) - grid.origin[0]), round(float(y) - grid.origin[1]))


def test_a_gwcs_and_its_fits_keywords_give_the_same_grid(dither: Any) -> None:
    exposure = dither(1, size=64, stars=1).exposures[0]
    modelled = add_wcs(exposure.replace(sci_header=type(exposure.sci_header)()), 0.01)
    plain = modelled.replace(wcs=None)
    plain = plain.replace(sci_header=modelled.sci_header)
    assert modelled.wcs is not None
    assert plain.wcs is None
    grid = make_grid([modelled, plain, modelled])
    assert {one.offset for one in grid.placements} == {(1, 1)}
    assert max(grid.shape) <= 67


def test_the_wcs_of_the_grid_is_that_of_the_first_image(dither: Any) -> None:
    from astropy.wcs import WCS

    outlines = outlines_of(dither, 3)
    grid = make_grid(outlines)
    sky = WCS(outlines[0].sci_header).all_pix2world(12.0, 40.0, 0)
    x, y = WCS(tangent_header(outlines[0], grid)).all_world2pix(*sky, 0)
    assert (x, y) == pytest.approx((12 - grid.origin[0], 40 - grid.origin[1]), abs=1e-3)


def test_an_exposure_without_wcs_is_refused_by_name(dither: Any) -> None:
    first, second = outlines_of(dither, 2)
    bare = second.replace(sci_header=type(second.sci_header)())
    with pytest.raises(InputError, match=r"x1_rate\.fits has no WCS.*assign_wcs"):
        make_grid([first, bare])


def test_an_exposure_of_another_field_is_refused_by_name(dither: Any) -> None:
    outlines = outlines_of(dither, 3)
    header = outlines[1].sci_header.copy()
    header["CRVAL2"] = 2.3
    with pytest.raises(InputError, match=r"x1_rate\.fits is farthest"):
        make_grid([outlines[0], outlines[1].replace(sci_header=header), outlines[2]])
    header["CRVAL2"] = -80.0
    header["CRVAL1"] = 330.0
    with pytest.raises(InputError):
        make_grid([outlines[0], outlines[1].replace(sci_header=header)])


def test_a_plane_is_seen_from_the_grid_and_nothing_outside_of_it(dither: Any) -> None:
    from dataclasses import replace

    placement = make_grid(outlines_of(dither, 1)).placements[0]
    shifted = replace(placement, matrix=np.eye(2), shift=np.array([-3.0, 2.0]))
    plane = np.zeros((10, 10))
    plane[5, 1] = 1
    found = onto_grid(plane, shifted, (300, 20))
    assert np.argwhere(found).tolist() == [[3, 4]]
