"""What the packages declare: a minimum for every dependency, the same one everywhere, also where users are shown it."""

from __future__ import annotations

import ast
import re
import runpy
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml")), *ROOT.glob("examples/*/*.toml")]
NEW_PLUGIN = ROOT / "plugins/new-plugin/iris_new_plugin"
SHOWN = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("docs/[!_]*/*.md"), *NEW_PLUGIN.rglob("*.*")]
SAID = re.compile(r"""(?<=["'\s])([A-Za-z][\w.-]*)(?:\[[\w,-]+\])?>=(\d[\d.]*\d|\d)(?=["'\s])""")
pins = runpy.run_path(str(ROOT / "tools/oldest.py"))["pins"]


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def modules(project: dict[str, Any]) -> list[str]:
    tool = project["tool"]
    compiled = "setuptools" in tool
    return list(tool["setuptools"]["packages"] if compiled else tool["hatch"]["build"]["targets"]["wheel"]["packages"])


def imported(folder: Path) -> set[str]:
    """Return the roots of the modules that are imported anywhere in a package, without Python's own."""
    nodes = [node for path in folder.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {folder.name}


def write(folder: Path, name: str, *dependencies: str, more: str = "") -> Path:
    path = folder / f"{name}.toml"
    head = f'[build-system]\nrequires = ["hatchling>=1.27"]\n[project]\nname = "{name}"\n'
    path.write_text(f"{head}dependencies = {list(dependencies)}\n{more}")
    return path


def test_the_minima_of_all_lists_are_pinned_and_own_packages_are_not(tmp_path: Path) -> None:
    lists = '[project.optional-dependencies]\nplot = ["Plot_Lib>=3,<4"]\n[dependency-groups]\ndev = ["tests>=5.1"]\n'
    one = write(tmp_path, "lab-one", "numpy>=2.0", more=lists)
    two = write(tmp_path, "lab-two", "lab_one[plot]>=0.1", 'numpy>=2.0; python_version < "4"')
    assert pins([one, two]) == {"hatchling": "1.27", "numpy": "2.0", "plot-lib": "3", "tests": "5.1"}


@pytest.mark.parametrize("dependency", ["numpy", "numpy<3", "numpy>2.0", "numpy==2.0"])
def test_a_dependency_without_minimum_is_an_error(dependency: str, tmp_path: Path) -> None:
    path = write(tmp_path, "lab-one", dependency)
    with pytest.raises(ValueError, match=rf"lab-one.toml: {dependency} has no minimum; write numpy>=VERSION"):
        pins([path])


def test_minima_that_differ_are_an_error(tmp_path: Path) -> None:
    paths = [write(tmp_path, "lab-one", "numpy>=2.0"), write(tmp_path, "lab-two", "NumPy>=2.1")]
    with pytest.raises(ValueError, match=r"lab-two.toml: NumPy>=2.1, but another pyproject.toml says numpy>=2.0"):
        pins(paths)


def test_every_dependency_has_one_minimum_in_all_packages() -> None:
    assert len(PROJECTS) > 10
    assert {"numpy", "hatchling", "photutils", "pytest", "sphinx"} <= pins(PROJECTS).keys()


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_what_a_package_imports_it_depends_on(path: Path) -> None:
    project = read(path)["project"]
    lists = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    asked = {canonicalize_name(Requirement(text).name) for text in chain(*lists)}
    own = {module: [one["project"]["name"]] for one in map(read, PROJECTS) for module in modules(one)}
    packages = {**packages_distributions(), **own}
    for module in modules(read(path)):
        found = {
            root: set(map(canonicalize_name, packages.get(root, [root]))) for root in imported(path.parent / module)
        }
        assert not {root for root, names in found.items() if not names & asked}


def test_pages_and_templates_say_the_same_minima() -> None:
    known = pins(PROJECTS)
    texts = {path: path.read_text(encoding="utf-8") for path in SHOWN if path.suffix in {".jinja", ".md", ".py"}}
    said = [(path, *one) for path, text in texts.items() for one in SAID.findall(text)]
    assert {name for _, name, _ in said} >= {"hatchling", "numpy", "astropy", "gwcs", "pytest", "mypy", "ruff"}
    assert not [one for one in said if known.get(one[1].lower(), one[2]) != one[2]]
