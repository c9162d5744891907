"""A single-file plugin runs without being packaged, and the product records which file it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iris_core import IrisError, PluginError, Plugins, load_plugins, read_fits, run
from iris_core.cli import main
from iris_core.loading import add_file

pytestmark = pytest.mark.usefixtures("log_as_it_was")

Write = Callable[..., Path]
Lab = Callable[..., Plugins]

STAGE = """\
from __future__ import annotations

from iris_core import Exposure, Params, parameter, stage


class Gain(Params):
    gain: float = parameter(3.0, "Factor on the data.")


@stage("flat_field", params=Gain)
def multiply(exposure: Exposure, params: Gain) -> Exposure:
    return exposure.scale(params.gain)
"""
NEW_STAGE = """\
from iris_core import stage, stage_spec

@stage_spec(status="S_GHOST")
def remove_ghosts(exposure):
    "Remove ghosts."

@stage("remove_ghosts")
def work(exposure):
    return exposure.scale(5)
"""
WRAPPER = """\
from iris_core import hookimpl

@hookimpl(wrapper=True)
def flat_field(exposure):
    return (yield).scale(7)
"""


@pytest.fixture
def my_stage(tmp_path: Path) -> Path:
    path = tmp_path / "my_stage.py"
    path.write_text(STAGE)
    return path


def iris(*arguments: Any, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_it_runs_and_its_hash_is_in_the_product(
    my_stage: Path, write_recipe: Write, write_exposure: Write, bare: Plugins
) -> None:
    report = run(write_recipe(), write_exposure(value=1), plugin_files=(my_stage,), plugins=bare)
    product = read_fits(report.products[0])
    digest = hashlib.sha256(my_stage.read_bytes()).hexdigest()
    assert product.data[0, 0] == 3
    assert (product.history[0].plugin, product.history[0].version) == ("my_stage", f"sha256:{digest[:12]}")
    assert product.provenance["key"]["code"]["my_stage"] == digest


@pytest.mark.parametrize("form", [str, Path, lambda path: [str(path)], lambda path: (path,)])
def test_it_may_be_given_as_text_alone_or_in_a_list(
    my_stage: Path, write_recipe: Write, write_exposure: Write, bare: Plugins, form: Callable[[Path], Any]
) -> None:
    report = run(write_recipe(), str(write_exposure(value=1)), plugin_files=form(my_stage), plugins=bare)
    assert read_fits(report.products[0]).data[0, 0] == 3


def test_it_goes_before_what_is_installed_and_what_the_recipe_names_but_not_before_use(
    my_stage: Path, write_recipe: Write, write_exposure: Write, lab: Lab
) -> None:
    plugins = lab(flat_field=lambda exposure: exposure.scale(2))
    options: dict[str, Any] = {"plugin_files": (my_stage,), "plugins": plugins, "overwrite": True}
    for steps in ("flat_field", "flat_field: {use: lab-flat_field}"):
        report = run(write_recipe(steps), write_exposure(value=1), **options)
        assert read_fits(report.products[0]).data[0, 0] == 3
    report = run(write_recipe(), write_exposure(value=1), use={"flat_field": "lab-flat_field"}, **options)
    assert read_fits(report.products[0]).data[0, 0] == 2


def test_its_wrappers_act(tmp_path: Path, write_recipe: Write, write_exposure: Write, lab: Lab) -> None:
    (tmp_path / "around.py").write_text(WRAPPER)
    plugins = lab(flat_field=lambda exposure: exposure.scale(2))
    report = run(write_recipe(), write_exposure(value=1), plugin_files=tmp_path / "around.py", plugins=plugins)
    assert read_fits(report.products[0]).data[0, 0] == 14


def test_a_file_that_only_wraps_is_part_of_the_key(
    tmp_path: Path, write_recipe: Write, write_exposure: Write, lab: Lab
) -> None:
    """Otherwise --resume would keep products that were made with another state of it."""
    around = tmp_path / "around.py"
    around.write_text(WRAPPER)
    options = {"plugin_files": around, "plugins": lab(flat_field=lambda exposure: exposure.scale(2)), "resume": True}
    given = write_recipe(), write_exposure(value=1)
    run(*given, **options)
    assert run(*given, **options).results[0].kept
    around.write_text(WRAPPER.replace("7", "8"))
    report = run(*given, **options)
    assert read_fits(report.products[0]).data[0, 0] == 16


def test_the_command_line_names_it_and_sets_its_parameters(
    my_stage: Path, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    options = ("--plugin", my_stage, "--set", "flat_field.gain=4")
    recipe, path = write_recipe(), write_exposure(value=1)
    assert "my_stage sha256:" in iris("check", recipe, path, *options)
    iris("run", recipe, path, *options)
    assert read_fits(tmp_path / "x_cal.fits").data[0, 0] == 4


@pytest.mark.slow
def test_it_travels_to_other_processes_and_the_products_are_the_same(
    my_stage: Path, write_recipe: Write, write_exposure: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [write_exposure(f"{name}_rate.fits", value=1) for name in "ab"]
    options: dict[str, Any] = {"plugin_files": "my_stage.py", "plugins": load_plugins(only=("iris-imager",))}
    there = run(write_recipe(), *files, executor="processes", workers=2, directory="there", **options)
    here = run(write_recipe(), *files, directory="here", **options)
    assert not there.failed
    assert [read_fits(path).data[0, 0] for path in there.products] == [3, 3]
    assert [read_fits(path).provenance for path in there.products] == [
        read_fits(path).provenance for path in here.products
    ]


def test_a_new_stage_is_one_file_too(tmp_path: Path, write_recipe: Write, write_exposure: Write, bare: Plugins) -> None:
    file = tmp_path / "ghosts.py"
    file.write_text(NEW_STAGE)
    report = run(write_recipe("remove_ghosts"), write_exposure(value=1), plugin_files=(file,), plugins=bare)
    product = read_fits(report.products[0])
    assert product.data[0, 0] == 5
    assert product.header["S_GHOST"] == "COMPLETE"


BAD = [
    ("nothing.py", None, ["nothing.py"]),
    ("stage.txt", STAGE, ["stage.txt"]),
    ("bad.py", "import no_such_module", ["bad.py", "ModuleNotFoundError: No module named 'no_such_module'"]),
    ("bad.py", "raise SystemExit(3)", ["bad.py", "SystemExit: 3"]),
    ("bad.py", "def f(:", ["bad.py", "SyntaxError: "]),
    ("bad.py", STAGE.replace("flat_field", "flat_feild"), ["plugin bad:", "did you mean 'flat_field'?"]),
    ("empty.py", STAGE.replace("@stage", "# @stage"), ["empty.py", "no hook", "@stage"]),
    ("ghosts.py", NEW_STAGE, ["ghosts.py", "remove_ghosts", "recipe.yaml", "flat_field"]),
]


@pytest.mark.parametrize(("name", "text", "facts"), BAD)
def test_what_cannot_be_used_is_named_before_anything_runs(
    tmp_path: Path,
    write_recipe: Write,
    write_exposure: Write,
    bare: Plugins,
    name: str,
    text: str | None,
    facts: list[str],
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(IrisError) as caught:
        run(write_recipe(), write_exposure(), plugin_files=tmp_path / name, plugins=bare)
    for fact in facts:
        assert fact in str(caught.value)
    assert not list(tmp_path.glob("x_cal*"))


def test_every_file_that_cannot_be_used_is_named(
    tmp_path: Path, write_recipe: Write, write_exposure: Write, bare: Plugins
) -> None:
    with pytest.raises(IrisError, match=r"(?s)one\.py.*two\.py"):
        run(write_recipe(), write_exposure(), plugin_files=[tmp_path / "one.py", tmp_path / "two.py"], plugins=bare)


def test_the_name_of_a_plugin_that_is_there_is_refused(tmp_path: Path, lab: Lab) -> None:
    file = tmp_path / "lab-photom.py"
    file.write_text(STAGE)
    plugins = lab(photom=lambda exposure: exposure)
    with pytest.raises(PluginError, match="plugin lab-photom: "):
        add_file(plugins, file)


def test_two_files_for_one_stage_are_no_choice(
    my_stage: Path, tmp_path: Path, write_recipe: Write, write_exposure: Write, bare: Plugins
) -> None:
    other = tmp_path / "other.py"
    other.write_text(STAGE)
    files = (my_stage, other)
    with pytest.raises(IrisError, match=r"my_stage and other.*flat_field"):
        run(write_recipe(), write_exposure(), plugin_files=files, plugins=bare)
    use = {"flat_field": "other"}
    report = run(write_recipe(), write_exposure(), plugin_files=files, use=use, plugins=bare)
    assert report.results[0].history[0].plugin == "other"
