"""Subarrays that are cut out of a frame and merged again give the frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_subarray import check_group, merge_group, merge_parts, parse_subarray_map
from iris_testkit import iris_mode, make_exposure

from iris_core import DQ, Exposure, Exposures, InputError, Removal, Subarray, Window
from iris_core.exposures import InMemory

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
    merged = merge_parts(full, [part(whole, 5), part(whole, 2)])
    np.testing.assert_array_equal(merged.data, whole.data)
    for name, plane in whole.variance.items():
        np.testing.assert_array_equal(merged.variance[name], plane)
    inside = full.dq & np.uint32(DQ.SUBARRAY)
    assert np.count_nonzero(inside) == (nint or 1) * (24 + 40)
    np.testing.assert_array_equal(merged.dq, whole.dq | inside)
    assert merged.notes == ("subarrays: 2 from part2.fits, 5 from part5.fits",)
    assert np.isnan(full.data).sum() == (nint or 1) * 64


def test_invalid_pixels_of_a_part_stay_invalid() -> None:
    whole = truth()
    bad = part(whole, 2).flag(np.eye(4, 6, dtype=bool), DQ.DO_NOT_USE)
    merged = merge_parts(full_frame(whole), [bad, part(whole, 5)])
    np.testing.assert_array_equal(np.isnan(merged.data), (merged.dq & DQ.DO_NOT_USE) != 0)
    assert np.isnan(merged.data).sum() == 4


def test_missing_part_stays_blank_and_is_noted() -> None:
    whole = truth()
    merged = merge_parts(full_frame(whole), [part(whole, 5)])
    assert np.isnan(merged.data).sum() == 24
    assert merged.notes == ("subarrays: 5 from part5.fits", "subarrays that stay blank: 2")


def test_headers_wcs_and_windows_are_those_of_the_full_frame() -> None:
    full = full_frame(truth())
    merged = merge_parts(full, [part(truth(), 2, exposure_time=7.0), part(truth(), 5)])
    assert merged.meta == full.meta
    assert merged.header == full.header
    assert merged.sci_header == full.sci_header
    assert merged.subarrays == full.subarrays
    assert merged.wcs is full.wcs
    np.testing.assert_array_equal(merged.planes["SUBARR_MAP"], full.planes["SUBARR_MAP"])


def test_window_counts_from_the_corner_of_the_full_frame() -> None:
    whole = truth()
    full = full_frame(whole)
    merged = merge_parts(full.replace(meta=make_exposure(SHAPE, window=WHOLE).meta), [part(whole, 2)])
    assert np.isnan(merged.data).sum() == 40


def refusal(full: Exposure, *parts: Exposure) -> str:
    with pytest.raises(InputError) as raised:
        merge_parts(full, parts)
    return str(raised.value)


def test_what_is_no_full_frame_is_refused() -> None:
    whole = truth()
    message = refusal(whole, part(whole, 2))
    assert "x_rate.fits has no subarrays" in message
    assert "parse_subarray_map has not been run" in message
    assert "SUBARRID is 2, not 0" in refusal(part(whole, 2))
    assert "y_rate.fits: SUBARRID is 0" in refusal(full_frame(whole), make_exposure(path=Path("y_rate.fits")))


def test_unknown_or_repeated_part_is_refused() -> None:
    whole = truth()
    full = full_frame(whole)
    assert refusal(full, part(whole, 2, subarray_id=3)) == (
        "part2.fits is subarray 3 and x_rate.fits has none of this id; it has: 2, 5"
    )
    other = part(whole, 2, path=Path("again.fits"))
    assert refusal(full, part(whole, 2), other) == (
        "x_rate.fits: subarray 2 is given more than once: again.fits, part2.fits"
    )


def test_part_of_another_place_or_size_than_the_map_has_is_refused() -> None:
    whole = truth()
    for window in (Window(4, 2, 6, 4), Window(3, 2, 6, 5)):
        moved = part(whole, 2, window=window)
        message = refusal(full_frame(whole), moved)
        assert message.startswith(f"part2.fits is {window if window.shape == (4, 6) else '6 x 4 pixels'}; ")
        assert message.endswith(f"subarray 2 is {WINDOWS[2]}")


def test_windows_that_overlap_are_refused() -> None:
    whole = truth()
    overlapping = (Subarray(2, WINDOWS[2], 24, 16), Subarray(5, Window(8, 5, 8, 5), 24, 16))
    full = full_frame(whole).replace(subarrays=overlapping)
    message = refusal(full, part(whole, 2), part(whole, 5, window=Window(8, 5, 8, 5)))
    for fact in ("part2.fits", "part5.fits", str(WINDOWS[2]), "column 8, row 5", "overlap"):
        assert fact in message
    beside = (overlapping[0], Subarray(5, Window(9, 5, 8, 5), 24, 16))
    merge_parts(full.replace(subarrays=beside), [part(whole, 2), part(whole, 5, window=Window(9, 5, 8, 5))])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit": "MJy/sr"}, "unit is MJy / sr, not electron / s"),
        ({"filter": "J"}, "FILTER is J, not Kbb"),
        ({"detector": "IMG2"}, "DETECTOR is IMG2, not IMG1"),
        ({"header": {"EXPNUM": 8, "S_DARK": "COMPLETE"}}, "EXPNUM is 8, not 7"),
        ({"header": {"EXPNUM": 7}}, "the list of stages done is [], not ['S_DARK']"),
        ({"instrument": "Liger"}, "INSTRUME is Liger, not IRIS"),
        ({"nint": 2}, "the number of integrations is 2, not None"),
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


def test_part_of_which_the_dark_was_removed_is_refused() -> None:
    whole = truth()
    other = part(whole, 2).replace(removed={"dark": Removal.WHOLE})
    assert refusal(full_frame(whole), other).endswith("what was removed is {'dark': 'whole'}, not {}")


def group(*members: Exposure, roles: tuple[str, ...] = ()) -> Exposures:
    """Return members with the roles that their SUBARRID gives them."""
    given = roles or tuple("subarray" if one.meta.subarray_id else "science" for one in members)
    return Exposures.of(members, given)


@settings(max_examples=12, deadline=None)
@given(st.permutations([0, 2, 5]), st.sampled_from([0, 2]))
def test_order_of_the_members_changes_no_bit(order: list[int], nint: int) -> None:
    whole = truth(nint)
    members = {0: full_frame(whole), 2: part(whole, 2), 5: part(whole, 5)}
    merged = merge_group(exposures=group(*(members[k] for k in order)))
    expected = merge_parts(members[0], [members[2], members[5]])
    assert merged.data.tobytes() == expected.data.tobytes() == whole.data.tobytes()
    assert merged.dq.tobytes() == expected.dq.tobytes()
    assert merged.notes == expected.notes
    assert merged.header == expected.header


def test_members_are_left_as_they_were() -> None:
    whole = truth()
    full, two = full_frame(whole), part(whole, 2)
    merge_group(exposures=group(full, two))
    assert np.isnan(full.data).sum() == 64
    np.testing.assert_array_equal(two.data, part(whole, 2).data)


def test_each_subarray_is_read_once() -> None:
    whole = truth()
    reads: list[str] = []

    class Counted(InMemory):
        def read(self) -> Exposure:
            reads.append(self.exposure.name)
            return self.exposure

    members = [Counted(one) for one in (part(whole, 5), full_frame(whole), part(whole, 2))]
    merge_group(exposures=Exposures(members, ["subarray", "science", "subarray"]))
    assert sorted(reads) == ["part2.fits", "part5.fits", "x_rate.fits"]


@pytest.mark.parametrize("outlines", [True, False], ids=["before the run", "in the run"])
def test_members_without_one_full_frame_are_refused(outlines: bool) -> None:
    whole = truth()
    full, two = full_frame(whole), part(whole, 2)
    wrong = {
        "0 members 'science' (none)": group(two),
        "2 members 'science' (x_rate.fits (SUBARRID 0), part2.fits (SUBARRID 2))": group(
            full, two, roles=("science", "science")
        ),
        "not part2.fits (dark)": group(full, two, roles=("science", "dark")),
        "part2.fits is not a full frame: its SUBARRID is 2": group(full, two, roles=("subarray", "science")),
    }
    for said, exposures in wrong.items():
        with pytest.raises(InputError) as raised:
            (check_group if outlines else merge_group)(exposures=exposures)
        assert said in str(raised.value)


def test_check_refuses_what_headers_tell_and_needs_no_map() -> None:
    whole = truth()
    check_group(group(whole, part(whole, 5), part(whole, 2)))
    check_group(group(full_frame(whole), part(whole, 5)))
    with pytest.raises(InputError, match="FILTER is J, not Kbb"):
        check_group(group(whole, part(whole, 5, filter="J")))
    with pytest.raises(InputError, match=r"subarray 3 and x_rate\.fits has none of this id; it has: 2, 5"):
        check_group(group(full_frame(whole), part(whole, 2, subarray_id=3)))
