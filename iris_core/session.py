"""A run before its first pixel: recipe read, plugins loaded, every exposure planned, every mistake collected."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from iris_core.association import Request
from iris_core.errors import InputError, IrisError, PluginError, Problems, RecipeError, choices, did_you_mean, one_line
from iris_core.instruments import InstrumentMode, match_mode, mode_not_installed
from iris_core.model import Exposure
from iris_core.overrides import Overrides, apply_overrides
from iris_core.plan import Plan, make_plan
from iris_core.plugins import Plugins
from iris_core.provenance import software
from iris_core.providers import NamedReferences, ReferenceFolder
from iris_core.recipe import PartialRecipe, Recipe
from iris_core.recipe_file import find_recipe, load_recipe
from iris_core.steps import Step, compile_recipe

__all__ = ["Session", "Survey", "start_session", "survey"]

STORE = "store"
BY_HAND, FOLDER = "references by hand", "reference folder"


@dataclass(slots=True)
class Session:
    """One recipe with the plugins and providers that will run it; `problems` are the recipe's own."""

    recipe: Recipe
    plugins: Plugins
    problems: list[IrisError] = field(default_factory=list)
    compiled: dict[str, tuple[Step, ...]] = field(default_factory=dict)

    def compile(self, mode: InstrumentMode | None) -> tuple[Step, ...]:
        """Return the steps for a mode, compiled once; mistakes are added to `problems`."""
        key = mode.name if mode else ""
        if key not in self.compiled:
            self.compiled[key], found = compile_recipe(self.recipe, self.plugins, mode)
            self.problems += found + _unused_references(self.recipe, self.compiled[key], complete=not found)
        return self.compiled[key]

    def provenance(self) -> dict[str, Any]:
        """Return what is true of every exposure of the run."""
        origins = self.plugins.origins
        wrappers = {name: origins[name].version if name in origins else "" for name in self.recipe.plugins}
        files = {name: {"file": str(one.path), "sha256": one.sha256} for name, one in self.plugins.files.items()}
        named = {"plugin_files": files} if files else {}
        return {"recipe": self.recipe.name, "with": wrappers, "software": software(), **named}


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known before the first pixel: a plan for every good exposure, the problems of every bad one."""

    plans: Mapping[Request, Plan]
    bad: Mapping[Request, tuple[IrisError, ...]]
    problems: tuple[IrisError, ...]
    requests: tuple[Request, ...] = ()
    plugins: Plugins = field(default_factory=Plugins, compare=False)

    def everything(self) -> tuple[IrisError, ...]:
        """Return all problems, each once, the recipe's first."""
        unique = {str(one): one for one in (*self.problems, *(one for found in self.bad.values() for one in found))}
        return tuple(unique.values())


def start_session(recipe: str | Path | Recipe, overrides: Overrides, plugins: Plugins) -> Session:
    """Read a recipe, put the overrides over it, load the plugins it names and register its providers of references.

    Raises
    ------
    Problems
        When nothing of the recipe can be used; mistakes that leave something of it are in the session.
    """
    problems: list[IrisError] = []
    _add_files(overrides.plugin_files, plugins)
    loaded = recipe if isinstance(recipe, Recipe) else _load(str(recipe), plugins, problems)
    use = _use_files(loaded, overrides.use, plugins, problems)
    changed, found = apply_overrides(loaded, replace(overrides, use=use))
    problems += found
    session = Session(changed, plugins, problems)
    plugins.active |= set(changed.plugins)
    plugins.load(sorted(changed.plugins))
    _register_providers(session)
    _check_executor(session)
    return session


def _add_files(paths: Iterable[Path], plugins: Plugins) -> None:
    problems = []
    for path in paths:
        try:
            plugins.add_file(path)
        except PluginError as error:
            problems.append(error)
    if problems:
        raise Problems(problems)


def _use_files(recipe: Recipe, use: Mapping[str, str], plugins: Plugins, problems: list[IrisError]) -> dict[str, str]:
    """Return who implements which stage, plugins of one file included: to name a file is to say that it is meant."""
    steps = {step.stage for step in recipe.steps}
    chosen = dict(use)
    for name, file in plugins.files.items():
        hooks = plugins.hooks_of(name)
        stages = hooks & plugins.declared_stages().keys()
        if stages == hooks and not stages & steps:
            words = f"plugin {file.path}: it implements {choices(stages)}, which is no step of recipe {recipe.label}"
            problems.append(RecipeError(f"{words}; its steps: {', '.join(step.stage for step in recipe.steps)}"))
        for stage in sorted(stages & steps - use.keys()):
            other = plugins.files.get(chosen.setdefault(stage, name), file)
            if other is not file:
                words = f"both {other.path.name} and {file.path.name} implement {stage}"
                problems.append(RecipeError(f"{words}; name one with --use {stage}={name}"))
    return chosen


def _check_executor(session: Session) -> None:
    """Refuse an executor that is not there, or one whose processes would not see what was added in this one."""
    name, plugins = session.recipe.executor.name, session.plugins
    known = plugins.executors()
    if name not in known:
        session.problems.append(
            RecipeError(
                f"recipe {session.recipe.label}: no executor '{name}'{did_you_mean(name, known)} "
                f"Executors: {choices(known)}"
            )
        )
    added = set(plugins.added_here()) - {BY_HAND, FOLDER}
    if name != "serial" and added:
        session.problems.append(
            RecipeError(f"executor '{name}': these plugins are in this process only: {choices(added)}; use 'serial'")
        )


