"""Odd, broken, compressed and unusual FITS files: each gives a product or one line that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from iris_testkit import make_exposure

from iris_core import Exposure, IrisError, Plugins, load_plugins, read_fits, run, write_fits

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "odd_fits"
ODD = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.suffix not in (".md", ".csv"))
PHOTOM = {"photmjsr": (0.5, "MJy s/(sr electron)"), "uncertainty": (0.01, "MJy s/(sr electron)")}
AREA = {"pixar_sr": (2.35044305391e-16, "sr"), "pixar_a2": (1e-5, "arcsec2")}
STAGES = {
    "dark": ("dark_current", "iris-dark"),
    "flat": ("flat_field", "iris-flat"),
    "photom": ("photom", "iris-photom"),
    "area": ("photom", "iris-photom"),
    "distortion": ("assign_wcs", "iris-wcs"),
}

pytestmark = pytest.mark.skipif(not ODD, reason=f"the collection of odd files is not in {FOLDER}")
each = pytest.mark.parametrize("path", ODD, ids=lambda path: str(path.relative_to(FOLDER)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an exposure, recipes of one stage each, and a photom table."""
    folder = tmp_path_factory.mktemp("odd")
    wcs = {
        f"{name}{axis}": value for axis in (1, 2) for name, value in (("CRPIX", 5.0), ("CRVAL", 2.0), ("CDELT", 1e-6))
    }
    header = {
        "INSTRUME": "IRIS",
        "DETECTOR": "IMG1",
        "FILTER": "Kbb",
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        **wcs,
    }
    write_fits(make_exposure((10, 10), header=header), folder / "x_rate.fits")
    for name in {name for name, _ in STAGES.values()}:
        (folder / f"{name}.yaml").write_text(f"recipe: 1\nname: odd\nsteps: [{name}]\n")
    columns = PHOTOM | AREA
    units = {name: unit for name, (_, unit) in columns.items()}
    table = Table({"filter": ["Kbb"], **{name: [value] for name, (value, _) in columns.items()}}, units=units)
    table.write(folder / "photom.ecsv", format="ascii.ecsv")
    return folder


def outcome(recipe: Path, path: Path, out: Path, plugins: Plugins, **options: Any) -> tuple[str, list[Path]]:
    """Return what was said of a run of one file, and its products; anything but an `IrisError` is a failure."""
    try:
        report = run(recipe, path, plugins=plugins, directory=out, **options)
    except IrisError as error:
        return str(error), []
    return report.results[0].error, list(report.products)


def assert_product_or_one_line(said: str, products: list[Path], path: Path, out: Path) -> None:
    left = sorted(out.rglob("*")) if out.exists() else []
    if said:
        assert "\n" not in said
        assert path.name in said
        assert left == products == []
        return
    assert left == products
    assert read_fits(products[0]).history[-1].status == "COMPLETE"


@pytest.fixture
def doubling(lab: Callable[..., Plugins]) -> Plugins:
    def double(exposure: Exposure) -> Exposure:
        return exposure.scale(2)

    return lab(flat_field=double)


@each
@pytest.mark.parametrize("instrument", ["iris-imager", ""])
def test_as_an_exposure(path: Path, place: Path, tmp_path: Path, doubling: Plugins, instrument: str) -> None:
    out = tmp_path / "out"
    said, products = outcome(place / "flat_field.yaml", path, out, doubling, instrument=instrument)
    assert_product_or_one_line(said, products, path, out)
    if products:
        assert np.array_equal(read_fits(products[0]).data, read_fits(path).mask_invalid().scale(2).data, equal_nan=True)


@pytest.fixture(scope="module")
def installed() -> Plugins:
    return load_plugins({"iris-imager", *(plugin for _, plugin in STAGES.values())})


@each
@pytest.mark.parametrize("reftype", STAGES)
def test_as_a_reference(path: Path, place: Path, tmp_path: Path, installed: Plugins, reftype: str) -> None:
    name, plugin = STAGES[reftype]
    if plugin not in installed.names():
        pytest.skip(f"{plugin} is not installed")
    out = tmp_path / "out"
    references = {reftype: path, **({"photom": place / "photom.ecsv"} if reftype == "area" else {})}
    recipe = place / f"{name}.yaml"
    said, products = outcome(recipe, place / "x_rate.fits", out, installed, references=references)
    assert_product_or_one_line(said, products, path, out)


@pytest.mark.parametrize("name", ["m13_rice", "m13_gzip", "m13_plio", "m13_hcomp"])
def test_compressed_images_are_the_same_pixels(name: str) -> None:
    folder = FOLDER / "nomtam"
    assert np.array_equal(read_fits(folder / f"{name}.fits").data, read_fits(folder / "m13.fits").data)
