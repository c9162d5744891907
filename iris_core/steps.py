"""From a recipe to steps: implementations chosen, parameters validated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from iris_core.document import explain
from iris_core.errors import IrisError, PluginError, RecipeError, StageContractError, choices, did_you_mean
from iris_core.implementations import Implementation
from iris_core.instruments import InstrumentMode
from iris_core.model import Exposure
from iris_core.plugins import Plugins
from iris_core.printing import diverted
from iris_core.recipe import Recipe, StepRequest
from iris_core.references import References
from iris_core.stages import Params, StageSpec

__all__ = ["Step", "compile_recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of a recipe, ready to run.

    Parameters
    ----------
    spec
        What the stage is.
    implementation
        Who does it.
    params
        Its parameters, valid.
    save
        Suffix of the product to write after it; ``""`` for none.
    skip
        Why the recipe leaves it out; ``""`` where it does not.
    again
        Whether it may run on an exposure that has been through this stage.
    place
        Where the recipe says so.
    """

    spec: StageSpec
    implementation: Implementation
    params: Params
    save: str = ""
    skip: str = ""
    again: bool = False
    place: str = ""

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.spec.name

    @property
    def makes_product(self) -> bool:
        """Whether a product is written after it: a stage that is left out does not make its own product."""
        return bool(self.save) and not (self.skip and self.save == self.spec.product)

    @property
    def by_integration(self) -> bool:
        """Whether its implementation treats each integration of a cube alone."""
        said = self.implementation.declared.by_integration
        return said(self.params) if callable(said) else said

    def call(
        self, exposure: Exposure, references: References, backgrounds: Sequence[Exposure], instrument: InstrumentMode
    ) -> Any:
        """Run the implementation with those arguments that it names; what it prints goes to standard error."""
        with diverted(f"stage '{self.stage}' of {self.implementation} printed"):
            return self.call_with(self.implementation.function, exposure, references, backgrounds, instrument)

    def check(
        self, outline: Exposure, references: References, backgrounds: Sequence[Exposure], instrument: InstrumentMode
    ) -> Exposure:
        """Run the implementation's own check on an outline and return the outline as the stage will leave it."""
        function = self.implementation.declared.check
        if function is None:
            return outline
        result = self.call_with(function, outline, references, backgrounds, instrument)
        if result is not None and not isinstance(result, Exposure):
            raise StageContractError(
                f"{self.implementation}: the check of {self.stage} returned {type(result).__name__}, "
                "not an Exposure or None"
            )
        return result or outline

    def call_with(
        self,
        function: Callable[..., Any],
        exposure: Exposure,
        references: References,
        backgrounds: Sequence[Exposure],
        instrument: InstrumentMode,
    ) -> Any:
        """Call a function with those of the hook's arguments that it names."""
        offered = {
            "exposure": exposure,
            "params": self.params,
            "references": references,
            "background_exposures": backgrounds,
            "instrument": instrument,
        }
        named = inspect.signature(function).parameters
        return function(**{name: value for name, value in offered.items() if name in named})


def compile_recipe(
    recipe: Recipe, plugins: Plugins, mode: InstrumentMode | None
) -> tuple[tuple[Step, ...], list[IrisError]]:
    """Return the steps of a recipe for one instrument mode, and every mistake in it.

    Parameters
    ----------
    recipe
        The recipe, overrides included.
    plugins
        What is installed.
    mode
        Its preferences count where recipe and command line say nothing.
    """
    problems: list[IrisError] = []
    try:
        plugins.require(recipe.plugins, f"recipe {recipe.label}: with")
    except PluginError as error:
        problems.append(error)
    compiled = [_compile(request, plugins, mode, problems) for request in recipe.steps]
    steps = [step for step in compiled if step is not None]
    if not recipe.steps:
        problems.append(RecipeError(f"recipe {recipe.label}: there are no steps"))
    ready = _save_last(steps)
    return ready, problems or _same_products(ready)


def _compile(
    request: StepRequest, plugins: Plugins, mode: InstrumentMode | None, problems: list[IrisError]
) -> Step | None:
    spec, options = plugins.find_stage(request.stage), request.options
    if spec is None:
        stages = plugins.stages()
        problems.append(
            RecipeError(
                f"{request.place}: no stage '{request.stage}'{did_you_mean(request.stage, stages)} "
                f"Stages: {choices(stages)}"
            )
        )
        return None
    preferred = mode.use.get(request.stage, "") if mode else ""
    try:
        implementation = plugins.choose(request.stage, options.use or preferred)
    except PluginError as error:
        problems.append(PluginError(f"{request.where('use')}: {error}"))
        return None
    return Step(
        spec=spec,
        implementation=implementation,
        params=_params(request, implementation, mode, problems),
        save=_suffix(options.save, spec),
        skip=options.skip or "",
        again=options.again,
        place=request.place,
    )


def _params(
    request: StepRequest, implementation: Implementation, mode: InstrumentMode | None, problems: list[IrisError]
) -> Params:
    # What a mode prefers is meant for the implementation it prefers, or for the only one.
    theirs = not request.options.use or (mode is not None and request.options.use == mode.use.get(request.stage))
    preferred = mode.params.get(request.stage, {}) if mode and theirs else {}
    kind = implementation.declared.params
    try:
        return kind.model_validate({**preferred, **request.options.params})
    except ValidationError as error:

        def place(path: tuple[str | int, ...]) -> str:
            return request.where(".".join(["params", *(str(part) for part in path[1:2])]))

        problems += explain(error, kind, place, (request.stage,))
        return Params()


def _suffix(save: bool | str | None, spec: StageSpec) -> str:
    if save is True:
        return spec.product or spec.name
    return save or ""


def _same_products(steps: Sequence[Step]) -> list[IrisError]:
    """Return an error for each step whose product would replace that of a step before it."""
    owners: dict[str, Step] = {}
    making = [step for step in steps if step.makes_product]
    return [
        RecipeError(
            f"{step.place}: {step.stage} would replace the product '{step.save}' of {owners[step.save].stage}; "
            "give one of them another suffix with 'save:'"
        )
        for step in making
        if owners.setdefault(step.save, step) is not step
    ]


def _save_last(steps: list[Step]) -> tuple[Step, ...]:
    """Make sure that the result of the last step is written."""
    if steps and not steps[-1].save:
        from dataclasses import replace

        steps[-1] = replace(steps[-1], save=steps[-1].spec.product or "cal")
    return tuple(steps)
