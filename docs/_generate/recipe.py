"""The page of a recipe's keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from _generate.markdown import table
from iris_core.recipe import ExecutorOptions, OutputOptions, StepOptions
from iris_core.recipes.reading import RecipeFile

SECTIONS: Mapping[str, Any] = {
    "A recipe": RecipeFile,
    "A step": StepOptions,
    "`output`": OutputOptions,
    "`executor`": ExecutorOptions,
}

EDITORS = """\
## In an editor

Editors that know YAML schemas complete the keys and mark mistakes while you type, with the schema
[`recipe.schema.json`](recipe.schema.json) (JSON Schema 2020-12). The YAML language server, which most of them use,
takes it from the first line of a recipe, with the path from there:

```yaml
# yaml-language-server: $schema=recipe.schema.json
recipe: 1
name: mine
extends: image2
steps:
  - resample: {params: {pixfrac: 0.8}}
```

The schema knows the form of a recipe, and offers the stages and parameters of this repository. Which plugins are
installed, the values of their parameters, and whether an extended recipe has a step is what `iris check` knows.
"""


def page() -> str:
    """Return the page of the recipe's keys."""
    return "\n".join(
        ["# Keys of a recipe\n", *(f"## {title}\n\n{options(model)}" for title, model in SECTIONS.items()), EDITORS]
    )


def options(model: Any) -> str:
    """Return the table of the keys that a part of a recipe can have."""
    rows = [
        (f"`{item.alias or name}`", "needed" if item.is_required() else plain(item.default), item.description)
        for name, item in model.model_fields.items()
    ]
    return table(rows, "key", "default", "meaning")


def plain(value: Any) -> str:
    """Return a default as a recipe would say it."""
    return "" if value in (None, [], {}) or hasattr(value, "model_dump") else str(value).lower()
