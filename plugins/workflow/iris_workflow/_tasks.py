"""The tasks of a run: for each product-making job the command that does the same as the whole run does for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iris_core import Job, JobPlan, Overrides, Problems, check, exposure_stem, load_plugins, start_run
from iris_workflow._estimate import Estimate, estimate, foretold, mebibytes
from iris_workflow._naming import Named, Naming

__all__ = ["TASKS", "Task", "Workflow", "link", "make_workflow"]

TASKS = Path("iris-tasks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One command of a workflow.

    Parameters
    ----------
    id
        Its name: letters, digits, ``_``, ``-`` and ``.``; no other task has it.
    argv
        The command, to be run in the folder of the workflow.
    inputs
        Every file that it reads, reference files included.
    outputs
        Every product that it writes.
    after
        Names of the tasks that write some of its inputs.
    estimate
        What it takes.
    """

    id: str
    argv: tuple[str, ...]
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    after: tuple[str, ...] = ()
    estimate: Estimate

    def plain(self) -> dict[str, Any]:
        """Return it as data that can be written as JSON."""
        return {
            "id": self.id,
            "argv": self.argv,
            "inputs": [*map(str, self.inputs)],
            "outputs": [*map(str, self.outputs)],
            "after": self.after,
            "seconds": self.estimate.seconds,
            "memory": self.estimate.memory,
            "bytes": self.estimate.bytes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """The tasks of a run.

    Parameters
    ----------
    recipe
        Name of the recipe.
    folder
        Where the commands are to be run: paths in them may be relative.
    tasks
        One for each product-making job.
    kept
        How many jobs have no task, since their products are kept (``--resume``).
    """

    recipe: str
    folder: Path
    tasks: tuple[Task, ...]
    kept: int = 0

    def plain(self) -> dict[str, Any]:
        """Return it as data that can be written as JSON."""
        tasks = [task.plain() for task in self.tasks]
        return {"recipe": self.recipe, "folder": str(self.folder), "kept": self.kept, "tasks": tasks}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    """Makes the tasks of one run."""

    recipe: str
    words: Sequence[str]
    files: Sequence[Path]
    naming: Naming
    used: Counter[str] = field(default_factory=Counter)

    def make(self, job: Job, plan: JobPlan) -> Task:
        """Return the task of a job."""
        name = self._unique(re.sub(r"[^A-Za-z0-9_.-]+", "_", job.name or exposure_stem(job.path)))
        named = self.naming.name(job, name)
        written = () if named.association is None else (named.association,)
        return Task(
            id=name,
            argv=("iris", "run", *self._options(named, foretold(plan)), "--", self.recipe, *map(str, named.files)),
            inputs=tuple(dict.fromkeys((*plan.inputs, *written, *named.files, *self.files))),
            outputs=plan.outputs,
            estimate=estimate(plan),
        )

    def _options(self, named: Named, memory: int) -> Iterator[str]:
        yield from self.words
        # By default a run takes half of what there is, which is too little where an engine gives it what it needs.
        if memory and not any(word.startswith("--memory=") for word in self.words):
            yield f"--memory={mebibytes(memory)}M"
        yield from (f"--background={path}" for path in named.backgrounds)
        if named.association and "--allow-outside" not in self.words:
            yield "--allow-outside"

    def _unique(self, name: str) -> str:
        self.used[name] += 1
        number = self.used[name]
        return name if number == 1 else self._unique(f"{name}-{number}")


def make_workflow(
    recipe: str, *files: Path, words: Sequence[str] = (), tasks: Path = TASKS, **options: Any
) -> Workflow:
    """Return a run as tasks; nothing is written but associations where a task needs one of its own.

    Parameters
    ----------
    recipe, *files
        As for `iris_core.run`.
    words
        The options as on the command line of `iris run`, without ``--background``.
    tasks
        Folder of the associations that are written.
    **options
        The same options, and `backgrounds`, as `iris_core.check` takes them.

    Raises
    ------
    Problems
        What is wrong with the recipe or any exposure.
    InputError
        When an association cannot be written.
    """
    plugins = load_plugins()
    checked = check(recipe, *files, **options, plugins=plugins)
    if not checked:
        raise Problems(checked.errors)
    run = start_run(recipe, Overrides.model_validate(options), plugins.copy())
    naming = Naming(files, run.recipe, run.plugins, bool(options.get("allow_outside")), tasks)
    also = [*_recipe_files(recipe), *options.get("plugin_files", ())]
    maker = _Maker(recipe=recipe, words=words, files=also, naming=naming)
    kept = {job for job, one in checked.standing.items() if one.kept}
    made = [maker.make(job, plan) for job, plan in checked.plans.items() if job not in kept]
    return Workflow(recipe=run.recipe.name, folder=Path.cwd(), tasks=link(made), kept=len(kept))


def _recipe_files(recipe: str) -> list[Path]:
    path = Path(recipe)
    return [path] if path.suffix in (".yaml", ".yml") and path.is_file() else []


def link(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Return tasks with the names of those whose outputs are their inputs."""
    tasks = tuple(tasks)
    makers: Mapping[Path, str] = {path.absolute(): task.id for task in tasks for path in task.outputs}
    before = [dict.fromkeys(makers.get(path.absolute(), "") for path in task.inputs) for task in tasks]
    return tuple(
        replace(task, after=tuple(one for one in names if one)) for task, names in zip(tasks, before, strict=True)
    )
