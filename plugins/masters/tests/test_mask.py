"""Bad pixels: all that are there are found, and hardly any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import iris_masters
import numpy as np
import pytest
from iris_testkit import make_exposure
from pydantic import ValidationError

from iris_core import DQ, Exposure, InputError

Mask = Callable[..., Exposure]
SHAPE = (64, 64)


def dark_with(pixels: dict[tuple[int, int], float], **options: Any) -> Exposure:
    """Return a dark of level 1 and spread 0.1, with other values in some pixels."""
    exposure = make_exposure(SHAPE, value=1, poisson=0.005, rnoise=0.005, seed=1, **options)
    data = np.array(exposure.data)
    for where, value in pixels.items():
        data[where] = value
    return exposure.replace(data=data)


def flat_with(pixels: dict[tuple[int, int], float], **options: Any) -> Exposure:
    value = np.ones(SHAPE)
    for where, response in pixels.items():
        value[where] = response
    return make_exposure(SHAPE, value=value, poisson=1e-6, rnoise=0, unit="", header={"FILTER": "Hbb"}, **options)


def flags_in(made: Exposure) -> dict[tuple[int, int], int]:
    return {(int(row), int(column)): int(made.dq[row, column]) for row, column in np.argwhere(made.dq)}


def test_the_reason_is_in_the_bits(make_mask: Mask) -> None:
    """OPEN takes the place of LOW_QE and DEAD, and its neighbours are ADJ_OPEN."""
    opened = {(30, 30): 0.05, (29, 30): 1.1, (31, 30): 1.1, (30, 29): 1.1, (30, 31): 1.1}
    flat = flat_with({(5, 5): 0.4, (6, 20): 0.02, (7, 40): 1.8, (8, 50): -1.0, (40, 40): 0.3, (39, 40): 1.1, **opened})
    made = make_mask([dark_with({(10, 10): 1.7, (12, 12): 3.0})], [flat])
    lost = DQ.DO_NOT_USE
    assert flags_in(made) == {
        (5, 5): DQ.LOW_QE,
        (6, 20): DQ.DEAD | lost,
        (7, 40): DQ.NO_FLAT_FIELD | lost,
        (8, 50): DQ.NO_FLAT_FIELD | DQ.DEAD | lost,
        (10, 10): DQ.WARM,
        (12, 12): DQ.HOT,
        (30, 30): DQ.OPEN | lost,
        **{where: DQ.ADJ_OPEN for where in opened if where != (30, 30)},
        (40, 40): DQ.LOW_QE,
    }


def test_what_any_dark_or_flat_shows_counts(make_mask: Mask) -> None:
    darks = [dark_with({(1, 1): 3.0}), dark_with({(2, 2): 3.0}, exposure_time=5.0)]
    made = make_mask(darks, [flat_with({(3, 3): 0.3}), flat_with({(4, 4): 0.3})])
    assert sorted(flags_in(made)) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert made.header["NEXP"] == 4
    assert "FILTER" not in made.header


def test_noise_and_saturation_are_known_from_the_darks(make_mask: Mask) -> None:
    where = np.zeros(SHAPE, dtype=bool)
    where[9, 9] = True
    made = make_mask([dark_with({}).flag(where, DQ.TELEGRAPH | DQ.DO_NOT_USE)], [flat_with({})])
    assert flags_in(made) == {(9, 9): DQ.TELEGRAPH | DQ.DO_NOT_USE}
    made = make_mask([dark_with({}).flag(where, DQ.SATURATED)], [flat_with({})])
    assert flags_in(made) == {(9, 9): DQ.SATURATED | DQ.DO_NOT_USE}


def test_the_pixels_of_a_mask(make_mask: Mask) -> None:
    """0, and NaN where they are not to be used: no unit, no variance."""
    made = make_mask([dark_with({(1, 1): 3.0})], [flat_with({(2, 2): 0.01})])
    assert np.isnan(made.data).sum() == 1
    assert np.nansum(np.abs(made.data)) == 0
    assert (str(made.unit), dict(made.variance)) == ("", {})


def test_what_is_not_to_be_used_is_a_rule(make_mask: Mask) -> None:
    given = [dark_with({(1, 1): 3.0})], [flat_with({(2, 2): 0.3})]
    made = make_mask(*given, unusable=("HOT", "LOW_QE"))
    assert flags_in(made) == {(1, 1): DQ.HOT | DQ.DO_NOT_USE, (2, 2): DQ.LOW_QE | DQ.DO_NOT_USE}
    with pytest.raises(ValidationError, match=r"no flag 'HOTT'; did you mean 'HOT'"):
        iris_masters.MaskParams(unusable=("HOTT",))


def test_a_mask_of_much_is_refused(make_mask: Mask) -> None:
    pixels = {(row, column): 0.01 for row in range(64) for column in range(0, 64, 7)}
    with pytest.raises(InputError, match=r"15\.6% of the pixels.*DEAD 640"):
        make_mask([dark_with({})], [flat_with(pixels)])
    assert (make_mask([dark_with({})], [flat_with(pixels)], max_fraction=0.2).dq & DQ.DEAD).any()


def test_members_that_make_no_mask_are_refused(make_mask: Mask) -> None:
    with pytest.raises(InputError, match=r"no exposure has the role flat"):
        make_mask([dark_with({})], [])
    with pytest.raises(InputError, match=r"no exposure has the role dark"):
        make_mask([], [flat_with({})])
    with pytest.raises(InputError, match=r"shape"):
        make_mask([dark_with({})], [make_exposure((8, 8))])
    with pytest.raises(InputError, match=r"detector"):
        make_mask([dark_with({})], [flat_with({}, detector="IMG2")])
    with pytest.raises(InputError, match=r"integrations"):
        make_mask([make_exposure(SHAPE, nint=2)], [flat_with({})])
    with pytest.raises(InputError, match=r"x_rate\.fits: the dark has no valid pixel"):
        make_mask([dark_with({}, bad=np.ones(SHAPE))], [flat_with({})])


@pytest.mark.acceptance
def test_all_bad_pixels_of_a_detector_are_found(
    frames: Callable[..., list[Exposure]], combine: Callable[..., Exposure], make_mask: Mask
) -> None:
    """1000 hot at 20 s, 500 dead, 200 open, 100 ten times as noisy; a vignetted corner is not among them."""
    size, rng = 1024, np.random.default_rng(11)
    rows, columns = np.mgrid[2 : size - 2 : 8, 2 : size - 2 : 8]
    places = rng.permutation(np.column_stack([rows.ravel(), columns.ravel()]))[:1800]
    hot, dead, opened, noisy = np.split(places, np.cumsum([1000, 500, 200]))
    level = np.full((size, size), 0.05)
    level[tuple(hot.T)] += 20 * 0.01 / 24**0.5
    values = level + 0.01 * rng.standard_normal((24, size, size))
    values[(slice(None), *noisy.T)] += 0.0995 * rng.standard_normal((24, 100))
    dark = combine(frames(list(values), poisson=0.5e-4, rnoise=0.5e-4))
    flat = 1 + 0.02 * rng.standard_normal((size, size))
    flat[tuple(dead.T)] = 0.03
    flat[tuple(opened.T)] = 0.3
    for offset in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        flat[tuple((opened + offset).T)] = 1.15
    y, x = np.mgrid[:size, :size]
    flat *= 1 - 0.4 * np.clip((x + y - 1200) / 846, 0, 1)
    made = make_mask([dark], [make_exposure((size, size), value=flat, poisson=1e-5, rnoise=0, unit="")])

    def found(places: Any, bit: DQ) -> int:
        return int(np.count_nonzero(made.dq[tuple(places.T)] & np.uint32(bit)))

    assert found(hot, DQ.HOT | DQ.WARM) == 1000
    assert (found(dead, DQ.DEAD), found(opened, DQ.OPEN), found(noisy, DQ.TELEGRAPH)) == (500, 200, 100)
    others = (made.dq != 0) & ((made.dq & DQ.ADJ_OPEN) == 0)
    others[tuple(places.T)] = False
    assert others.sum() < 10
    assert not others[-200:, -200:].any()
