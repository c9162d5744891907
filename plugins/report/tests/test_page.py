"""The page of one exposure: its numbers, parameters, log and commands."""

from __future__ import annotations

import re
import shlex
import shutil
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest
from iris_report import make_report
from iris_report._night import find_night
from iris_report._page import changed_parameters, commands_to_look, commands_to_repeat

from iris_core import load_plugins, read_fits, sha256_of


def page_of(out: Path, number: int = 1) -> str:
    return (out / "report" / "exposures" / f"sim_IMG1_Kbb_{number:04d}.html").read_text()


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)).split())


def section(html: str, title: str) -> str:
    """Return what a page says under a heading."""
    return text_of(html.partition(f"<h2>{title}</h2>")[2].partition("<h2>")[0])


@pytest.fixture(scope="module")
def page(clean: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the page of an exposure of the clean night, with all that can be found of it."""
    out = Path(shutil.copytree(clean.out, tmp_path_factory.mktemp("page") / "out"))
    make_report(out, search=[clean.folder])
    return page_of(out)


def test_the_exposure_and_each_product_have_a_picture_with_its_limits(page: str) -> None:
    stages = page.partition("<h2>Stage by stage</h2>")[2].partition("<h2>")[0]
    assert re.findall(r"<figcaption><strong>(\w+)</strong>", stages) == ["exposure", "bsub", "cal", "i2d"]
    assert stages.count('src="data:image/jpeg;base64,') == 4
    assert len(re.findall(r'alt="\S+\.fits: black \S+, white \S+ (electron/s|MJy/sr)"', stages)) == 4


def test_before_and_after_are_on_one_stretch_in_their_units(page: str, clean: SimpleNamespace) -> None:
    widths: dict[str, list[float]] = {}
    for black, white, unit in re.findall(r'alt="\S+: black (\S+), white (\S+) (electron/s|MJy/sr)"', page):
        widths.setdefault(unit, []).append(float(white) - float(black))
    assert {unit: len(each) for unit, each in widths.items()} == {"electron/s": 2, "MJy/sr": 2}
    for each in widths.values():
        assert max(each) - min(each) < 0.02
    factor = read_fits(clean.out / "sim_IMG1_Kbb_0001_cal.fits", pixels=False).sci_header["PHOTMJSR"]
    assert widths["MJy/sr"][0] / widths["electron/s"][0] == pytest.approx(factor, rel=0.01)


def test_numbers_have_limits_and_definitions_and_those_not_known_say_why(page: str) -> None:
    numbers = section(page, "Numbers")
    for words in (
        "Noise ratio",
        "0.9 to 1.1",
        "1.4826 median absolute deviation",
        "0 to 5 %",
        "Age of the dark",
        "0 to 30 days",
    ):
        assert words in numbers
    assert "FWHM not known: no catalogue was made of this exposure" in numbers
    assert "mag AB" in numbers


def test_residuals_flags_and_references_are_shown(page: str, clean: SimpleNamespace) -> None:
    assert "pixels between sources, noise ratio" in section(page, "Residual sky over its errors")
    assert "<polyline" in page
    flags = section(page, "DQ bits")
    assert "DO_NOT_USE" in flags
    assert "%" in flags
    references = section(page, "Reference files").replace(" ", "")
    assert sha256_of(clean.dark) in references
    assert clean.dark.name in references
    assert "byitsheader(folder):INSTRUMEIRIS,DETECTORIMG1" in references


def test_a_parameter_that_is_not_default_is_shown_with_its_default(page: str) -> None:
    assert section(page, "Parameters that are not default") == "parameter value default background.sigma 5.0 4.0"


def test_the_log_has_each_stage_with_its_remarks(page: str) -> None:
    log = section(page, "Log")
    assert "background COMPLETE iris-background" in log
    assert "mean of 4 background exposures" in log
    assert "parse_subarray_map SKIPPED iris-subarray 0.2.0 no SUBARR_MAP" in log


def test_the_command_on_the_page_makes_the_same_pixels_again(page: str, clean: SimpleNamespace, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from iris_core.cli import main

    shown = unescape(re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)[0]).splitlines()
    words = shlex.split(next(line for line in shown if line.startswith("iris run ")))
    assert words[:3] == ["iris", "run", "image2"]
    assert words[-8::2] == ["--background"] * 4
    files = {path.name: str(path) for path in clean.folder.glob("*.fits")}
    words = [files.get(word, word).replace("store=STORE", f"store={clean.references}") for word in words]
    done = CliRunner().invoke(main, [*words[1:], "--output-dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    name = "sim_IMG1_Kbb_0001_cal.fits"
    again, before = read_fits(tmp_path / name), read_fits(clean.out / name)
    assert again.data.tobytes() == before.data.tobytes()
    assert again.header["IRISKEY"] == before.header["IRISKEY"]


def test_a_plugin_that_is_not_installed_has_no_defaults(clean: SimpleNamespace, tmp_path: Path) -> None:
    product = find_night(clean.out, tmp_path).observations[0].main
    changed = changed_parameters(product, load_plugins(only=("iris-imager",)))
    values = {one.name: one.default for one in changed}
    assert values["background.sigma"] == "not known: iris-background is not installed"
    assert "--set" not in commands_to_repeat(product, load_plugins(only=("iris-imager",)))[-1]


def test_what_is_installed_to_replay_products_comes_first(
    clean: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = find_night(clean.out, tmp_path).observations[0].main
    monkeypatch.setattr("iris_report._page.entry_points", lambda group: [SimpleNamespace(name="replay")])
    first, second = commands_to_repeat(product, load_plugins())
    assert first == "iris replay sim_IMG1_Kbb_0001_cal.fits"
    assert second.startswith("iris run image2 sim_IMG1_Kbb_0001_rate.fits --reference store=STORE --set ")


def test_commands_open_the_file_in_other_programs(clean: SimpleNamespace, tmp_path: Path) -> None:
    product = find_night(clean.out, tmp_path).observations[0].main
    assert commands_to_look(product) == [
        "iris show sim_IMG1_Kbb_0001_cal.fits",
        "ds9 'sim_IMG1_Kbb_0001_cal.fits[SCI]'",
        "jdaviz --layout=imviz sim_IMG1_Kbb_0001_cal.fits",
    ]


def test_a_product_without_errors_or_valid_pixels_has_a_page(copied: Path, lab: SimpleNamespace) -> None:
    import numpy as np

    from iris_core import DQ

    for path in copied.glob("*_0001_*"):
        if "cal" not in path.name:
            path.unlink()
    lab.change(copied / "sim_IMG1_Kbb_0001_cal.fits", lambda one: one.replace(variance={}))
    lab.change(
        copied / "sim_IMG1_Kbb_0002_cal.fits", lambda one: one.flag(np.ones(one.shape, dtype=bool), DQ.DO_NOT_USE)
    )
    made = make_report(copied)
    assert {one.figure for one in made.attention} == {"bad_fraction"}
    assert "not known: the product has no errors" in section(page_of(copied), "Numbers")
    assert "No valid pixels" in section(page_of(copied, 2), "Residual sky over its errors")
    assert "not known: no valid pixels" in section(page_of(copied, 2), "Numbers")
