"""The report of a night: what needs attention first, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from iris_report import make_report

from iris_core import InputError, read_fits, write_fits


def kinds(made: Any) -> set[tuple[str, str, str]]:
    return {(one.kind, one.name, one.figure) for one in made.attention}


def text_of(page: Path) -> str:
    """Return what a reader sees of a page, in one line."""
    body = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page.read_text(), flags=re.DOTALL)
    return " ".join(unescape(body).split())


def test_a_clean_night_needs_nobody(clean: SimpleNamespace, tmp_path: Path) -> None:
    made = make_report(clean.out, tmp_path / "report", search=[clean.folder])
    assert made.attention == ()
    assert made.index == tmp_path / "report" / "index.html"
    assert "Needs attention: nothing" in text_of(made.index)
    assert "4 exposures calibrated, none failed, 1 target (SIMULATED STARS) in Kbb, 0.11 h" in made.line


def test_each_exposure_has_a_page_and_a_line_with_its_numbers(
    clean: SimpleNamespace, tmp_path: Path, lab: SimpleNamespace
) -> None:
    make_report(clean.out, tmp_path / "report", search=[clean.folder])
    entries = lab.entries(tmp_path / "report")
    assert [one["name"] for one in entries] == [f"sim_IMG1_Kbb_{number:04d}" for number in (1, 2, 3, 4)]
    for entry in entries:
        assert (tmp_path / "report" / entry["page"]).is_file()
        assert set(entry["products"]) == {"bsub", "cal", "i2d"}
        assert entry["figures"]["dark_age"] == pytest.approx(0.25, abs=0.01)
        assert abs(entry["figures"]["residual_sky"]) < 0.1
        assert entry["figures"]["sky_ratio"] == 1
        assert entry["flags"]["DO_NOT_USE"] == pytest.approx(entry["figures"]["bad_fraction"], rel=1e-5)


@pytest.mark.slow
def test_noise_ratio_of_a_simulated_night_is_1(lab: SimpleNamespace, tmp_path: Path) -> None:
    """E2: of 256 x 256 pixels with four background exposures."""
    night = lab.simulate(tmp_path / "raw", dithers=3, size=256, backgrounds=6, seed=8)
    lab.calibrate(night, tmp_path / "out")
    make_report(tmp_path / "out")
    ratios = [one["figures"]["noise_ratio"] for one in lab.entries(tmp_path / "out" / "report")]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.01)


@pytest.mark.slow
def test_thirty_exposures_with_faults_give_exactly_their_warnings(lab: SimpleNamespace, tmp_path: Path) -> None:
    """E1: three exposures fail, five have one fault each, and 22 have none."""
    night = lab.simulate(tmp_path / "raw", dithers=30, backgrounds=6)
    for number in (3, 11, 26):
        lab.cut(lab.rate_of(night, number))
    faults = {5: lab.double_sky(night), 8: lab.shrink_errors, 14: lab.spoil_pixels, 20: lab.saturate}
    for number, fault in faults.items():
        lab.change(lab.rate_of(night, number), fault)
    old = Path(shutil.copy(night.dark, tmp_path / "old_dark.fits"))
    lab.set_cards(old, **{"DATE-OBS": lab.long_ago})
    special = night.associations[22]
    lab.calibrate(night, tmp_path / "out", special, references={"store": night.references, "dark": old})
    lab.calibrate(night, tmp_path / "out", *[one for one in night.associations if one != special])
    made = make_report(tmp_path / "out", search=[night.folder, tmp_path])
    assert [one.kind for one in made.attention[:3]] == ["failed"] * 3
    assert kinds(made) == {
        *(("failed", f"sim_IMG1_Kbb_{number:04d}_rate.fits", "") for number in (3, 11, 26)),
        ("limit", "sim_IMG1_Kbb_0005", "residual_sky"),
        ("limit", "sim_IMG1_Kbb_0008", "noise_ratio"),
        ("limit", "sim_IMG1_Kbb_0014", "bad_fraction"),
        ("limit", "sim_IMG1_Kbb_0020", "saturated_fraction"),
        ("limit", "sim_IMG1_Kbb_0023", "dark_age"),
    }
    assert "27 exposures calibrated, 5 of them with a warning, 3 failed" in made.line
    main = made.index.read_text().partition("<main>")[2]
    first = re.search(r"<\w+[^>]*>", main)
    assert first is not None
    assert 'id="needs"' in first[0]
    assert [unescape(one) for one in re.findall(r'<li class="failure">.*?<strong>(.*?)</strong>', main, re.DOTALL)] == [
        f"sim_IMG1_Kbb_{number:04d}_rate.fits" for number in (3, 11, 26)
    ]


@pytest.mark.slow
def test_a_sky_that_is_still_there_and_doubled_stands_out_of_its_group(lab: SimpleNamespace, tmp_path: Path) -> None:
    night = lab.simulate(tmp_path / "raw", dithers=4)
    lab.change(lab.rate_of(night, 2), lab.double_sky(night))
    files = [lab.rate_of(night, number) for number in (1, 2, 3, 4)]
    lab.calibrate(night, tmp_path / "out", *files, skip={"resample": "not needed"})
    made = make_report(tmp_path / "out")
    assert kinds(made) == {("limit", "sim_IMG1_Kbb_0002", "sky_ratio")}
    first, entry, *_ = lab.entries(tmp_path / "out" / "report")
    added = entry["figures"]["sky"] - first["figures"]["sky"]
    assert added == pytest.approx(lab.sky, rel=0.02)  # electron/s, although the image is in MJy/sr
    assert entry["figures"]["sky_ratio"] == pytest.approx(1 + added / first["figures"]["sky"], rel=0.02)
    assert "residual_sky" not in entry["figures"]
    assert "no sky was subtracted" in text_of(tmp_path / "out" / "report" / entry["page"])


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(copied: Path, lab: SimpleNamespace) -> None:
    broken = copied / "sim_IMG1_Kbb_0001_cal.fits"
    broken.write_bytes(broken.read_bytes()[:60000])
    made = make_report(copied)
    assert kinds(made) == {("damaged", broken.name, "")}
    assert len(lab.entries(copied / "report")) == 4  # the image of it is there
    assert made.attention[0].words in text_of(made.index)


def test_damaged_products_of_one_name_are_all_told(copied: Path) -> None:
    """Two detectors, or two nights, in folders of their own."""
    whole = (copied / "sim_IMG1_Kbb_0001_cal.fits").read_bytes()
    paths = [copied / name / "x_cal.fits" for name in ("one", "two")]
    for path in (*paths, copied / "y_cal.fits"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(whole[:60000])
    make_report(copied)
    told = json.loads((copied / "report" / "night.json").read_text())["damaged"]
    assert set(told) == {*map(str, paths), "y_cal.fits"}


def test_a_header_is_text_whatever_it_says(copied: Path, lab: SimpleNamespace) -> None:
    """E4: markup in OBJECT, in a file name and in a message is shown as it is."""
    evil = "<script>alert(1)</script>"
    product = read_fits(copied / "sim_IMG1_Kbb_0001_cal.fits")
    header = product.header.copy()
    header["OBJECT"] = evil
    for path in copied.glob("*.fits"):
        path.unlink()
    write_fits(product.replace(header=header), copied / "a<b>&_cal.fits")
    (copied / "FAILED.jsonl").write_text(
        json.dumps({"file": f"{evil}.fits", "exposures": 1, "recipe": "<i>", "error": "<b>no & luck</b>"}) + "\n"
    )
    made = make_report(copied)
    for page in (made.index, *(copied / "report" / "exposures").glob("*.html")):
        assert evil in text_of(page)
        assert not re.search(r"<(script|b|i)[\s>]", page.read_text())


def test_a_report_is_replaced_and_pages_of_exposures_that_are_gone_go(copied: Path) -> None:
    made = make_report(copied, one_file=False)
    before = {path.name: path.read_bytes() for path in (copied / "report").rglob("*.*")}
    make_report(copied)
    assert before == {path.name: path.read_bytes() for path in (copied / "report").rglob("*.*")}  # the same bytes
    for path in copied.glob("*0003*"):
        path.unlink()
    make_report(copied)
    assert len(list((copied / "report" / "exposures").iterdir())) == 3
    assert "_0003" not in made.index.read_text()


def test_a_folder_with_something_else_is_left_alone(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("my own")
    with pytest.raises(InputError, match=r"mine holds something else than a report"):
        make_report(copied, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["index.html"]
    with pytest.raises(InputError, match="out holds something else"):
        make_report(copied, copied)
    with pytest.raises(InputError, match=r"index\.html is a file"):
        make_report(copied, tmp_path / "mine" / "index.html")


def test_a_folder_that_is_not_there_is_an_error(copied: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        make_report(tmp_path / "nowhere")
    with pytest.raises(InputError, match="nowhere: no such folder"):
        make_report(copied, search=[tmp_path / "nowhere"])
    assert not (copied / "report").exists()


def test_one_file_has_all_pages_and_links_into_itself(copied: Path) -> None:
    made = make_report(copied, one_file=True)
    text = made.index.read_text()
    assert {path.name for path in (copied / "report").iterdir()} == {"index.html", "exposures.jsonl", "night.json"}
    for number in (1, 2, 3, 4):
        assert f'href="#sim_IMG1_Kbb_{number:04d}"' in text
        assert f'<article id="sim_IMG1_Kbb_{number:04d}"' in text
    assert text.count("Residual sky over its errors") == 4


def test_one_file_that_is_too_large_is_refused_with_its_size(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iris_report._files._MOST", 20_000)
    with pytest.raises(InputError, match=r"would have 0 MB.*leave --one-file out"):
        make_report(copied, one_file=True)


def test_an_archive_holds_the_report_and_equal_reports_are_equal_archives(copied: Path) -> None:
    from zipfile import ZipFile

    made = make_report(copied, zipped=True)
    assert made.archive == copied / "report.zip"
    first = made.archive.read_bytes()
    with ZipFile(made.archive) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) >= {"report/index.html", "report/night.json", "report/exposures.jsonl"}
        assert archive.read("report/index.html") == made.index.read_bytes()
        assert len(archive.namelist()) == 7
    make_report(copied, zipped=True)
    assert made.archive.read_bytes() == first


def test_an_empty_folder_and_one_of_masters_have_a_report_too(tmp_path: Path, clean: SimpleNamespace) -> None:
    (tmp_path / "empty").mkdir()
    made = make_report(tmp_path / "empty")
    assert made.line == "No products, 0 other files."
    made = make_report(clean.folder, tmp_path / "raw")
    assert made.line == "No products, 14 other files."
    assert "No exposure has a product here" in text_of(made.index)


def test_the_numbers_of_the_night_are_written_with_a_schema(copied: Path, lab: SimpleNamespace) -> None:
    lab.set_cards(copied / "sim_IMG1_Kbb_0001_i2d.fits", OBJECT="other")
    make_report(copied)
    night = json.loads((copied / "report" / "night.json").read_text())
    assert night["schema"] == 1
    assert night["title"] == "Night of 2026-03-21"
    assert night["limits"]["iris-imager"]["noise_ratio"] == [0.9, 1.1]
    assert [one["name"] for one in night["exposures"]] == [one["name"] for one in lab.entries(copied / "report")]
    assert set(night["bad_over_group"]) == {one["name"] for one in night["exposures"]}


def test_limits_of_a_file_go_first(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text("bad_fraction: [0, 0.0001]\nBKGSKY: [8, 9]\n")
    made = make_report(copied, limits=tmp_path / "limits.yaml")
    assert {one.figure for one in made.attention} == {"bad_fraction", "BKGSKY"}
    assert len(made.attention) == 8
    page = text_of(copied / "report" / made.attention[0].page)
    assert "BKGSKY" in page
    assert "8 to 9" in page


def test_exposures_of_one_name_in_two_folders_are_told_apart(copied: Path, lab: SimpleNamespace) -> None:
    (copied / "again").mkdir()
    for path in copied.glob("*0001*.fits"):
        shutil.copy(path, copied / "again")
    make_report(copied)
    entries = lab.entries(copied / "report")
    names = [one["name"] for one in entries]
    assert {"sim_IMG1_Kbb_0001", "again/sim_IMG1_Kbb_0001"} < set(names)
    assert len({one["page"] for one in entries}) == len(names) == 5
    assert all((copied / "report" / one["page"]).is_file() for one in entries)
