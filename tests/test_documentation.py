"""What the documentation shows is true: its code runs, its recipes load, generated pages are up to date."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from iris_core import Exposure, References, StageRecord
from iris_core.loading import load_plugins
from iris_core.recipe_file import load_recipe
from iris_core.report import ExposureResult, Report
from iris_core.session import Survey
from iris_core.testing import make_exposure

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date() -> None:
    pages = generator().pages()
    assert sorted(pages) == sorted(path.name for path in (ROOT / "docs" / "reference").glob("*.md"))
    for name, text in pages.items():
        written = (ROOT / "docs" / "reference" / name).read_text()
        assert written == text.rstrip() + "\n", f"{name} is out of date: run 'make docs'"


def test_the_stage_swap_of_the_readme_runs_in_five_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    swap = next(block for block in blocks(PAGES[0], "python") if "stages=" in block)
    exec(compile(swap, "README.md", "exec"), {})
    _, after_imports = swap.split("\n\n", 1)
    assert len([line for line in after_imports.splitlines() if line.strip()]) <= 5


def test_the_plugin_of_the_readme_is_a_whole_plugin(tmp_path: Path) -> None:
    plugin = ModuleType("my_flat")
    exec(
        compile(next(block for block in blocks(PAGES[0], "python") if "MyFlat" in block), "README.md", "exec"),
        plugin.__dict__,
    )
    plugins = load_plugins(only=())
    plugins.add("my-flat", plugin)
    assert plugins.choose("flat_field").plugin == "my-flat"


def test_the_dark_of_the_plugin_page_passes_its_own_test(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    stage, its_test = blocks(ROOT / "docs" / "plugins.md", "python")[:2]
    exec(compile(stage + its_test, "plugins.md", "exec"), names)
    names["test_half_the_dark_is_subtracted"](tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_documentation_is_python(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_recipes_in_the_documentation_load(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        if block.startswith("recipe:"):
            (tmp_path / "recipe.yaml").write_text(block)
            assert load_recipe(tmp_path / "recipe.yaml", load_plugins(only=()).recipes()).steps


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_package_of_the_plugin_page_ships_what_its_entry_point_names() -> None:
    tables = [tomllib.loads(block) for block in blocks(ROOT / "docs" / "plugins.md", "toml")]
    assert {"build-system", "project", "tool"} <= set(tables[0])
    for table in tables:
        (module,) = table["project"]["entry-points"]["iris_core"].values()
        assert f"{module}.py" in table["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]


def test_the_swap_of_the_plugin_page_runs(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    swap = next(block for block in blocks(ROOT / "docs" / "plugins.md", "python") if "stages=" in block)
    exec(compile(swap, "plugins.md", "exec"), names)
    names["test_the_flat_is_mine"](tmp_path)


def test_the_dark_of_the_plugin_page_is_not_subtracted_twice(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(compile(blocks(ROOT / "docs" / "plugins.md", "python")[0], "plugins.md", "exec"), names)
    exposure = make_exposure(value=10.0, sci_header={"BKG_DARK": True})
    result = names["subtract_scaled"](exposure, names["ScaledDarkParams"](), References())
    assert (result.data == 10.0).all()


def test_every_method_of_an_exposure_is_on_the_plugin_page() -> None:
    """Methods and what results have is told in tables, which nobody runs."""
    plugins, python = ((ROOT / "docs" / name).read_text() for name in ("plugins.md", "python.md"))
    for name in (name for name, one in vars(Exposure).items() if isfunction(one) and not name.startswith("_")):
        assert f"`{name}(" in plugins
    for kind in (Report, ExposureResult, Survey, StageRecord):
        for name in (name for name in vars(kind) if not name.startswith("_")):
            assert f"`{name}" in python or name == "keyword", f"{kind.__name__}.{name}"
