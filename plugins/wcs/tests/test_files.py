"""Real and odd headers: the result agrees with astropy.wcs, or there is an InputError; never anything else."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits import Header
from gwcs import WCS
from iris_testkit import make_exposure

from iris_core import Exposure, InputError, blank_plane, read_fits

Assign = Callable[..., Exposure]
Difference = Callable[[WCS, Header, tuple[int, int]], float]

DATA = Path(__file__).parents[4] / "shared" / "data"

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="the collection of real files is not beside the project"),
    pytest.mark.filterwarnings("ignore"),  # the files are odd, and astropy says so
]


def headers(path: Path) -> Iterator[Header]:
    """Return every header in a file that is FITS, or in the text of one."""
    if path.suffix == ".hdr":
        raw = path.read_bytes()
        yield Header.fromtextfile(path) if b"\n" in raw[:90] else Header.fromstring(raw)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(path) as hdus:
                yield from [hdu.header for hdu in hdus]
        except (OSError, ImportError):
            return


def files() -> list[Path]:
    """Return the odd files, and the real ones that are small."""
    return sorted(path for path in DATA.glob("odd_fits/*/*")) + sorted(DATA.glob("ukidss*/*.fits"))


def without_dates(header: Header) -> Header:
    """Return a header without times, which the framework refuses where it cannot read them: '19/05/94'."""
    kept = header.copy()
    for keyword in ("DATE-OBS", "MJD-OBS", "TIME-OBS"):
        kept.remove(keyword, ignore_missing=True, remove_all=True)
    return kept


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in files()])
def test_odd_header(assign: Assign, difference: Difference, path: Path) -> None:
    for header in headers(path):
        sizes = header.get("NAXIS2"), header.get("NAXIS1")
        shape: Any = sizes if all(isinstance(size, int) and 0 < size < 5000 for size in sizes) else (256, 256)
        exposure = make_exposure((2, 2)).replace(
            data=blank_plane(shape), dq=blank_plane(shape, np.uint32), variance={}, sci_header=without_dates(header)
        )
        try:
            result = assign(exposure)
        except InputError:
            continue
        assert difference(result.wcs, header, shape) < 1e-6
        assert difference(result.wcs, result.fits_wcs, shape) < 1e-6


def test_enough_of_them_have_a_wcs(assign: Assign) -> None:
    """So that the test above is one."""
    names = ("irac_sip.hdr", "siponly.hdr", "sip-broken.hdr", "too_many_pv.hdr", "outside_sky.hdr", "tpvonly.hdr")
    paths = [DATA / "odd_fits" / "astropy" / name for name in (*names, "invalid_header.hdr")]
    for path in (*paths, DATA / "ukidss_wfcam_k" / "ukidss_wfcam_K_m1.fits"):
        for header in [one for one in headers(path) if "CTYPE1" in one]:
            assert assign(make_exposure((64, 64)).replace(sci_header=header)).wcs is not None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("odd_fits/astropy/zpn-hole.hdr", "ZPN"),
        ("odd_fits/astropy/nonstandard_units.hdr", "CRVAL1"),
    ],
)
def test_unsupported_file_is_refused_by_name(assign: Assign, name: str, words: str) -> None:
    header = list(headers(DATA / name))[-1]
    with pytest.raises(InputError, match=words):
        assign(make_exposure((64, 64)).replace(sci_header=header))


@pytest.mark.parametrize("band", "jhk")
def test_galactic_centre(assign: Assign, difference: Difference, band: str) -> None:
    """A plain file with its WCS in the primary header."""
    exposure = read_fits(DATA / "twomass_gc_jhk" / f"2MASS_{band}.fits.gz")
    result = assign(exposure)
    assert difference(result.wcs, exposure.header, exposure.shape) < 1e-6
    x, y = np.meshgrid(np.arange(0, 721, 9.0), np.arange(0, 720, 9.0))
    back = result.wcs.invert(*result.wcs(x, y), with_bounding_box=False)
    np.testing.assert_allclose(back, [x, y], atol=1e-6)
