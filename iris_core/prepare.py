"""A run before its first pixel: recipe read, plugins chosen, every exposure planned, every error collected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from platform import python_version
from typing import Any

from iris_core.compile import compile_recipe
from iris_core.errors import InputError, IrisError, Problems, RecipeError, choices, collect, did_you_mean
from iris_core.exposure import Exposure
from iris_core.instruments import InstrumentMode, Offered, find_mode, match_mode
from iris_core.loading import add_file
from iris_core.plan import JobPlan, Plan, make_plan
from iris_core.plugins import STORE, Plugins
from iris_core.recipe import Overrides, PartialRecipe, Recipe
from iris_core.reference import ReferenceFiles
from iris_core.report import Job, Products, Standing
from iris_core.step import Step

# Headers that are kept: those of a dither, and no more memory for a night of thousands.
_OUTLINES = 128


@dataclass
class Run:
    """One recipe with the plugins and reference files of a run.

    `problems` are the errors of the recipe itself; `found` is what others find out once per run, by name; `outlines`
    are those of the files that were read last.
    """

    recipe: Recipe
    plugins: Plugins
    references: ReferenceFiles
    products: Products
    problems: list[IrisError] = field(default_factory=list)
    compiled: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    outlines: dict[Path, Exposure] = field(default_factory=dict)

    def compile(self, mode: InstrumentMode | None) -> tuple[Step, ...]:
        """Return the steps for a mode, compiled once; errors are added to `problems`."""
        key = mode.name if mode else ""
        if key not in self.compiled:
            steps, found = compile_recipe(self.recipe, self.plugins, mode)
            used, skipped = ([need for one in steps if bool(one.skip) == how for need in one.needs] for how in (0, 1))
            # Where a step could not be compiled, it may be the one that would use the file.
            self.problems += found or self.references.unused(used, skipped)
            self.compiled[key] = steps
        return self.compiled[key]

    @cached_property
    def modes(self) -> Offered[InstrumentMode]:
        """The installed instrument modes."""
        return self.plugins.modes()

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """What is true of every exposure of the run."""
        origins = self.plugins.origins
        wrappers = {name: origins[name].version if name in origins else "" for name in self.recipe.plugins}
        return {"recipe": self.recipe.name, "with": wrappers, "python": python_version()}

    def outline(self, path: Path) -> Exposure:
        """Return the outline of a file; those of a dither, each other's background exposures, are read once."""
        if path not in self.outlines:
            if len(self.outlines) >= _OUTLINES:
                del self.outlines[next(iter(self.outlines))]
            self.outlines[path] = self.plugins.read_exposure(path, pixels=False)
        return self.outlines[path]

    def plan(self, job: Job) -> JobPlan:
        """Return the plan of one exposure, or of many; nothing is read but headers, tables and models."""
        if job.problem:
            raise InputError(job.problem)
        if not job.members:
            return self.plan_one(job)
        members = [(role, self.outline(path)) for role, path in job.members]
        return self.plan_many(job, members, [*map(self.outline, job.backgrounds)])

    def plan_many(self, job: Job, members: Sequence[tuple[str, Exposure]], backgrounds: Sequence[Exposure]) -> JobPlan:
        """Return the plan of what is made of many exposures whose headers have been read."""
        given = {"run": self, "job": job, "members": members, "backgrounds": backgrounds}
        plan: JobPlan = self.plugins.ask_one("plan_group", job.name or job.path, **given)
        return plan

    def plan_one(self, job: Job) -> Plan:
        """Return the plan of one exposure."""
        return self.plan_outlines(job, self.outline(job.path), [*map(self.outline, job.backgrounds)])

    def for_job(self, job: Job) -> Run:
        """Return the run with the reference files that are for one job alone; they are closed with the job."""
        if not job.references:
            return self
        recipe = replace(self.recipe, references={**self.recipe.references, **dict(job.references)})
        files = self.plugins.ask_one("open_references", recipe.label, recipe=recipe, plugins=self.plugins)
        return replace(self, recipe=recipe, references=files, problems=list(files.problems), compiled={})

    def mode_of(self, outline: Exposure) -> InstrumentMode:
        """Return the instrument mode of an exposure: the one that the recipe names, or that of its header."""
        return match_mode(outline, self.modes, self.recipe.instrument, self.recipe.forced)

    def plan_outlines(self, job: Job, outline: Exposure, backgrounds: Sequence[Exposure]) -> Plan:
        """Return the plan of an exposure whose headers have been read."""
        recipe, plugins = self.recipe, self.plugins
        mode = self.mode_of(outline)
        given = self.compile(mode), mode, recipe, plugins, self.references, self.products
        return replace(make_plan(job, outline, backgrounds, *given), provenance=self.provenance)


