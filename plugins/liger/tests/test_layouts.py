"""Whatever the layout of a file, the same pixels are calibrated to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iris_core import DQ, Exposure, read_fits, run

PACKAGES = ("background", "dark", "flat", "photom", "resample", "simulate", "subarray", "wcs")
missing = [name for name in PACKAGES if find_spec(f"iris_{name}") is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"packages are not installed: {', '.join(missing)}")

RECIPES = {"Liger": "liger-image2", "IRIS": "image2"}
DETECTORS = {"Liger": "IMG", "IRIS": "IMG1"}
FLAGGED = ("jwst-like", "liger", "liger, DQ of 32 bits")
PLAIN = ("plain", "plain, in an extension")
COMPRESSED = (".fits.gz", ".fits.fz")
each_instrument = pytest.mark.parametrize("instrument", RECIPES)

Night = Any
Products = Mapping[str, Exposure]
WriteAs = Callable[[str, Exposure, Path], Path]


def without_errors(night: Night) -> Night:
    skies = tuple(sky.replace(variance={}) for sky in night.skies)
    return replace(night, science=night.science.replace(variance={}), skies=skies)


LEFT: Mapping[str, Callable[[Night], Night]] = {
    "all of it": lambda night: night,
    "without errors": without_errors,
    "without skies": lambda night: replace(night, skies=()),
}


def calibrate(
    night: Night, instrument: str, layout: str, folder: Path, write_as: WriteAs, ending: str = ".fits", **options: Any
) -> Products:
    """Write a night in a layout, under the names that the instruments give, and return its products by suffix."""
    name = f"2026A-P001-001_{instrument}_{DETECTORS[instrument]}_{{}}_LVL1_000{{}}-00"
    stem = name.format("SCI", 1)
    science = write_as(layout, night.science, folder / f"{stem}{ending}")
    skies = [
        write_as(layout, sky, folder / f"{name.format('SKY', number)}{ending}")
        for number, sky in enumerate(night.skies, start=2)
    ]
    options = {"references": {"store": night.store}, "directory": folder / "out", **options}
    report = run(RECIPES[instrument], science, backgrounds=skies, **options)
    assert not report.failed, report.failed[0].error
    products = report.results[0].products
    if not night.science.is_integrations:
        level_2 = stem.replace("LVL1", "LVL2")
        assert [path.name for path in products.values()] == [f"{level_2}.fits", f"{level_2}_i2d.fits"]
    return {suffix: read_fits(path) for suffix, path in products.items()}


@pytest.fixture(scope="module")
def expected(
    nights: Callable[..., Night], write_as: WriteAs, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Products]:
    """Return a function to the products of the layout that says most, of a night or of what is left of it."""
    kept: dict[tuple[str, int, str], Products] = {}

    def products(instrument: str, integrations: int = 0, what: str = "all of it") -> Products:
        key = instrument, integrations, what
        if key not in kept:
            night = LEFT[what](nights(instrument, integrations))
            kept[key] = calibrate(night, instrument, "jwst-like", tmp_path_factory.mktemp("expected"), write_as)
        return kept[key]

    return products


def assert_same_pixels(found: Exposure, truth: Exposure, flags: DQ = ~DQ.GOOD) -> None:
    """Require the same bits in data, DQ and WCS; NaN is NaN."""
    assert np.isfinite(truth.data).sum() > truth.data.size / 2
    assert np.array_equal(found.data, truth.data, equal_nan=True)
    assert np.array_equal(found.dq & np.uint32(flags), truth.dq & np.uint32(flags))
    assert str(found.unit) == str(truth.unit) == "MJy / sr"
    assert found.wcs is not None
    assert truth.wcs is not None
    rows, columns = np.mgrid[: truth.shape[0], : truth.shape[1]]
    assert np.array_equal(found.wcs(columns, rows), truth.wcs(columns, rows), equal_nan=True)


@each_instrument
@pytest.mark.parametrize("layout", FLAGGED[1:])
@pytest.mark.slow
def test_every_layout_with_flags_gives_the_same_calibrated_pixels(
    nights: Any, expected: Any, write_as: WriteAs, tmp_path: Path, instrument: str, layout: str
) -> None:
    products = calibrate(nights(instrument), instrument, layout, tmp_path, write_as)
    for suffix, truth in expected(instrument).items():
        assert_same_pixels(products[suffix], truth)


@pytest.mark.parametrize("ending", COMPRESSED)
@pytest.mark.parametrize("layout", FLAGGED)
@pytest.mark.acceptance
def test_compression_changes_no_pixel(
    nights: Any, expected: Any, write_as: WriteAs, tmp_path: Path, layout: str, ending: str
) -> None:
    products = calibrate(nights("Liger"), "Liger", layout, tmp_path, write_as, ending)
    for suffix, truth in expected("Liger").items():
        assert_same_pixels(products[suffix], truth)


@each_instrument
@pytest.mark.parametrize(
    ("layout", "ending"), [*((layout, ".fits") for layout in PLAIN), ("plain", ".fits.gz"), (PLAIN[1], ".fits.fz")]
)
@pytest.mark.parametrize("what", ["without errors", "without skies"])
@pytest.mark.slow
def test_plain_images_give_the_same_calibrated_pixels(
    nights: Any, expected: Any, write_as: WriteAs, tmp_path: Path,
    instrument: str, layout: str, ending: str, what: str,
) -> None:  # fmt: skip
    """What must not be used is NaN in them, other flags are not known, and nothing is known of the errors.

    Background exposures are clipped by their errors, where they have any: they are compared with such as have none.
    """
    products = calibrate(LEFT[what](nights(instrument)), instrument, layout, tmp_path, write_as, ending)
    for suffix, truth in expected(instrument, what=what).items():
        assert products[suffix].err is None
        assert_same_pixels(products[suffix], truth, DQ.DO_NOT_USE)


@each_instrument
def test_files_of_the_library_of_ligers_pipeline_give_the_same_calibrated_pixels(
    nights: Any, expected: Any, write_as: WriteAs, tmp_path: Path, instrument: str
) -> None:
    products = calibrate(nights(instrument), instrument, "stdatamodels", tmp_path, write_as)
    for suffix, truth in expected(instrument).items():
        assert_same_pixels(products[suffix], truth)


@each_instrument
def test_references_in_ligers_layout_give_the_same_calibrated_pixels(
    nights: Any, expected: Any, write_as: WriteAs, tmp_path: Path, instrument: str
) -> None:
    night = nights(instrument)
    store = tmp_path / "references"
    store.mkdir()
    for path in night.store.iterdir():
        if path.suffix != ".fits":
            (store / path.name).write_bytes(path.read_bytes())
    for reftype in ("dark", "flat", "area"):
        image = night.reference(reftype)
        write_as("liger, DQ of 32 bits", image, store / image.meta.filename)
    products = calibrate(night, instrument, "liger", tmp_path, write_as, references={"store": store})
    for suffix, truth in expected(instrument).items():
        assert_same_pixels(products[suffix], truth)
        np.testing.assert_allclose(products[suffix].err, truth.err, rtol=1e-5)


@each_instrument
@pytest.mark.slow
def test_err_alone_gives_the_same_errors_as_its_components(
    nights: Any, expected: Any, write_as: WriteAs, tmp_path: Path, instrument: str
) -> None:
    """It is one component, `total`; the root of the sum is the same but for rounding."""
    products = calibrate(nights(instrument), instrument, "liger", tmp_path, write_as)
    assert {"poisson", "rnoise"} <= set(expected(instrument)["cal"].variance)
    assert "total" in products["cal"].variance
    for suffix, truth in expected(instrument).items():
        np.testing.assert_allclose(products[suffix].err, truth.err, rtol=1e-5)


@each_instrument
@pytest.mark.parametrize("layout", FLAGGED)
@pytest.mark.acceptance
def test_a_2d_dq_holds_for_every_integration(
    nights: Any, expected: Any, write_as: WriteAs, tmp_path: Path, instrument: str, layout: str
) -> None:
    night = nights(instrument, 2)
    flat_dq = TwoDimensional(write_as)
    products = calibrate(night, instrument, layout, tmp_path, flat_dq)
    assert night.science.dq.any()
    for suffix, truth in expected(instrument, 2).items():
        assert truth.is_integrations
        assert_same_pixels(products[suffix], truth)


class TwoDimensional:
    """Writes an exposure with the DQ of its first integration alone, which has to be that of all."""

    def __init__(self, write_as: WriteAs) -> None:
        self.write_as = write_as

    def __call__(self, layout: str, exposure: Exposure, path: Path) -> Path:
        """Write it."""
        from astropy.io import fits

        assert (exposure.dq == exposure.dq[0]).all()
        self.write_as(layout, exposure, path)
        with fits.open(path, mode="update") as hdus:
            hdus["DQ"].data = hdus["DQ"].data[0]
        return path
