"""The page of the public names, from which the site makes one page for each."""

from __future__ import annotations

import ast
import inspect

import iris_core
import iris_core.testing
from _generate.markdown import table
from iris_core import pytest_plugin

TITLES = {
    "iris_core.api": "Running",
    "iris_core.overrides": "Running",
    "iris_core.fitsio": "Exposures",
    "iris_core.model": "Exposures",
    "iris_core.dq": "Exposures",
    "iris_core.meta": "Exposures",
    "iris_core.keywords": "Exposures",
    "iris_core.outline": "Exposures",
    "iris_core.stages": "Writing plugins",
    "iris_core.references": "Reference files",
    "iris_core.instruments": "Instruments",
    "iris_core.errors": "Errors",
}
RESULTS = ("iris_core.report.Report", "iris_core.report.ExposureResult", "iris_core.session.Survey")


def page() -> str:
    """Return the page: every public name of `iris_core` and `iris_core.testing`, and what `run` and `check` return."""
    groups: dict[str, list[str]] = {title: [] for title in TITLES.values()}
    for name in iris_core.__all__:
        groups.setdefault(TITLES.get(home(name), "Writing plugins"), []).append(f"iris_core.{name}")
    groups["Results"] = list(RESULTS)
    groups["Testing plugins"] = [f"iris_core.testing.{name}" for name in iris_core.testing.__all__]
    return "\n".join(["# Python\n", *(section(title, names) for title, names in groups.items()), fixtures(), rules()])


def fixtures() -> str:
    """Return the section of the fixtures that pytest knows where iris-core is installed."""
    tree = ast.parse(inspect.getsource(pytest_plugin))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    rows = [(f"`{one.name}`", (ast.get_docstring(one) or "").replace("``", "`")) for one in functions]
    return f"## Fixtures\n\n{(pytest_plugin.__doc__ or '').partition(chr(10))[0]}\n\n{table(rows, 'fixture', '')}"


def rules() -> str:
    """Return the section of what `iris_core.testing.StageConformance` tests."""
    rows = [(f"`{name}`", said) for name, said in sorted(iris_core.testing.StageConformance.rules().items())]
    head = "What `StageConformance` tests of any stage; `exempt` names a rule that does not apply, with the reason."
    return f"## Rules of conformance\n\n{head}\n\n{table(rows, 'rule', '')}"


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