def _load(name: str, plugins: Plugins, problems: list[IrisError]) -> Recipe:
    known = plugins.known_recipes()
    try:
        return load_recipe(find_recipe(name, known), known)
    except PartialRecipe as partial:
        problems += partial.problems
        return partial.recipe
    except RecipeError as error:
        raise Problems([error]) from None


def _register_providers(session: Session) -> None:
    recipe = session.recipe
    files = {reftype: path for reftype, path in recipe.references.items() if reftype != STORE}
    named = NamedReferences(files, session.plugins.read_exposure, recipe.reference_places)
    session.problems += named.missing().values()
    session.plugins.add(BY_HAND, named)
    default = os.environ.get("IRIS_REFERENCES")
    folder = recipe.references.get(STORE) or (Path(default) if default else None)
    if folder is not None:
        try:
            session.plugins.add(FOLDER, ReferenceFolder(folder))
        except IrisError as error:
            place = recipe.reference_places.get(STORE, "IRIS_REFERENCES")
            session.problems.append(RecipeError(f"{place}: {error}"))


def _unused_references(recipe: Recipe, steps: Iterable[Step], complete: bool) -> list[IrisError]:
    """Return an error for each named reference that no step would look at: it would be ignored in silence."""
    declared = [step.implementation.declared for step in steps]
    used = {reftype for one in declared for reftype in (*one.references, *one.optional)}
    unused = [reftype for reftype in recipe.references if reftype not in {*used, STORE}]
    return [
        RecipeError(
            f"{recipe.reference_places.get(reftype, 'references')}: no step uses a '{reftype}' reference"
            f"{did_you_mean(reftype, used)} Types: {choices(used)}, {STORE} (a folder)"
        )
        for reftype in unused
        if complete
    ]


def survey(session: Session, requests: Sequence[Request]) -> Survey:
    """Plan every request; nothing is read but headers."""
    plans: dict[Request, Plan] = {}
    bad: dict[Request, tuple[IrisError, ...]] = {}
    provenance = session.provenance()
    for request in requests:
        try:
            plans[request] = plan_request(session, request, provenance)
        except Problems as error:
            bad[request] = error.problems
        except IrisError as error:
            bad[request] = (error,)
        except Exception as error:
            bad[request] = (PluginError(f"{request.path}: a plugin failed: {one_line(error)}"),)
    if not session.compiled:
        session.compile(_named_mode(session))
    _refuse_same_output(plans, bad)
    return Survey(plans, bad, tuple(session.problems), tuple(requests), session.plugins)


def _named_mode(session: Session) -> InstrumentMode | None:
    """Return the mode that the recipe names; one that is not installed is put among the session's problems."""
    name, modes = session.recipe.instrument, session.plugins.modes()
    if name and name not in modes:
        session.problems.append(mode_not_installed(name, modes))
    return modes.get(name)


def plan_request(session: Session, request: Request, provenance: Mapping[str, Any]) -> Plan:
    """Return the plan of one request."""
    read = session.plugins.read_exposure
    if request.problem:
        raise InputError(request.problem)
    outline = read(request.path, pixels=False)
    backgrounds = [read(path, pixels=False) for path in request.backgrounds]
    return plan_outlines(session, request, outline, backgrounds, provenance)


def plan_outlines(
    session: Session,
    request: Request,
    outline: Exposure,
    backgrounds: Sequence[Exposure],
    provenance: Mapping[str, Any],
) -> Plan:
    """Return the plan for exposures whose headers have been read."""
    mode = match_mode(outline, session.plugins.modes().values(), session.recipe.instrument)
    steps = session.compile(mode)
    plan = make_plan(request, outline, backgrounds, steps, mode, session.recipe, session.plugins)
    return replace(plan, provenance=provenance)


def _refuse_same_output(plans: dict[Request, Plan], bad: dict[Request, tuple[IrisError, ...]]) -> None:
    """Move the plans whose products would replace an input, or another plan's product, from `plans` to `bad`."""
    owners = {path.resolve(): f"is an input of this run ({path})" for path in _inputs(plans, bad)}
    for request, plan in list(plans.items()):
        taken = [path for path in plan.outputs.values() if path.resolve() in owners]
        if taken:
            why = owners[taken[0].resolve()]
            bad[request] = (RecipeError(f"{request.path}: its product {taken[0]} {why}; give it another name"),)
            del plans[request]
        else:
            mine = f"is also that of {request.path}"
            owners |= {path.resolve(): mine for path in plan.outputs.values()}


def _inputs(plans: Mapping[Request, Plan], bad: Mapping[Request, Any]) -> Iterator[Path]:
    """Yield every file that a run reads."""
    for request in (*plans, *bad):
        yield from (request.path, *request.backgrounds)
    for plan in plans.values():
        for references in (*plan.references, *chain.from_iterable(plan.background_references)):
            yield from (reference.path for reference in references.values())
