"""The numbers of one exposure: those of headers, of formulas, and those that make no sense."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log10, pi, sqrt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from iris_report import make_report
from iris_report._content import Content
from iris_report._examine import _footprint
from iris_report._limits import read_limits
from iris_report._night import Night, Product, find_night
from iris_testkit import make_exposure
from iris_verify import Record

from iris_core import DQ, load_plugins, read_fits, write_asdf, write_fits


def rewrite(path: Path, **cards: Any) -> None:
    """Change keywords of the science header of a product."""
    product = read_fits(path)
    science = product.sci_header.copy()
    for name, value in cards.items():
        if value is None:
            del science[name]
        else:
            science[name] = value
    path.unlink()
    write_fits(product.replace(sci_header=science), path)


def entry_of(out: Path, number: int = 1) -> dict[str, Any]:
    make_report(out)
    lines = (out / "report" / "exposures.jsonl").read_text().splitlines()
    found: dict[str, Any] = json.loads(lines[number - 1])
    return found


def test_the_limiting_magnitude_is_that_of_the_formula(copied: Path) -> None:
    path = copied / "sim_IMG1_Kbb_0001_cal.fits"
    figures, header = entry_of(copied)["figures"], read_fits(path).sci_header
    flux = 5 * figures["noise"] * sqrt(pi * 3**2) * 1e6 * header["PIXAR_SR"]  # Jy, 5 sigma in 3 pixels
    assert figures["limiting_magnitude"] == pytest.approx(-2.5 * log10(flux / 3631), abs=1e-4)


@pytest.mark.parametrize("area", [None, 0.0, -1.0])
def test_without_a_pixel_area_there_is_no_limiting_magnitude(area: float | None, copied: Path) -> None:
    rewrite(copied / "sim_IMG1_Kbb_0001_cal.fits", PIXAR_SR=area)
    assert "limiting_magnitude" not in entry_of(copied)["figures"]


def test_keywords_of_stars_become_numbers_and_trends(copied: Path) -> None:
    for number in (1, 2):
        rewrite(copied / f"sim_IMG1_Kbb_{number:04d}_cal.fits", FWHM=0.018 + number / 1000, ZP_AB=27.5)
    figures = entry_of(copied)["figures"]
    assert (figures["fwhm"], figures["zero_point"]) == (0.019, 27.5)
    text = (copied / "report" / "index.html").read_text()
    assert "FWHM of 2 exposures: median 0.0195" in text
    assert "Not known of any exposure" not in text


@pytest.mark.parametrize(
    ("region", "corners"),
    [
        ("POLYGON ICRS 10 20 11 20 11 21", ((10, 20), (11, 20), (11, 21))),
        ("POLYGON ICRS 10 20 11", ()),
        ("POLYGON ICRS 10 twenty", ()),
        ("POLYGON FK5 10 20 11 20 11 21", ()),
        ("CIRCLE ICRS 10 20 1", ()),
        ("", ()),
    ],
)
def test_a_footprint_is_that_of_s_region_or_none(region: str, corners: Any) -> None:
    exposure = make_exposure(sci_header={"S_REGION": region})
    assert _footprint(Product(Path("x_cal.fits"), exposure, Record(Path("x_cal.fits"), ""))) == corners


def test_a_saturated_pixel_may_be_used_and_a_bad_one_not(copied: Path, lab: SimpleNamespace) -> None:
    before = entry_of(copied)["figures"]
    corner = np.zeros((64, 64), dtype=bool)
    corner[:4, :4] = True
    lab.change(copied / "sim_IMG1_Kbb_0001_cal.fits", lambda one: one.flag(corner, DQ.SATURATED))
    after = entry_of(copied)["figures"]
    assert after["saturated_fraction"] == pytest.approx(16 / 4096)
    assert after["bad_fraction"] == before["bad_fraction"]
    assert after["noise"] == before["noise"]


def test_two_formats_of_one_product_are_both_listed(copied: Path) -> None:
    name = "sim_IMG1_Kbb_0001_cal"
    write_asdf(read_fits(copied / f"{name}.fits"), copied / f"{name}.asdf")
    assert set(entry_of(copied)["products"]) == {"bsub", f"{name}.fits", f"{name}.asdf", "i2d"}


def test_addresses_lead_from_the_report_to_files_of_any_name(copied: Path) -> None:
    from urllib.parse import unquote

    path = copied / "sim_IMG1_Kbb_0001_i2d.fits"
    path.rename(copied / "sim_IMG1_Kbb_0001_a #1? 100%.fits")
    addresses = entry_of(copied)["products"].values()
    assert all((copied / "report" / unquote(one)).is_file() for one in addresses)
    assert not any(character in "".join(addresses) for character in " #?")


def test_a_damaged_stack_or_a_damaged_sky_does_not_stop_the_report(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can only be seen in the pixels: here their plane is gone, which no header tells."""
    product = read_fits(copied / "sim_IMG1_Kbb_0001_i2d.fits")
    header = product.header.copy()
    header["NEXP"] = 2
    write_fits(product.replace(header=header), copied / "deep_i2d.fits")
    rewrite(copied / "sim_IMG1_Kbb_0002_cal.fits", BKGSKY=None)
    broken = {"deep_i2d.fits", "sim_IMG1_Kbb_0002_cal.fits"}
    fromfile = np.fromfile

    def damaged(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name in broken:
            raise OSError("input/output error")
        return fromfile(path, *arguments, **options)

    monkeypatch.setattr(np, "fromfile", damaged)
    made = make_report(copied)
    assert {(one.kind, one.name) for one in made.attention} == {("damaged", name) for name in broken}
    assert all("input/output error" in one.words for one in made.attention)
    assert made.line.startswith("3 exposures calibrated")


def test_limits_are_drawn_where_all_modes_agree(clean: SimpleNamespace) -> None:
    night = find_night(clean.out, clean.out / "report")
    one, other = dict(read_limits()), {**read_limits(), "noise_ratio": (0.5, 2.0)}

    def common(**limits: Any) -> Any:
        content = Content(Night(night.folder), limits, read_limits(), load_plugins(only=()), str, is_one_file=False)
        return content._common_limits()

    assert common() == common(a=one) == read_limits()
    assert "noise_ratio" not in common(a=one, b=other)
    assert common(a=one, b=other)["bad_fraction"] == one["bad_fraction"]


@pytest.mark.parametrize(
    ("names", "anchors"),
    [
        (["a", "b"], ["a", "b"]),
        (["x y", "x/y", "x_y"], ["x_y", "x_y-2", "x_y-3"]),
        (["<b>", "..", "Größe"], ["_b_", "exposure", "Gr__e"]),
    ],
)
def test_each_exposure_has_an_address_of_its_own(names: list[str], anchors: list[str], clean: SimpleNamespace) -> None:
    first = find_night(clean.out, clean.out / "report").observations[0]
    night = Night(clean.out, observations=[replace(first, name=name) for name in names])
    pages = Content(night, {}, read_limits(), load_plugins(only=()), str, is_one_file=False).pages
    assert pages == {name: f"exposures/{one}.html" for name, one in zip(names, anchors, strict=True)}
