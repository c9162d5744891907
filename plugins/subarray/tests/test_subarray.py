"""The parse_subarray_map stage: windows that are known come out of a map that is made of them."""

from __future__ import annotations

from typing import Any

import iris_subarray.plugin
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_subarray import check_map
from iris_subarray._map import MAX_WINDOWS, find_windows
from iris_testkit import make_exposure, run_stage

from iris_core import DQ, Exposure, InputError, StageSkipped, Subarray, Window, blank_plane

SHAPE = (32, 48)
TWO = {3: Window(xstart=5, ystart=2, xsize=10, ysize=4), 10: Window(xstart=40, ystart=30, xsize=9, ysize=3)}


def make_map(windows: dict[int, Window], dtype: Any = np.int16) -> np.ndarray:
    labels = np.zeros(SHAPE, dtype=dtype)
    for k, window in windows.items():
        labels[window.slices_in(Window(1, 1, SHAPE[1], SHAPE[0]))] = k
    return labels


def with_map(labels: np.ndarray, **options: Any) -> Exposure:
    return make_exposure(SHAPE, **options).replace(planes={"SUBARR_MAP": labels})


def parse(exposure: Exposure) -> Exposure:
    return run_stage(iris_subarray.plugin, exposure, stage="parse_subarray_map")


@pytest.mark.parametrize("nint", [0, 3])
def test_windows_are_listed_and_their_pixels_blank(nint: int) -> None:
    labels = make_map(TWO)
    result = parse(with_map(labels, nint=nint))
    assert {subarray.id: subarray.window for subarray in result.subarrays} == TWO
    inside = np.broadcast_to(labels > 0, result.data.shape)
    np.testing.assert_array_equal(result.dq, np.where(inside, np.uint32(DQ.SUBARRAY | DQ.DO_NOT_USE), 0))
    np.testing.assert_array_equal(np.isnan(result.data), inside)
    np.testing.assert_array_equal(np.isnan(result.err), inside)
    np.testing.assert_array_equal(result.data[~inside], 10)
    np.testing.assert_array_equal(result.planes["SUBARR_MAP"], labels)


def test_bits_are_only_added() -> None:
    exposure = with_map(make_map(TWO)).flag(np.ones(SHAPE, dtype=bool), DQ.HOT)
    assert (parse(exposure).dq & DQ.HOT != 0).all()


def test_input_is_left_alone() -> None:
    exposure = with_map(make_map(TWO))
    parse(exposure)
    assert exposure.subarrays == ()
    np.testing.assert_array_equal(exposure.data, 10)


def test_header_gives_detector_and_readout() -> None:
    header = {"DETXSIZE": 2048, "FASTAXIS": -1}
    first = parse(with_map(make_map(TWO), header=header, sci_header={"DETYSIZE": 1024, "SLOWAXIS": 2})).subarrays[0]
    assert first == Subarray(id=3, window=TWO[3], detxsize=2048, detysize=1024, fastaxis=-1, slowaxis=2)


def test_mode_gives_the_detector_where_the_header_does_not() -> None:
    first = parse(with_map(make_map(TWO))).subarrays[0]
    assert first == Subarray(id=3, window=TWO[3], detxsize=4096, detysize=4096, fastaxis=1, slowaxis=2)


def test_image_gives_the_detector_where_the_mode_does_not_know_it() -> None:
    first = parse(with_map(make_map(TWO), detector="lab")).subarrays[0]
    assert (first.detxsize, first.detysize) == (48, 32)


def test_header_that_makes_no_sense_is_an_error() -> None:
    with pytest.raises(InputError, match=r"x_rate\.fits: FASTAXIS = 'x'"):
        parse(with_map(make_map(TWO), header={"FASTAXIS": "x"}))


def test_windows_count_from_the_corner_of_the_detector() -> None:
    exposure = with_map(make_map(TWO), window=Window(xstart=101, ystart=201, xsize=48, ysize=32))
    first = parse(exposure).subarrays[0]
    assert first.window == Window(xstart=105, ystart=202, xsize=10, ysize=4)


def test_no_map_is_a_reason_to_skip() -> None:
    with pytest.raises(StageSkipped, match=r"^no SUBARR_MAP$"):
        parse(make_exposure(SHAPE))


