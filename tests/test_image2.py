"""The recipes image2 and image2-dark-first, end to end, on exposures whose answer is known in closed form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from iris_testkit import make_exposure, make_reference

from iris_core import DQ, Exposure, InputError, IrisError, Removal, calibrate, check, read_fits, run, write_fits
from iris_core.cli import main

pytest.importorskip("iris_background")

ROOT = Path(__file__).parents[1]
SHAPE = (24, 32)
SOURCE, SKY, DARK, FLAT, CONVERSION = 100.0, 7.0, 0.5, 0.9, 0.25
HEADER = {
    "TELESCOP": "TMT",
    "INSTRUME": "IRIS",
    "DETECTOR": "IMG1",
    "FILTER": "Kbb",
    "READMODE": "DEFAULT",
    "DATE-OBS": "2026-01-01T00:00:00",
    "EXPTIME": 100.0,
}
SCALE = 0.004 / 3600
WCS: dict[str, Any] = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRPIX1": 16.5,
    "CRPIX2": 12.5,
    "CRVAL1": 10.0,
    "CRVAL2": 20.0,
    "CD1_1": -SCALE,
    "CD1_2": 0.0,
    "CD2_1": 0.0,
    "CD2_2": SCALE,
    "CUNIT1": "deg",
    "CUNIT2": "deg",
    "RADESYS": "ICRS",
}
PHOTOM = """# %ECSV 1.0
# ---
# datatype:
# - {name: filter, datatype: string}
# - {name: photmjsr, unit: MJy s / (electron sr), datatype: float64}
# - {name: uncertainty, unit: MJy s / (electron sr), datatype: float64}
# - {name: pixar_sr, unit: sr, datatype: float64}
# - {name: pixar_a2, unit: arcsec2, datatype: float64}
# meta: {REFTYPE: photom, INSTRUME: IRIS, DETECTOR: IMG1, USEAFTER: '2020-01-01T00:00:00'}
# schema: astropy-2.0
filter photmjsr uncertainty pixar_sr pixar_a2
Kbb 0.25 0.0025 3.760693e-16 1.6e-05
Hbb 0.5 0.0025 3.760693e-16 1.6e-05
"""


def rate(name: str, source: float, nint: int = 0, **header: str) -> Exposure:
    """Return an exposure as the detector sees it: the source and the sky through the flat, and the dark."""
    value = (source + SKY) * FLAT + DARK
    return make_exposure(
        SHAPE, value=value, nint=nint, header={**HEADER, **header}, sci_header=WCS, path=Path(name), start_time=None
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "references"
    folder.mkdir()
    plane = np.ones(SHAPE)
    make_reference(folder / "d.fits", "dark", DARK * plane, err=0.01 * plane, unit="electron/s", READMODE="DEFAULT")
    make_reference(folder / "f.fits", "flat", FLAT * plane, err=0.001 * plane, FILTER="Kbb")
    (folder / "photom.ecsv").write_text(PHOTOM)
    return folder


@pytest.fixture
def night(tmp_path: Path, store: Path) -> Path:
    """Return a folder with a rate, rateints, and three exposures of blank sky."""
    write_fits(rate("x_rate.fits", SOURCE), tmp_path / "x_rate.fits")
    write_fits(rate("x_rateints.fits", SOURCE, nint=2), tmp_path / "x_rateints.fits")
    for number in range(3):
        write_fits(rate(f"sky{number}_rate.fits", 0.0), tmp_path / f"sky{number}_rate.fits")
    return tmp_path


def skies(folder: Path) -> list[Path]:
    return sorted(folder.glob("sky?_rate.fits"))


@pytest.mark.parametrize("recipe", ["image2", "image2-dark-first"])
@pytest.mark.parametrize("science", ["x_rate.fits", "x_rateints.fits"])
def test_the_truth_comes_out_whatever_the_order(recipe: str, science: str, night: Path, store: Path) -> None:
    """Background first removes the dark current, too, and dark_current must not remove it a second time."""
    report = run(
        recipe, night / science, backgrounds=skies(night), references={"store": store}, directory=night / "out"
    )
    assert not report.failed
    suffix = "ints" if "ints" in science else ""
    assert sorted(path.name for path in report.products) == [f"x_cal{suffix}.fits", f"x_i2d{suffix}.fits"]
    for path in report.products:
        product = read_fits(path)
        inside = product.data[..., 1:-1, 1:-1]
        np.testing.assert_allclose(inside, SOURCE * CONVERSION, rtol=1e-5)
        assert str(product.unit) == "MJy / sr"
        assert np.array_equal(np.isnan(product.data), (product.dq & DQ.DO_NOT_USE) != 0)


def test_a_dark_that_the_background_removed_is_recorded_in_the_product(night: Path, store: Path) -> None:
    report = run("image2", night / "x_rate.fits", backgrounds=skies(night), references={"store": store})
    cal = read_fits(report.results[0].products["cal"])
    record = next(record for record in cal.history if record.stage == "dark_current")
    assert any("dark" in note for note in record.notes)
    assert record.references[0].path == "d.fits"
    assert cal.header["RM_DARK"] == "WHOLE"
    assert cal.removed["dark"] is Removal.WHOLE
    assert "dark" not in cal.variance


def test_the_variance_of_the_product_is_that_of_the_formulas(night: Path, store: Path) -> None:
    cal = calibrate(read_fits(night / "x_rate.fits"), "image2", references={"store": store})["cal"]
    scale = CONVERSION / FLAT
    value = (SOURCE + SKY) * CONVERSION
    expected = {
        "poisson": 1.0 * scale**2,
        "rnoise": 0.5 * scale**2,
        "dark": 0.01**2 * scale**2,
        "flat": (value / FLAT * 0.001) ** 2,
    }
    assert set(cal.variance) == set(expected)
    for name, variance in expected.items():
        np.testing.assert_allclose(cal.variance[name], variance, rtol=1e-5)
    assert cal.err is not None
    np.testing.assert_allclose(cal.err, np.sqrt(sum(expected.values())), rtol=1e-5)


def test_without_backgrounds_the_product_says_why_the_stage_was_skipped(night: Path, store: Path) -> None:
    report = run("image2", night / "x_rate.fits", references={"store": store}, save=("background",))
    assert set(report.results[0].products) == {"cal", "i2d"}
    cal = read_fits(report.results[0].products["cal"])
    assert cal.status["S_BKDSUB"] == "SKIPPED"
    assert cal.history[0].notes == ("no background exposures",)
    np.testing.assert_allclose(cal.data, (SOURCE + SKY) * CONVERSION, rtol=1e-5)


@pytest.mark.parametrize("recipe", ["image2", "image2-dark-first"])
def test_backgrounds_in_another_state_are_refused_by_check_and_by_run(recipe: str, night: Path, store: Path) -> None:
    flattened = rate("flattened.fits", 0.0, S_FLAT="COMPLETE")
    write_fits(flattened, night / "flattened.fits")
    given = night / "flattened.fits"
    checked = check(recipe, night / "x_rate.fits", backgrounds=given)
    assert any("flattened.fits" in str(error) and "flat" in str(error) for error in checked.errors)
    with pytest.raises(IrisError, match=r"flattened\.fits"):
        run(recipe, night / "x_rate.fits", references={"store": store}, backgrounds=given)


def test_the_command_line_calibrates_an_association_and_saves_bsub(night: Path, store: Path) -> None:
    members = [{"expname": "x_rate.fits", "exptype": "science"}]
    members += [{"expname": path.name, "exptype": "background"} for path in skies(night)]
    asn = {"asn_type": "image2", "products": [{"name": "combined", "members": members}]}
    (night / "x_asn.json").write_text(json.dumps(asn))
    arguments = ["run", "image2", str(night / "x_asn.json"), "--reference", f"store={store}", "--save-bsub", "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    products = json.loads(result.stdout)["exposures"][0]["products"]
    assert [Path(path).name for path in products.values()] == [f"combined_{suffix}.fits" for suffix in products]
    assert list(products) == ["bsub", "cal", "i2d"]
    bsub = read_fits(Path(products["bsub"]))
    np.testing.assert_allclose(bsub.data, SOURCE * FLAT, rtol=1e-5)
    assert str(bsub.unit) == "electron / s"


def test_a_window_calibrated_alone_equals_the_same_pixels_of_the_full_frame(night: Path, store: Path) -> None:
    """References are cut to the window, the WCS is shifted; nothing else may differ by a bit."""
    rng = np.random.default_rng(3)
    full = rate("full_rate.fits", SOURCE)
    full = full.replace(data=rng.normal(50, 5, SHAPE).astype(np.float32))
    shifted = {**WCS, "CRPIX1": WCS["CRPIX1"] - 8, "CRPIX2": WCS["CRPIX2"] - 4}
    window = {"SUBARRAY": "CUSTOM", "SUBARRID": 1, "SUBSTRT1": 9, "SUBSTRT2": 5, "SUBSIZE1": 16, "SUBSIZE2": 10}
    part = make_exposure((10, 16), header={**HEADER, **window}, sci_header=shifted)
    part = part.replace(data=full.data[4:14, 8:24])
    for exposure, name in ((full, "full_rate.fits"), (part, "part_rate.fits")):
        write_fits(exposure, night / name)
    report = run("image2", night / "full_rate.fits", night / "part_rate.fits", references={"store": store})
    whole, cut = (read_fits(result.products["cal"]) for result in report.results)
    assert np.array_equal(whole.data[4:14, 8:24], cut.data)
    for name in whole.variance:
        assert np.array_equal(whole.variance[name][4:14, 8:24], cut.variance[name])
    assert whole.wcs is not None
    assert cut.wcs is not None
    np.testing.assert_allclose(cut.wcs(3, 2), whole.wcs(11, 6), rtol=0, atol=1e-12)


def test_flat_field_is_swapped_for_a_function(night: Path, store: Path) -> None:
    def halve(exposure: Exposure) -> Exposure:
        return exposure.scale(0.5)

    products = calibrate(
        read_fits(night / "x_rate.fits"), "image2", stages={"flat_field": halve}, references={"store": store}
    )
    np.testing.assert_allclose(products["cal"].data, (SOURCE + SKY) * FLAT * 0.5 * CONVERSION, rtol=1e-5)


def test_a_product_is_not_calibrated_a_second_time(night: Path, store: Path) -> None:
    report = run("image2", night / "x_rate.fits", references={"store": store})
    checked = check("image2", report.results[0].products["cal"])
    assert any(isinstance(error, InputError) and "S_WCS" in str(error) for error in checked.errors)


def test_to_load_the_plugins_of_this_repository_imports_nothing_heavy() -> None:
    """Each imports what is slow in the functions that need it: `iris list` loads all of them."""
    heavy = ("asdf", "drizzle", "gwcs", "matplotlib", "pandas", "photutils", "scipy")
    code = f"""
import sys
from iris_core import load_plugins
names = [name for name in load_plugins().names() if name.startswith("iris-")]
assert len(names) > 10, names
print(*sorted(set({heavy!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
