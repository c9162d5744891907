"""The page of the hooks: one heading for each, which is its signature, and a whole plugin that implements it."""

from __future__ import annotations

import ast
import builtins
import inspect
from pathlib import Path
from typing import Any

import iris_core
from _generate.markdown import block, example, prose, summary
from iris_core import hookspecs
from iris_core.plugins import Plugins
from iris_core.step import Implementation

EXAMPLES = Path(__file__).parents[1] / "hooks"
GROUPS = {
    "Running": (
        "run_stage",
        "run_group_stage",
        "run_finished",
        "executors",
        "calibrate_jobs",
        "plan_group",
        "compare_products",
    ),
    "Reference files": (
        "reference_types",
        "find_reference",
        "explain_reference",
        "check_reference",
        "open_store",
        "add_to_store",
        "open_references",
    ),
    "Files": ("read_exposure", "read_reference", "read_association", "read_jobs", "write_product", "open_products"),
    "What a package brings": ("instrument_modes", "recipes", "read_recipe", "add_hookspecs"),
}
OTHERS = {"np": "import numpy as np", "u": "from astropy import units as u", "Path": "from pathlib import Path"}

INTRODUCTION = """\
# Hooks

A plugin is a module that implements hooks: functions of these names under `@hookimpl`, or, for a stage, any function
under `@stage("name")`. It takes, by name, those of the arguments it needs. Every example is a whole plugin, and is
run with the tests.
"""


STAGES = """\
## Stages

Each stage is a hook as well, with the arguments `exposure`, `params`, `references`, `background_exposures` and
`instrument`, and has a page of its own: what it computes here, and a whole plugin as its example.
"""


def page(plugins: Plugins) -> str:
    """Return the page of all hooks."""
    parts = [INTRODUCTION]
    for group, names in GROUPS.items():
        parts.append(f"## {group}\n")
        parts += [section(name, getattr(hookspecs, name)) for name in names]
    return "\n".join([*parts, STAGES, *(stage_line(name, plugins) for name in plugins.stages())])


def stage_line(name: str, plugins: Plugins) -> str:
    """Return the line that leads to a stage."""
    function = getattr(plugins.manager.hook, name).spec.function
    return f"- [`{name}`]({name}.md): {summary(function)}"


def function_of(one: Implementation, plugins: Plugins) -> Any:
    """Return the function of an implementation."""
    items = getattr(plugins.manager.hook, one.declared.stage).get_hookimpls()
    return next(item.function for item in items if item.plugin_name == one.plugin)


def section(name: str, function: Any) -> str:
    """Return the section of one hook."""
    return "\n".join([f"### {heading(name, function)}\n", prose(function) + "\n", whole_example(name, function)])


def heading(name: str, function: Any) -> str:
    """Return the signature of a hook as a heading."""
    return f"`{name}({', '.join(inspect.signature(function).parameters)})`"


def whole_example(name: str, function: Any) -> str:
    """Return a whole plugin: its file in `EXAMPLES`, or the example of the docstring with the imports it needs."""
    path = EXAMPLES / f"{name}.py"
    if path.exists():
        return block(path.read_text(encoding="utf-8"))
    text = example(function)
    return block(f"{imports(text)}\n\n\n{text}") if text else ""


def imports(text: str) -> str:
    """Return the imports of the names that a piece of code uses and does not define."""
    nodes = list(ast.walk(ast.parse(text)))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    defined |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    used = {node.id for node in nodes if isinstance(node, ast.Name)} - defined - set(dir(builtins))
    ours = sorted(used & set(iris_core.__all__))
    lines = [OTHERS[name] for name in sorted(used & OTHERS.keys())]
    return "\n".join([*lines, f"from iris_core import {', '.join(ours)}"])
