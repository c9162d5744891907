"""Subarrays that are cut out of a frame and merged again give the frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_subarray import merge_subarrays, parse_subarray_map
from iris_testkit import iris_mode, make_exposure

from iris_core import DQ, Exposure, InputError, Window

SHAPE = (16, 24)
WINDOWS = {2: Window(xstart=3, ystart=2, xsize=6, ysize=4), 5: Window(xstart=15, ystart=9, xsize=8, ysize=5)}
WHOLE = Window(1, 1, SHAPE[1], SHAPE[0])


def truth(nint: int = 0) -> Exposure:
    """Return a frame in which each pixel of data, variance and DQ is another."""
    exposure = make_exposure(SHAPE, nint=nint, header={"EXPNUM": 7, "S_DARK": "COMPLETE"})
    number = np.arange(exposure.data.size, dtype=np.float32).reshape(exposure.data.shape)
    dq = np.where(number % 5 == 0, np.uint32(DQ.HOT), np.uint32(0))
    return exposure.replace(data=number, dq=dq, variance={"poisson": number + 1, "rnoise": 2 * number + 1})


def full_frame(whole: Exposure) -> Exposure:
    labels = np.zeros(SHAPE, dtype=np.int16)
    for k, window in WINDOWS.items():
        labels[window.slices_in(WHOLE)] = k
    return parse_subarray_map(exposure=whole.replace(planes={"SUBARR_MAP": labels}), instrument=iris_mode())


def part(whole: Exposure, k: int, **meta: Any) -> Exposure:
    where = (..., *WINDOWS[k].slices_in(WHOLE))
    blank = make_exposure(WINDOWS[k].shape, nint=len(whole.data) if whole.is_integrations else 0, header=whole.header)
    values = {"subarray_id": k, "window": WINDOWS[k], "path": Path(f"part{k}.fits"), **meta}
    cut = make_exposure(WINDOWS[k].shape, **values)
    return blank.replace(
        data=whole.data[where],
        dq=whole.dq[where],
        variance={name: plane[where] for name, plane in whole.variance.items()},
        meta=cut.meta,
    )


@pytest.mark.parametrize("nint", [0, 3])
def test_merged_parts_give_the_frame(nint: int) -> None:
    whole = truth(nint)
    full = full_frame(whole)
    merged = merge_subarrays(full, [part(whole, 5), part(whole, 2)])
    np.testing.assert_array_equal(merged.data, whole.data)
    for name, plane in whole.variance.items():
        np.testing.assert_array_equal(merged.variance[name], plane)
    inside = full.dq & np.uint32(DQ.SUBARRAY)
    assert np.count_nonzero(inside) == (nint or 1) * (24 + 40)
    np.testing.assert_array_equal(merged.dq, whole.dq | inside)
    assert merged.notes == ()
    assert np.isnan(full.data).sum() == (nint or 1) * 64


def test_invalid_pixels_of_a_part_stay_invalid() -> None:
    whole = truth()
    bad = part(whole, 2).flag(np.eye(4, 6, dtype=bool), DQ.DO_NOT_USE)
    merged = merge_subarrays(full_frame(whole), [bad, part(whole, 5)])
    np.testing.assert_array_equal(np.isnan(merged.data), (merged.dq & DQ.DO_NOT_USE) != 0)
    assert np.isnan(merged.data).sum() == 4


def test_missing_part_stays_blank_and_is_noted() -> None:
    whole = truth()
    merged = merge_subarrays(full_frame(whole), [part(whole, 5)])
    assert np.isnan(merged.data).sum() == 24
    assert merged.notes == ("subarrays that stay blank: 2",)


def test_window_counts_from_the_corner_of_the_full_frame() -> None:
    whole = truth()
    full = full_frame(whole)
    merged = merge_subarrays(full.replace(meta=make_exposure(SHAPE, window=WHOLE).meta), [part(whole, 2)])
    assert np.isnan(merged.data).sum() == 40


def refusal(full: Exposure, *parts: Exposure) -> str:
    with pytest.raises(InputError) as raised:
        merge_subarrays(full, parts)
    return str(raised.value)


def test_what_is_no_full_frame_is_refused() -> None:
    whole = truth()
    message = refusal(whole, part(whole, 2))
    assert "x_rate.fits" in message
    assert "SUBARRID is 0 and it has 0 subarrays" in message
    assert "SUBARRID is 2" in refusal(part(whole, 2))


def test_unknown_or_repeated_part_is_refused() -> None:
    whole = truth()
    full = full_frame(whole)
    assert refusal(full, part(whole, 2, subarray_id=3)) == (
        "part2.fits is subarray 3 and x_rate.fits has none of this id; it has: 2, 5"
    )
    assert refusal(full, part(whole, 2), part(whole, 2)) == "x_rate.fits: subarray 2 is given more than once"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit": "MJy/sr"}, "unit is MJy / sr, not electron / s"),
        ({"filter": "J"}, "FILTER is J, not Kbb"),
        ({"detector": "IMG2"}, "DETECTOR is IMG2, not IMG1"),
        ({"header": {"EXPNUM": 8, "S_DARK": "COMPLETE"}}, "EXPNUM is 8, not 7"),
        ({"header": {"EXPNUM": 7}}, "the list of stages done is [], not ['S_DARK']"),
        ({"nint": 2}, "shape is (2, 4, 6), not (4, 6)"),
        ({"shape": (5, 6)}, "shape is (5, 6), not (4, 6)"),
    ],
)
def test_part_that_differs_is_refused(changes: dict[str, Any], said: str) -> None:
    options = {"shape": WINDOWS[2].shape, "header": {"EXPNUM": 7, "S_DARK": "COMPLETE"}, **changes}
    other = make_exposure(options.pop("shape"), subarray_id=2, path=Path("part2.fits"), **options)
    assert refusal(full_frame(truth()), other) == f"part2.fits does not fit into x_rate.fits: {said}"


def test_part_without_errors_is_refused() -> None:
    whole = truth()
    assert refusal(full_frame(whole), part(whole, 2).replace(variance={})).endswith(
        "the list of variance components is [], not ['poisson', 'rnoise']"
    )
