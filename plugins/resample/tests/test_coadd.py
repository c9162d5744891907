"""The arithmetic of a mosaic on plain arrays: a weighted mean that grows, exposure by exposure."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_resample._coadd import Coadd
from iris_resample._drizzle import Resampled, finish
from iris_resample._layout import Place
from iris_resample._unused import Unused

from iris_core import DQ

SHAPE = (4, 5)
WHOLE = Place(rows=slice(0, 4), columns=slice(0, 5), ratio=1.0, margin=2)


def exposure(
    value: float, weight: float, variance: float = 1.0, dq: int = 0, shape: tuple[int, int] = SHAPE
) -> Resampled:
    """Return a drizzled exposure whose pixels are all alike."""

    def plane(number: float, dtype: str = "f4") -> np.ndarray:
        return np.full((1, *shape), number, dtype=dtype)

    return Resampled(
        data=plane(value if weight else 0),
        dq=plane(dq, "u4"),
        variance={"total": plane(variance if weight else 0)},
        weight=plane(weight),
        unused=[Unused(shape)],
        typical=weight,
        unweighted=0,
    )


def coadd(*exposures: Resampled, most: int | None = None, names: tuple[str, ...] = ("total",)) -> Coadd:
    made = Coadd(SHAPE, names, len(exposures) if most is None else most)
    for one in exposures:
        made.add(one, WHOLE)
    return made


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=40))
def test_mean_and_variance_are_those_of_the_closed_form(given_values: list[tuple[int, int, int]]) -> None:
    made = coadd(*(exposure(value, weight, variance) for value, weight, variance in given_values))
    total = sum(weight for _, weight, _ in given_values)
    mean = Fraction(sum(value * weight for value, weight, _ in given_values), total)
    variance = Fraction(sum(weight**2 * noise for _, weight, noise in given_values), total**2)
    assert made.data == pytest.approx(np.full(SHAPE, float(mean)), abs=1e-4)
    assert made.variance["total"] == pytest.approx(np.full(SHAPE, float(variance)), rel=1e-5)
    assert np.all(made.weight == total)


def test_the_errors_1_1_3_give_the_error_of_their_mean() -> None:
    made = coadd(*(exposure(0.0, 1.0, error**2) for error in (1, 1, 3)))
    assert np.sqrt(made.variance["total"][0, 0]) == pytest.approx(np.sqrt(11) / 3)


def test_one_exposure_is_itself_bit_for_bit() -> None:
    values = np.random.default_rng(1).normal(3, 1, SHAPE).astype(np.float32)
    one = exposure(1.0, 0.3, 0.7)
    one.data[0] = values
    made = coadd(one)
    assert np.array_equal(made.data, values)
    assert np.array_equal(made.variance["total"], one.variance["total"][0])
    assert np.array_equal(made.weight, one.weight[0])


@pytest.mark.parametrize(("number", "planes"), [(1, 1), (32, 1), (33, 2), (64, 2), (70, 3)])
def test_context_has_a_bit_for_each_exposure(number: int, planes: int) -> None:
    context = coadd(*(exposure(1.0, 1.0) for _ in range(number))).context
    assert context.dtype == np.int32
    assert context.shape == (SHAPE if planes == 1 else (planes, *SHAPE))
    words = np.atleast_3d(context).reshape(planes, -1)[:, 0].view(np.uint32).tolist()
    assert sum(word << 32 * plane for plane, word in enumerate(words)) == (1 << number) - 1


def test_an_exposure_that_gives_nothing_takes_no_bit() -> None:
    made = Coadd(SHAPE, ["total"], 40)
    added = [made.add(exposure(1.0, weight), WHOLE) for weight in (1.0, 0.0, 1.0)]
    assert added == [True, False, True]
    assert made.number == 2
    assert np.all(made.context == 3)


def test_an_exposure_is_added_to_its_part_of_the_grid() -> None:
    made = coadd(exposure(2.0, 1.0), most=2)
    corner = Place(rows=slice(1, 3), columns=slice(2, 5), ratio=1.0, margin=2)
    made.add(exposure(5.0, 2.0, shape=(2, 3)), corner)
    expected = np.full(SHAPE, 2.0)
    expected[1:3, 2:5] = 4.0
    assert np.array_equal(made.data, expected)
    assert np.array_equal(made.context, np.where(expected == 4, 3, 1))
    assert np.array_equal(made.weight, np.where(expected == 4, 3, 1))


def test_exposure_times_add_up_where_exposures_contribute() -> None:
    made = Coadd(SHAPE, ["total"], 2, with_time=True)
    made.add(exposure(1.0, 1.0), WHOLE, 30.0)
    made.add(exposure(1.0, 1.0, shape=(4, 2)), Place(rows=slice(0, 4), columns=slice(3, 5), ratio=1.0, margin=2), 12.5)
    assert made.time is not None
    assert made.time[0].tolist() == [30, 30, 30, 42.5, 42.5]


def test_flags_are_those_of_the_exposures_that_contribute() -> None:
    made = coadd(exposure(1.0, 1.0, dq=DQ.WARM), exposure(1.0, 0.0, dq=DQ.DEAD), exposure(1.0, 1.0, dq=DQ.JUMP_DET))
    assert np.all(made.dq == DQ.WARM | DQ.JUMP_DET)


def test_the_mean_of_nothing_is_blank() -> None:
    result = finish(coadd(exposure(1.0, 0.0)).finished())
    assert np.isnan(result.data).all()
    assert np.isnan(result.variance["total"]).all()
    assert np.all(result.dq == DQ.DO_NOT_USE)


@pytest.mark.parametrize(("good", "flagged"), [(0, True), (1, True), (4, False)])
def test_a_bad_pixel_loses_its_vote_where_others_have_the_weight(good: int, flagged: bool) -> None:
    """One of the exposures lacks a pixel of which only a tenth is filled by its neighbours."""
    bad = exposure(1.0, 1.0)
    bad.weight[0, 2, 2] = 0.1
    share, bits = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.uint32)
    share[2, 2], bits[2, 2] = 1.5, DQ.DEAD
    bad.unused[0].share, bad.unused[0].bits = share, bits
    result = finish(coadd(bad, *(exposure(1.0, 1.0) for _ in range(good))).finished())
    assert bool(result.dq[0, 2, 2] & DQ.DEAD) == flagged
    assert np.count_nonzero(result.dq) == flagged


def test_a_pixel_that_all_exposures_lack_has_all_reasons() -> None:
    made = Coadd(SHAPE, ["total"], 2)
    for reason in (DQ.DEAD, DQ.HOT):
        one = exposure(1.0, 0.0)
        one.unused[0].share, one.unused[0].bits = np.ones(SHAPE, np.float32), np.full(SHAPE, reason, np.uint32)
        made.add(one, WHOLE)
    assert np.all(finish(made.finished()).dq == DQ.DO_NOT_USE | DQ.DEAD | DQ.HOT)
