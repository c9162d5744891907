"""From what is asked to trials that can run, one for each implementation; every error is found before the first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from iris_compare._runs import Trial
from iris_core import (
    InputError,
    IrisError,
    Overrides,
    Problems,
    RecipeError,
    check,
    choices,
    did_you_mean,
    load_plugins,
    start_run,
)

__all__ = ["Prospect", "folder_name", "look_ahead", "make_trials"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What is known of a trial before it runs.

    Parameters
    ----------
    product
        Suffix of the product that is the result of the stage.
    skip
        Why the stage will have nothing to do; ``""`` where it will run, or that is not known.
    files
        Every file that is read.
    """

    product: str
    skip: str
    files: tuple[Path, ...]


def folder_name(implementation: str) -> str:
    """Return the name of a plugin as the name of a folder: an entry point may be called almost anything."""
    return re.sub(r"[^\w.+-]", "_", implementation)


def make_trials(
    recipe: str,
    path: Path,
    stage: str,
    use: Sequence[str],
    *,
    backgrounds: Sequence[Path],
    out: Path,
    overwrite: bool,
    params: Mapping[str, Any],
    references: Mapping[str, Path],
    skip: Mapping[str, str] | None = None,
    instrument: str = "",
    plugin_files: Sequence[Path] = (),
) -> tuple[Trial, ...]:
    """Return one trial for each implementation; they differ in nothing else, but for what is given for one of them.

    Raises
    ------
    InputError
        When there is nothing to compare, or `out` holds files that may not be replaced.
    """
    _refuse_names(use, stage)
    _refuse_folder(out, overwrite)
    _refuse_strangers("--set", params, use)
    _refuse_strangers("--reference", references, use)
    common = {
        "save": (stage,),
        "skip": dict(skip or {}),
        "instrument": instrument,
        "plugin_files": tuple(plugin_files),
        "format": "fits",
        "overwrite": overwrite,
        "executor": "serial",  # the process of the trial is to do the work itself: its memory is what is measured
        "flags": True,
    }
    return tuple(
        Trial(
            implementation=name,
            stage=stage,
            recipe=recipe,
            path=path,
            options={
                **common,
                "backgrounds": tuple(backgrounds),
                "use": {stage: name},
                "params": _given_to(name, params),
                "references": _given_to(name, references),
                "directory": out / folder_name(name),
            },
        )
        for name in use
    )


def _refuse_names(use: Sequence[str], stage: str) -> None:
    twice = sorted({name for name in use if use.count(name) > 1})
    if twice:
        raise InputError(f"--use {twice[0]} is given {use.count(twice[0])} times; name each implementation once")
    if len(use) < 2:
        raise InputError(
            f"two or more implementations of {stage} can be compared, not {len(use)} ({', '.join(use) or 'none'}); "
            f"name each with --use PLUGIN; 'iris show {stage}' lists them"
        )


def _refuse_folder(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is not a folder; --out names another")
    held = sorted(path.name for path in out.iterdir()) if out.exists() else []
    if held and not overwrite:
        named = ", ".join(held[:3]) + (" ..." if held[3:] else "")
        raise InputError(f"{out} holds files already ({named}); --out names another folder, --overwrite writes into it")


def _refuse_strangers(option: str, given: Iterable[str], use: Sequence[str]) -> None:
    """Raise `InputError` where ``PLUGIN:KEY`` names an implementation that is not compared."""
    for key in given:
        name, colon, _ = key.rpartition(":")
        if colon and name not in use:
            near, compared = did_you_mean(name, use), choices(use)
            raise InputError(f"{option} {key}: no implementation '{name}' is compared{near} Compared: {compared}")


def _given_to(name: str, given: Mapping[str, Value]) -> dict[str, Value]:
    """Return what is given for all, and over it what is given for one implementation (``PLUGIN:KEY``)."""
    common = {key: value for key, value in given.items() if ":" not in key}
    own = {key.removeprefix(f"{name}:"): value for key, value in given.items() if key.startswith(f"{name}:")}
    return {**common, **own}


def look_ahead(trials: Sequence[Trial]) -> tuple[Prospect, ...]:
    """Do everything short of the first pixel for every trial.

    Raises
    ------
    Problems
        Everything that is wrong with any of them, each error once; one that not all have names those that do.
    """
    _refuse_stage(trials[0])
    found: list[Prospect] = []
    problems: dict[str, list[str]] = {}
    for trial in trials:
        try:
            found.append(_look_ahead(trial))
        except IrisError as error:
            for one in error.problems if isinstance(error, Problems) else (error,):
                problems.setdefault(str(one), []).append(trial.implementation)
    if problems:
        named = (text if len(of) == len(trials) else f"{', '.join(of)}: {text}" for text, of in problems.items())
        raise Problems(InputError(text) for text in named)
    if all(one.skip for one in found):
        raise InputError(f"no implementation has anything to do: {found[0].skip}")
    return tuple(found)


def _refuse_stage(trial: Trial) -> None:
    """Raise `Problems` unless the recipe has the stage once."""
    recipe = start_run(trial.recipe, Overrides(), load_plugins()).recipe
    steps = [step.stage for step in recipe.steps]
    if trial.stage not in steps:
        near = did_you_mean(trial.stage, steps)
        text = f"--stage {trial.stage}: the recipe has no step '{trial.stage}'{near} Steps: {', '.join(steps)}"
        raise Problems([RecipeError(text)])
    if steps.count(trial.stage) > 1:
        text = f"the recipe has the stage {trial.stage} {steps.count(trial.stage)} times; it has to have it once"
        raise Problems([RecipeError(text)])


def _look_ahead(trial: Trial) -> Prospect:
    checked = check(trial.recipe, trial.path, **trial.options)
    if len(checked.jobs) != 1:
        raise InputError(f"{trial.path} has {len(checked.jobs)} exposures; one can be compared at a time")
    if not checked:
        raise Problems(checked.errors)
    (plan,) = checked.plans.values()
    planned = next(one for one in plan.steps if one.step.stage == trial.stage)
    if planned.step.skip:
        raise InputError(f"the recipe skips {trial.stage} ({planned.step.skip}); there is nothing to compare")
    return Prospect(product=planned.step.save, skip=planned.skip, files=plan.inputs)
