"""Sources as measured: flags, edges, extent, segments, and the columns made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from iris_catalog import CatalogParams
from iris_catalog._measure import Measurement, measure_sources, measure_stars
from iris_catalog._quality import quality_of
from iris_catalog._scene import Scene, scene_of
from iris_catalog._table import notes_of, table_meta, table_of

from iris_core import DQ

PARAMS = CatalogParams(fwhm=3.1, radii=(1.0, 1.5, 2.0), correction=-0.1)
SIZE = (100, 110)


@pytest.fixture(name="pair", scope="module")
def pair_fixture(tools: Any) -> tuple[Scene, Measurement]:
    """Return two stars, the second half as bright, 30 pixels apart in x and 40 in y."""
    value = 1 + tools.draw_stars(SIZE, [40.2, 70.2], [30.4, 70.4], [400.0, 200.0])
    scene = scene_of(tools.on_sky(SIZE, value, 0.02, 1))
    return scene, measure_sources(scene, PARAMS, None)


def test_the_total_is_the_largest_circle_times_its_factor(pair: tuple[Scene, Measurement]) -> None:
    found = pair[1]
    flux, error = found.total()
    assert len(found) == 2
    assert flux == pytest.approx(found.sums[-1].flux * 10**0.04)
    assert np.all(error > found.sums[-1].error)
    assert flux[0] / flux[1] == pytest.approx(2.0, rel=0.02)


def test_a_star_in_two_brightnesses_has_one_index(pair: tuple[Scene, Measurement]) -> None:
    scene, found = pair
    table = table_of(scene, found, np.nan)
    assert table["CI_70_30"][0] == pytest.approx(table["CI_70_30"][1], rel=0.05)
    assert np.asarray(table["CI_50_30"] * table["CI_70_50"]) == pytest.approx(np.asarray(table["CI_70_30"]))
    assert not found.is_extended().any()


def test_neighbours_are_named_with_their_distance(pair: tuple[Scene, Measurement]) -> None:
    table = table_of(*pair, np.nan)
    assert table["nn_label"].tolist() == [2, 1]
    assert table["nn_dist"].to_value(u.pix) == pytest.approx([50.0, 50.0], abs=0.05)


def test_a_source_alone_has_no_neighbour(tools: Any) -> None:
    scene = scene_of(tools.on_sky(SIZE, 1 + tools.draw_stars(SIZE, [50.0], [50.0], [400.0]), 0.02, 1))
    table = table_of(scene, measure_sources(scene, PARAMS, None), np.nan)
    assert table["nn_label"].tolist() == [0]
    assert np.isnan(table["nn_dist"].value).all()


def test_magnitudes_are_of_the_fluxes(pair: tuple[Scene, Measurement]) -> None:
    table = table_of(*pair, 1.85)
    for name in ("aper30", "aper50", "aper70", "aper_total", "isophotal"):
        flux = table[f"{name}_flux"].to_value(u.Jy)
        assert table[f"{name}_abmag"].value == pytest.approx(-2.5 * np.log10(flux / 3631))
        assert (table[f"{name}_abmag"] - table[f"{name}_vegamag"]).value == pytest.approx([1.85, 1.85])
        assert np.array_equal(table[f"{name}_abmag_err"], table[f"{name}_vegamag_err"])


def test_without_an_offset_there_are_no_vega_magnitudes(pair: tuple[Scene, Measurement]) -> None:
    table = table_of(*pair, np.nan)
    assert np.isnan(table["aper30_vegamag"].value).all()
    assert np.isnan(table["aper30_vegamag_err"].value).all()
    assert np.isfinite(table["aper30_abmag"].value).all()


def test_a_segment_has_most_of_the_light_and_the_box_around_it(pair: tuple[Scene, Measurement]) -> None:
    found = pair[1]
    boxes, labels = found.outlines.boxes, found.detection.labels
    assert found.outlines.area.tolist() == [np.count_nonzero(labels == 1), np.count_nonzero(labels == 2)]
    assert found.outlines.flux == pytest.approx(np.array([400.0, 200.0]), rel=0.02)
    for number, box in enumerate(boxes, 1):
        rows, columns = np.nonzero(labels == number)
        assert box.tolist() == [columns.min(), columns.max(), rows.min(), rows.max()]


def test_the_axes_are_those_of_the_source(tools: Any) -> None:
    """Of a row of stars at 45 degrees: its longer axis, and the position angle on a sky with east to the left."""
    steps = np.linspace(-4, 4, 9)
    value = 1 + tools.draw_stars(SIZE, 50 + steps, 50 + steps, np.full(9, 100.0))
    scene = scene_of(tools.on_sky(SIZE, value, 0.02, 1))
    found = measure_sources(scene, replace_params(deblend=False), None)
    table = table_of(scene, found, np.nan)
    assert len(table) == 1
    assert table["orientation"].value == pytest.approx([45.0], abs=1.0)
    assert table["semimajor_sigma"][0] > 2 * table["semiminor_sigma"][0]
    assert table["ellipticity"][0] > 0.5
    north, east = (table["sky_orientation"].value[0] - angle for angle in (45, 135))
    assert min(abs(north), abs(east)) < 1.5


def replace_params(**changes: Any) -> CatalogParams:
    return CatalogParams(**{**PARAMS.model_dump(), **changes})


@pytest.mark.parametrize(("offset", "flagged"), [((0, 0), True), ((6, 0), True), ((0, -6), True), ((8, 0), False)])
def test_flags_are_of_the_pixels_in_the_largest_circle(tools: Any, offset: Any, flagged: bool) -> None:
    """Of 6.2 pixels here."""
    value = 1 + tools.draw_stars(SIZE, [50.0], [50.0], [400.0])
    mask = np.zeros(SIZE, dtype=bool)
    mask[50 + offset[1], 50 + offset[0]] = True
    scene = scene_of(tools.on_sky(SIZE, value, 0.02, 1).flag(mask, DQ.PERSISTENCE))
    found = measure_sources(scene, PARAMS, None)
    assert found.flags.tolist() == [int(DQ.PERSISTENCE) if flagged else 0]
    assert np.isfinite(found.sums[-1].flux).all()


@pytest.mark.parametrize(("x", "edge"), [(50.0, False), (6.5, False), (4.5, True)])
def test_a_circle_that_reaches_out_of_the_image_is_at_the_edge(tools: Any, x: float, edge: bool) -> None:
    scene = scene_of(tools.on_sky(SIZE, 1 + tools.draw_stars(SIZE, [x], [50.0], [400.0]), 0.02, 1))
    assert measure_sources(scene, PARAMS, None).edge.tolist() == [edge]


def test_the_place_in_a_pixel_is_in_the_error_of_a_bright_star(pair: tuple[Scene, Measurement]) -> None:
    scene, found = pair
    background = found.background
    bright = replace(background, level=background.level * 0, error=background.error * 0)
    sums = measure_stars(scene, found.places, 3.1, bright, 3.1)
    assert np.all(sums.error > sums.noise)
    assert np.all(sums.error < 0.02 * sums.flux + sums.noise)


def test_the_keywords_are_of_the_image(pair: tuple[Scene, Measurement], tools: Any) -> None:
    scene, found = pair
    cards, warnings = quality_of(scene, found, PARAMS)
    assert cards["SKYLEV"][0] == pytest.approx(1.0, abs=0.01)
    assert cards["NSTARS"][0] == 2
    assert cards["MASKFRAC"][0] == pytest.approx(np.mean(found.detection.labels != 0))
    assert "STREHL" not in cards
    assert any("empty apertures have room" in warning for warning in warnings)
    assert 10 ** (-0.4 * cards["ZPAB"][0]) * 3631 == pytest.approx(scene.factor)


def test_the_header_of_the_table_has_radii_and_corrections(pair: tuple[Scene, Measurement]) -> None:
    scene, found = pair
    meta = table_meta(scene, found, {"NSTARS": (2, "")}, "not known")
    assert meta["aper70_radius_arcsec"] == pytest.approx(0.62, rel=1e-3)
    assert meta["aper70_correction"] == pytest.approx(10**0.04)
    assert meta["NSTARS"] == 2
    assert meta["correction"] == "as given"
    assert meta["ab_vega"] == "not known"


def test_notes_say_number_width_and_correction(pair: tuple[Scene, Measurement]) -> None:
    first, second, *_ = notes_of(*pair, 1.85, "as given")
    assert "2 sources" in first
    assert "3.10 pixels" in first
    assert "1.0965" in second
    assert "6.20 pixels" in second
    assert "(1.8%)" in second


def test_vega_is_in_the_notes_only_where_it_is_known(pair: tuple[Scene, Measurement]) -> None:
    known, unknown = (" ".join(notes_of(*pair, vega, "so and so")) for vega in (1.85, np.nan))
    assert "Vega so and so" in known
    assert "Vega" not in unknown
