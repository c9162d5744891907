"""The JSON schema of a recipe, for editors."""

from __future__ import annotations

import json
from typing import Any

from iris_core.cli.show import describe_params
from iris_core.plugins import Plugins
from iris_core.recipe import StepOptions
from iris_core.recipes.reading import RecipeFile

STAGE = "^[A-Za-z_][A-Za-z0-9_]*$"
SIZE = r"^\s*[0-9]+(\.[0-9]+)?\s*([kKmMgGtT]?[iI]?[bB]|[kKmMgGtT]?)\s*$"
SUFFIX = "^[A-Za-z0-9][A-Za-z0-9_-]*$"


def text(plugins: Plugins) -> str:
    """Return the schema as JSON."""
    return json.dumps(schema(plugins), indent=2, allow_nan=False)


def schema(plugins: Plugins) -> dict[str, Any]:
    """Return the JSON schema of a recipe.

    The models say everything but what the reader checks itself: the form of a step, and that a recipe which
    extends none has steps and neither ``after`` nor ``before``.
    """
    found = RecipeFile.model_json_schema(by_alias=True)
    found["$defs"]["StepOptions"] = step_options()
    size = {"type": "string", "pattern": SIZE}  # the model knows what it is read as, a number of bytes
    found["$defs"]["ExecutorOptions"]["properties"]["memory"]["anyOf"].append(size)
    references = found["properties"]["references"]
    references["properties"] = {"providers": references["additionalProperties"]}
    references["additionalProperties"] = {"type": "string"}
    found["properties"]["steps"]["items"] = {"anyOf": [stage_name(plugins), step(plugins)]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **found,
        "title": "Recipe of iris",
        "if": {"required": ["extends"], "properties": {"extends": {"type": "string"}}},
        "else": {"required": ["steps"], "properties": {"steps": {"minItems": 1, "items": without("after", "before")}}},
    }


def step_options() -> dict[str, Any]:
    """Return the schema of what a recipe says of a step."""
    found = StepOptions.model_json_schema()
    for name, pattern in (("save", SUFFIX), ("skip", r"\S")):
        for choice in found["properties"][name]["anyOf"]:
            if choice.get("type") == "string":
                choice["pattern"] = pattern
    return found


def stage_name(plugins: Plugins) -> dict[str, Any]:
    """Return the schema of a stage's name: those of this repository to choose from, and any other."""
    return {"anyOf": [{"enum": sorted(plugins.stages())}, {"type": "string", "pattern": STAGE}]}


def step(plugins: Plugins) -> dict[str, Any]:
    """Return the schema of a mapping from one stage's name to its options, or to nothing."""
    options = {"$ref": "#/$defs/StepOptions"}
    hinted = {name: {"allOf": [options, hints(name, plugins)]} for name in sorted(plugins.stages())}
    return {
        "type": "object",
        "properties": {name: {"anyOf": [said, {"type": "null"}]} for name, said in hinted.items()},
        "propertyNames": {"pattern": STAGE},
        "additionalProperties": {"anyOf": [options, {"type": "null"}]},
        "minProperties": 1,
        "maxProperties": 1,
    }


def hints(stage: str, plugins: Plugins) -> dict[str, Any]:
    """Return the names and descriptions of a stage's parameters; their values are for the implementation to check."""
    rows = [row for one in plugins.implementations(stage).values() for row in describe_params(one.declared.params)]
    units = {row["name"]: f" [{row['unit']}]" if row["unit"] else "" for row in rows}
    described = {row["name"]: {"description": row["description"] + units[row["name"]]} for row in rows}
    return {"properties": {"params": {"properties": described}}}


def without(*keys: str) -> dict[str, Any]:
    """Return what forbids options of a step."""
    return {"additionalProperties": {"properties": {key: {"type": "null"} for key in keys}}}
