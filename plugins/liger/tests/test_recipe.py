"""The recipe liger-image2: Liger's order of stages, background exposures in lock step, and the truth that comes out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from iris_liger import recipes
from iris_testkit import make_exposure, make_reference

from iris_core import Exposure, Removal, check, read_fits, run

PACKAGES = ("background", "dark", "flat", "photom", "resample", "simulate", "subarray", "wcs")
missing = [name for name in PACKAGES if find_spec(f"iris_{name}") is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"packages are not installed: {', '.join(missing)}")

SHAPE = (24, 32)
SOURCE, SKY, DARK, FLAT, CONVERSION = 100.0, 7.0, 0.5, 0.9, 0.25
SCALE = 0.01 / 3600
WCS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 16.5, "CRPIX2": 12.5, "CRVAL1": 10.0, "CRVAL2": 20.0}
WCS |= {"CD1_1": -SCALE, "CD2_2": SCALE, "CUNIT1": "deg", "CUNIT2": "deg", "RADECSYS": "ICRS"}
PHOTOM = """# %ECSV 1.0
# ---
# datatype:
# - {name: filter, datatype: string}
# - {name: photmjsr, unit: MJy s / (electron sr), datatype: float64}
# meta: {REFTYPE: photom, INSTRUME: Liger, DETECTOR: IMG, USEAFTER: '2020-01-01T00:00:00', PIXAR_A2: 1.0e-4}
# schema: astropy-2.0
filter photmjsr
Zbb 0.25
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "references"
    folder.mkdir()
    ones = np.ones(SHAPE)
    liger = {"INSTRUME": "Liger", "DETECTOR": "IMG"}
    kinds = {"unit": "electron/s", "READMODE": "DEFAULT"}
    make_reference(folder / "dark.fits", "dark", DARK * ones, err=0.01 * ones, **kinds, **liger)
    make_reference(folder / "flat.fits", "flat", FLAT * ones, err=0.001 * ones, FILTER="Zbb", **liger)
    (folder / "photom.ecsv").write_text(PHOTOM)
    return folder


@pytest.fixture
def rate(tmp_path: Path, liger: Any, write_as: Any) -> Any:
    """Return a function that writes what the detector sees: a source and the sky through the flat, and the dark."""

    def write(name: str, source: float = 0.0, read_mode: str = "DEFAULT", nint: int = 0, **header: Any) -> Path:
        exposure = make_exposure(
            SHAPE, value=(source + SKY) * FLAT + DARK, nint=nint, mode=liger, read_mode=read_mode,
            header={**header, "DATE-OBS": "2026-01-01T00:00:00"}, sci_header=WCS,
        )  # fmt: skip
        path: Path = write_as("liger", exposure, tmp_path / name)
        return path

    return write


def calibrate(
    science: Path, skies: Sequence[Path], store: Path, recipe: str = "liger-image2", **options: Any
) -> dict[str, Exposure]:
    report = run(recipe, science, backgrounds=skies, references={"store": store}, **options)
    assert not report.failed, report.failed[0].error
    return {suffix: read_fits(path) for suffix, path in report.results[0].products.items()}


def test_the_order_is_that_of_ligers_pipeline_with_photom_and_resample() -> None:
    steps = yaml.safe_load(recipes()["liger-image2"].read_text())["steps"]
    names = [step if isinstance(step, str) else next(iter(step)) for step in steps]
    theirs = ["parse_subarray_map", "dark_current", "flat_field", "background", "assign_wcs"]
    assert names == [*theirs, "photom", "resample"]


@pytest.mark.parametrize("recipe", ["liger-image2", "image2", "image2-dark-first"])
@pytest.mark.parametrize("nint", [0, 2])
def test_the_truth_comes_out_whatever_the_recipe(rate: Any, store: Path, nint: int, recipe: str) -> None:
    """(100 + 7) x 0.9 + 0.5, and three skies of 7 x 0.9 + 0.5: 100 x 0.25 MJy/sr remain."""
    skies = [rate(f"sky{number}_rate.fits") for number in range(3)]
    products = calibrate(rate("x_rateints.fits" if nint else "x_rate.fits", SOURCE, nint=nint), skies, store, recipe)
    assert list(products) == ["cal", "i2d"]
    for product in products.values():
        assert product.is_integrations == bool(nint)
        np.testing.assert_allclose(product.data[..., 1:-1, 1:-1], SOURCE * CONVERSION, rtol=1e-5)
        assert str(product.unit) == "MJy / sr"


