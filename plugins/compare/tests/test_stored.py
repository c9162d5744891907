"""Planes that are read from their file by rows: the same values, and never two products in memory."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from iris_compare import diff_products, measure_difference
from iris_compare._stored import Planes, leave_in_file
from iris_testkit import make_exposure
from iris_verify import StoredPlane

from iris_core import DQ, Exposure, read_asdf, read_fits, row_blocks, write_asdf, write_fits

SHAPE = (700, 900)  # three blocks of rows


def noise(seed: int = 0, nint: int = 0) -> Exposure:
    rng = np.random.default_rng(seed)
    made = make_exposure(value=5.0, shape=SHAPE, nint=nint) if nint else make_exposure(value=5.0, shape=SHAPE)
    data = rng.normal(5, 0.2, made.data.shape).astype(np.float32)
    dq = np.where(rng.random(data.shape) < 0.01, np.uint32(DQ.DO_NOT_USE | DQ.REFERENCE_PIXEL), np.uint32(0))
    data[dq != 0] = np.nan
    variance = {name: rng.random(data.shape, dtype=np.float32) + 0.1 for name in ("poisson", "rnoise")}
    return made.replace(data=data, dq=dq, variance=variance)


def written(path: Path, exposure: Exposure) -> Path:
    write_fits(exposure, path)
    return path


@pytest.mark.parametrize("nint", [0, 3])
def test_the_planes_of_a_product_stay_in_its_file_and_have_its_values(nint: int, tmp_path: Path) -> None:
    exposure = read_fits(written(tmp_path / "x_cal.fits", noise(nint=nint)))
    found = leave_in_file(exposure)
    assert set(found.planes) >= {"data", "dq", "variance:poisson", "variance:rnoise"}
    assert all(isinstance(plane, StoredPlane) for plane in found.planes.values())
    for name, plane in Planes.of(exposure).planes.items():
        for block in row_blocks(plane.shape):
            np.testing.assert_array_equal(found.planes[name][block], plane[block])
    assert not any(found.outline.data.strides)  # takes no memory


def test_all_bits_of_flags_survive(tmp_path: Path) -> None:
    dq = np.arange(12, dtype=np.uint32).reshape(3, 4) * np.uint32(0x15555555) | np.uint32(1)
    exposure = make_exposure(value=np.nan, shape=(3, 4)).replace(dq=dq)
    found = leave_in_file(read_fits(written(tmp_path / "x_cal.fits", exposure))).dq
    assert isinstance(found, StoredPlane)
    np.testing.assert_array_equal(found[slice(0, 3),], dq)


def test_what_is_not_in_the_file_as_it_was_read_stays_in_memory(tmp_path: Path) -> None:
    """An ERR that was made larger by hand gives a component that no plane of the file has."""
    path = written(tmp_path / "x_cal.fits", noise())
    with fits.open(path, memmap=False) as hdus:
        hdus["ERR"].data *= 1.5
        hdus.writeto(path, overwrite=True, checksum=True)
    found = leave_in_file(read_fits(path))
    assert isinstance(found.planes["variance:other"], np.ndarray)
    assert isinstance(found.planes["variance:rnoise"], StoredPlane)


@pytest.mark.parametrize("ending", [".fits.gz", ".asdf"])
def test_other_files_are_compared_in_memory(ending: str, tmp_path: Path) -> None:
    one, two = (written(tmp_path / f"{name}_cal.fits", noise(seed)) for seed, name in enumerate("ab"))
    other = tmp_path / f"b_cal{ending}"
    if ending == ".asdf":
        write_asdf(read_fits(two), other)
        assert isinstance(leave_in_file(read_asdf(other)).data, np.ndarray)
    else:
        other.write_bytes(gzip.compress(two.read_bytes(), 1))
        assert isinstance(leave_in_file(read_fits(other)).data, np.ndarray)
    whole, by_rows = diff_products(one, other).plain(), diff_products(one, two).plain()
    assert whole["difference"] == by_rows["difference"]
    assert (whole["planes"], whole["noise"], whole["places"]) == (
        by_rows["planes"],
        by_rows["noise"],
        by_rows["places"],
    )


def test_the_numbers_are_those_of_whole_exposures(tmp_path: Path) -> None:
    one, two = (read_fits(written(tmp_path / f"{name}_cal.fits", noise(seed))) for seed, name in enumerate("ab"))
    assert measure_difference(leave_in_file(one), leave_in_file(two)) == measure_difference(one, two)


PEAK = """
import resource, sys
from pathlib import Path
from iris_compare import diff_products
def peak():
    status = Path("/proc/self/status")  # the peak of getrusage is at first that of whoever started this process
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
diff_products(*sys.argv[1:3])
before = peak()
diff_products(*sys.argv[3:5])
print(peak() - before)
"""


@pytest.mark.slow
def test_never_are_two_products_in_memory(tmp_path: Path) -> None:
    small = [written(tmp_path / f"small{seed}.fits", noise(seed)) for seed in (1, 2)]
    plane = np.random.default_rng(1).random((3000, 3000), dtype=np.float32) + 1
    large = []
    for number in (1, 2):
        variance = dict.fromkeys(("poisson", "rnoise", "dark", "flat"), plane)
        exposure = make_exposure(value=5.0, shape=plane.shape).replace(data=plane * number, variance=variance)
        large.append(written(tmp_path / f"large{number}.fits", exposure))
    words = [sys.executable, "-c", PEAK, *map(str, (*small, *large))]
    grown = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert grown < 1.4 * large[0].stat().st_size