@dataclass(frozen=True, slots=True, repr=False)
class Check:
    """What is known before the first pixel: a plan for every good exposure, the errors of every bad one.

    Parameters
    ----------
    plans
        The plan of each exposure that can be calibrated.
    bad
        The errors of each that cannot.
    problems
        The errors of the recipe itself.
    jobs
        All exposures, in order.
    standing
        Where products may be kept: of each exposure, whether they are, or why not.
    """

    plans: Mapping[Job, JobPlan]
    bad: Mapping[Job, tuple[IrisError, ...]]
    problems: tuple[IrisError, ...]
    jobs: tuple[Job, ...] = ()
    standing: Mapping[Job, Standing] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[IrisError, ...]:
        """All errors, each once, the recipe's first."""
        unique = {str(one): one for one in (*self.problems, *(one for found in self.bad.values() for one in found))}
        return tuple(unique.values())

    def __bool__(self) -> bool:
        return not self.errors

    def __repr__(self) -> str:
        return f"Check({len(self.plans)} of {len(self.jobs)} exposures can be calibrated, {len(self.errors)} errors)"


def add_files(plugins: Plugins, paths: Iterable[Path]) -> None:
    """Add single-file plugins.

    Raises
    ------
    Problems
        What is wrong with any of them.
    """
    problems: list[IrisError] = []
    for path in paths:
        with collect(problems, f"plugin {path}"):
            add_file(plugins, path)
    if problems:
        raise Problems(problems)


def start_run(recipe: str | Path | Recipe, overrides: Overrides, plugins: Plugins) -> Run:
    """Read a recipe with the overrides put over it, and choose the plugins it names.

    Raises
    ------
    Problems
        When nothing of the recipe can be used; errors that leave something of it are in `Run.problems`.
    """
    add_files(plugins, overrides.plugin_files)
    problems: list[IrisError] = []
    try:
        given = str(recipe) if isinstance(recipe, Path) else recipe
        resolved: Recipe = plugins.ask_one("read_recipe", given, recipe=given, overrides=overrides, plugins=plugins)
    except PartialRecipe as partial:
        problems += partial.problems
        resolved = partial.recipe
    plugins.active |= set(resolved.plugins)
    references: ReferenceFiles = plugins.ask_one("open_references", resolved.label, recipe=resolved, plugins=plugins)
    products: Products = plugins.ask_one("open_products", resolved.label, recipe=resolved, plugins=plugins)
    problems += references.problems
    problems += plugins.answer_only("read_exposure", (resolved.reader,) if resolved.reader else (), resolved.label)
    problems += _check_executor(resolved, plugins)
    return Run(resolved, plugins, references, products, problems)


def _check_executor(recipe: Recipe, plugins: Plugins) -> list[IrisError]:
    """Refuse an executor that is not there, or one whose processes would not see what was added in this one."""
    options, known = recipe.executor, plugins.executors()
    here = {name for name, origin in plugins.origins.items() if not origin.source} - {STORE}
    added = [name for name in here if plugins.hooks_of(name) - {"executors", "run_finished"}]
    problem = ""
    if options.name == "serial":
        more = f"{options.workers} workers need the executor 'processes', or a plugin's"
        problem = more if (options.workers or 1) > 1 else ""
    elif options.name not in known:
        names, near = choices([*known, "serial"]), did_you_mean(options.name, known)
        problem = f"no executor '{options.name}'{near} Executors: {names}"
    elif added:
        problem = f"executor '{options.name}': plugins of this process only: {choices(added)}; use 'serial'"
    return [RecipeError(f"recipe {recipe.label}: {problem}")] if problem else []


def check_jobs(run: Run, jobs: Sequence[Job]) -> Check:
    """Plan every exposure; nothing is read but headers, tables and models."""
    plans: dict[Job, JobPlan] = {}
    bad: dict[Job, tuple[IrisError, ...]] = {}
    for job in jobs:
        problems: list[IrisError] = []
        with collect(problems, f"{job.path}: a plugin failed"):
            plans[job] = run.plan(job)
        if problems:
            bad[job] = tuple(problems)
    if not run.compiled:
        with collect(run.problems, f"recipe {run.recipe.label}"):
            name = run.recipe.instrument
            run.compile(find_mode(run.modes, name) if name else None)
    inputs = [path for job in bad for path in job.files]
    inputs += [path for plan in plans.values() for path in plan.inputs]
    for job, error in run.products.conflicts({job: plan.outputs for job, plan in plans.items()}, inputs):
        bad[job] = (error,)
        del plans[job]
    standing = {}
    if run.recipe.output.resume and not run.problems:
        standing = run.plugins.ask_one("compare_products", run.recipe.label, run=run, plans=plans)
    return Check(plans, bad, tuple(run.problems), tuple(jobs), standing)
