"""NIRC2-like files with known content, and where the real ones are."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from iris_nirc2._linearity import linear_counts
from numpy.typing import ArrayLike

from iris_core import Doubles

REAL = Path(__file__).parents[4] / "shared" / "data" / "nirc2_cosmos01_ks"

HEADER = {
    "OUTDIR": "/sdata903/nirc13/2011apr13/           ",
    "FILENAME": "n0031.fits        ",
    "TELESCOP": "Keck II           ",
    "OBJECT": "COSMOS01          ",
    "ITIME": 80.0,
    "EXPSTART": "05:37:44.336      ",
    "COADDS": 1,
    "SAMPMODE": 3,
    "MULTISAM": 16,
    "GAIN": 4,
    "CAMNAME": "wide              ",
    "FILTER": "Ks + clear        ",
    "PMSNAME": "largehex          ",
    "SHRNAME": "open              ",
    "CURRINST": "NIRC2             ",
    "DATE-OBS": "2011-04-13        ",
    "DEC": 2.95156,
    "EQUINOX": 2000.0,
    "INSTANGL": 0.7,
    "INSTFLIP": "no                ",
    "PARANG": -48.33769,
    "RA": 150.43402,
    "ROTMODE": "position angle    ",
    "ROTPOSN": 0.7,
}

MakeFrame = Callable[..., Path]


@pytest.fixture
def make_frame(tmp_path: Path) -> MakeFrame:
    """Return a function that writes a frame as the telescope does, with a block of pixel-like bytes behind the data."""

    def make(
        counts: ArrayLike, name: str = "n0031.fits", dtype: Any = np.int32, junk: bool = True, **keywords: Any
    ) -> Path:
        header = fits.Header()
        for key, value in {**HEADER, **{key.replace("_", "-"): value for key, value in keywords.items()}}.items():
            if value is not None:
                header[key] = value
        header.append(fits.Card.fromstring("COMMENT = '                  ' / Comment"))
        header.append(("TELESCOP", "Keck II           ", "telescope name"))
        path = tmp_path / name
        plain = tmp_path / "plain"
        fits.PrimaryHDU(np.asarray(counts, dtype=dtype), header).writeto(plain, overwrite=True)
        content = plain.read_bytes() + (bytes(range(1, 181)) * 16 if junk else b"")
        path.write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
        plain.unlink()
        return path

    return make


@pytest.fixture(scope="session")
def bend() -> Callable[[Doubles], Doubles]:
    """Return a function that makes the counts of the array, DN of one coadd, of those of a linear one."""
    levels = np.linspace(0, 20000, 4001)
    return lambda linear: np.asarray(np.interp(linear, linear_counts(levels), levels))


@pytest.fixture(scope="session")
def real() -> Path:
    """Return the folder of the real COSMOS01 dither."""
    if not REAL.is_dir():
        pytest.skip("the COSMOS01 frames are not here: shared/data/nirc2_cosmos01_ks beside the project")
    return REAL
