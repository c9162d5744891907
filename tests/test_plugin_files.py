"""A plugin of one file runs without being packaged, and the product says which file it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from iris_core import IrisError, read_fits, run
from iris_core.cli import main
from iris_core.loading import load_plugins
from iris_core.plugins import Plugins

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
    assert product.provenance["plugin_files"] == {"my_stage": {"file": str(my_stage), "sha256": digest}}


def test_it_goes_before_what_is_installed_and_what_the_recipe_names_but_not_before_use(
    my_stage: Path, write_recipe: Write, write_exposure: Write, lab: Lab
) -> None:
    plugins = lab(flat_field=lambda exposure: exposure.scale(2))
    for steps in ("flat_field", "flat_field: {use: lab-flat_field}"):
        report = run(
            write_recipe(steps), write_exposure(value=1), plugin_files=(my_stage,), plugins=plugins, overwrite=True
        )
        assert read_fits(report.products[0]).data[0, 0] == 3
    use = {"flat_field": "lab-flat_field"}
    report = run(
        write_recipe(), write_exposure(value=1), plugin_files=(my_stage,), use=use, plugins=plugins, overwrite=True
    )
    assert read_fits(report.products[0]).data[0, 0] == 2


def test_the_command_line_names_it_and_sets_its_parameters(
    my_stage: Path, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    options = ("--plugin", my_stage, "--set", "flat_field.gain=4")
    recipe, path = write_recipe(), write_exposure(value=1)
    assert "my_stage sha256:" in iris("check", recipe, path, *options)
    iris("run", recipe, path, *options)
    assert read_fits(tmp_path / "x_cal.fits").data[0, 0] == 4


def test_it_travels_to_other_processes(
    my_stage: Path, write_recipe: Write, write_exposure: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [write_exposure(f"{name}_rate.fits", value=1) for name in "ab"]
    report = run(
        write_recipe(),
        *files,
        plugin_files=(Path("my_stage.py"),),
        plugins=load_plugins(only=()),
        executor="processes",
        workers=2,
    )
    assert not report.failed
    assert [read_fits(path).data[0, 0] for path in report.products] == [3, 3]


def test_a_new_stage_is_one_file_too(tmp_path: Path, write_recipe: Write, write_exposure: Write, bare: Plugins) -> None:
    file = tmp_path / "ghosts.py"
    file.write_text(NEW_STAGE)
    report = run(write_recipe("remove_ghosts"), write_exposure(value=1), plugin_files=(file,), plugins=bare)
    product = read_fits(report.products[0])
    assert product.data[0, 0] == 5
    assert product.header["S_GHOST"] == "COMPLETE"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("nothing.py", None, "nothing.py: no such Python file; a plugin of one file is a module"),
        ("stage.txt", STAGE, "stage.txt: no such Python file"),
        ("bad.py", "import no_such_module", "bad.py: ModuleNotFoundError: No module named 'no_such_module'"),
        ("bad.py", "def f(:", "bad.py: SyntaxError: "),
        ("bad.py", STAGE.replace("flat_field", "flat_feild"), "which is no hook; did you mean 'flat_field'?"),
        (
            "ghosts.py",
            NEW_STAGE,
            "it implements remove_ghosts, which is no step of recipe recipe.yaml; its steps: flat",
        ),
    ],
)
def test_what_cannot_be_used_is_named_before_anything_runs(
    tmp_path: Path, write_recipe: Write, write_exposure: Write, name: str, text: str | None, words: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    output = iris("run", write_recipe(), write_exposure(), "--plugin", tmp_path / name, code=1)
    assert words in " ".join(output.split())
    assert not list(tmp_path.glob("x_cal*"))


def test_two_files_for_one_stage_are_no_choice(
    my_stage: Path, tmp_path: Path, write_recipe: Write, write_exposure: Write, bare: Plugins
) -> None:
    other = tmp_path / "other.py"
    other.write_text(STAGE)
    files = (my_stage, other)
    with pytest.raises(IrisError, match=r"both my_stage\.py and other\.py implement flat_field"):
        run(write_recipe(), write_exposure(), plugin_files=files, plugins=bare)
    use = {"flat_field": "other"}
    report = run(write_recipe(), write_exposure(), plugin_files=files, use=use, plugins=bare)
    assert report.results[0].history[0].plugin == "other"


def test_what_a_stage_prints_does_not_mix_with_results(
    tmp_path: Path, write_recipe: Write, write_exposure: Write
) -> None:
    file = tmp_path / "loud.py"
    file.write_text(STAGE.replace("    return", "    print('look here')\n    return"))
    result = CliRunner().invoke(
        main, ["run", str(write_recipe()), str(write_exposure()), "--plugin", str(file), "--json"]
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout)["exposures"][0]["error"] == ""
    assert "look here" in result.stderr
    said = " ".join(result.stderr.split())
    assert "stage 'flat_field' of loud sha256:" in said
    assert "printed to standard output, which is for results: 'look here'; use logging" in said
