"""The pixels between sources: planes whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_report._statistics import EDGES, _bands, _grown, count_flags, measure_sky, thinned_level

from iris_core import DQ, Array


def planes_of(data: Array, err: Array | None = None, dq: Array | None = None) -> dict[str, Array]:
    planes = {"SCI": data.astype(np.float32)}
    if err is not None:
        planes["ERR"] = err.astype(np.float32)
    if dq is not None:
        planes["DQ"] = dq.astype(np.uint32)
    return planes


def noise(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("shape", [(512, 512), (3, 200, 200), (2048, 2048), (2, 1500, 1500)])
def test_level_noise_and_ratio_of_normal_noise_are_those_it_was_drawn_with(shape: tuple[int, ...]) -> None:
    sky = measure_sky(planes_of(0.5 + 2 * noise(shape), np.full(shape, 2.5)))
    assert sky is not None
    assert sky.level == pytest.approx(0.5, abs=0.02)
    assert sky.noise == pytest.approx(2.0, rel=0.01)
    assert sky.ratio == pytest.approx(0.8, rel=0.01)
    assert 0.85 < sum(sky.counts) / min(np.prod(shape), 1 << 21) < 0.99  # 3 sigma, and 3 pixels around


def test_sources_do_not_count() -> None:
    data = noise((400, 400))
    rows, columns = np.mgrid[:400, :400]
    for row, column in ((50, 60), (200, 310), (333, 120)):
        data += 500 * np.exp(-0.5 * ((rows - row) ** 2 + (columns - column) ** 2) / 3**2)
    sky = measure_sky(planes_of(data, np.ones(data.shape)))
    assert sky is not None
    assert sky.level == pytest.approx(0.0, abs=0.02)
    assert sky.ratio == pytest.approx(1.0, abs=0.01)


def test_bad_pixels_do_not_count_whichever_plane_says_so() -> None:
    data, err, dq = noise((300, 300)), np.ones((300, 300)), np.zeros((300, 300), dtype=np.uint32)
    data[:100], dq[:100] = 1000.0, DQ.DO_NOT_USE
    data[100:150] = np.nan
    err[150:200], data[150:200] = 0.0, -1000.0
    sky = measure_sky(planes_of(data, err, dq))
    assert sky is not None
    assert sky.pixels <= 100 * 300
    assert sky.ratio == pytest.approx(1.0, abs=0.02)


def test_a_level_does_not_make_the_noise_ratio_larger() -> None:
    err = 1 + 0.3 * np.random.default_rng(1).random((500, 500))
    sky = measure_sky(planes_of(100 + err * noise((500, 500)), err))
    assert sky is not None
    assert sky.ratio == pytest.approx(1.0, abs=0.01)


def test_without_errors_there_is_no_ratio_and_without_valid_pixels_nothing() -> None:
    sky = measure_sky(planes_of(noise((100, 100))))
    assert sky is not None
    assert sky.ratio is None
    assert sum(sky.counts) == sum(sky.shifted) > 0
    assert measure_sky(planes_of(np.full((100, 100), np.nan), np.ones((100, 100)))) is None


def test_the_histogram_has_the_level_and_the_shifted_one_has_not() -> None:
    sky = measure_sky(planes_of(2 + noise((300, 300)), np.ones((300, 300))))
    assert sky is not None
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    assert np.average(middle, weights=sky.counts) == pytest.approx(2, abs=0.1)
    assert np.average(middle, weights=sky.shifted) == pytest.approx(0, abs=0.1)


def test_the_fraction_of_each_bit_is_counted_over_all_integrations() -> None:
    dq = np.zeros((2, 50, 40), dtype=np.uint32)
    dq[0, :10] |= np.uint32(DQ.SATURATED)
    dq[:, 0, 0] |= np.uint32(DQ.HOT | DQ.DO_NOT_USE)
    dq[1, 49, 39] = np.uint32(DQ.REFERENCE_PIXEL)
    assert count_flags(planes_of(np.zeros(dq.shape), dq=dq)) == {
        "DO_NOT_USE": 2 / 4000,
        "SATURATED": 400 / 4000,
        "HOT": 2 / 4000,
        "REFERENCE_PIXEL": 1 / 4000,
    }
    assert count_flags(planes_of(np.zeros((5, 5)))) == {}


def test_a_sky_that_is_still_there_is_measured_in_every_16th_row() -> None:
    data = noise((320, 320)) + 7.5
    data[1:16] = np.nan
    assert thinned_level(data) == pytest.approx(7.5, abs=0.05)
    assert thinned_level(np.stack([data, data * 100])) == pytest.approx(7.5, abs=0.05)
    assert np.isnan(thinned_level(np.full((10, 10), np.nan)))


def test_a_mask_grows_by_three_pixels_and_not_around_the_edge() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[0, 29] = mask[10, 10] = True
    grown = _grown(mask)
    expected = np.zeros_like(mask)
    expected[:4, 26:] = expected[7:14, 7:14] = True
    assert (grown == expected).all()
    assert mask.sum() == 2


@given(
    rows=st.integers(1, 9000),
    columns=st.integers(1, 9000),
    integrations=st.one_of(st.none(), st.integers(1, 2000)),
)
def test_bands_lie_in_the_image_do_not_overlap_and_are_not_too_many(
    rows: int, columns: int, integrations: int | None
) -> None:
    shape = (rows, columns) if integrations is None else (integrations, rows, columns)
    bands = list(_bands(shape))
    assert bands
    taken: dict[tuple[int, ...], int] = {}
    for *cube, part in bands:
        assert isinstance(part, slice)
        assert taken.get(tuple(cube), 0) <= part.start < part.stop <= rows
        taken[tuple(cube)] = part.stop
    if rows > 64:
        height = bands[0][-1].stop - bands[0][-1].start
        assert len(bands) * height * columns <= max(1 << 21, 64 * columns)