def test_empty_map_changes_nothing_and_says_so() -> None:
    exposure = with_map(make_map({}))
    result = parse(exposure)
    np.testing.assert_array_equal(result.data, exposure.data)
    np.testing.assert_array_equal(result.dq, exposure.dq)
    assert result.subarrays == ()
    assert result.notes == ("SUBARR_MAP holds no subarray",)


def test_whole_detector_may_be_one_subarray() -> None:
    whole = {1: Window(1, 1, SHAPE[1], SHAPE[0])}
    assert find_windows(make_map(whole), "map") == whole


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.float32, np.float64])
def test_map_may_have_any_type_of_number(dtype: Any) -> None:
    assert find_windows(make_map(TWO, dtype), "map") == TWO


@pytest.mark.parametrize(("value", "said"), [(11, "11"), (-1, "-1"), (1.5, "1.5"), (np.nan, "nan"), (np.inf, "inf")])
def test_id_that_is_none_is_an_error_that_says_where(value: float, said: str) -> None:
    labels = make_map(TWO, np.float32)
    labels[20, 7:9] = value
    with pytest.raises(InputError, match=rf"x_rate\.fits: SUBARR_MAP is {said} at column 8, row 21; .* 1 to 10"):
        parse(with_map(labels))


def test_hole_is_an_error_that_says_where() -> None:
    labels = make_map(TWO)
    labels[3, 8] = 0
    with pytest.raises(InputError) as raised:
        parse(with_map(labels))
    facts = (
        "x_rate.fits: SUBARR_MAP",
        "subarray 3",
        "10 x 4 pixels from column 5, row 2",
        "column 9, row 4 the map is 0",
    )
    assert [fact for fact in facts if fact not in str(raised.value)] == []


def test_overlap_is_an_error() -> None:
    overlapping = {1: Window(5, 5, 6, 6), 2: Window(8, 8, 6, 6)}
    with pytest.raises(InputError, match=r"subarray 1 spans .* but at column 8, row 8 the map is 2"):
        find_windows(make_map(overlapping), "map")


def test_two_rectangles_of_one_id_are_an_error() -> None:
    labels = make_map({1: Window(2, 2, 3, 3)})
    labels[20:23, 20:23] = 1
    with pytest.raises(InputError, match=r"subarray 1 spans 22 x 22 pixels .* but at column 5, row 2 the map is 0"):
        find_windows(labels, "map")


@pytest.mark.parametrize("shape", [(32, 47), (1, 32, 48)])
def test_map_of_another_shape_is_an_error_before_and_while_pixels_are_read(shape: tuple[int, ...]) -> None:
    message = rf"x_rate\.fits: SUBARR_MAP has shape \({', '.join(map(str, shape))}\); .* \(32, 48\)"
    for stage, labels in ((parse, np.zeros(shape, np.int16)), (check_map, blank_plane(shape, np.int32))):
        with pytest.raises(InputError, match=message):
            stage(with_map(labels))


def test_check_makes_nothing_of_a_blank_map_and_tells_of_a_missing_one() -> None:
    check_map(with_map(blank_plane(SHAPE, np.int32)))
    with pytest.raises(StageSkipped, match="no SUBARR_MAP"):
        check_map(make_exposure(SHAPE))


@st.composite
def apart(draw: st.DrawFn) -> dict[int, Window]:
    """Return windows with any ids that do not overlap."""
    windows: dict[int, Window] = {}
    taken = np.zeros(SHAPE, dtype=bool)
    for k in draw(st.lists(st.integers(1, MAX_WINDOWS), unique=True)):
        x, y = draw(st.integers(1, SHAPE[1])), draw(st.integers(1, SHAPE[0]))
        window = Window(x, y, draw(st.integers(1, SHAPE[1] - x + 1)), draw(st.integers(1, SHAPE[0] - y + 1)))
        pixels = taken[window.slices_in(Window(1, 1, SHAPE[1], SHAPE[0]))]
        if not pixels.any():
            pixels[:] = True
            windows[k] = window
    return windows


@given(apart())
def test_windows_come_out_of_the_map_that_is_made_of_them(windows: dict[int, Window]) -> None:
    found = find_windows(make_map(windows), "map")
    assert found == windows
    assert list(found) == sorted(found)
