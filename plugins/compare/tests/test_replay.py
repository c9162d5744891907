"""A product made again from what stands in it: the same bits, or what is missing, changed or different."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from click.testing import CliRunner, Result
from iris_compare import replay_product
from iris_simulate import simulate, write_set

from iris_core import InputError, Report, load_plugins, read_fits, run, write_fits

SIZE = (64, 64)
# Without the WCS, whose fits take most of the time of so small an exposure.
SHORT = "recipe: 1\nname: short\nsteps: [background, dark_current, flat_field, photom: {save: cal}]\n"
PLUGIN = '"""Halves."""\n\nfrom iris_core import stage\n\n\n@stage("flat_field")\ndef halve(exposure):\n'


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return a simulated set and its products; nobody writes into these folders."""
    folder = tmp_path_factory.mktemp("set")
    raw = write_set(simulate(size=SIZE, backgrounds=4), folder / "raw")
    recipe, store = folder / "short.yaml", folder / "raw" / "references"
    recipe.write_text(SHORT)
    report = made(run(recipe, *raw.inputs, directory=folder / "out", references={"store": store}))
    return SimpleNamespace(raw=raw, folder=folder / "raw", store=store, recipe=recipe, report=report)


@pytest.fixture
def cal(calibrated: SimpleNamespace, tmp_path: Path) -> Path:
    """Return a product that a test may change."""
    return Path(shutil.copy(calibrated.report.results[0].products["cal"], tmp_path))


@pytest.fixture
def raw(calibrated: SimpleNamespace, tmp_path: Path) -> Path:
    """Return the exposures and references in a folder that a test may change."""
    return Path(shutil.copytree(calibrated.folder, tmp_path / "raw"))


def made(report: Report) -> Report:
    assert not report.failed, [one.error for one in report.failed]
    return report


def replay(*words: object) -> Result:
    (script,) = entry_points(group="console_scripts", name="iris")
    return CliRunner().invoke(script.load(), ["replay", *map(str, words)])


def edit(path: Path, change: Callable[[fits.HDUList], None]) -> None:
    """Change a product as a user of astropy would, with sums that fit."""
    with fits.open(path, memmap=False) as hdus:
        change(hdus)
        hdus.writeto(path, overwrite=True, checksum=True)


def test_products_of_image2_come_out_again_to_the_last_bit(calibrated: SimpleNamespace, tmp_path: Path) -> None:
    report = made(run("image2", *calibrated.raw.inputs, directory=tmp_path, references={"store": calibrated.store}))
    assert set(report.results[0].products) == {"cal", "i2d"}
    for path in report.products:
        found = replay_product(path, [calibrated.folder])
        assert (found.verdict, found.problems, found.changes) == ("same bits", (), ())
        assert found.is_same


def test_the_command_says_so_and_exits_with_0(calibrated: SimpleNamespace, cal: Path) -> None:
    result = replay(cal, "--search", calibrated.folder)
    assert result.exit_code == 0
    assert result.output == f"{cal}: same bits\n"


