"""The page of a recipe's keys, and the JSON schema of a recipe for editors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from _generate.markdown import table
from iris_core.recipe import ExecutorOptions, OutputOptions, StepOptions
from iris_core.recipe_file import RecipeFile

SECTIONS: Mapping[str, Any] = {
    "A recipe": RecipeFile,
    "A step": StepOptions,
    "`output`": OutputOptions,
    "`executor`": ExecutorOptions,
}
STAGE = "^[A-Za-z_][A-Za-z0-9_]*$"
SUFFIX = "^[A-Za-z0-9][A-Za-z0-9_-]*$"

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

The schema knows the form of a recipe. Which plugins there are, their parameters, and whether an extended recipe has
a step is what `iris check` knows.
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


def schema_text(stages: Iterable[str]) -> str:
    """Return the schema as JSON."""
    return json.dumps(schema(stages), indent=2)


def schema(stages: Iterable[str]) -> dict[str, Any]:
    """Return the JSON schema of a recipe.

    The models say everything but what the reader checks itself: the form of a step, and that a recipe which
    extends none has steps and no ``after``.
    """
    found = RecipeFile.model_json_schema(by_alias=True)
    step = StepOptions.model_json_schema()
    for choice in step["properties"]["save"]["anyOf"]:
        if choice["type"] == "string":
            choice["pattern"] = SUFFIX
    found["$defs"]["Stage"] = {"anyOf": [{"enum": sorted(stages)}, {"type": "string", "pattern": STAGE}]}
    found["$defs"]["StepOptions"] = step
    found["properties"]["steps"]["items"] = {"anyOf": [ref("Stage"), one_key(ref("StepOptions"))]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **found,
        "title": "Recipe of iris-core",
        "if": {"required": ["extends"], "properties": {"extends": {"type": "string"}}},
        "else": {"required": ["steps"], "properties": {"steps": {"minItems": 1, "items": one_key_without("after")}}},
    }


def ref(name: str) -> dict[str, str]:
    """Return a reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def one_key(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a mapping from one stage's name to its options, or to nothing."""
    return {
        "type": "object",
        "propertyNames": ref("Stage"),
        "additionalProperties": {"anyOf": [value, {"type": "null"}]},
        "minProperties": 1,
        "maxProperties": 1,
    }


def one_key_without(key: str) -> dict[str, Any]:
    """Return what forbids a step to say something."""
    return {"additionalProperties": {"properties": {key: {"type": "null"}}}}
