"""Corrections in headers and pixels, and the same bits from other processes and orders."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from iris_skymatch import SkyMatchParams, match_sky
from iris_skymatch._apply import Correction, corrections_of, subtract_level
from iris_skymatch._levels import Found, find_levels
from iris_wcs import PixelMap, choose_plane
from pydantic import ValidationError

from iris_core import Array, Exposure, Exposures, References, Removal

Look = Callable[..., Exposure]


def correction(**changes: Any) -> Correction:
    usual = {"terms": np.array([2.0]), "level": 2.0, "error": 0.1, "subtracts": True, "notes": ("said",)}
    return Correction(**{**usual, **changes})


# --- one exposure ------------------------------------------------------------------------------------------------


def test_a_level_is_subtracted_from_every_pixel(look: Look) -> None:
    one = look((0, 0), 5.0)
    made = subtract_level(one, correction(), choose_plane([one]))
    assert np.all(made.data == 3)
    assert made.notes == ("said",)
    assert made.unit == one.unit
    assert "electron" in made.sci_header.comments["BKGLEVEL"]


def test_a_level_that_is_not_subtracted_is_described(look: Look) -> None:
    one = look((0, 0), 5.0)
    made = subtract_level(one, correction(subtracts=False), choose_plane([one]))
    assert made.data is one.data
    assert (made.sci_header["BKGLEVEL"], made.sci_header["BKGLERR"], made.sci_header["BKGSUB"]) == (2.0, 0.1, False)


def test_every_keyword_fits_into_its_card(look: Look) -> None:
    """A comment that is too long is a warning of astropy's, and an error here."""
    made = correction(terms=np.array([-2.0, 1e-7 / 3, -1e-7 / 3]), level=-6.00233258).describe(look((0, 0)))
    names = [name for name in made.sci_header if name.startswith("BKG")]
    assert len(names) == 5
    assert {len(made.sci_header.cards[name].image) for name in names} == {80}


def test_what_is_not_known_has_no_keyword(look: Look) -> None:
    one = look((0, 0))
    made = correction(level=np.nan, error=np.nan, subtracts=False).describe(one)
    assert "BKGLEVEL" not in made.sci_header
    assert "BKGLERR" not in made.sci_header
    made = correction(error=np.nan).describe(one)
    assert made.sci_header["BKGLEVEL"] == 2
    assert "BKGLERR" not in made.sci_header


@pytest.mark.parametrize("angle", [0.0, 90.0])
def test_a_plane_is_subtracted_along_the_axes_of_the_first(look: Look, angle: float) -> None:
    first, one = look((0, 0)), look((20, 30), 5.0, angle=angle)
    plane = choose_plane([first, one])
    made = subtract_level(one, correction(terms=np.array([1.0, 0.01, -0.02])), plane)
    x, y = PixelMap.of(plane, one.wcs, one.shape).rows(slice(0, 128))
    assert made.data == pytest.approx(4 - 0.01 * x + 0.02 * y, abs=1e-4)
    assert made.sci_header["BKGSLOPX"] == 0.01
    assert made.sci_header["BKGSLOPY"] == -0.02


def found_of(look: Look, level: float, error: float, overlaps: int) -> tuple[Exposure, Found]:
    one = look((0, 0))
    return one, Found(
        plane=choose_plane([one]),
        unit=64.0,
        terms=np.array([[level]]),
        level=np.array([level]),
        error=np.array([error]),
        overlaps=np.array([overlaps]),
        notes=(),
        warnings=(),
    )


@pytest.mark.parametrize(
    ("level", "removed", "overlaps", "subtracted"),
    [
        (2.0, Removal.NO, 1, True),
        (0.5, Removal.NO, 1, True),
        (2.0, Removal.WHOLE, 1, True),
        (0.5, Removal.WHOLE, 1, False),
        (-0.5, Removal.PART, 2, False),
        (-2.0, Removal.PART, 2, True),
        (0.0, Removal.NO, 0, False),
        (3.0, Removal.NO, 0, True),  # of another group, brought to the sky of the largest
    ],
)
def test_what_is_subtracted(look: Look, level: float, removed: Removal, overlaps: int, subtracted: bool) -> None:
    """A level above its error of 1, or of a sky that is still there; nothing where there is no overlap."""
    one, found = found_of(look, level, 1.0, overlaps)
    outline = one.replace(removed={"background": removed})
    (made,) = corrections_of([outline], found, subtract=True)
    assert made.subtracts == subtracted
    assert not corrections_of([outline], found, subtract=False)[0].subtracts


def test_unknown_parameters_are_refused() -> None:
    for wrong in ({"order": 2}, {"gauge": "median"}, {"tile": 1}, {"unconnected": "drop"}, {"nothing": 1}):
        with pytest.raises(ValidationError):
            SkyMatchParams.model_validate(wrong)


# --- many --------------------------------------------------------------------------------------------------------


def four(look: Look, **options: Any) -> list[Exposure]:
    places = ((0, 0), (40.3, 10.2), (-30.7, 50.1), (12.5, -44.4))
    return [look(at, k * 1.5, sigma=1.0, seed=k, name=f"e{k}", **options) for k, at in enumerate(places)]


@dataclass
class Member:
    """An exposure in memory that a pool is given."""

    exposure: Exposure

    @property
    def outline(self) -> Exposure:
        return self.exposure

    def read(self) -> Exposure:
        return self.exposure

    def rows(self, plane: str, where: slice) -> Array:
        raise AssertionError("sky_match measures whole exposures, each once")

    def with_outline(self, outline: Exposure) -> Member:
        return Member(outline)


class Workers:
    """A pool of processes, as the executor of a run is one."""

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
        return [Member(one) for one in self.each(function, members, arguments)]


@pytest.mark.slow
@pytest.mark.parametrize("order", [0, 1])
def test_other_processes_give_the_same_bits(look: Look, order: int) -> None:
    exposures, params = four(look), SkyMatchParams.model_validate({"order": order})
    here = match_sky(Exposures.of(exposures), params, References())
    there = match_sky(Exposures([Member(one) for one in exposures], pool=Workers()), params, References())  # type: ignore[arg-type]
    for one, other in zip(here, there, strict=True):
        assert np.array_equal(one.data, other.data)
        assert one.sci_header["BKGLEVEL"] == other.sci_header["BKGLEVEL"]
        assert one.notes == other.notes


def test_what_travels_is_small_and_the_input_stays(look: Look) -> None:
    exposures = four(look)
    before = [one.data.copy() for one in exposures]
    found = find_levels(Exposures.of(exposures), SkyMatchParams())
    assert len(pickle.dumps(corrections_of(exposures, found, subtract=True))) < 4000
    match_sky(Exposures.of(exposures), SkyMatchParams(), References())
    assert all(np.array_equal(one.data, data) for one, data in zip(exposures, before, strict=True))


@pytest.mark.parametrize("tile", [4, 8, 16])
def test_the_levels_do_not_depend_on_the_tiles(look: Look, tile: int) -> None:
    found = find_levels(Exposures.of(four(look)), SkyMatchParams(tile=tile))
    assert found.level == pytest.approx([-2.25, -0.75, 0.75, 2.25], abs=5 * found.error.max())
    assert found.error.max() < 0.03


def test_a_second_run_finds_nothing(look: Look) -> None:
    done = match_sky(Exposures.of(four(look)), SkyMatchParams(), References())
    again = find_levels(done, SkyMatchParams())
    assert np.abs(again.level).max() < 0.1 * again.error.min()
