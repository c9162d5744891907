"""Many exposures for one stage: what it can ask of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from iris_testkit import make_exposure

from iris_core import DQ, Exposure, Exposures, InputError


def numbered(count: int, shape: tuple[int, int] = (6, 4), **options: object) -> list[Exposure]:
    exposures = [make_exposure(shape, value=float(number), **options) for number in range(1, count + 1)]  # type: ignore[arg-type]
    return [one.replace(header=with_name(one, f"{chr(96 + at)}.fits")) for at, one in enumerate(exposures, 1)]


def with_name(exposure: Exposure, name: str) -> object:
    header = exposure.header.copy()
    header["FRAMENO"] = name
    return header


def add(exposure: Exposure, number: float) -> Exposure:
    return exposure.replace(data=exposure.data + np.float32(number))


def total(exposure: Exposure, times: int = 1) -> float:
    return float(exposure.data.sum()) * times


def test_one_is_read_by_its_index_and_some_by_a_slice_or_their_role() -> None:
    exposures = Exposures.of(numbered(4), roles=("flat", "flat", "flat_off", "flat"))
    assert exposures[2].data[0, 0] == 3
    assert [one.data[0, 0] for one in exposures[1:3]] == [2, 3]
    assert exposures[1:3].roles == ("flat", "flat_off")
    assert [one.data[0, 0] for one in exposures.with_role("flat")] == [1, 2, 4]
    assert len(exposures.with_role("dark")) == 0


def test_outlines_have_headers_and_shape_and_take_no_memory() -> None:
    exposure = make_exposure((6, 4)).replace(area=np.ones((6, 4), dtype=np.float32))
    (outline,) = Exposures.of([exposure]).outlines
    assert outline.header == exposure.header
    assert outline.unit == exposure.unit
    for plane in (outline.data, outline.dq, *outline.variance.values(), outline.area):
        assert plane is not None
        assert plane.shape == (6, 4)
        assert not any(plane.strides)


@pytest.mark.parametrize("budget", [1, 4 * 3 * 5 * 4 * 2, 1 << 28])
def test_rows_of_all_planes_are_those_of_the_exposures_whatever_the_budget(budget: int) -> None:
    members = [one.flag(np.eye(6, 4, dtype=bool), DQ.HOT) for one in numbered(5)]
    whole: dict[str, list[np.ndarray]] = {"data": [], "dq": [], "variance": []}
    for rows in Exposures.of(members).rows(budget=budget):
        assert rows.data.nbytes + rows.dq.nbytes + rows.variance.nbytes <= max(budget, 3 * 5 * 4 * 4)
        for name, planes in whole.items():
            planes.append(rows.planes[name])
    np.testing.assert_array_equal(np.concatenate(whole["data"], axis=1), [one.data for one in members])
    np.testing.assert_array_equal(np.concatenate(whole["dq"], axis=1), [one.dq for one in members])
    np.testing.assert_allclose(np.concatenate(whole["variance"], axis=1), 1.5)


def test_rows_of_one_component_and_of_another_plane() -> None:
    weights = np.arange(24, dtype=np.float32).reshape(6, 4)
    (rows,) = Exposures.of([make_exposure((6, 4)).replace(planes={"WHT": weights})]).rows("variance:rnoise", "WHT")
    np.testing.assert_array_equal(rows.planes["variance:rnoise"], np.full((1, 6, 4), 0.5, dtype=np.float32))
    np.testing.assert_array_equal(rows.planes["WHT"], [weights])


def test_unknown_errors_have_rows_of_nan() -> None:
    (rows,) = Exposures.of([make_exposure((6, 4)).replace(variance={})]).rows()
    assert np.isnan(rows.variance).all()


def test_each_integration_of_a_cube_counts_as_an_image() -> None:
    image, cube = make_exposure((6, 4), value=7.0), make_exposure((6, 4), nint=3)
    (rows,) = Exposures.of([image, cube]).rows("data")
    assert rows.members == (0, 1, 1, 1)
    np.testing.assert_array_equal(rows.data[1:], cube.data)


def test_exposures_of_another_shape_are_refused_by_name() -> None:
    exposures = Exposures.of([*numbered(2), make_exposure((6, 5))])
    with pytest.raises(InputError, match=r"differ in shape: \(6, 5\)"):
        next(exposures.rows())


def test_a_function_is_called_for_each_in_order_with_what_differs_and_what_does_not() -> None:
    exposures = Exposures.of(numbered(3))
    assert list(exposures.each(total, times=2)) == [48, 96, 144]
    assert list(exposures.each(total, per={"times": [1, 0, 3]})) == [24, 0, 216]
    with pytest.raises(ValueError, match="2 values for 3 exposures"):
        list(exposures.each(total, per={"times": [1, 0]}))


def test_changed_exposures_are_new_and_the_old_ones_stay() -> None:
    exposures = Exposures.of(numbered(2), roles=("science", "background"))
    changed = exposures.changed(add, per={"number": [10, 20]})
    assert [one.data[0, 0] for one in changed] == [11, 22]
    assert [one.data[0, 0] for one in exposures] == [1, 2]
    assert changed.roles == exposures.roles


def test_new_outlines_change_headers_and_no_pixel() -> None:
    exposures = Exposures.of(numbered(2))
    outlines = [one.with_keywords({"DRA": (at, "offset")}) for at, one in enumerate(exposures.outlines)]
    changed = exposures.changed(outlines)
    assert [one.sci_header["DRA"] for one in changed] == [0, 1]
    assert all(new.data is old.data for new, old in zip(changed, exposures, strict=True))


@pytest.mark.parametrize(
    ("name", "odd"),
    [("filter", {"filter": "J"}), ("exposure_time", {"exposure_time": 101.0}), ("unit", {"unit": "DN / s"})],
)
def test_exposures_that_differ_in_what_has_to_be_the_same_are_named(name: str, odd: dict[str, object]) -> None:
    exposures = [make_exposure((6, 4), path=Path(f"{letter}.fits")) for letter in "abc"]
    other = make_exposure((6, 4), path=Path("odd.fits"), **odd)  # type: ignore[arg-type]
    Exposures.of(exposures).check_alike(name)
    with pytest.raises(InputError, match=f"differ in {name}: .* in odd.fits, and .* in 3 others"):
        Exposures.of([exposures[0], other, *exposures[1:]]).check_alike(name)


def test_exposures_that_differ_are_counted_where_there_are_many() -> None:
    """Two filters of a night, named as files: each value once, with the first, the last and the number of its files."""
    names = ["K"] * 12 + ["H"] * 9 + ["J"]
    many = [make_exposure((2, 2), filter=name, path=Path(f"{at}.fits")) for at, name in enumerate(names)]
    with pytest.raises(InputError) as raised:
        Exposures.of(many).check_alike("filter")
    wanted = "the exposures differ in filter: H in 12.fits ... 20.fits (9 exposures), J in 21.fits, and K in 12 others"
    assert str(raised.value) == wanted


def test_keywords_are_compared_whatever_their_case_and_numbers_up_to_a_tolerance() -> None:
    def with_coadds(value: object) -> Exposure:
        return make_exposure((6, 4), header={"COADDS": value})

    Exposures.of([with_coadds(10), with_coadds(10.001)]).check_alike("COADDS")
    Exposures.of([with_coadds("Many"), with_coadds("MANY ")]).check_alike("COADDS")
    with pytest.raises(InputError):
        Exposures.of([with_coadds(10), with_coadds(11)]).check_alike("COADDS")
    with pytest.raises(InputError):
        Exposures.of([with_coadds(10), make_exposure((6, 4))]).check_alike("COADDS")