@pytest.mark.parametrize(
    "options",
    [
        {"format": "asdf"},
        {"save": ("background", "flat_field")},
        {"skip": {"dark_current": "for a test"}},
        {"params": {"background.sigma": float(np.nextafter(3.7, 4)), "flat_field.inverse": True}},
        {"use": {"flat_field": "iris-flat"}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_the_command_line_changed_is_in_the_product(
    options: dict[str, Any], calibrated: SimpleNamespace, tmp_path: Path
) -> None:
    given = {"directory": tmp_path, "references": {"store": calibrated.store}, **options}
    report = made(run(calibrated.recipe, *calibrated.raw.inputs, **given))
    (result,) = report.results
    for suffix in result.products:
        assert replay_product(result.products[suffix], [calibrated.folder]).is_same, suffix


def test_a_reference_that_was_named_by_hand_is_again(calibrated: SimpleNamespace, tmp_path: Path) -> None:
    """Its notes say that it does not fit: they have to come out again, too."""
    flat = Path(shutil.copy(calibrated.raw.references["flat"], tmp_path / "my_flat.fits"))
    edit(flat, lambda hdus: hdus[0].header.update(FILTER="J"))
    given = {"store": calibrated.store, "flat": flat}
    report = made(run(calibrated.recipe, *calibrated.raw.science, directory=tmp_path / "out", references=given))
    assert "named by hand although FILTER" in str(report.results[0].history)
    assert replay_product(report.products[0], [calibrated.folder, tmp_path]).is_same


def test_why_an_optional_reference_was_not_used_comes_out_again(
    calibrated: SimpleNamespace, raw: Path, tmp_path: Path
) -> None:
    """The candidates that were rejected need not be there."""
    (area,) = (raw / "references").glob("*AREA*")
    edit(area, lambda hdus: hdus[0].header.update(FILTER="J"))
    store = {"store": raw / "references"}
    report = made(run(calibrated.recipe, *calibrated.raw.science, directory=tmp_path / "out", references=store))
    assert "no area reference is used" in str(report.results[0].history)
    area.unlink()
    assert replay_product(report.products[0], [raw]).is_same


def test_a_mode_that_was_named_against_the_header_is_again(calibrated: SimpleNamespace, tmp_path: Path) -> None:
    rate = Path(shutil.copy(calibrated.raw.science[0], tmp_path))
    edit(rate, lambda hdus: [one.header.update(DETECTOR="OTHER") for one in hdus if "DETECTOR" in one.header])
    recipe = tmp_path / "short.yaml"
    recipe.write_text("recipe: 1\nname: short\nsteps: [parse_subarray_map]\n")
    report = made(run(recipe, rate, directory=tmp_path / "out", instrument="iris-imager"))
    assert replay_product(report.products[0], [tmp_path]).is_same


def test_a_single_file_plugin_is_found_by_its_hash(calibrated: SimpleNamespace, tmp_path: Path) -> None:
    plugin = tmp_path / "plugins" / "halves.py"
    plugin.parent.mkdir()
    plugin.write_text(f"{PLUGIN}    return exposure.scale(0.5)\n")
    given = {"directory": tmp_path / "out", "references": {"store": calibrated.store}, "plugin_files": plugin}
    report = made(run(calibrated.recipe, *calibrated.raw.science, **given))
    assert replay_product(report.products[0], [calibrated.folder, plugin.parent]).is_same
    assert [one.label for one in replay_product(report.products[0], [calibrated.folder]).missing] == [
        "plugin halves.py"
    ]
    plugin.write_text(f"{PLUGIN}    return exposure.scale(0.25)\n")
    (problem,) = replay_product(report.products[0], [calibrated.folder, plugin.parent]).problems
    assert str(plugin) in problem


def test_a_single_file_that_only_wraps_acts_again(calibrated: SimpleNamespace, tmp_path: Path) -> None:
    text = "from iris_core import hookimpl\n\n@hookimpl(wrapper=True)\ndef flat_field():\n    return (yield).scale(2)\n"
    plugin = tmp_path / "doubles.py"
    plugin.write_text(text)
    given = {"directory": tmp_path / "out", "references": {"store": calibrated.store}, "plugin_files": plugin}
    report = made(run(calibrated.recipe, *calibrated.raw.science, **given))
    assert replay_product(report.products[0], [calibrated.folder, tmp_path]).is_same


def test_files_are_found_by_their_hash_where_they_were_renamed(cal: Path, raw: Path) -> None:
    for path in [*raw.glob("*.fits"), *(raw / "references").iterdir()]:
        path.rename(path.with_name(f"moved-{path.name}"))
    assert replay_product(cal, [raw]).is_same


def test_inputs_beside_the_product_need_no_search(cal: Path, raw: Path) -> None:
    for path in [*raw.glob("*.fits"), *(raw / "references").iterdir()]:
        shutil.copy(path, cal.parent)
    assert replay_product(cal).is_same


def test_a_missing_background_exposure_is_named(cal: Path, raw: Path) -> None:
    gone = next(raw.glob("*sky0002*"))
    gone.unlink()
    result = replay(cal, "--search", raw)
    assert result.exit_code == 1
    assert f"not found: background exposure {gone.name}" in result.output
    assert result.output.count("not found") == 1


def test_a_changed_reference_is_named(cal: Path, raw: Path) -> None:
    (flat,) = (raw / "references").glob("*FLAT*")
    edit(flat, lambda hdus: hdus[0].header.update(AUTHOR="another"))
    result = replay(cal, "--search", raw)
    assert result.exit_code == 1
    assert f"the reference flat {flat.name} has changed" in result.output


def test_a_flipped_bit_is_named(calibrated: SimpleNamespace, cal: Path) -> None:
    with fits.open(cal) as hdus:
        place = hdus["VAR_RNOISE"].fileinfo()["datLoc"] + 1001
    content = bytearray(cal.read_bytes())
    content[place] ^= 4
    cal.write_bytes(content)
    result = replay(cal, "--search", calibrated.folder)
    assert result.exit_code == 1
    assert "VAR_RNOISE" in result.output
    assert "not made again" in result.output


def test_an_edited_header_is_named(calibrated: SimpleNamespace, cal: Path) -> None:
    edit(cal, lambda hdus: hdus[0].header.update(OBSERVER="Somebody else"))
    result = replay(cal, "--search", calibrated.folder)
    assert result.exit_code == 1
    assert "OBSERVER: Somebody else -> " in result.output


def test_edited_pixels_are_named(calibrated: SimpleNamespace, cal: Path) -> None:
    def brighten(hdus: fits.HDUList) -> None:
        hdus["SCI"].data[10, 20] += 1000

    edit(cal, brighten)
    found = replay_product(cal, [calibrated.folder])
    assert found.verdict == "different"
    assert found.difference is not None
    (plane,) = found.difference.planes
    assert (plane.name, plane.rows, plane.columns) == ("data", (10, 10), (20, 20))


def test_a_file_that_was_written_anew_is_not_the_same_bits(calibrated: SimpleNamespace, cal: Path) -> None:
    edit(cal, lambda hdus: hdus[0].header.append(("", "", ""), end=True))
    result = replay(cal, "--search", calibrated.folder, "--json")
    said = json.loads(result.output)
    assert (result.exit_code, said["verdict"], said["same_bits"]) == (1, "same data", False)
    assert said["problems"]


def write_again(path: Path, **provenance: Any) -> None:
    product = read_fits(path)
    write_fits(product.replace(provenance={**product.provenance, **provenance}), path)


def test_edited_provenance_is_named(calibrated: SimpleNamespace, cal: Path) -> None:
    write_again(cal, members=[])
    (problem,) = replay_product(cal, [calibrated.folder]).problems
    assert "IRISKEY" in problem


@pytest.mark.parametrize("name", ["../../x_rate.fits", "/etc/passwd", "..", "a/b.fits"])
def test_a_product_cannot_name_a_file_in_another_folder(
    name: str, calibrated: SimpleNamespace, cal: Path, tmp_path: Path
) -> None:
    """Links to all files are made: none of them outside of the folder of the replay."""
    resolved = dict(read_fits(cal).provenance["resolved"])
    references = [{**one, "file": name} for one in resolved["references"]]
    write_again(cal, resolved={**resolved, "references": references})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"cal.fits: its provenance makes no sense: .*no name of a file"):
        replay_product(cal, [calibrated.folder])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "resolved", [{}, [], {"recipe": {}}, {"recipe": {"instrument": "x"}, "references": [{"file": "a.fits"}]}]
)
def test_damaged_provenance_is_an_error_that_names_the_product(
    resolved: Any, calibrated: SimpleNamespace, cal: Path
) -> None:
    write_again(cal, resolved=resolved)
    with pytest.raises(InputError, match=r"cal.fits: its provenance makes no sense"):
        replay_product(cal, [calibrated.folder])


def test_the_recipe_in_a_product_is_checked_as_any_other(calibrated: SimpleNamespace, cal: Path) -> None:
    resolved = dict(read_fits(cal).provenance["resolved"])
    write_again(cal, resolved={**resolved, "recipe": {**resolved["recipe"], "steps": ["flat_feild"]}})
    problems = replay_product(cal, [calibrated.folder]).problems
    assert any("no stage 'flat_feild'" in one for one in problems)


def test_a_product_that_does_not_hold_its_recipe_is_refused(calibrated: SimpleNamespace, cal: Path) -> None:
    product = read_fits(cal)
    write_fits(product.replace(provenance={one: product.provenance[one] for one in ("key", "members")}), cal)
    with pytest.raises(InputError, match=r"cal.fits: it does not hold its recipe"):
        replay_product(cal, [calibrated.folder])


def test_an_exposure_that_is_no_product_is_refused(calibrated: SimpleNamespace) -> None:
    result = replay(calibrated.raw.science[0])
    assert result.exit_code == 1
    assert "no product" in result.output


def test_a_catalogue_without_an_image_of_its_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x_cat.ecsv"
    Table({"x": [1]}, meta={"IRISKEY": "a" * 64}).write(path, format="ascii.ecsv")
    with pytest.raises(InputError, match="an image of the same run"):
        replay_product(path)


def test_what_is_kept_can_be_run_by_hand(calibrated: SimpleNamespace, cal: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert replay_product(cal, [calibrated.folder], keep=kept).is_same
    report = made(run(kept / "recipe.yaml", kept / "inputs.json", directory=tmp_path / "by hand"))
    assert report.results[0].products["cal"].read_bytes() == cal.read_bytes()


def test_a_folder_for_what_was_not_made_is_not_left(site: Site, calibrated: SimpleNamespace, halved: Path) -> None:
    site.install("1.2", 0.25)
    kept = halved.parent / "kept"
    assert replay_product(halved, [calibrated.folder], keep=kept).verdict == "not made again"
    assert not kept.exists()
    assert replay_product(halved, [calibrated.folder], keep=kept, anyway=True).verdict == "different"
    assert (kept / "products" / halved.name).is_file()


def test_a_name_that_was_edited_does_not_lead_to_another_file(calibrated: SimpleNamespace, cal: Path) -> None:
    """Of a product that would be compared with itself the bits are the same."""
    edit(cal, lambda hdus: hdus[0].header.update(FILENAME=str(cal)))
    found = replay_product(cal, [calibrated.folder])
    assert not found.is_same
    (problem,) = found.problems
    assert str(cal.name) in problem


def test_plugins_that_are_not_loaded_do_not_matter(
    calibrated: SimpleNamespace, cal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "iris-background,iris-dark,iris-flat,iris-photom,iris-imager"
    monkeypatch.setenv("IRIS_LOAD_PLUGINS", names)
    assert replay_product(cal, [calibrated.folder]).is_same


def test_nothing_is_put_into_a_folder_that_is_there(calibrated: SimpleNamespace, cal: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="name a new one"):
        replay_product(cal, [calibrated.folder], keep=tmp_path)
    assert sorted(tmp_path.iterdir()) == before


class Site:
    """A plugin that is installed for one test, in versions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def install(self, version: str, factor: float) -> None:
        for old in self.folder.glob("*.dist-info"):
            shutil.rmtree(old)
        (self.folder / "lab_factor.py").write_text(f"{PLUGIN}    return exposure.scale({factor})\n")
        info = self.folder / f"lab_factor-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: lab-factor\nVersion: {version}\n")
        (info / "entry_points.txt").write_text("[iris_core]\nlab-factor = lab_factor\n")
        sys.modules.pop("lab_factor", None)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site(tmp_path / "site")
    monkeypatch.syspath_prepend(made.folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions are written within one second
    yield made
    sys.modules.pop("lab_factor", None)


@pytest.fixture
def halved(site: Site, calibrated: SimpleNamespace, tmp_path: Path) -> Path:
    """Return a product that was made with version 1.2 of the plugin."""
    site.install("1.2", 0.5)
    given = {"directory": tmp_path / "out", "references": {"store": calibrated.store}}
    return made(run(calibrated.recipe, *calibrated.raw.science, use={"flat_field": "lab-factor"}, **given)).products[0]


def test_another_version_is_refused_with_what_would_install_the_right_one(
    site: Site, calibrated: SimpleNamespace, halved: Path
) -> None:
    site.install("1.3", 0.25)
    result = replay(halved, "--search", calibrated.folder)
    assert result.exit_code == 1
    assert "lab-factor 1.2 -> 1.3" in result.output
    assert "pip install lab-factor==1.2" in result.output
    assert "not made again" in result.output


def test_a_plugin_that_is_gone_is_named(site: Site, calibrated: SimpleNamespace, halved: Path) -> None:
    shutil.rmtree(site.folder)
    found = replay_product(halved, [calibrated.folder])
    assert found.changes == ("lab-factor 1.2 -> not installed",)
    assert found.install == "pip install lab-factor==1.2"
    (problem,) = replay_product(halved, [calibrated.folder], anyway=True).problems
    assert "no installed plugin 'lab-factor'" in problem


def test_another_version_is_run_anyway_and_its_difference_told(
    site: Site, calibrated: SimpleNamespace, halved: Path
) -> None:
    site.install("1.3", 0.25)
    found = replay_product(halved, [calibrated.folder], anyway=True)
    assert found.verdict == "different"
    (change,) = found.changes
    assert change.startswith("lab-factor 1.2 (")
    assert " -> 1.3 (" in change
    assert found.install == "pip install lab-factor==1.2"
    assert found.difference is not None
    assert "data" in [one.name for one in found.difference.planes]


def test_the_same_version_with_other_files_is_refused(site: Site, calibrated: SimpleNamespace, halved: Path) -> None:
    site.install("1.2", 0.25)
    found = replay_product(halved, [calibrated.folder])
    assert found.verdict == "not made again"
    assert found.install == ""
    (change,) = found.changes
    assert change.startswith("lab-factor 1.2 (")
    assert "--anyway" in replay(halved, "--search", calibrated.folder).output


def test_what_acts_on_the_end_of_runs_does_not_on_that_of_a_replay(
    site: Site, calibrated: SimpleNamespace, cal: Path
) -> None:
    """An archive must not be told of a product in a temporary folder."""
    site.install("1.2", 0.5)
    told = site.folder / "told"
    act = f"@hookimpl\ndef run_finished(report):\n    Path({str(told)!r}).touch()\n"
    (site.folder / "lab_factor.py").write_text(f"from pathlib import Path\nfrom iris_core import hookimpl\n\n{act}")
    made(run(calibrated.recipe, *calibrated.raw.science, directory=site.folder, references={"store": calibrated.store}))
    assert told.exists()
    told.unlink()
    assert replay_product(cal, [calibrated.folder]).is_same
    assert not told.exists()


MEAN = """\
from iris_core import InputError, stage, stage_spec

@stage_spec(status="S_MEAN", group=True, makes="one", product="mean")
def mean(exposures, params, references, instrument):
    "The first of all. Units: unchanged."

@stage("mean")
def take_first(exposures):
    return exposures.merged().note(f"of {len(exposures)}")

@stage("flat_field")
def refuse_cloudy(exposure):
    if exposure.meta.target == "cloud":
        raise InputError("no star")
    return exposure
"""


def test_an_exposure_that_was_left_out_is_left_out_again(calibrated: SimpleNamespace, tmp_path: Path) -> None:
    plugins, module = load_plugins(only=("iris-imager", "iris-compare")), ModuleType("lab_mean")
    exec(MEAN, vars(module))
    plugins.add("lab-mean", module, "1.0")
    frames = [Path(shutil.copy(path, tmp_path)) for path in calibrated.raw.backgrounds]
    edit(frames[1], lambda hdus: hdus[0].header.update(TARGNAME="cloud", OBJECT="cloud"))
    recipe = tmp_path / "mean.yaml"
    recipe.write_text(
        "recipe: 1\nname: mean\nmembers: {science: 1+}\nmissing: leave_out\nsteps: [flat_field, mean: {save: mean}]\n"
    )
    report = run(recipe, *frames, directory=tmp_path / "out", plugins=plugins)
    assert "without" in report.results[0].error
    found = replay_product(report.products[0], [tmp_path], plugins=plugins)
    assert found.is_same, found
    frames[1].unlink()
    assert [one.name for one in replay_product(report.products[0], [tmp_path]).missing] == [frames[1].name]


def test_json_has_it_all(calibrated: SimpleNamespace, cal: Path, raw: Path) -> None:
    next(raw.glob("*sky0003*")).unlink()
    said = json.loads(replay(cal, "--search", raw, "--json").output)
    assert said["verdict"] == "not made again"
    (missing,) = said["missing"]
    assert missing["role"] == "background"
    assert len(missing["sha256"]) == 64
    assert json.loads(replay(cal, "--search", calibrated.folder, "--json").output)["same_bits"]
