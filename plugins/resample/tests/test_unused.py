"""What is said of output pixels that lack some, or all, of the pixels that would fall there."""

from collections.abc import Callable

import numpy as np
import pytest
from iris_resample import ResampleParams, resample
from iris_testkit import iris_mode

from iris_core import DQ, Exposure

IRIS = iris_mode()
DEAD = DQ.DO_NOT_USE | DQ.DEAD

Maker = Callable[..., Exposure]


def with_bad(exposure: Exposure, bits: DQ, row: int = 20, column: int = 24) -> Exposure:
    bad = np.zeros(exposure.shape, dtype=bool)
    bad[row, column] = True
    return exposure.flag(bad, bits)


def shifted(exposure: Exposure, dx: float, dy: float, **options: object) -> Exposure:
    """Resample onto a grid of the same pixels, moved by a part of a pixel."""
    params = ResampleParams(crval=(150.0, 2.0), crpix_fits=(24.5 + dx, 20.5 + dy), output_shape=(50, 42), **options)
    return resample(exposure, params, IRIS)


def test_a_blank_pixel_has_the_reasons_of_the_pixels_it_lacks(on_sky: Maker) -> None:
    result = shifted(with_bad(on_sky(), DEAD | DQ.OUTLIER), 0, 0)
    assert result.dq[20, 24] == DEAD
    assert np.isnan(result.data[20, 24])
    assert np.count_nonzero(result.dq[1:39, 1:47]) == 1


@pytest.mark.parametrize(("shift", "lacking"), [(0.3, True), (0.45, True), (0.55, False), (0.7, False)])
def test_a_pixel_that_lacks_more_than_half_of_its_weight_says_why(on_sky: Maker, shift: float, lacking: bool) -> None:
    """Moved by a part of a pixel in x, the output pixel gets 1 - shift of its weight from the bad pixel."""
    exposure = with_bad(on_sky(), DEAD)
    result = shifted(exposure, shift, 0.0)
    assert np.isfinite(result.data[20, 24])
    assert result.planes["WHT"][20, 24] == pytest.approx(shift * 100, rel=1e-3)
    assert result.dq[20, 24] == (DQ.DEAD if lacking else DQ.GOOD)
    assert result.dq[20, 25] == (DQ.GOOD if lacking else DQ.DEAD)


@pytest.mark.parametrize("bits", [DQ.DO_NOT_USE, DQ.DO_NOT_USE | DQ.OUTLIER])
def test_it_says_so_too_where_the_bad_pixel_has_no_other_bit(on_sky: Maker, bits: DQ) -> None:
    result = shifted(with_bad(on_sky(), bits), 0.3, 0.0)
    assert result.dq[20, 24] == DQ.OTHER_BAD_PIXEL
    assert np.count_nonzero(result.dq[1:39, 1:47]) == 1


def test_pixels_left_out_by_good_bits_count_as_well(on_sky: Maker) -> None:
    dq = np.zeros((40, 48), np.uint32)
    dq[20, 24] = DQ.WARM
    result = shifted(on_sky().replace(dq=dq), 0.3, 0.0, good_bits=())
    assert result.dq[20, 24] == DQ.WARM


@pytest.mark.parametrize("ratio", [0.2, 0.45, 1.0, 2.5])
@pytest.mark.parametrize("nint", [0, 2])
def test_each_blank_pixel_of_a_masked_area_has_the_reason(on_sky: Maker, ratio: float, nint: int) -> None:
    area = np.zeros((40, 48), dtype=bool)
    area[10:30, 12:36] = True
    exposure = on_sky(nint=nint, cubic=0.5).flag(area, DQ.DO_NOT_USE | DQ.SUBARRAY)
    result = resample(exposure, ResampleParams(rotation=20.0, pixel_scale_ratio=ratio), IRIS)
    middle = (..., *(slice(int(0.4 * size), int(0.6 * size)) for size in result.shape))
    assert np.isnan(result.data[middle]).all()
    assert np.all(result.dq[middle] == DQ.DO_NOT_USE | DQ.SUBARRAY)


@pytest.mark.parametrize("kernel", ["square", "turbo", "gaussian", "point", "lanczos3"])
def test_the_loss_in_a_stars_core_is_seen_with_every_kernel(on_sky: Maker, kernel: str) -> None:
    """A star of 1.5 pixels FWHM whose brightest pixel is bad, turned by 17 degrees: no output pixel hides it."""
    exposure = with_bad(on_sky(position_angle=17.0), DEAD)
    result = resample(exposure, ResampleParams(rotation=0.0, kernel=kernel), IRIS)
    x, y = result.wcs.invert(*exposure.wcs(24, 20))
    around = result.dq[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2]
    assert np.any(around & np.uint32(DQ.DEAD))
