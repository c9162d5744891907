"""What is found under a folder: which product is of which exposure."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from iris_report import make_report
from iris_report._night import find_night
from iris_testkit import make_exposure, make_reference

from iris_core import Plugins, load_plugins, run, write_fits

STAGES = """\
from astropy.table import Table
from iris_core import Result, stage, stage_spec

@stage_spec(status="S_MEAN", group=True, makes="one", product="mean", tables=("cat",), images=("segm",))
def mean(exposures, params, references, instrument):
    "The mean of all. Units: unchanged."

@stage("flat_field", references=("flat",))
def divide(exposure, references):
    return exposure.scale(1 / references["flat"].image(exposure).data)

@stage("mean")
def take_mean(exposures):
    merged = exposures.merged().with_keywords({"MAGRAT": (1.5, ""), "TOTEXP": (200.0, "")})
    first = exposures[0]
    made = merged.replace(data=first.data, dq=first.dq, variance=dict(first.variance))
    return Result(exposure=made, tables={"cat": Table({"flux": [1.0]})}, images={"segm": made.replace(variance={})})
"""
IRIS = {"INSTRUME": "IRIS", "TELESCOP": "TMT", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT"}


def plugins() -> Plugins:
    found, module = load_plugins(only=("iris-imager",)), ModuleType("lab_night")
    exec(STAGES, vars(module))
    found.add("lab-night", module, "1.0")
    return found


def calibrate(folder: Path, recipe: str, *files: Path, **options: Any) -> None:
    path = folder / "lab.yaml"
    path.write_text(f"recipe: 1\nname: lab\nsteps: {recipe}\n")
    flat = folder / "flat.fits"
    if not flat.exists():
        make_reference(flat, "flat", np.full((24, 25), 2.0))
    given = {"directory": folder / "out", "references": {"flat": flat}, "plugins": plugins(), **options}
    report = run(path, *files, **given)
    assert not report.failed, report.failed


def write_rate(folder: Path, name: str, **header: Any) -> Path:
    folder.mkdir(exist_ok=True)
    write_fits(make_exposure((24, 25), seed=len(name), header={**IRIS, **header}), folder / name)
    return folder / name


def test_products_of_one_exposure_are_in_the_order_of_their_stages(clean: SimpleNamespace, tmp_path: Path) -> None:
    night = find_night(clean.out, tmp_path)
    assert [one.name for one in night.observations] == [f"sim_IMG1_Kbb_{number:04d}" for number in (1, 2, 3, 4)]
    for one in night.observations:
        assert [product.suffix for product in one.products] == ["bsub", "cal", "i2d"]
        assert one.main.suffix == "cal"
        assert one.file == f"{one.name}_rate.fits"
        assert one.main.mode == "iris-imager"
        assert one.group == ("IRIS", "IMG1", "Kbb", "", "DEFAULT")
    assert not night.stacks
    assert not night.damaged


def test_without_cal_the_last_product_on_the_detector_is_measured(clean: SimpleNamespace, tmp_path: Path) -> None:
    for suffix in ("bsub", "i2d"):
        shutil.copy(clean.out / f"sim_IMG1_Kbb_0001_{suffix}.fits", tmp_path)
    (one,) = find_night(tmp_path, tmp_path / "report").observations
    assert one.main.suffix == "bsub"
    (tmp_path / "sim_IMG1_Kbb_0001_bsub.fits").unlink()
    (one,) = find_night(tmp_path, tmp_path / "report").observations
    assert one.main.suffix == "i2d"


@pytest.mark.parametrize(
    ("file", "product", "suffix", "name"),
    [
        ("x_rate.fits", "x_cal.fits", "cal", "x"),
        ("n1_x.fits", "n1_x_cal.fits", "cal", "n1_x"),
        (
            "P1_CAM_DET1_SCI_LVL1_0001-00.fits",
            "P1_CAM_DET1_SCI_LVL2_0001-00.fits",
            "cal",
            "P1_CAM_DET1_SCI_LVL2_0001-00",
        ),
    ],
)
def test_an_exposure_has_the_name_of_its_file(file: str, product: str, suffix: str, name: str, tmp_path: Path) -> None:
    calibrate(tmp_path, "[{flat_field: {save: cal}}]", write_rate(tmp_path / "raw", file))
    (one,) = find_night(tmp_path / "out", tmp_path / "report").observations
    assert [each.path.name for each in one.products] == [product]
    assert (one.name, one.file, one.main.suffix) == (name, file, suffix)


def test_a_product_that_was_renamed_is_still_that_of_its_exposure(tmp_path: Path) -> None:
    calibrate(tmp_path, "[{flat_field: {save: cal}}]", write_rate(tmp_path / "raw", "x_rate.fits"))
    (tmp_path / "out" / "x_cal.fits").rename(tmp_path / "out" / "best.fits")
    (one,) = find_night(tmp_path / "out", tmp_path / "report").observations
    assert (one.name, one.file, one.main.suffix) == ("x", "x_rate.fits", "best")


def test_integrations_and_asdf_are_measured_alike(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / "x_rateints.fits"
    write_fits(make_exposure((24, 25), nint=3, seed=2, header=IRIS), path)
    for form in ("fits", "asdf"):
        calibrate(tmp_path, "[{flat_field: {save: cal}}]", path, format=form, directory=tmp_path / form)
        made = make_report(tmp_path / form)
        assert made.line.startswith("1 exposure calibrated")
    numbers = [(tmp_path / form / "report" / "exposures.jsonl").read_text() for form in ("fits", "asdf")]
    assert numbers[0].replace(".fits", "") == numbers[1].replace(".asdf", "").replace(".fits", "")
    page = (tmp_path / "fits" / "report" / "exposures" / "x.html").read_text()
    assert "the first of 3 integrations" in page
    assert " to " not in made.line  # of one exposure there is one time at most


def test_group_products_are_stacks_with_their_catalogues(tmp_path: Path, clean: SimpleNamespace) -> None:
    files = [write_rate(tmp_path / "raw", f"{name}_rate.fits", OBJECT="M 92") for name in ("a", "bb", "ccc")]
    calibrate(tmp_path, "[{flat_field: {save: cal}}, {mean: {save: mean}}]", *files)
    night = find_night(tmp_path / "out", tmp_path / "report")
    assert {one.name for one in night.observations} == {"a", "bb", "ccc"}
    (stack,) = night.stacks
    assert stack.path.name == "a_mean.fits"
    assert len(stack.members) == 3
    assert list(night.tables) == [stack.record.key]
    assert len(list((tmp_path / "out").glob("*segm*"))) == 1
    made = make_report(tmp_path / "out")
    text = made.index.read_text()
    assert "M 92" in text
    assert "Deepest stack" in text
    assert night.tables[stack.record.key].name in text


def test_a_stack_without_errors_is_a_stack(tmp_path: Path) -> None:
    plain = make_exposure((24, 25), poisson=0, rnoise=0, header=IRIS).replace(variance={})
    (tmp_path / "raw").mkdir()
    for name in ("a", "b"):
        write_fits(plain, tmp_path / "raw" / f"{name}_rate.fits")
    files = [tmp_path / "raw" / f"{name}_rate.fits" for name in ("a", "b")]
    calibrate(tmp_path, "[{mean: {save: mean}}]", *files, references={})
    stacks = find_night(tmp_path / "out", tmp_path / "report").stacks
    assert "a_mean.fits" in {one.path.name for one in stacks}


def test_what_is_no_product_is_counted_and_what_is_hidden_is_not(clean: SimpleNamespace, tmp_path: Path) -> None:
    raw = sorted(clean.folder.glob("*rate.fits"))
    for path in raw[:3]:
        shutil.copy(path, tmp_path)
    (tmp_path / ".hidden").mkdir()
    shutil.copy(raw[0], tmp_path / ".hidden")
    night = find_night(tmp_path, tmp_path / "report")
    assert night.others == 3
    assert not night.observations


def test_an_exposure_that_cannot_be_read_and_went_into_no_product_is_named(
    clean: SimpleNamespace, tmp_path: Path, lab: SimpleNamespace
) -> None:
    """A run over a folder passes over it; without --search nobody knows of it."""
    raw = Path(shutil.copytree(clean.folder, tmp_path / "raw"))
    lost = Path(shutil.copy(lab.rate_of(clean, 1), raw / "lost_rate.fits"))
    for path in (lost, raw / lab.rate_of(clean, 2).name):  # of the second there are products
        lab.cut(path)
    night = find_night(clean.out, tmp_path / "report", search=[raw, tmp_path])
    assert list(night.unreadable) == [lost]
    assert "truncated" in night.unreadable[lost]
    made = make_report(clean.out, tmp_path / "report", search=[raw])
    assert "none failed, 1 file that cannot be read" in made.line
    (one,) = made.attention
    assert (one.kind, one.name, one.is_failure) == ("damaged", "lost_rate.fits", True)
    assert make_report(clean.out, tmp_path / "report").attention == ()


def test_the_report_itself_is_passed_over(clean: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    shutil.copy(clean.out / "sim_IMG1_Kbb_0001_cal.fits", tmp_path / "report")
    assert not find_night(tmp_path, tmp_path / "report").observations
