"""What the command line, or a caller, says over a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from iris_core.document import explain
from iris_core.errors import IrisError, RecipeError, did_you_mean
from iris_core.recipe import ExecutorOptions, OutputOptions, Recipe, StepOptions, merge_step

__all__ = ["Overrides", "apply_overrides"]

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Changes to a recipe for one run; they go before everything the recipe says.

    Parameters
    ----------
    params
        ``{"flat_field.inverse": True}``.
    use
        Implementation by stage.
    references
        File by reference type; ``store`` is a folder of reference files.
    skip
        Reason by stage.
    save
        Stages after which a product is written.
    instrument
        Name of the instrument mode.
    directory, format, overwrite
        Where products go, as ``fits`` or ``asdf``, and whether they may replace others.
    executor, workers
        How several exposures are worked on.
    plugin_files
        Plugins of one file, which implement their stages in this run.
    allow_outside
        Whether an association may name files outside its own folder.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    use: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, Path] = field(default_factory=dict)
    skip: Mapping[str, str] = field(default_factory=dict)
    save: tuple[str, ...] = ()
    instrument: str = ""
    directory: Path | None = None
    format: str | None = None
    overwrite: bool = False
    executor: str = ""
    workers: int | None = None
    plugin_files: tuple[Path, ...] = ()
    allow_outside: bool = False


def apply_overrides(recipe: Recipe, overrides: Overrides) -> tuple[Recipe, list[IrisError]]:
    """Return the recipe with the overrides put over it, and what is wrong with them."""
    steps, problems = list(recipe.steps), list[IrisError]()
    for option, stage, said, key in _said(overrides):
        place = f"{option} {stage}"
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
                steps[index] = merge_step(steps[index], said, {key: place}, steps[index].place)
            except ValidationError as error:
                problems += explain(error, StepOptions, lambda _path, place=place: place, (stage,))
    return replace(recipe, steps=tuple(steps), **_top(recipe, overrides, problems)), problems


def _said(overrides: Overrides) -> list[tuple[str, str, Mapping[str, Any], str]]:
    said: list[tuple[str, str, Mapping[str, Any], str]] = []
    for name, value in overrides.params.items():
        stage, _, key = name.partition(".")
        said.append(("--set", stage, {"params": {key: value}}, f"params.{key}"))
    said += [("--use", stage, {"use": plugin}, "use") for stage, plugin in overrides.use.items()]
    said += [("--skip", stage, {"skip": reason}, "skip") for stage, reason in overrides.skip.items()]
    said += [("--save", stage, {"save": True}, "save") for stage in overrides.save]
    return said


def _top(recipe: Recipe, overrides: Overrides, problems: list[IrisError]) -> dict[str, Any]:
    directory = recipe.output.directory if overrides.directory is None else str(overrides.directory)
    output = {
        "directory": directory,
        "format": overrides.format or recipe.output.format,
        "overwrite": overrides.overwrite or recipe.output.overwrite,
    }
    executor = {
        "name": overrides.executor or recipe.executor.name,
        "workers": recipe.executor.workers if overrides.workers is None else overrides.workers,
    }
    places = {reftype: f"--reference {reftype}" for reftype in overrides.references}
    return {
        "references": {**recipe.references, **{kind: Path(file) for kind, file in overrides.references.items()}},
        "reference_places": {**recipe.reference_places, **places},
        "instrument": overrides.instrument or recipe.instrument,
        "output": _options(OutputOptions, output, problems),
        "executor": _options(ExecutorOptions, executor, problems),
    }


def _options(model: type[Model], said: Mapping[str, Any], problems: list[IrisError]) -> Model:
    try:
        return model.model_validate(said)
    except ValidationError as error:
        problems += explain(error, model, lambda _path: "the options of the run")
        return model()
