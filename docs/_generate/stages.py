"""The pages of the stages: what each computes, under which contract, and how to write another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from _generate import hooks, readme
from _generate.markdown import code, facts, prose, summary, table
from iris_core import DQ
from iris_core.cli.show import describe_params
from iris_core.plugins import Plugins
from iris_core.stages import StageSpec
from iris_core.step import Implementation

CONTRACT = {
    "status": "status keyword",
    "aliases": "also understood",
    "unit": "unit of the result",
    "dq": "DQ bits of its own",
    "product": "own product",
    "consumes_backgrounds": "background exposures",
    "reshapes": "shape",
    "removes": "removed from the pixels",
    "may_remove": "possibly removed as well",
    "group": "exposures",
    "makes": "made of them",
    "tables": "tables",
    "images": "further images",
    "deprecated": "deprecated arguments",
}
DEFAULTS = {"status keyword": "", "unit of the result": "unchanged", "DQ bits of its own": "none"}
SAID = {"consumes_backgrounds": "end here", "reshapes": "may change", "group": "many"}
NOT_SAID = {"name", "makes"}  # of a stage of one exposure


def page(spec: StageSpec, plugins: Plugins) -> str:
    """Return the page of one stage: its contract, every implementation in this repository, a whole example."""
    hook = hook_of(spec.name, plugins)
    return "\n".join(
        [
            f"# {spec.name}\n",
            prose(hook) + "\n",
            facts(contract(spec)),
            *(implementation(one, plugins) for one in plugins.implementations(spec.name).values()),
            f"## {hooks.heading(spec.name, hook)}\n",
            "An implementation of your own takes those of these arguments that it needs:\n",
            hooks.whole_example(spec.name, hook),
        ]
    )


def index(plugins: Plugins) -> str:
    """Return the page that lists the stages."""
    rows = [
        (
            f"[{name}]({name}.md)",
            summary(hook_of(name, plugins)),
            f"`{spec.status}`",
            code(one.plugin for one in plugins.implementations(name).values()),
        )
        for name, spec in plugins.stages().items()
    ]
    return "\n".join(
        [
            "# Stages\n",
            "What each stage computes, and which plugins of this repository implement it.\n",
            table(rows, "stage", "", "status", "implemented by"),
            toctree(plugins.stages()),
        ]
    )


def toctree(names: Mapping[str, Any]) -> str:
    """Return the part of a page that puts others below it in the site."""
    return "\n".join(["```{toctree}", ":hidden:", "", *names, "```\n"])


def hook_of(name: str, plugins: Plugins) -> Any:
    """Return the specification of a hook."""
    return getattr(plugins.manager.hook, name).spec.function


def contract(spec: StageSpec) -> dict[str, str]:
    """Return what the specification of a stage fixes for every implementation."""
    hidden = {"name"} if spec.group else NOT_SAID
    values = {item.name: getattr(spec, item.name) for item in fields(spec) if item.name not in hidden}
    said = {CONTRACT[name]: SAID.get(name) or say(value) for name, value in values.items() if value}
    return {**DEFAULTS, **said}


def say(value: Any) -> str:
    """Return a value of a contract as text."""
    if isinstance(value, DQ):
        return code(bit.name or "" for bit in value)
    return code(value) if isinstance(value, tuple) else f"`{value}`"


def implementation(one: Implementation, plugins: Plugins) -> str:
    """Return the section of one implementation: what its README says, and what the code says of its parameters."""
    kinds = {
        "reference files": code(one.declared.references),
        "used where there is one": code(one.declared.optional),
        "further DQ bits": say(one.declared.dq),
    }
    text = readme.section_of(one.plugin, one.declared.stage) or prose(hooks.function_of(one, plugins)) + "\n"
    return "\n".join([f"## {one.plugin}\n", text, parameters(one), facts(kinds) if any(kinds.values()) else ""])


def parameters(one: Implementation) -> str:
    """Return the table of an implementation's parameters."""
    rows = [
        (f"`{row['name']}`", row["type"], row["default"], row["unit"], row["description"])
        for row in describe_params(one.declared.params)
    ]
    found = table(rows, "parameter", "type", "default", "unit", "meaning") if rows else "None.\n"
    return f"### Parameters of {one.plugin}\n\n{found}"