def test_background_exposures_go_in_lock_step_through_dark_and_flat(rate: Any, store: Path) -> None:
    """Their level, when they are averaged, is that of the sky: 7, not the 6.8 that the detector sees."""
    skies = [rate(f"sky{number}_rate.fits") for number in range(3)]
    cal = calibrate(rate("x_rate.fits", SOURCE), skies, store)["cal"]
    records = {record.stage: record for record in cal.history}
    assert [Path(path).name for path in records["background"].backgrounds] == [path.name for path in skies]
    assert "sky0_rate.fits: level 7, " in " ".join(records["background"].notes)
    assert records["dark_current"].notes == ("no BUNIT: taken to be in electron/s",)
    assert cal.removed["dark"] is Removal.WHOLE
    assert {"dark", "background"} <= set(cal.variance)


def test_the_background_is_averaged_without_the_dark_whatever_dark_it_came_with(rate: Any, store: Path) -> None:
    """Another read mode, another dark: every background exposure is corrected with its own."""
    twice = {"unit": "electron/s", "READMODE": "OTHER", "INSTRUME": "Liger", "DETECTOR": "IMG"}
    skies = [rate(f"sky{number}_rate.fits", read_mode="OTHER") for number in range(3)]
    make_reference(store / "other.fits", "dark", 2 * DARK * np.ones(SHAPE), err=0.01 * np.ones(SHAPE), **twice)
    cal = calibrate(rate("x_rate.fits", SOURCE), skies, store)["cal"]
    wrong_by = DARK / FLAT  # the skies hold one dark, not the two of their reference
    np.testing.assert_allclose(cal.data, (SOURCE + wrong_by) * CONVERSION, rtol=1e-5)


def test_a_background_exposure_without_its_dark_is_found_before_any_pixel(rate: Any, store: Path) -> None:
    sky = rate("sky_rate.fits", read_mode="OTHER")
    checked = check("liger-image2", rate("x_rate.fits"), backgrounds=[sky], references={"store": store})
    (problem,) = checked.errors
    assert "dark_current needs a dark reference for sky_rate.fits and there is none" in str(problem)
    assert "READMODE is DEFAULT, not OTHER" in str(problem)


@pytest.mark.parametrize(
    ("keyword", "stage"),
    [("S_DARK", "dark_current"), ("S_FLAT", "flat_field"), ("S_SKYSUB", "background"), ("S_FLUXCL", "photom")],
)
def test_what_ligers_pipeline_has_done_is_not_done_again(rate: Any, store: Path, keyword: str, stage: str) -> None:
    """By its own names of the steps."""
    checked = check("liger-image2", rate("x_rate.fits", **{keyword: "COMPLETE"}), references={"store": store})
    assert any(f"{stage} was done already ({keyword} is COMPLETE)" in str(one) for one in checked.errors)


def test_backgrounds_that_are_subtracted_already_are_refused(rate: Any, store: Path) -> None:
    sky = rate("sky_rate.fits", S_SKYSUB="COMPLETE")
    checked = check("liger-image2", rate("x_rate.fits"), backgrounds=[sky], references={"store": store})
    assert any("sky_rate.fits already" in str(problem) for problem in checked.errors)


def test_without_background_exposures_the_product_says_why_nothing_was_subtracted(rate: Any, store: Path) -> None:
    cal = calibrate(rate("x_rate.fits", SOURCE), [], store)["cal"]
    assert cal.status["S_BKDSUB"] == "SKIPPED"
    np.testing.assert_allclose(cal.data, (SOURCE + SKY) * CONVERSION, rtol=1e-5)


def test_the_background_subtracted_rate_can_be_saved_and_is_flat(rate: Any, store: Path) -> None:
    """The documented `bsub`; in this order it is what the sky sends, not what the detector sees."""
    skies = [rate(f"sky{number}_rate.fits") for number in range(3)]
    bsub = calibrate(rate("x_rate.fits", SOURCE), skies, store, save=("background",))["bsub"]
    np.testing.assert_allclose(bsub.data, SOURCE, rtol=1e-5)
    assert str(bsub.unit) == "electron / s"


def test_the_numbers_of_the_mode_make_a_sky_that_comes_out_again(nights: Any, tmp_path: Path) -> None:
    """Stars of a simulated Liger exposure: flux and position, through distortion, flat, dark and sky."""
    simulator = pytest.importorskip("iris_simulate")
    made = nights("Liger").made
    made = simulator.simulate(
        instrument=made.scene.camera.mode, size=(200, 200), stars=4, brightest=1e-5, faintest=5e-6, backgrounds=4,
        margin=40, clear=8, seed=9,
    )  # fmt: skip
    written = simulator.write_set(made, tmp_path / "night")
    report = run("liger-image2", *written.associations, references={"store": written.references["dark"].parent})
    assert not report.failed, report.failed[0].error
    cal, truth = read_fits(report.results[0].products["cal"]), made.truth()
    found = simulator.compare(simulator.measure_stars(cal, made.scene.camera.psf, truth["ra"], truth["dec"]), truth)
    assert np.max(np.abs(found["pull"])) < 4.5
    assert np.max(np.abs(found["error"])) < 0.01
    assert np.max(found["offset"]) < 0.2 * 10  # mas: a fifth of a pixel
