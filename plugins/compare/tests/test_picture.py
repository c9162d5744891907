"""The picture can be drawn of any two exposures, and shows what it is for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from iris_compare import draw_difference, measure_difference
from iris_compare._images import DQ_KINDS, classify_dq
from iris_compare._picture import _box, _middle
from iris_testkit import make_exposure
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from iris_core import DQ, Exposure, InputError

GREY = "#a8a8a8"


def noise(shape: tuple[int, ...] = (60, 50)) -> Exposure:
    data = np.random.default_rng(1).normal(10, 1, shape).astype(np.float32)
    return make_exposure(shape[-2:], nint=shape[0] if len(shape) == 3 else 0).replace(data=data)


def square(exposure: Exposure, size: int = 10) -> np.ndarray:
    where = np.zeros(exposure.shape, dtype=bool)
    where[20 : 20 + size, 30 : 30 + size] = True
    return where


def draw(first: Exposure, other: Exposure, folder: Path) -> np.ndarray:
    path = folder / "picture.png"
    draw_difference(first, other, measure_difference(first, other), path, names=("one", "two"), title="cal of x")
    return np.asarray(imread(path))


def amount(picture: np.ndarray, colour: str) -> int:
    """Return how many pixels of a picture have a colour."""
    return int((np.abs(picture[..., :3] - to_rgb(colour)) < 0.005).all(axis=-1).sum())


ODD = {
    "tiny": (make_exposure((3, 2)), make_exposure((3, 2)).scale(1.01)),
    "two noises": (noise(), noise().replace(data=noise((2, 60, 50)).data[1])),
    "no errors": (noise().replace(variance={}), noise().replace(variance={}).scale(2)),
    "errors in one only": (noise(), noise().replace(variance={})),
    "no valid pixel": (make_exposure(value=np.nan).mask_invalid(), make_exposure().scale(2)),
    "DQ only": (noise(), noise().flag(np.eye(60, 50, dtype=bool), DQ.HOT)),
    "err zero": (noise().replace(variance={"total": np.zeros((60, 50))}), noise().scale(2)),
    "cube": (noise((3, 60, 50)), noise((3, 60, 50)).scale(1.1)),
    "larger than a panel": (noise((800, 50)), noise((800, 50)).scale(0.9)),
    "decades": (noise().replace(data=10 ** noise().data), noise().replace(data=10 ** noise().data).scale(1.01)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_a_picture_is_drawn_of_whatever_differs(tmp_path: Path, name: str) -> None:
    first, other = ODD[name]
    assert draw(first, other, tmp_path).shape[:2] == (1450, 1700)


@pytest.mark.slow
def test_pixels_without_a_value_are_grey_and_hatched(tmp_path: Path) -> None:
    plain = draw(noise(), noise().scale(1.1), tmp_path)
    first = noise().flag(square(noise()), DQ.DO_NOT_USE)
    holed = draw(first, first.scale(1.1), tmp_path)
    assert amount(holed, GREY) > 10 * amount(plain, GREY)


CHANGES = {
    "bits lost": (DQ.HOT, DQ.GOOD),
    "bits gained": (DQ.GOOD, DQ.HOT),
    "bits lost and gained": (DQ.HOT, DQ.WARM),
    "valid in the other only": (DQ.DO_NOT_USE, DQ.GOOD),
    "valid in the first only": (DQ.GOOD, DQ.DO_NOT_USE | DQ.HOT),
    "invalid in both": (DQ.DO_NOT_USE, DQ.DO_NOT_USE),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_each_change_of_dq_is_told_from_the_others(kind: str) -> None:
    first, other = (noise().flag(square(noise()), bits) for bits in CHANGES[kind])
    kinds = classify_dq(first.dq, other.dq)
    np.testing.assert_array_equal(kinds == list(DQ_KINDS).index(kind), square(noise()))
    np.testing.assert_array_equal(kinds == list(DQ_KINDS).index("same bits"), ~square(noise()))


def test_each_change_of_dq_has_its_colour_in_the_picture(tmp_path: Path) -> None:
    first = other = noise()
    for row, (before, after) in enumerate(CHANGES.values()):
        where = np.zeros(first.shape, dtype=bool)
        where[10 * row : 10 * row + 10, :25] = True
        first, other = first.flag(where, before), other.flag(where, after)
    picture = draw(first, other, tmp_path)
    for kind in DQ_KINDS:
        assert amount(picture, DQ_KINDS[kind]) > 3000, kind


@pytest.mark.slow
def test_higher_is_red_and_lower_is_blue(tmp_path: Path) -> None:
    first = noise()
    for sign, darker, lighter in ((1, 2, 0), (-1, 0, 2)):
        picture = draw(first, first.replace(data=first.data + sign), tmp_path)
        panel = picture[100:400, 950:1250, :3].mean(axis=(0, 1))  # third in the upper row
        assert panel[lighter] > panel[darker] + 0.2


def test_the_pixel_of_the_largest_difference_over_err_is_enlarged() -> None:
    data = noise((3, 60, 50)).data.copy()
    data[2, 41, 7] += 3
    first = noise((3, 60, 50))
    other = first.replace(data=data)
    assert _middle(first, other, measure_difference(first, other)) == (7, 41, 2)


def test_where_the_data_agree_the_first_change_of_dq_is_enlarged() -> None:
    other = noise().flag(square(noise()), DQ.HOT)
    assert _middle(noise(), other, measure_difference(noise(), other)) == (30, 20)


def test_where_only_err_differs_the_middle_is_enlarged() -> None:
    other = noise().add_variance("flat", 1.0)
    assert _middle(noise(), other, measure_difference(noise(), other)) == (25, 30)


@pytest.mark.parametrize(
    ("x", "y", "columns", "rows"),
    [(50, 60, (30, 71), (40, 81)), (3, 99, (0, 41), (59, 100)), (99, 0, (59, 100), (0, 41))],
)
def test_the_enlarged_part_lies_inside_the_frame(
    x: int, y: int, columns: tuple[int, int], rows: tuple[int, int]
) -> None:
    assert _box((100, 100), x, y) == (slice(*rows), slice(*columns))


def test_a_small_frame_is_enlarged_whole() -> None:
    assert _box((8, 60), 2, 3) == (slice(0, 8), slice(0, 41))


def test_a_picture_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match=r"file/picture.png: cannot be written: "):
        draw(noise(), noise().scale(2), tmp_path / "file")
