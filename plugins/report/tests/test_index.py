"""The index: the night in a line, targets with their stacks, and what needs attention."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from iris_report import make_report
from iris_report._index import time_of

from iris_core import read_asdf, read_fits, write_asdf, write_fits

STACK = {"NEXP": 4, "TOTEXP": 400.0, "MAGLIM": 27.51, "MAGRAT": 1.5, "FWHM": 0.0175, "STREHL": 0.75, "NSTARS": 12}


def text_of(page: Path) -> str:
    return " ".join(unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page.read_text(), flags=re.DOTALL)).split())


def make_stack(out: Path, name: str = "deep_i2d.fits", **cards: Any) -> Path:
    """Write a stack as the mosaic and the catalogue leave it: from an image of one exposure of the night."""
    product = read_fits(out / "sim_IMG1_Kbb_0001_i2d.fits")
    header, science = product.header.copy(), product.sci_header.copy()
    given = {**STACK, **cards}
    header["NEXP"] = given.pop("NEXP")
    header["OBJECT"] = given.pop("OBJECT", header["OBJECT"])
    science.update(given)
    write_fits(product.replace(header=header, sci_header=science), out / name)
    return out / name


def test_the_deepest_stack_of_a_target_is_shown_with_its_depth_and_psf(copied: Path) -> None:
    make_stack(copied)
    make_stack(copied, "shallow_i2d.fits", TOTEXP=100.0)
    made = make_report(copied)
    text = text_of(made.index)
    for words in (
        "deep_i2d.fits: ",
        "27.51 mag AB",
        "0.0175 arcsec",
        "Strehl ratio 0.750",
        "stars in the catalogue 12",
    ):
        assert words in text
    assert "shallow_i2d.fits:" not in text.partition("Exposures")[2]
    assert "2 stacks" in made.line


def test_limits_of_the_mode_hold_for_keywords_of_stacks(copied: Path) -> None:
    make_stack(copied)
    made = make_report(copied)
    (one,) = made.attention
    assert (one.kind, one.name, one.figure) == ("limit", "deep_i2d.fits", "MAGRAT")
    assert "1.5" in one.words


def test_a_stack_without_a_catalogue_says_so_and_one_without_exposures_is_a_target_too(copied: Path) -> None:
    path = make_stack(copied, OBJECT="elsewhere", MAGRAT=1.0)
    product = read_fits(path)
    science = product.sci_header.copy()
    for name in ("MAGLIM", "FWHM", "STREHL", "NSTARS", "MAGRAT"):
        del science[name]
    path.unlink()
    write_fits(product.replace(sci_header=science), path)
    text = text_of(make_report(copied).index)
    assert "elsewhere, Kbb 0 exposures" in text
    assert "no catalogue was made of it" in text


def test_a_stack_in_counts_has_its_depth_as_a_flux(copied: Path) -> None:
    path = make_stack(copied, FLUXLIM=3.5)
    product = read_fits(path)
    science = product.sci_header.copy()
    del science["MAGLIM"]
    path.unlink()
    write_fits(product.replace(sci_header=science), path)
    text = text_of(make_report(copied).index)
    assert "unit of the catalogue 3.5" in text
    assert "no catalogue was made of it" not in text


def test_detectors_that_were_read_out_together_count_once() -> None:
    entries: Any = [
        SimpleNamespace(instrument=camera, detector=detector, start=start, exposure_time=seconds)
        for camera, detector, start, seconds in (
            ("IRIS", "IMG1", "a", 100.0),
            ("IRIS", "IMG2", "a", 100.0),
            ("IRIS", "IMG1", "a", 1.0),
            ("Liger", "IMG1", "a", 50.0),
            ("IRIS", "IMG1", "", 10.0),
            ("IRIS", "IMG2", "", 10.0),
            ("IRIS", "IMG2", "", None),
        )
    ]
    assert time_of(entries) == 171.0


def test_a_stack_that_was_made_without_an_exposure_needs_a_person(copied: Path) -> None:
    path = make_stack(copied, MAGRAT=1.0)
    product = read_fits(path)
    path.unlink()
    left_out = [{"file": "lost_rate.fits", "role": "science", "sha256": "0" * 64}]
    write_fits(product.replace(provenance={**product.provenance, "left_out": left_out}), path)
    (one,) = make_report(copied).attention
    assert one.kind == "incomplete"
    assert "lost_rate.fits" in one.words


def test_each_target_and_filter_has_its_dither_map(copied: Path, lab: SimpleNamespace) -> None:
    for number in (1, 2):
        for path in copied.glob(f"*_{number:04d}_*"):
            lab.set_cards(path, OBJECT="M 92")
    text = make_report(copied).index.read_text()
    assert text.count("<h2>M 92, Kbb</h2>") == text.count("<h2>SIMULATED STARS, Kbb</h2>") == 1
    assert len(re.findall(r'<polygon class="outline"', text)) == 4
    assert "2 targets (SIMULATED STARS, M 92)" in text or "2 targets (M 92, SIMULATED STARS)" in text


def test_reference_files_that_were_made_are_listed(copied: Path, lab: SimpleNamespace) -> None:
    path = make_stack(copied, "IMG1_dark.fits")
    lab.set_cards(path, REFTYPE="dark", DESCRIP="dark of 4 exposures")
    made = make_report(copied)
    assert "1 reference file made" in made.line
    assert "dark of 4 exposures" in text_of(made.index)


def test_all_text_of_needs_is_in_the_line_and_the_json(copied: Path) -> None:
    (copied / "FAILED.jsonl").write_text(
        json.dumps({"file": "lost_rate.fits", "exposures": 3, "recipe": "image3", "error": "cut off"}) + "\n"
    )
    made = make_report(copied)
    assert ", 3 failed" in made.line
    (one,) = made.attention
    assert one.is_failure
    assert one.name == "lost_rate.fits and 2 others"
    assert "cut off" in text_of(made.index)
    night = json.loads((copied / "report" / "night.json").read_text())
    assert night["failures"][0]["error"] == "cut off"
    assert night["attention"][0]["kind"] == "failed"


def test_a_bad_pixel_excess_is_over_the_median_of_the_detector(copied: Path, lab: SimpleNamespace) -> None:
    lab.change(copied / "sim_IMG1_Kbb_0003_cal.fits", lab.spoil_pixels)
    make_report(copied)
    over = json.loads((copied / "report" / "night.json").read_text())["bad_over_group"]
    assert over["sim_IMG1_Kbb_0003"] == pytest.approx(0.06, abs=0.01)
    assert over["sim_IMG1_Kbb_0001"] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.slow
def test_products_in_asdf_have_a_report(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "asdf").mkdir()
    for path in copied.glob("*_cal.fits"):
        write_asdf(read_fits(path), tmp_path / "asdf" / f"{path.stem}.asdf")
    assert read_asdf(tmp_path / "asdf" / "sim_IMG1_Kbb_0001_cal.asdf", pixels=False).history
    made = make_report(tmp_path / "asdf")
    assert made.attention == ()
    assert made.line.startswith("4 exposures calibrated")
