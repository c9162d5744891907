"""What the command line, or a caller, changes in a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from iris_core.errors import IrisError, Problems, RecipeError, choices, did_you_mean
from iris_core.recipe import (
    ExecutorOptions,
    OutputOptions,
    Overrides,
    PartialRecipe,
    Recipe,
    StepOptions,
    explain,
    options_of,
)
from iris_core.recipes.merging import merge_step
from iris_core.recipes.reading import find_recipe, load_recipe

if TYPE_CHECKING:
    from iris_core.plugins import Plugins

__all__ = ["apply_overrides", "resolve_recipe"]

Model = TypeVar("Model", bound=BaseModel)
_FLAGS = {"params": "--set", "use": "--use", "skip": "--skip", "unskip": "--no-skip", "save": "--save"}


def resolve_recipe(recipe: str | Recipe, overrides: Overrides, plugins: Plugins) -> Recipe:
    """Return a recipe with the overrides put over it.

    Raises
    ------
    Problems
        Every error; `PartialRecipe` where something of the recipe can be used.
    """
    problems: list[IrisError] = []
    try:
        known = plugins.recipes()
        loaded = recipe if isinstance(recipe, Recipe) else load_recipe(find_recipe(recipe, known), known)
    except PartialRecipe as partial:
        problems += partial.problems
        loaded = partial.recipe
    except Problems:
        raise
    except IrisError as error:
        raise Problems([error]) from None
    use = _use_files(loaded, overrides.use, plugins, problems)
    changed, found = apply_overrides(loaded, overrides.model_copy(update={"use": use}))
    found += _unknown_options(changed, plugins)
    if problems or found:
        raise PartialRecipe([*problems, *found], changed)
    return changed


def apply_overrides(recipe: Recipe, overrides: Overrides) -> tuple[Recipe, list[IrisError]]:
    """Return the recipe with the overrides put over it, and the errors."""
    steps, problems = list(recipe.steps), list[IrisError]()
    for option, stage, options, key in _step_options(overrides):
        place = f"{_FLAGS[option] if overrides.flags else f'{option}:'} {stage}"
        at = [index for index, step in enumerate(steps) if step.stage == stage]
        if not at:
            names = [step.stage for step in steps]
            problems.append(
                RecipeError(
                    f"{place}: the recipe has no step '{stage}'{did_you_mean(stage, names)} Steps: {', '.join(names)}"
                )
            )
        for index in at:
            try:
                steps[index] = merge_step(steps[index], options, {key: place}, steps[index].place)
            except ValidationError as error:
                problems += explain(error, StepOptions, _at(place), (stage,))
    return replace(recipe, steps=tuple(steps), **_top(recipe, overrides, problems)), problems


def _unknown_options(recipe: Recipe, plugins: Plugins) -> list[IrisError]:
    """Return an error for each key of `executor` that the executor does not know."""
    executors, name = plugins.executors(), recipe.executor.name
    given = recipe.executor.model_extra if name in {"serial", *executors} else None
    own = options_of(executors[name]) if given and name in executors else []
    known = {*own, *ExecutorOptions.model_fields}
    place = recipe.executor_place or f"recipe {recipe.label}"
    return [
        RecipeError(f"{place}: executor '{name}' has no '{key}'{did_you_mean(key, known)} Keys: {choices(known)}")
        for key in given or ()
        if key not in own
    ]


def _at(place: str) -> Callable[[Any], str]:
    return lambda _path: place


def _step_options(overrides: Overrides) -> list[tuple[str, str, Mapping[str, Any], str]]:
    """Return, for each option of a step: its name, the stage, the option as in a recipe, its key."""
    found: list[tuple[str, str, Mapping[str, Any], str]] = []
    for name, value in overrides.params.items():
        stage, _, key = name.partition(".")
        found.append(("params", stage, {"params": {key: value}}, f"params.{key}"))
    found += [("use", stage, {"use": plugin}, "use") for stage, plugin in overrides.use.items()]
    found += [("skip", stage, {"skip": reason}, "skip") for stage, reason in overrides.skip.items()]
    found += [("unskip", stage, {"skip": False}, "skip") for stage in overrides.unskip]
    found += [("save", stage, {"save": True}, "save") for stage in overrides.save]
    return found


def _top(recipe: Recipe, overrides: Overrides, problems: list[IrisError]) -> dict[str, Any]:
    directory = recipe.output.directory if overrides.directory is None else str(overrides.directory)
    output = {
        "directory": directory,
        "format": overrides.format or recipe.output.format,
        "overwrite": overrides.overwrite or recipe.output.overwrite,
        "resume": overrides.resume or recipe.output.resume,
        "accept": overrides.accept or recipe.output.accept,
    }
    theirs = None if overrides.executor == "serial" else recipe.executor.workers
    same = overrides.executor in ("", recipe.executor.name) or recipe.executor.name == "serial"
    executor = {
        **((recipe.executor.model_extra if same else None) or {}),
        "name": overrides.executor or recipe.executor.name,
        "workers": theirs if overrides.workers is None else overrides.workers,
        "memory": overrides.memory or recipe.executor.memory,
        "scratch": str(overrides.scratch) if overrides.scratch else recipe.executor.scratch,
    }
    named = "--reference" if overrides.flags else "references:"
    places = {reftype: f"{named} {reftype}" for reftype in overrides.references}
    return {
        "references": {**recipe.references, **{kind: Path(file) for kind, file in overrides.references.items()}},
        "reference_places": {**recipe.reference_places, **places},
        "instrument": overrides.instrument or recipe.instrument,
        "forced": bool(overrides.instrument) or recipe.forced,
        "output": _options(OutputOptions, output, problems),
        "executor": _options(ExecutorOptions, executor, problems),
    }


def _options(model: type[Model], options: Mapping[str, Any], problems: list[IrisError]) -> Model:
    try:
        return model.model_validate(options)
    except ValidationError as error:
        problems += explain(error, model, _at("the options of the run"))
        return model()


def _use_files(recipe: Recipe, use: Mapping[str, str], plugins: Plugins, problems: list[IrisError]) -> dict[str, str]:
    """Return the implementation by stage, single-file plugins included: to name a file is to choose it."""
    steps = [step.stage for step in recipe.steps]
    chosen = dict(use)
    for name, path in plugins.files().items():
        stages = {stage for stage in plugins.stages() if name in plugins.implementations(stage)}
        taken = stages & {*steps}
        nothing_else = stages >= plugins.hooks_of(name)
        if not stages and nothing_else:
            problems.append(RecipeError(f"plugin {path}: it implements no hook; is a function without its @stage?"))
        elif not taken and nothing_else:
            others = f"which is no step of recipe {recipe.label}; its steps: {', '.join(steps)}"
            problems.append(RecipeError(f"plugin {path}: it implements {choices(stages)}, {others}"))
        for stage in sorted(taken - use.keys()):
            other = chosen.setdefault(stage, name)
            if other != name:
                problems.append(
                    RecipeError(f"both {other} and {name} implement {stage}; name one with --use {stage}={name}")
                )
    return chosen
