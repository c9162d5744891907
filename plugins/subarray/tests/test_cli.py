"""The command iris merge-subarrays."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from iris_subarray import parse_subarray_map
from iris_testkit import iris_mode, make_exposure

from iris_core import DQ, Exposure, Window, read_exposure, write_exposure
from iris_core.cli import main

SHAPE = (8, 10)
WINDOW = Window(xstart=3, ystart=2, xsize=4, ysize=5)
WHERE = WINDOW.slices_in(Window(1, 1, 10, 8))


def full_frame() -> Exposure:
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[WHERE] = 1
    whole = make_exposure(SHAPE, header={"EXPNUM": 7}).replace(planes={"SUBARR_MAP": labels})
    return parse_subarray_map(exposure=whole, instrument=iris_mode())


def put(name: str, exposure: Exposure) -> None:
    write_exposure(exposure, Path(name))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with a full frame, its subarray, and one of another exposure."""
    monkeypatch.chdir(tmp_path)
    put("full_cal.fits", full_frame())
    part = make_exposure(WINDOW.shape, value=3.0, header={"EXPNUM": 7}, subarray_id=1, window=WINDOW)
    put("part_cal.fits", part)
    put("other_cal.fits", part.replace(header=make_exposure(header={**part.header, "EXPNUM": 8}).header))
    return tmp_path


def merge(*words: object) -> Result:
    return CliRunner().invoke(main, ["merge-subarrays", *map(str, words)], catch_exceptions=False)


@pytest.mark.parametrize("order", [("full_cal.fits", "part_cal.fits"), ("part_cal.fits", "full_cal.fits")])
@pytest.mark.parametrize("name", ["merged.fits", "merged.asdf"])
def test_the_product_has_the_pixels_of_both_and_records_the_merge(order: tuple[str, str], name: str) -> None:
    done = merge(*order, "--out", name)
    assert done.exit_code == 0, done.output
    assert "1 from part_cal.fits" in done.stdout
    assert f"-> {name}" in done.stdout
    product = read_exposure(name)
    expected = np.full(SHAPE, 10, dtype=np.float32)
    expected[WHERE] = 3
    np.testing.assert_array_equal(product.data, expected)
    np.testing.assert_array_equal(product.dq[WHERE], np.uint32(DQ.SUBARRAY))
    assert np.count_nonzero(product.dq) == 20
    assert product.status["S_MERGSA"] == "COMPLETE"
    assert "merge_subarrays" in product.done
    record = product.history[-1]
    assert (record.stage, record.plugin, record.keyword) == ("merge_subarrays", "iris-subarray", "S_MERGSA")
    digest = sha256(Path("part_cal.fits").read_bytes()).hexdigest()
    assert f"SHA-256 of part_cal.fits: {digest}" in record.notes
    assert any("1 from part_cal.fits" in line for line in product.header["HISTORY"])


def test_a_subarray_can_be_added_to_a_product_that_was_merged_without_it() -> None:
    assert merge("full_cal.fits", "--out", "blank.fits").exit_code == 0
    assert np.isnan(read_exposure("blank.fits").data).sum() == 20
    assert merge("blank.fits", "part_cal.fits", "--out", "merged.fits").exit_code == 0
    assert np.isfinite(read_exposure("merged.fits").data).all()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["full_cal.fits", "other_cal.fits"], "EXPNUM is 8, not 7"),
        (["part_cal.fits"], "0 members 'science' (none)"),
        (["full_cal.fits", "no.fits", "no2.fits"], "no2.fits"),
        (["full_cal.fits", "part_cal.fits", "--out", "old.fits"], "old.fits exists; --overwrite replaces it"),
        (["full_cal.fits", "part_cal.fits", "--out", "part_cal.fits", "--overwrite"], "one of the files to merge"),
        (["full_cal.fits", "part_cal.fits", "--out", "merged.txt"], "merged.txt"),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(folder: Path, words: list[str], error: str) -> None:
    Path("old.fits").write_text("old")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = merge(*words, *([] if "--out" in words else ["--out", "merged.fits"]))
    assert done.exit_code == 1
    assert error in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_overwrite_replaces_a_product() -> None:
    Path("old.fits").write_text("old")
    assert merge("full_cal.fits", "part_cal.fits", "--out", "old.fits", "--overwrite").exit_code == 0
    assert read_exposure("old.fits").shape == SHAPE
