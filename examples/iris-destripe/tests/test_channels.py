"""Readout channels: where their borders are on a detector, and in a window of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_core import InputError, InstrumentMode, Window
from iris_testkit import make_exposure

from iris_destripe import DestripeParams
from iris_destripe._channels import cut, find_channels


def test_an_exposure_without_a_window_is_the_whole_detector(mode: InstrumentMode) -> None:
    found = find_channels(make_exposure((64, 96)), mode, DestripeParams(channels_x=3, channels_y=2))
    assert [(y.start, y.stop, x.start, x.stop) for y, x in found] == [
        (0, 32, 0, 32), (0, 32, 32, 64), (0, 32, 64, 96),
        (32, 64, 0, 32), (32, 64, 32, 64), (32, 64, 64, 96),
    ]  # fmt: skip


def test_a_window_has_the_channels_it_lies_in(mode: InstrumentMode) -> None:
    """Channels are 1024 columns wide: the window covers the end of one and the start of the next."""
    exposure = make_exposure((32, 100), window=Window(xstart=1001, ystart=1, xsize=100, ysize=32))
    found = find_channels(exposure, mode, DestripeParams(channels_x=4))
    assert [(x.start, x.stop) for _, x in found] == [(0, 24), (24, 100)]
    assert {(y.start, y.stop) for y, _ in found} == {(0, 32)}


@given(count=st.integers(1, 8), size=st.integers(1, 40), start=st.integers(0, 100), length=st.integers(1, 100))
def test_the_parts_join_without_gaps(count: int, size: int, start: int, length: int) -> None:
    detector = count * size
    start = min(start, detector - 1)
    length = min(length, detector - start)
    parts = cut(detector, count, start, length)
    covered = np.concatenate([np.arange(length)[part] for part in parts])
    np.testing.assert_array_equal(covered, np.arange(length))
    assert all((start + part.start) // size == (start + part.stop - 1) // size for part in parts)


@pytest.mark.parametrize(
    ("params", "facts"),
    [
        ({"channels_x": 7}, ("channels_x: 7", "IMG1", "64 columns", "8 would")),
        ({"channels_y": 5}, ("channels_y: 5", "IMG1", "64 rows", "4 would")),
        ({"channels_x": 8}, ("channels_x: 8", "8 a channel", "min_pixels: 16")),
    ],
)
def test_channels_that_do_not_fit_are_refused(
    mode: InstrumentMode, params: dict[str, int], facts: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as raised:
        find_channels(make_exposure((64, 64)), mode, DestripeParams.model_validate(params))
    assert [fact for fact in ("x_rate.fits", *facts) if fact not in str(raised.value)] == []


def test_narrow_channels_are_enough_for_the_other_direction(mode: InstrumentMode) -> None:
    """Eight columns are too few for the offset of a row, and no matter for that of a column."""
    params = DestripeParams(channels_x=8, direction="columns")
    assert len(find_channels(make_exposure((64, 64)), mode, params)) == 8
