"""Write the reference pages of the documentation from the code: `python docs/generate.py`.

The pages are kept in the repository, so that they can be read there; a test fails when they are out of date.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from iris_core import DQ, hookspecs
from iris_core.keywords import KEYWORDS
from iris_core.loading import load_plugins
from iris_core.plugins import Implementation, Plugins
from iris_core.recipe import ExecutorOptions, OutputOptions, StepOptions
from iris_core.recipe_file import RecipeFile
from iris_core.stages import StageSpec, describe_params

HERE = Path(__file__).parent / "reference"
GROUPS = {
    "Running": ("run_stage", "run_finished", "executors"),
    "Reference files": ("find_reference", "explain_reference"),
    "Files": ("read_exposure", "write_product"),
    "What a package brings": ("instrument_modes", "recipes", "add_hookspecs"),
}


def table(rows: Iterable[Iterable[Any]], *columns: str) -> str:
    """Return a Markdown table."""
    lines = [list(columns), ["---"] * len(columns), *([cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def cell(value: Any) -> str:
    """Return a value as it stands in a table."""
    return str("" if value is None else value).replace("|", "\\|").replace("\n", " ")


def docstring(item: Any) -> str:
    """Return a numpydoc docstring as Markdown: sections in bold, what they define as lists, examples as code."""
    written: list[str] = []
    lines = (inspect.getdoc(item) or "").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        text = line if line.startswith((">>>", "...")) else line.strip().replace("``", "`")
        if following and set(following) == {"-"}:
            written.append(f"**{text}**")
        elif line and set(line) == {"-"}:
            written.append("")
        elif following.startswith("    ") and not line.startswith((" ", ">>>", "...")):
            written.append(f"- *{text}*:")
        elif line.startswith("    ") and written:
            written[-1] += f" {text}"
        else:
            written.append(text)
    return fence_examples(written)


def fence_examples(lines: list[str]) -> str:
    """Return the lines with ``>>>`` blocks as Python code."""
    written, inside = [], False
    for line in [*lines, ""]:
        is_code = line.startswith((">>>", "..."))
        if is_code != inside:
            written.append("```python" if is_code else "```")
            inside = is_code
        written.append(line[4:] if is_code else line)
    return "\n".join(written).rstrip()


def stage_page(spec: StageSpec, plugins: Plugins) -> str:
    """Return the page of one stage: its contract, and every implementation in this repository."""
    hook = getattr(plugins.manager.hook, spec.name).spec.function
    facts = [
        ("status keyword", spec.status),
        ("understood too", ", ".join(spec.aliases)),
        ("own product", spec.product),
    ]
    parts = [
        f"# {spec.name}\n",
        docstring(hook) + "\n",
        table([fact for fact in facts if fact[1]], "fact", "value"),
        *(implementation(one) for one in plugins.implementations(spec.name)),
    ]
    return "\n".join(parts)


def implementation(one: Implementation) -> str:
    """Return the section of one implementation."""
    rows = [
        (f"`{row['name']}`", row["type"], row["default"], row["unit"], row["description"])
        for row in describe_params(one.declared.params)
    ]
    references = [*one.declared.references, *(f"{reftype} (if there is one)" for reftype in one.declared.optional)]
    return "\n".join(
        [
            f"## {one.plugin}\n",
            docstring(one.function) + "\n",
            f"Reference files: {', '.join(references) or 'none'}.\n",
            table(rows, "parameter", "type", "default", "unit", "meaning") if rows else "No parameters.\n",
        ]
    )


def hooks_page() -> str:
    """Return the page of the hooks that are no stages."""
    parts = ["# Hooks\n", "The stages have pages of their own; these are the other hooks of a plugin.\n"]
    for group, names in GROUPS.items():
        parts.append(f"## {group}\n")
        for name in names:
            function = getattr(hookspecs, name)
            parts += [
                f"### `{name}({', '.join(inspect.signature(function).parameters)})`\n",
                docstring(function) + "\n",
            ]
    return "\n".join(parts)


def options(model: Any) -> str:
    """Return the table of the keys that a part of a recipe can have."""
    rows = [
        (f"`{item.alias or name}`", "needed" if item.is_required() else plain(item.default), item.description)
        for name, item in model.model_fields.items()
    ]
    return table(rows, "key", "default", "meaning")


def plain(value: Any) -> str:
    """Return a default as a recipe would say it."""
    return "" if value in (None, [], {}) or hasattr(value, "model_dump") else str(value)


def recipe_page() -> str:
    """Return the page of the recipe's keys."""
    sections: Mapping[str, Any] = {
        "A recipe": RecipeFile,
        "A step": StepOptions,
        "`output`": OutputOptions,
        "`executor`": ExecutorOptions,
    }
    return "\n".join(
        ["# Keys of a recipe\n", *(f"## {title}\n\n{options(model)}" for title, model in sections.items())]
    )


def keywords_page(specs: Iterable[StageSpec]) -> str:
    """Return the page of FITS keywords, status keywords and DQ bits."""
    rows = [(f"`{one.name}`", ", ".join(one.aliases), one.unit, one.field, one.meaning) for one in KEYWORDS]
    stages = [(f"`{spec.status}`", ", ".join(spec.aliases), spec.name) for spec in specs]
    bits = [(bit.value.bit_length() - 1, bit.value, bit.name) for bit in DQ if bit.value]
    return "\n".join(
        [
            "# Keywords and bits\n",
            "## FITS keywords\n",
            table(rows, "keyword", "understood too", "unit", "field of `Meta`", "meaning"),
            "## Status of the stages\n",
            table(stages, "keyword", "understood too", "stage"),
            "## DQ bits\n",
            table(bits, "bit", "value", "name"),
        ]
    )


def pages() -> dict[str, str]:
    """Return every generated page by file name."""
    plugins = load_plugins()
    if plugins.broken:
        sys.exit("\n".join(map(str, plugins.broken)))
    specs = plugins.stages()
    written = {f"{name}.md": stage_page(spec, plugins) for name, spec in specs.items()}
    return {
        **written,
        "hooks.md": hooks_page(),
        "recipe.md": recipe_page(),
        "keywords.md": keywords_page(specs.values()),
    }


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HERE / name).write_text(text.rstrip() + "\n", encoding="utf-8")
