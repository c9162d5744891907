"""Windows are blank in the full frame, and files of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from iris_simulate import SimulatedSet, simulate, write_set
from iris_simulate._windows import place_windows, whole

from iris_core import InstrumentMode, Window, read_fits


@pytest.fixture(scope="module")
def windowed(mode: InstrumentMode) -> SimulatedSet:
    return simulate(instrument=mode, size=(160, 120), stars=4, margin=10, separation=5, subarrays=3, seed=9)


@pytest.mark.parametrize("count", range(11))
@pytest.mark.parametrize("shape", [(16, 16), (120, 160), (4096, 4096)])
def test_windows_never_overlap_and_lie_inside(shape: tuple[int, int], count: int) -> None:
    covered = np.zeros(shape, dtype=int)
    windows = place_windows(shape, count)
    for window in windows:
        covered[window.slices_in(whole(shape))] += 1
    assert len(windows) == count
    assert covered.max(initial=0) <= 1
    assert covered.sum() == sum(window.xsize * window.ysize for window in windows)


def test_the_full_frame_is_blank_where_a_window_is(windowed: SimulatedSet) -> None:
    exposure = windowed.exposure()
    numbers = exposure.planes["SUBARR_MAP"]
    assert np.array_equal(np.unique(numbers), [0, 1, 2, 3])
    assert np.array_equal(np.isnan(exposure.data), numbers > 0)


def test_the_windows_are_what_the_full_frame_would_have_had(windowed: SimulatedSet, mode: InstrumentMode) -> None:
    same = simulate(windowed.scene.spec, instrument=mode, subarrays=0).exposure()
    for window, part in zip(windowed.windows, windowed.window_exposures(), strict=True):
        rows, columns = window.slices_in(Window(1, 1, 160, 120))
        assert np.array_equal(part.data, same.data[rows, columns])
        assert np.array_equal(part.dq, same.dq[rows, columns])
        assert part.meta.window == window


def test_a_window_of_integrations_is_a_cube(mode: InstrumentMode) -> None:
    made = simulate(instrument=mode, size=(48, 64), stars=0, subarrays=1, integrations=2)
    (part,) = made.window_exposures()
    assert part.data.shape == (2, made.windows[0].ysize, made.windows[0].xsize)
    assert np.isnan(made.exposure().data).sum() == part.data.size


def test_a_window_file_says_where_it_lies_and_keeps_its_sky(windowed: SimulatedSet, tmp_path: Path) -> None:
    written = write_set(windowed, tmp_path)
    ((one, *_others),) = written.windows
    assert one.name == "sim_IMG1_Kbb_0001-01_rate.fits"
    header, window = fits.getheader(one), windowed.windows[0]
    assert (header["SUBARRAY"], header["SUBARRID"], header["DETXSIZE"], header["DETYSIZE"]) == ("CUSTOM", 1, 160, 120)
    assert read_fits(one).meta.window == window
    full, part = (WCS(fits.getheader(path, "SCI")) for path in (written.science[0], one))
    np.testing.assert_allclose(
        part.wcs_pix2world(0, 0, 0), full.wcs_pix2world(window.xstart - 1, window.ystart - 1, 0), atol=1e-12
    )


def test_without_windows_there_is_no_map(field: SimulatedSet) -> None:
    assert "SUBARR_MAP" not in field.exposure(0).planes
    assert list(field.window_exposures(0)) == []
