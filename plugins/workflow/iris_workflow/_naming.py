"""Which FILES of `iris run` give one job and no other: those that were given, or an association of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os.path import realpath
from pathlib import Path

from iris_core import InputError, Job, Plugins, Recipe, describe_asn
from iris_workflow._files import write_generated

__all__ = ["Named", "Naming"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The files that name a job on the command line.

    Parameters
    ----------
    files
        What stands behind the recipe.
    backgrounds
        One ``--background`` each.
    association
        The file that was written for it; None where none was needed.
    """

    files: tuple[Path, ...]
    backgrounds: tuple[Path, ...] = ()
    association: Path | None = None


@dataclass(frozen=True)
class Naming:
    """Finds the files that name a job: `iris run` reads them, and they are taken where it reads just this job.

    Parameters
    ----------
    files
        Those of the whole run.
    recipe, plugins
        Of the run: they tell what a file is.
    allow_outside
        Whether the associations among the files may name files outside their folders.
    folder
        Where associations of single tasks go.
    """

    files: tuple[Path, ...]
    recipe: Recipe
    plugins: Plugins
    allow_outside: bool
    folder: Path

    def name(self, job: Job, task: str) -> Named:
        """Return the files of a job; an association is written where there is no other way.

        Parameters
        ----------
        job
            The job.
        task
            Name of the association.

        Raises
        ------
        InputError
            When no association can name it, or the file cannot be written.
        """
        paths = tuple(path for _, path in job.members) or (job.path,)
        if not (job.name or job.references) and self._read(paths, job.backgrounds) == [_located(job)]:
            return Named(files=paths, backgrounds=job.backgrounds)
        given = self._associations.get(_located(job))
        return Named(files=(given,)) if given else self._write(job, self.folder / f"{task}.json")

    @cached_property
    def _associations(self) -> dict[Job, Path]:
        """The given files that name one job alone."""
        found = ((path, self._read((path,), ())) for path in self.files if path.is_file())
        return {jobs[0]: path for path, jobs in found if len(jobs) == 1}

    def _write(self, job: Job, path: Path) -> Named:
        content = {"made_by": "iris plan", **describe_asn([job], path.parent, self.recipe.name)}
        write_generated(path, json.dumps(content, indent=2) + "\n")
        if self._read((path,), (), outside=True) != [_located(job)]:
            raise InputError(f"{path}: read again, the association is not what it was written for, {job.path}")
        return Named(files=(path,), association=path)

    def _read(self, files: Sequence[Path], backgrounds: Sequence[Path], *, outside: bool = False) -> list[Job]:
        """Return the jobs that `iris run` would find in files."""
        given = {"files": tuple(files), "backgrounds": tuple(backgrounds), "recipe": self.recipe}
        asked = {**given, "plugins": self.plugins, "allow_outside": outside or self.allow_outside}
        return [_located(job) for job in self.plugins.ask_one("read_jobs", self.recipe.label, **asked) or []]


def _located(job: Job) -> Job:
    """Return a job with all paths as their folders are, so that the same file has the same path."""
    return replace(
        job,
        path=_place(job.path),
        backgrounds=tuple(map(_place, job.backgrounds)),
        members=tuple((role, _place(path)) for role, path in job.members),
        references=tuple((role, _place(path)) for role, path in job.references),
    )


def _place(path: Path) -> Path:
    """Return the path of a file in its real folder; a link keeps its own name, after which products are called."""
    return Path(realpath(path.parent), path.name)
