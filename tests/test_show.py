"""`iris list` and `iris show`: what is there, what it does, and what was done to a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from click.testing import CliRunner
from iris_testkit import make_exposure, make_reference

from iris_core import run
from iris_core import write_exposure as write_exposure_file
from iris_core.cli import main
from iris_core.loading import load_plugins

Write = Callable[..., Path]
Install = Callable[..., None]

PLUGIN = """\
import numpy as np
from iris_core import Params, parameter, stage

class FlatParams(Params):
    gain: float = parameter(2.0, "Factor on the [data].", "electron/DN", gt=0)

@stage("flat_field", params=FlatParams, references=("flat",), optional=("area",))
def flat(exposure, params, references):
    "Multiply by the gain."
    return exposure.scale(params.gain).note("carefully")
"""


@pytest.fixture(autouse=True)
def installed(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("lab-flat", PLUGIN, version="3.1")
    install("lab-broken", "1 / 0")
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab-flat,lab-broken,iris-imager")


def output(*arguments: Any, code: int = 0) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result.output


def parsed(*arguments: Any) -> Any:
    return json.loads(output(*arguments, "--json"))


@pytest.fixture
def product(write_recipe: Write, write_exposure: Write, tmp_path: Path) -> Path:
    make_reference(tmp_path / "flat.fits", "flat", [[1.0]])
    recipe = write_recipe("flat_field", "references: {flat: flat.fits}")
    header = {"DATE-OBS": "2026-01-02T03:04:05", "EXPTIME": 12.5}
    report = run(recipe, write_exposure(header=header), plugins=load_plugins(["lab-flat", "iris-imager"]))
    return report.products[0]


def test_list_says_what_is_installed_and_what_is_broken() -> None:
    text = output("list")
    for words in (
        "lab-flat",
        "3.1",
        "lab-broken",
        "ZeroDivisionError: division by zero",
        "image2",
        "iris-imager",
        "S_FLAT",
    ):
        assert words in text
    content = parsed("list")
    (row,) = [row for row in content["plugins"] if row["plugin"] == "lab-flat"]
    assert (row["version"], row["distribution"], row["hooks"]) == ("3.1", "lab-flat", ["flat_field"])
    (broken,) = content["broken"]
    assert broken["plugin"] == "lab-broken"
    (flat,) = [row for row in content["stages"] if row["stage"] == "flat_field"]
    assert flat["implemented by"] == ["lab-flat 3.1"]
    assert [row["mode"] for row in content["modes"]] == ["iris-imager"]


def test_a_recipe_and_a_mode_of_one_name_are_shown_together(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", "lab-cam")
    install(
        "lab-cam",
        "from pathlib import Path\nfrom iris_core import InstrumentMode, hookimpl\n"
        "@hookimpl\ndef instrument_modes():\n    return [InstrumentMode(name='image2', telescope='T', "
        "instrument='CAM', detectors={}, pixel_scale=0.5, unit='DN/s', quality={'MAGRAT': (0.9, 1.25)})]\n",
    )
    text = output("show", "image2")
    assert "recipe\nimage2" in text
    assert "0.5 arcsec" in text
    assert "MAGRAT   0.9     1.25" in text


def test_show_a_stage_tells_units_implementations_and_parameters() -> None:
    text = output("show", "flat_field")
    for words in (
        "Divide by the flat",
        "lab-flat 3.1",
        "Multiply by the gain.",
        "gain",
        "electron/DN",
        "Factor on the [data]",
    ):
        assert words in text
    (one,) = parsed("show", "flat_field")["implementations"]
    assert (one["references"], one["optional"]) == (["flat"], ["area"])
    assert one["params"][0]["default"] == 2.0


def test_show_a_recipe_resolves_it_and_tells_its_errors(write_recipe: Write) -> None:
    recipe = write_recipe("flat_field: {params: {gain: 3}}, photom")
    text = output("show", recipe)
    assert "gain=3" in text
    assert "error: recipe recipe.yaml, line 3: stage 'photom'" in text
    assert "lab-broken 1.2" in text
    content = parsed("show", recipe)
    assert content["steps"][0]["by"] == "lab-flat 3.1"
    assert len(content["problems"]) == 1
    assert "error: " in output("show", "image2")


def test_show_a_file_tells_what_it_is_and_what_was_done_to_it(product: Path) -> None:
    text = output("show", product)
    for words in ("IRIS IMG1", "12.5 s", "2026-01-02", "8 x 9", "electron / s", "flat_field", "COMPLETE", "carefully"):
        assert words in text
    assert "--json shows key, resolved" in " ".join(text.split())  # pages of hashes, for programs
    content = parsed("show", product)
    assert content["history"][0]["by"] == "lab-flat 3.1"
    assert content["references"][0]["type"] == "flat"
    assert content["provenance"]["recipe"] == "recipe"


def test_show_a_table_tells_where_it_comes_from_and_its_columns(tmp_path: Path) -> None:
    place = SkyCoord([1.0, 2.0], [3.0, 4.0], unit="deg")
    table = Table({"flux": [1.0, 2.0] * u.Jy, "sky_centroid": place}, meta={"RECIPE": "image3"})
    table["flux"].info.description = "of the source"
    table.write(tmp_path / "x_cat.ecsv", format="ascii.ecsv")
    shown = parsed("show", tmp_path / "x_cat.ecsv")
    assert shown["facts"] == {"file": "x_cat.ecsv", "rows": 2, "RECIPE": "image3"}
    assert shown["columns"] == [
        {"column": "flux", "unit": "Jy", "description": "of the source"},
        {"column": "sky_centroid", "unit": "deg,deg", "description": ""},
    ]
    (tmp_path / "no.ecsv").write_text("no table")
    assert "no ECSV table" in output("show", tmp_path / "no.ecsv", code=1)


def test_show_a_file_tells_what_it_is_worth(tmp_path: Path) -> None:
    exposure = make_exposure((4, 5)).with_keywords({"FWHM": (0.0173, "[arcsec] of stars"), "OTHER": (1, "")})
    write_exposure_file(exposure, tmp_path / "x_i2d.fits")
    content = parsed("show", tmp_path / "x_i2d.fits")
    assert content["quality"] == [{"keyword": "FWHM", "value": 0.0173, "what": "[arcsec] of stars"}]
    assert "[arcsec] of stars" in output("show", tmp_path / "x_i2d.fits")


def test_show_a_raw_file(write_exposure: Write) -> None:
    content = parsed("show", write_exposure("raw[1].fits"))
    assert content["history"] == []
    assert content["quality"] == []
    assert content["facts"]["errors"] == "poisson, rnoise"
    output("show", write_exposure("raw[bold].fits"))


@pytest.mark.parametrize("what", ["flat_feild", "x" * 400, "nothing.fits"])
def test_what_is_nothing_is_an_error_that_names_the_nearest(what: str) -> None:
    text = output("show", what, code=1)
    assert f"error: no stage, recipe, mode or file '{what}'" in text
    assert ("did you mean 'flat_field'" in text) == (what == "flat_feild")


@pytest.mark.parametrize("content", [b"no fits", b""])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.fits").write_bytes(content)
    assert output("show", tmp_path / "x.fits", code=1).count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["list"], ["plugins"], ["show", "image2"], ["show", "flat_field"], ["show", "iris-imager"]]
)
def test_lines_fit_eighty_columns(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything that is installed; a line that is one long word, a path say, is not broken."""
    monkeypatch.delenv("IRIS_LOAD_PLUGINS")
    result = CliRunner(env={"COLUMNS": "80"}).invoke(main, arguments)
    too_long = [line for line in result.stdout.splitlines() if len(line) > 80 and " " in line.strip()]
    assert result.stdout
    assert not too_long
