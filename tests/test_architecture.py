"""The shape of the code: what keeps the core readable in half an hour."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from statistics import median, quantiles

import pytest

import iris_core
from iris_core import hookspecs

ROOT = Path(__file__).parents[1]
CORE = ROOT / "iris_core"
WINGS = ("cli", "io", "recipes", "references", "workers")
KERNEL = sorted(CORE.glob("*.py"))
PACKAGES = [CORE, *sorted(folder.parent for folder in ROOT.glob("plugins/*/iris_*/__init__.py"))]
SOURCES = {package: sorted(package.rglob("*.py")) for package in PACKAGES}
PLUGINS = PACKAGES[1:]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            assert isinstance(first, ast.Expr)
            assert isinstance(first.value, ast.Constant)
            yield first.value


def code_lines(path: Path) -> list[int]:
    """Return the numbers of the lines that are no docstring, comment or blank."""
    text = path.read_text()
    documentation = {
        line for one in docstrings(ast.parse(text)) for line in range(one.lineno, (one.end_lineno or one.lineno) + 1)
    }
    lines = enumerate(text.splitlines(), 1)
    return [n for n, line in lines if n not in documentation and line.strip() and not line.strip().startswith("#")]


def function_lengths(package: Path) -> dict[str, int]:
    lengths = {}
    for path in SOURCES[package]:
        counted = set(code_lines(path))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, Function):
                inside = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                lengths[f"{name_of(path)}:{node.name}"] = len(counted.intersection(inside))
    return lengths


def imports(path: Path) -> set[str]:
    """Return the absolute names that a file imports: at its top, in functions, and for type checking."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_the_kernel_can_be_read_in_half_an_hour() -> None:
    assert sum(len(code_lines(path)) for path in KERNEL) <= 3000


def test_the_kernel_imports_no_wing() -> None:
    wings = {f"iris_core.{wing}" for wing in WINGS}
    found = {name_of(path): names for path in KERNEL if (names := imports(path) & wings)}
    deeper = {name_of(path) for path in KERNEL for name in imports(path) if name.rpartition(".")[0] in wings}
    assert not found
    assert not deeper


@pytest.mark.parametrize("wing", WINGS)
def test_wings_come_in_as_plugins_or_commands(wing: str) -> None:
    """A wing imports the kernel and, but for the command line, at most what another one makes public."""
    allowed = {"cli": set(WINGS), "io": set(), "recipes": set(), "references": {"io"}, "workers": {"io"}}[wing] | {wing}
    used = {
        name.split(".")[1] for path in (CORE / wing).rglob("*.py") for name in imports(path) if "iris_core." in name
    }
    assert not (used & set(WINGS)) - allowed


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_functions_are_short(package: Path) -> None:
    lengths = function_lengths(package)
    longest = max(lengths, key=lambda name: lengths[name])
    assert lengths[longest] <= 60, f"{longest} has {lengths[longest]} lines"
    counts = list(lengths.values())
    if len(counts) >= 10:
        assert median(counts) <= 8
        assert quantiles(counts, n=10)[-1] < 30


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_files_are_short(package: Path) -> None:
    long = {name_of(path): n for path in SOURCES[package] if (n := len(code_lines(path))) > 300}
    assert not long


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_modules_do_not_import_in_circles(package: Path) -> None:
    """Imports for type checking count."""
    modules = {".".join(path.relative_to(package.parent).with_suffix("").parts): path for path in SOURCES[package]}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {name: (imports(path) & modules.keys()) - {name, package.name} for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("package", PLUGINS, ids=lambda package: package.name)
def test_plugins_import_public_names_of_the_core_only(package: Path) -> None:
    public = {"iris_core", *(f"iris_core.{name}" for name in iris_core.__all__)}
    used = {name for path in SOURCES[package] for name in imports(path) if name.split(".")[0] == "iris_core"}
    assert used <= public, f"not public: {sorted(used - public)}"


def foreign_imports(package: Path) -> set[str]:
    """Return the absolute names of other plugins that a package imports."""
    names = {name for path in SOURCES[package] for name in imports(path)}
    others = {one.name for one in PLUGINS} - {package.name}
    return {name for name in names if name.split(".")[0] in others}


@pytest.mark.parametrize("package", PLUGINS, ids=lambda package: package.name)
def test_plugins_import_public_names_of_those_they_depend_on_only(package: Path) -> None:
    """A package may build on another one that it declares as a dependency: what the other's ``__all__`` names."""
    project = tomllib.loads((package.parent / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[^\w-]", line)[0].replace("-", "_") for line in project["dependencies"]}
    for name in foreign_imports(package):
        other, _, rest = name.partition(".")
        assert other in needed, f"{other} is imported and no dependency"
        assert not rest or rest in import_module(other).__all__, f"{name} is not public"


def test_every_public_name_can_be_imported() -> None:
    for name in iris_core.__all__:
        assert getattr(iris_core, name) is not None


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=name_of)
def test_the_core_names_no_plugin_and_no_instrument(path: Path) -> None:
    plugins = {package.name for package in PLUGINS}
    text = path.read_text()
    named = [name for name in plugins if re.search(rf"\b({name}|{name.replace('_', '-')})\b", text)]
    assert not set(named) - ({"iris_references"} if path.name == "folder.py" else set())
    assert not re.findall(r"NIRC2|Liger|iris-imager|IMG1", text)


@pytest.mark.parametrize("path", [path for path in KERNEL if path.name != "hookspecs.py"], ids=name_of)
def test_the_kernel_names_no_reference_type(path: Path) -> None:
    """The specifications of the stages alone say what is removed from pixels."""
    tree = ast.parse(path.read_text())
    documentation = {id(one) for one in docstrings(tree)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documentation]
    assert not {node.value for node in texts} & {"dark", "flat", "photom", "distortion", "area ", "mask", "catalog"}


def keeps_state(node: ast.AST) -> bool:
    if isinstance(node, ast.Global):
        return True
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
    attribute = node.attr if isinstance(node, ast.Attribute) else ""
    return bool({*names, attribute} & {"cache", "lru_cache"})


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_modules_keep_no_global_state(package: Path) -> None:
    trees = {name_of(path): ast.parse(path.read_text()) for path in SOURCES[package]}
    assert not [name for name, tree in trees.items() if any(keeps_state(node) for node in ast.walk(tree))]


def test_every_hook_shows_a_complete_example() -> None:
    hooks = [item for item in vars(hookspecs).values() if hasattr(item, "iris_core_spec")]
    assert len(hooks) > 20
    for hook in hooks:
        assert "Examples" in (hook.__doc__ or ""), hook.__name__
        assert ">>>" in (hook.__doc__ or ""), hook.__name__


def modules_loaded_by(code: str) -> set[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split())


@pytest.mark.parametrize("package", PLUGINS, ids=lambda package: package.name)
def test_importing_a_plugin_is_light(package: Path) -> None:
    pytest.importorskip(package.name)
    heavy = {"astropy", "gwcs", "asdf", "scipy", "matplotlib"}
    assert not modules_loaded_by(f"import {package.name}") & heavy


def test_help_imports_nothing_heavy() -> None:
    loaded = modules_loaded_by(
        "from click.testing import CliRunner; from iris_core.cli import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0"
    )
    assert not loaded & {"astropy", "gwcs", "asdf", "numpy", "pydantic", "rich", "yaml"}
