"""From a recipe to steps: implementations chosen, parameters validated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from iris_core.errors import IrisError, PluginError, RecipeError, choices, did_you_mean
from iris_core.instruments import InstrumentMode
from iris_core.plugins import Plugins
from iris_core.recipe import Recipe, StepRequest, explain
from iris_core.stages import Params
from iris_core.step import Implementation, Step


def compile_recipe(
    recipe: Recipe, plugins: Plugins, mode: InstrumentMode | None
) -> tuple[tuple[Step, ...], list[IrisError]]:
    """Return the steps of a recipe for one instrument mode, and every error in it.

    Parameters
    ----------
    recipe
        The recipe, overrides included.
    plugins
        The plugins of the run.
    mode
        Its preferences count where the recipe and the command line have none.
    """
    problems = plugins.missing(recipe.plugins, f"recipe {recipe.label}: with")
    steps = [step for request in recipe.steps if (step := _compile(request, plugins, mode, problems))]
    if not recipe.steps:
        problems.append(RecipeError(f"recipe {recipe.label}: there are no steps"))
    if steps and not (steps[-1].save or steps[-1].spec.tables or steps[-1].spec.images):
        steps[-1] = replace(steps[-1], save=steps[-1].spec.product or "cal")
    return tuple(steps), problems or [*_same_products(steps), *_same_keywords(steps, plugins)]


def _compile(
    request: StepRequest, plugins: Plugins, mode: InstrumentMode | None, problems: list[IrisError]
) -> Step | None:
    stages, options, stage = plugins.stages(), request.options, request.stage
    if stage not in stages:
        known = f"{did_you_mean(stage, stages)} Stages: {choices(stages)}"
        problems.append(RecipeError(f"{request.place}: no stage '{stage}'{known}"))
        return None
    spec = stages[stage]
    try:
        implementation = plugins.choose(stage, options.use or (mode.use.get(stage, "") if mode else ""))
    except PluginError as error:
        problems.append(PluginError(f"{request.where('use')}: {error}"))
        return None
    params = _params(request, implementation, mode, problems)
    return Step(
        spec=spec,
        implementation=implementation,
        params=params or Params(),
        valid=params is not None,
        hook=plugins.hook(stage, implementation.plugin),
        save=(spec.product or stage) if options.save is True else options.save or "",
        skip=options.skip or "",
        again=options.again,
        place=request.place,
    )


def _params(
    request: StepRequest, implementation: Implementation, mode: InstrumentMode | None, problems: list[IrisError]
) -> Params | None:
    # The parameters that a mode prefers are meant for the implementation it prefers, or for the only one.
    theirs = not request.options.use or (mode is not None and request.options.use == mode.use.get(request.stage))
    preferred = mode.params.get(request.stage, {}) if mode and theirs else {}
    kind = implementation.declared.params
    try:
        return kind.model_validate({**preferred, **request.options.params})
    except ValidationError as error:
        # An error of all parameters together has no name of one in its path.
        problems += explain(
            error, kind, lambda path: request.where(".".join(("params", *map(str, path[1:2])))), (request.stage,)
        )
        return None


def _same_products(steps: Sequence[Step]) -> list[IrisError]:
    """Return an error for each step whose product would replace that of a step before it."""
    owners: dict[str, Step] = {}
    again = [step for step in steps if step.makes_product and owners.setdefault(step.save, step) is not step]
    return [
        RecipeError(
            f"{step.place}: {step.stage} would replace the product '{step.save}' of {owners[step.save].stage}; "
            "give one of them another suffix with 'save:'"
        )
        for step in again
    ]


def _same_keywords(steps: Sequence[Step], plugins: Plugins) -> list[IrisError]:
    """Return an error for each step whose status keyword records another declared stage, too."""
    pairs = [(step, spec) for step in steps for spec in plugins.stages().values() if spec.records_as(step.spec)]
    return [
        PluginError(
            f"{step.place}: the keyword {step.spec.status} records both {step.stage} of {step.implementation} and "
            f"{spec.name} of {plugins.brought_by(spec.name)}; one of them needs another keyword, or to be uninstalled"
        )
        for step, spec in pairs
    ]
