"""The common grid, the median on it, and how little is read and kept for it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from iris_outliers import OutlierParams, flag_outliers
from iris_outliers._flag import flag_exposure
from iris_outliers._grid import choose_grid
from iris_outliers._median import levels_of, take_median
from iris_outliers._protect import places_of, protect_stars
from iris_outliers._stars import near_sources, sky_of

from iris_core import Array, Exposure, Exposures, Image, References

Make = Callable[..., Any]


def exposures_at(make_field: Make, *dithers: tuple[float, float], **options: Any) -> tuple[Exposure, ...]:
    made: tuple[Exposure, ...] = make_field(dithers, **{"rays": 0, "stars": 0, **options}).exposures
    return made


# --- the grid ----------------------------------------------------------------------------------------------------


def test_the_grid_holds_all_exposures(make_field: Make) -> None:
    grid = choose_grid(exposures_at(make_field, (0, 0), (30, -20), (-10.5, 40.25)))
    rows, columns = grid.shape
    assert 256 + 60 <= rows <= 256 + 63
    assert 256 + 40 <= columns <= 256 + 44
    for place in grid.places:
        low, high = place.corner, np.add(place.corner, place.shape)
        assert np.all(np.array(low) >= 0)
        assert np.all(high <= grid.shape)


def test_the_grid_is_that_of_the_first_exposure(make_field: Make) -> None:
    """Which is copied, as are those that are whole pixels away from it."""
    grid = choose_grid(exposures_at(make_field, (0, 0), (30, -20), (7.5, 3)))
    first, second, third = grid.places
    assert first.pixels.shift is not None
    assert second.pixels.shift is not None
    assert third.pixels.shift is None
    corners = [np.add(one.corner, one.pixels.shift[::-1]) for one in (first, second)]
    assert (corners[1] - corners[0]).tolist() == [-20, 30]


def test_places_on_the_sky_are_places_on_the_grid(make_field: Make) -> None:
    exposures = exposures_at(make_field, (0, 0), (12.3, -7.6), angle=1.0)
    grid = choose_grid(exposures)
    for one, place in zip(exposures, grid.places, strict=True):
        sky = one.wcs(np.array([0.0, 255.0]), np.array([0.0, 0.0]))
        wanted = place.pixels.rows(slice(0, 1))[:, 0, [0, -1]] + np.array(place.corner[::-1])[:, np.newaxis]
        shift = 0.01 if place.pixels.shift is not None else 0.002
        assert grid.plane.of_sky(*sky) == pytest.approx(wanted, abs=shift)


# --- the median --------------------------------------------------------------------------------------------------


def test_the_median_of_whole_dithers_is_that_of_the_pixels(make_field: Make) -> None:
    dithers = ((0, 0), (3, 5), (-4, 2))
    exposures = exposures_at(make_field, *dithers)
    grid = choose_grid(exposures)
    median = take_median(Exposures.of(exposures), grid, [0.0, 1.0, 0.0], 0.7)
    pixel = [one.data[100 - dy, 100 - dx] for one, (dx, dy) in zip(exposures, dithers, strict=True)]
    row, column = np.add(grid.places[0].corner, grid.places[0].pixels.shift[::-1]) + 100  # type: ignore[index]
    assert median.median[row, column] == np.median([pixel[0], pixel[1] - 1, pixel[2]])
    assert median.count.max() == 3
    assert (median.count == 3).sum() == (256 - 7) * (256 - 5)


def test_each_exposure_covers_its_part_of_the_median(make_field: Make) -> None:
    exposures = exposures_at(make_field, (0, 0), (100.3, 50.2), noise=False)
    grid = choose_grid(exposures)
    median = take_median(Exposures.of(exposures), grid, [0.0, 0.0], 0.7)
    assert np.nanmax(np.abs(median.median - 20)) < 1e-3
    assert np.array_equal(np.isnan(median.median), median.count < 2)
    assert median.cut(grid.places[1]).median.base is not None


@dataclass
class Counted:
    """An exposure that counts the rows that are read of it."""

    exposure: Exposure
    read_rows: list[int] = field(default_factory=list)

    @property
    def outline(self) -> Exposure:
        return self.exposure

    def read(self) -> Exposure:
        return self.exposure

    def rows(self, plane: str, where: slice) -> Array:
        assert plane == "data"
        self.read_rows.append(where.stop - where.start)
        return self.exposure.data[where]

    def with_outline(self, outline: Exposure) -> Counted:
        return Counted(outline)


def test_only_the_rows_of_a_strip_are_read(make_field: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    exposures = exposures_at(make_field, (0, 0), (10.5, -30.5), (3.3, 40.4))
    grid = choose_grid(exposures)
    members = [Counted(one) for one in exposures]
    given = Exposures(members)
    monkeypatch.setattr(given.pool, "budget", 16 * 4 * 3 * grid.shape[1])
    take_median(given, grid, [0.0] * 3, 0.7)
    for member in members:
        assert max(member.read_rows) <= 16 + 4
        assert 256 <= sum(member.read_rows) <= 256 * (1 + 5 / 16)


def test_levels_are_those_that_were_recorded_only(make_field: Make) -> None:
    (one,) = exposures_at(make_field, (0, 0))
    told = one.with_keywords({"BKGLEVEL": (2.5, ""), "BKGSUB": (False, "")})
    taken = one.with_keywords({"BKGLEVEL": (2.5, ""), "BKGSUB": (True, "")})
    assert levels_of([one, told, taken]) == [0.0, 2.5, 0.0]


# --- workers -----------------------------------------------------------------------------------------------------


class Workers:
    """A pool of processes, as the executor of a run is one."""

    budget = 1 << 20

    def each(
        self, function: Callable[..., Any], members: Sequence[Any], arguments: Sequence[Mapping[str, Any]]
    ) -> Sequence[Any]:
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            started = [
                pool.submit(function, member.read(), **given) for member, given in zip(members, arguments, strict=True)
            ]
            return [one.result() for one in started]

    def change(
        self, function: Callable[..., Exposure], members: Sequence[Any], arguments: Sequence[Mapping[str, Any]]
    ) -> list[Any]:
        return [Counted(one) for one in self.each(function, members, arguments)]


@pytest.mark.slow
def test_other_processes_give_the_same_bits(make_field: Make) -> None:
    field = make_field(angle=0.2)
    here = field.flag()
    members = [Counted(one) for one in field.exposures]
    there = flag_outliers(Exposures(members, pool=Workers()), OutlierParams(), References())  # type: ignore[arg-type]
    for one, other in zip(here, there, strict=True):
        assert np.array_equal(one.data, other.data, equal_nan=True)
        assert np.array_equal(one.dq, other.dq)
        assert one.notes == other.notes


def test_what_travels_to_a_worker_is_small(make_field: Make) -> None:
    exposures = exposures_at(make_field, (0, 0), (100.5, 60.5))
    grid = choose_grid(exposures)
    median = take_median(Exposures.of(exposures), grid, [0.0, 0.0], 0.7)
    cut = median.cut(grid.places[1])
    assert len(pickle.dumps(cut)) < 6 * 259 * 259
    again = pickle.loads(pickle.dumps(cut))
    one, other = (flag_exposure(exposures[1], each, 0.0, OutlierParams()) for each in (cut, again))
    assert np.array_equal(one.dq, other.dq)


# --- stars -------------------------------------------------------------------------------------------------------


def test_places_of_a_catalogue_may_be_masked() -> None:
    from astropy.table import MaskedColumn, Table

    table = Table({"Ra": MaskedColumn([1.0, 2.0], mask=[False, True]), "DEC": [3.0, 4.0]})
    ra, dec = places_of(table, "refcat")
    assert np.array_equal(ra, [1, np.nan], equal_nan=True)
    assert dec.tolist() == [3, 4]


def test_stars_are_protected_within_a_radius_and_at_the_edge() -> None:
    count = np.full((20, 30), 5, dtype=np.uint8)
    protect_stars(count, np.array([(10.4, -0.5, 200.0, np.nan), (8.0, 0.0, 5.0, 3.0)]), 3.0)
    y, x = np.mgrid[:20, :30]
    wanted = (np.hypot(x - 10.4, y - 8) <= 3) | (np.hypot(x + 0.5, y) <= 3)
    assert np.array_equal(count == 0, wanted)


def test_the_sky_is_the_median_and_sources_are_above() -> None:
    image: Image = np.random.default_rng(2).normal(10, 1, (50, 60)).astype(np.float32)
    image[20, 30] = 30
    image[0, 0] = np.nan
    assert sky_of(image) == pytest.approx(10, abs=0.1)
    found = near_sources(image, np.arange(image.size), 1.0).reshape(image.shape)
    assert found.sum() == 9
    assert found[19:22, 29:32].all()
    assert np.isnan(sky_of(np.full((3, 3), np.nan, dtype=np.float32)))
