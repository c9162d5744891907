"""The floor of the benchmarks does what it says: otherwise ratios to it mean nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

PROGRAMS = Path(__file__).parent.parent / "benchmarks" / "programs"


def write(path: Path, shape: tuple[int, int], value: float) -> Path:
    planes = [fits.ImageHDU(np.full(shape, value, np.float32), name=name) for name in ("SCI", "ERR")]
    table = fits.BinTableHDU.from_columns([fits.Column("BYTES", "7B", array=[np.arange(7)])], name="ASDF")
    fits.HDUList([fits.PrimaryHDU(), *planes, table]).writeto(path)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks read /proc")
def test_the_floor_writes_the_same_structure_and_the_sum_of_all_planes(tmp_path: Path) -> None:
    science, dark = write(tmp_path / "science.fits", (30, 40), 1), write(tmp_path / "dark.fits", (30, 40), 2)
    product = write(tmp_path / "x_i2d.fits", (33, 44), 9)
    command = [PROGRAMS / "floor.py", tmp_path / "out", "--inputs", science]
    command += ["--references", dark, "--products", product]
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    assert set(json.loads(done.stdout)) == {"read and touch", "write", "wait for hashes"}
    written = tmp_path / "out" / "x_i2d.fits"
    assert written.stat().st_size == product.stat().st_size
    with fits.open(written) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "ERR", "ASDF"]
        # 30 x 40 pixels are known, and written to each plane from its start; two planes of 1 and two of 2.
        assert np.all(hdus["ERR"].data.ravel()[:1200] == 6)
        assert np.all(hdus["ERR"].data.ravel()[1200:] == 0)
