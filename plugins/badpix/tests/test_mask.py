"""The stage flag_bad_pixels: what it flags, refuses and skips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import iris_badpix
import numpy as np
import pytest
from iris_testkit import make_exposure, make_reference, run_stage

from iris_core import DQ, Exposure, InputError, Reference

BAD = DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL


def mask_file(folder: Path, mask: Any, **options: Any) -> Reference:
    return make_reference(folder / "mask.fits", "mask", mask, **options)


def apply_mask(exposure: Exposure, mask: Reference, **params: float) -> Exposure:
    return run_stage(iris_badpix, exposure, references=[mask], **params)


@pytest.mark.parametrize("nint", [0, 3])
def test_pixels_that_are_not_zero_in_the_mask_are_bad(tmp_path: Path, nint: int) -> None:
    mask = np.zeros((32, 32))
    mask[3, 4], mask[5, 6], mask[7, 8] = 1, -2, np.nan
    exposure = make_exposure(nint=nint)
    result = apply_mask(exposure, mask_file(tmp_path, mask))
    bad = np.broadcast_to(mask != 0, exposure.data.shape)
    assert np.array_equal(result.dq, np.where(bad, np.uint32(BAD), np.uint32(0)))
    for plane, before in ((result.data, exposure.data), (result.err, exposure.err)):
        assert plane is not None
        assert np.array_equal(np.isnan(plane), bad)
        assert before is not None
        assert np.array_equal(plane[~bad], before[~bad])
    assert result.notes == ("3 pixels of the mask are bad",)


def test_the_dq_of_the_mask_is_added(tmp_path: Path) -> None:
    dq = np.zeros((32, 32), dtype=np.uint32)
    dq[1, 1], dq[2, 2] = DQ.HOT, DQ.DEAD | DQ.DO_NOT_USE
    exposure = make_exposure().flag(np.ones((32, 32), dtype=bool), DQ.NONLINEAR)
    result = apply_mask(exposure, mask_file(tmp_path, np.zeros((32, 32)), dq=dq))
    assert np.array_equal(result.dq, dq | DQ.NONLINEAR)
    assert np.isnan(result.data).sum() == 1
    assert np.isnan(result.data[2, 2])


def test_a_mask_of_the_good_pixels_is_refused(tmp_path: Path) -> None:
    mask = np.ones((32, 32))
    mask[0, 0] = 0
    with pytest.raises(InputError, match=r"mask\.fits 99\.9% of the pixels are bad .*max_fraction: 50%"):
        apply_mask(make_exposure(), mask_file(tmp_path, mask))


def test_how_much_may_be_bad_is_a_parameter(tmp_path: Path) -> None:
    result = apply_mask(make_exposure(), mask_file(tmp_path, np.ones((32, 32))), max_fraction=1.0)
    assert np.all(result.dq == BAD)


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mask.fits has shape \(16, 16\)"):
        apply_mask(make_exposure(), mask_file(tmp_path, np.zeros((16, 16))))


def test_a_mask_with_a_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mask\.fits for x_rate\.fits is in DN / s"):
        apply_mask(make_exposure(), mask_file(tmp_path, np.zeros((32, 32)), unit="DN/s"))


def test_the_input_is_not_changed(tmp_path: Path) -> None:
    mask = np.zeros((32, 32))
    mask[0, 0] = 1
    exposure = make_exposure()
    apply_mask(exposure, mask_file(tmp_path, mask))
    assert not exposure.dq.any()
    assert np.isfinite(exposure.data).all()
