"""What differences amount to, beyond the eight pairs: tables, other grids, masters, integrations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from click.testing import CliRunner
from iris_compare import Verdict, diff_products
from iris_compare.cli import diff
from iris_testkit import add_wcs, make_exposure, make_reference

from iris_core import DQ, Exposure, InputError, write_exposure


def catalog(seed: int = 0, factor: float = 1.0, shift: float = 0.0, rows: int = 200) -> Table:
    """Return sources on a grid of 1 arcsec with fluxes of 1 % error."""
    noise = np.random.default_rng(seed).standard_normal(rows) if seed else np.zeros(rows)
    flux = np.linspace(1, 2, rows)
    index = np.arange(rows)
    place = SkyCoord((index % 20 + shift) / 3600 * u.deg, (index // 20) / 3600 * u.deg)
    return Table(
        {
            "label": index,
            "sky_centroid": place,
            "x_flux": flux * factor + 0.01 * noise,
            "x_flux_err": np.full(rows, 0.01),
        },
        meta={"FWHM": 0.1},
    )


def write(table: Table, path: Path) -> Path:
    table.write(path, format="ascii.ecsv")
    return path


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (catalog(1), "identical"),
        (catalog(2), "within the noise"),
        (catalog(1, 1 + 1e-7), "last bits"),
        (catalog(1, 1.05), "different"),
        (catalog(2, shift=0.002), "within the noise"),
        (catalog(1, shift=0.5), "different"),
        (catalog(1, rows=100), "different"),
    ],
)
def test_catalogues(tmp_path: Path, other: Table, verdict: str) -> None:
    found = diff_products(write(catalog(1), tmp_path / "a.ecsv"), write(other, tmp_path / "b.ecsv"))
    assert found.verdict.value == verdict


def test_sources_are_matched_by_place_and_not_by_row(tmp_path: Path) -> None:
    found = diff_products(write(catalog(1), tmp_path / "a.ecsv"), write(catalog(1)[::-1], tmp_path / "b.ecsv"))
    assert found.catalog is not None
    assert (found.catalog.matched, found.catalog.changed, found.verdict) == (200, (), Verdict.SAME_DATA)


def test_a_flux_is_in_units_of_its_error(tmp_path: Path) -> None:
    other = catalog(1)
    other["x_flux"][7] += 0.05
    found = diff_products(write(catalog(1), tmp_path / "a.ecsv"), write(other, tmp_path / "b.ecsv"))
    assert found.catalog is not None
    (flux,) = found.catalog.fluxes
    assert (flux.largest, flux.label, flux.sources, flux.median) == (pytest.approx(5), 7, 200, 0)


def test_the_command_on_catalogues(tmp_path: Path) -> None:
    paths = write(catalog(1), tmp_path / "a.ecsv"), write(catalog(1, 1.05), tmp_path / "b.ecsv")
    result = CliRunner().invoke(diff, [*map(str, paths), "--plot", str(tmp_path / "x.png")])
    assert result.exit_code == 3
    assert "200 in both, 0 in the first only" in result.stdout
    assert "columns that differ: x_flux" in result.stdout
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_images_on_other_grids_are_compared_by_their_footprints(tmp_path: Path) -> None:
    """Both are centred on one place; the other has half the pixels of twice the size, and a row less."""
    paths = (
        write_exposure(add_wcs(make_exposure((64, 64), value=3.0), 0.004), tmp_path / "a_i2d.fits"),
        write_exposure(add_wcs(make_exposure((32, 16), value=4.0), 0.008), tmp_path / "b_i2d.fits"),
    )
    found = diff_products(*paths)
    lie = found.footprints
    assert found.verdict is Verdict.DIFFERENT
    assert found.reasons == ("their shapes differ: 64 x 64 and 32 x 16",)
    assert lie is not None
    assert (lie.scale, lie.centres) == (pytest.approx(2, rel=1e-6), pytest.approx(0, abs=1e-6))
    assert (lie.covered, lie.medians) == (pytest.approx(0.5, abs=0.02), (3.0, 4.0))
    result = CliRunner().invoke(diff, [*map(str, paths)])
    assert "different grids" in result.stdout
    with pytest.raises(InputError, match="cannot be drawn: their shapes differ"):
        diff_products(*paths, tmp_path / "x.png")


def pair(tmp_path: Path, first: Exposure, other: Exposure) -> tuple[Path, Path]:
    return write_exposure(first, tmp_path / "a_rate.fits"), write_exposure(other, tmp_path / "b_rate.fits")


def test_integrations(tmp_path: Path) -> None:
    first, other = (make_exposure((32, 32), nint=3, seed=seed) for seed in (1, 2))
    found = diff_products(*pair(tmp_path, first, other))
    assert found.verdict is Verdict.WITHIN_NOISE
    assert found.causes == ("not known: no key in a_rate.fits and in b_rate.fits",)


def test_masters_without_errors(tmp_path: Path) -> None:
    for name, value in (("a", 1.0), ("b", 1.01)):
        make_reference(tmp_path / f"{name}_flat.fits", "flat", np.full((8, 8), value))
    found = diff_products(tmp_path / "a_flat.fits", tmp_path / "b_flat.fits")
    assert found.verdict is Verdict.DIFFERENT
    assert found.reasons == ("the data are not the same, and an ERR is not known",)


def test_a_nan_without_a_flag_is_a_difference(tmp_path: Path) -> None:
    for name, dq in (("a", 0), ("b", DQ.DO_NOT_USE)):
        make_reference(tmp_path / f"{name}_dark.fits", "dark", np.full((8, 8), np.nan), dq=np.full((8, 8), int(dq)))
    found = diff_products(tmp_path / "a_dark.fits", tmp_path / "b_dark.fits")
    assert (found.verdict, [one.name for one in found.planes]) == (Verdict.DIFFERENT, ["dq"])


def test_one_pixel_that_is_far_off_is_no_noise(tmp_path: Path) -> None:
    first = make_exposure((64, 64), seed=1)
    data = first.data.copy()
    data[5, 6] += 100
    assert diff_products(*pair(tmp_path, first, first.replace(data=data))).verdict is Verdict.DIFFERENT


def test_an_err_that_is_too_small_is_a_difference(tmp_path: Path) -> None:
    first = make_exposure((64, 64), seed=1)
    other = first.replace(variance={name: 0.64 * plane for name, plane in first.variance.items()})
    assert diff_products(*pair(tmp_path, first, other)).reasons == ("ERR is 0.8 to 0.8 times that of the first",)


@pytest.mark.parametrize(("offset", "verdict"), [(1e-4, "last bits"), (0.1, "within the noise"), (5, "different")])
def test_the_wcs_of_the_header_counts_where_there_is_no_other(tmp_path: Path, offset: float, verdict: str) -> None:
    first = add_wcs(make_exposure((64, 64), seed=1)).replace(wcs=None)
    cards = dict(add_wcs(make_exposure((64, 64))).sci_header)
    first = first.replace(sci_header=add_wcs(make_exposure((64, 64))).sci_header)
    other = first.with_keywords({"CRVAL2": (cards["CRVAL2"] + offset / 3.6e6, "")})
    assert diff_products(*pair(tmp_path, first, other)).verdict.value == verdict


def test_units_that_differ(tmp_path: Path) -> None:
    found = diff_products(*pair(tmp_path, make_exposure((8, 8)), make_exposure((8, 8), unit="MJy/sr")))
    assert found.reasons == ("their units differ: electron/s and MJy/sr",)


def test_a_plane_that_one_alone_has_is_named(tmp_path: Path) -> None:
    first = make_exposure((8, 8))
    other = first.add_variance("flat", np.ones((8, 8)))
    assert diff_products(*pair(tmp_path, first, other)).reasons == ("variance:flat is in the other only",)
