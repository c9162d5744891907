"""The page of the public names, from which the site makes one page for each."""

from __future__ import annotations

import ast
import inspect
from types import GenericAlias
from typing import Any

import iris_testkit
from iris_testkit import pytest_plugin

import iris_core
from _generate import packages
from _generate.markdown import table

TITLES = {
    "iris_core.api": "Running",
    "iris_core.recipe": "Running",
    "iris_core.report": "Results",
    "iris_core.prepare": "Results",
    "iris_core.plan": "Results",
    "iris_core.exposure": "Exposures",
    "iris_core.io": "Exposures",
    "iris_core.dq": "Exposures",
    "iris_core.meta": "Exposures",
    "iris_core.keywords": "Exposures",
    "iris_core.arrays": "Exposures",
    "iris_core.stages": "Writing plugins",
    "iris_core.reference": "Reference files",
    "iris_core.references": "Reference files",
    "iris_core.instruments": "Instruments",
    "iris_core.errors": "Errors",
}


def page() -> str:
    """Return the page: every public name of `iris_core`, `iris_testkit` and the other packages."""
    groups: dict[str, list[str]] = {title: [] for title in TITLES.values()}
    for name in sorted({*iris_core.__all__} - {*aliases()}):
        groups.setdefault(title_of(home(name)), []).append(f"iris_core.{name}")
    groups["Testing plugins"] = [f"iris_testkit.{name}" for name in iris_testkit.__all__]
    sections = (section(title, names) for title, names in groups.items())
    return "\n".join(["# Python\n", *sections, packages.section(), arrays(), fixtures(), rules()])


def title_of(module: str) -> str:
    """Return the section of the names of a module; those of a package are in the section of the package."""
    return TITLES.get(module) or TITLES.get(module.rpartition(".")[0], "Writing plugins")


def aliases() -> dict[str, Any]:
    """Return the public names of `iris_core` that stand for arrays of a type: they have no page of their own."""
    items = {name: getattr(iris_core, name) for name in iris_core.__all__}
    return {name: item for name, item in items.items() if isinstance(item, GenericAlias)}


def arrays() -> str:
    """Return the section of the names of arrays, for the annotations of plugins."""
    elements = {name: _element(alias) for name, alias in aliases().items()}
    rows = [(f"`{name}`", "any type" if element is Any else element.__name__) for name, element in elements.items()]
    return f"## Arrays\n\nFor the annotations of a plugin: numpy arrays of one type.\n\n{table(rows, 'name', 'of')}"


def _element(alias: Any) -> Any:
    """Return T of ``ndarray[shape, dtype[T]]``, which is ``NDArray[T]`` from numpy 2.5 on."""
    inner = alias.__args__[-1]
    return getattr(inner, "__args__", (inner,))[0]


def fixtures() -> str:
    """Return the section of the fixtures that pytest knows where iris-testkit is installed."""
    tree = ast.parse(inspect.getsource(pytest_plugin))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    rows = [(f"`{one.name}`", (ast.get_docstring(one) or "").replace("``", "`")) for one in functions]
    return f"## Fixtures\n\n{(pytest_plugin.__doc__ or '').partition(chr(10))[0]}\n\n{table(rows, 'fixture', '')}"


def rules() -> str:
    """Return the section of what the conformance classes test."""
    kinds = [getattr(iris_testkit, name) for name in iris_testkit.__all__ if name.endswith("Conformance")]
    head = "What the conformance classes test; `exempt` names a rule that does not apply, with the reason."
    tables = [f"### {kind.__name__}\n\n{_rules_of(kind)}" for kind in kinds]
    return "\n".join([f"## Rules of conformance\n\n{head}\n", *tables])


def _rules_of(kind: Any) -> str:
    rows = [(f"`{name}`", text) for name, text in sorted(kind.rules().items())]
    return table(rows, "rule", "")


def home(name: str) -> str:
    """Return the module that defines a public name of the core; ``""`` for what is no function or class of it."""
    return str(getattr(getattr(iris_core, name), "__module__", ""))


def section(title: str, names: list[str]) -> str:
    """Return the list of names of which the site makes pages."""
    return "\n".join(
        [
            f"## {title}\n",
            "```{eval-rst}",
            ".. autosummary::",
            "   :toctree: api",
            "   :nosignatures:",
            "",
            *(f"   {name}" for name in names),
            "```\n",
        ]
    )
