"""The shape of the code: what keeps the core readable in half an hour."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median, quantiles

import pytest

import iris_core
from iris_core import hookspecs

ROOT = Path(__file__).parents[1]
CORE = ROOT / "iris_core"
PACKAGES = [CORE, *sorted(folder.parent for folder in ROOT.glob("plugins/*/iris_*/__init__.py"))]
SOURCES = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]
PLUGIN_SOURCES = [path for path in SOURCES if CORE not in path.parents]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def docstring_lines(tree: ast.AST) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            lines |= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return lines


def function_lengths(package: Path) -> dict[str, int]:
    """Return lines of code, without docstring, comments and blank lines, of every function."""
    lengths = {}
    for path in package.rglob("*.py"):
        text = path.read_text()
        tree, lines = ast.parse(text), text.splitlines()
        documentation = docstring_lines(tree)
        for node in ast.walk(tree):
            if isinstance(node, Function):
                inside = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                code = [n for n in inside if n not in documentation and lines[n - 1].split("#")[0].strip()]
                lengths[f"{name_of(path)}:{node.name}"] = len(code)
    return lengths


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the absolute names of modules that are imported when the code runs, at the top or in functions."""
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imports(node)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_functions_are_short(package: Path) -> None:
    lengths = function_lengths(package)
    longest = max(lengths, key=lambda name: lengths[name])
    assert lengths[longest] <= 60, f"{longest} has {lengths[longest]} lines"
    counts = list(lengths.values())
    if len(counts) >= 10:
        assert median(counts) <= 8
        assert quantiles(counts, n=10)[-1] < 30


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_modules_do_not_import_in_circles() -> None:
    modules = {".".join(path.relative_to(CORE.parent).with_suffix("").parts): path for path in CORE.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {
        name: {other for other in imports(ast.parse(path.read_text())) if other in modules and other != "iris_core"}
        for name, path in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("path", PLUGIN_SOURCES, ids=name_of)
def test_plugins_import_public_names_of_the_core_only(path: Path) -> None:
    public = {"iris_core", "iris_core.testing", *(f"iris_core.{name}" for name in iris_core.__all__)}
    used = {name for name in imports(ast.parse(path.read_text())) if name.split(".")[0] == "iris_core"}
    assert used <= public, f"not public: {sorted(used - public)}"


@pytest.mark.parametrize("path", PLUGIN_SOURCES, ids=name_of)
def test_plugins_do_not_import_each_other(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[1]
    roots = {name.split(".")[0] for name in imports(ast.parse(path.read_text()))}
    assert not {name for name in roots if name.startswith("iris_")} - {"iris_core", own}


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=name_of)
def test_the_core_names_no_plugin(path: Path) -> None:
    plugins = {package.name for package in PACKAGES[1:]}
    text = path.read_text()
    assert not [name for name in plugins if name in text or name.replace("_", "-") in text]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_modules_keep_no_global_state(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)]
    assert "functools.cache" not in path.read_text()
    assert "lru_cache" not in path.read_text()


def test_every_hook_shows_a_complete_example() -> None:
    hooks = [item for item in vars(hookspecs).values() if hasattr(item, "iris_core_spec")]
    assert len(hooks) > 15
    for hook in hooks:
        assert "Examples" in (hook.__doc__ or ""), hook.__name__
        assert ">>>" in (hook.__doc__ or ""), hook.__name__


def modules_loaded_by(*arguments: str) -> set[str]:
    code = f"import sys; {arguments[0]}; print(*sys.modules)"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return set(done.stdout.split())


@pytest.mark.parametrize("package", PACKAGES[1:], ids=lambda package: package.name)
def test_importing_a_plugin_is_light(package: Path) -> None:
    pytest.importorskip(package.name)
    assert not modules_loaded_by(f"import {package.name}") & {"astropy", "gwcs", "asdf", "scipy", "matplotlib"}


def test_help_imports_nothing_heavy() -> None:
    loaded = modules_loaded_by(
        "from click.testing import CliRunner; from iris_core.cli import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0"
    )
    assert not loaded & {"astropy", "gwcs", "asdf", "numpy", "pydantic", "rich", "yaml"}
