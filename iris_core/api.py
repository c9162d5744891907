"""`run`, `check` and `calibrate`: what the command line does, for Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from iris_core.errors import Problems, RecipeError
from iris_core.instruments import InstrumentMode, Offered
from iris_core.loading import load_plugins
from iris_core.plugins import WATCH, Plugins
from iris_core.prepare import Check, Run, check_jobs, start_run
from iris_core.recipe import Overrides, Recipe
from iris_core.report import ExposureResult, Job, Report

File = str | Path
Many = File | Sequence[File]


def installed_modes() -> Offered[InstrumentMode]:
    """Return the installed instrument modes by name."""
    return load_plugins().modes()


def check(
    recipe: File | Recipe,
    *files: File,
    backgrounds: Many = (),
    params: Mapping[str, Any] | None = None,
    use: Mapping[str, str] | None = None,
    references: Mapping[str, File] | None = None,
    skip: Mapping[str, str] | None = None,
    unskip: str | Sequence[str] = (),
    save: str | Sequence[str] = (),
    instrument: str = "",
    directory: File | None = None,
    format: str | None = None,  # noqa: A002 - the name of the option
    overwrite: bool = False,
    resume: bool = False,
    accept: str | Sequence[str] = (),
    executor: str = "",
    workers: int | None = None,
    scratch: File | None = None,
    memory: int | str | None = None,
    plugin_files: Many = (),
    allow_outside: bool = False,
    flags: bool = False,
    plugins: Plugins | None = None,
) -> Check:
    """Do everything that a run does before it reads the first pixel.

    Parameters
    ----------
    recipe, *files, backgrounds, params, use, references, skip, unskip, save, instrument
        See `run`; no files check the recipe alone.
    directory, format, overwrite, resume, accept, executor, workers, scratch, memory, plugin_files, allow_outside, flags
        See `run`.
    plugins
        See `run`.

    Returns
    -------
    Check
        A plan for each exposure, and all errors; true where there are none.

    Raises
    ------
    Problems
        When nothing of the recipe can be used.
    """
    options = Overrides.model_validate(locals())
    started = start_run(recipe, options, load_plugins() if plugins is None else plugins.copy())
    return check_jobs(started, _jobs(started, files, backgrounds, options))


def run(
    recipe: File | Recipe,
    *files: File,
    backgrounds: Many = (),
    params: Mapping[str, Any] | None = None,
    use: Mapping[str, str] | None = None,
    references: Mapping[str, File] | None = None,
    skip: Mapping[str, str] | None = None,
    unskip: str | Sequence[str] = (),
    save: str | Sequence[str] = (),
    instrument: str = "",
    directory: File | None = None,
    format: str | None = None,  # noqa: A002 - the name of the option
    overwrite: bool = False,
    resume: bool = False,
    accept: str | Sequence[str] = (),
    executor: str = "",
    workers: int | None = None,
    scratch: File | None = None,
    memory: int | str | None = None,
    plugin_files: Many = (),
    allow_outside: bool = False,
    flags: bool = False,
    plugins: Plugins | None = None,
    watch: object | None = None,
    on_result: Callable[[ExposureResult], None] | None = None,
) -> Report:
    """Calibrate files and write their products.

    Errors in the recipe stop the run before any pixel is read. An exposure that cannot be calibrated fails alone.

    Parameters
    ----------
    recipe
        Name or path of a recipe, or one that was read.
    *files
        Exposures and association files.
    backgrounds
        Background exposures of those that are not in an association.
    params
        Parameters by stage and name: ``{"flat_field.inverse": True}``.
    use
        Plugin by stage.
    references
        File by reference type; ``store`` is a folder of reference files.
    skip, unskip
        Reason by stage; stages to run although the recipe skips them.
    save
        Stages after which the exposure is written, too.
    instrument
        Instrument mode, even where the header contradicts it.
    directory, format, overwrite
        Where products go, in which format (``fits``, ``asdf``), and whether they may replace files.
    resume, accept
        Whether products that are whole and would be made the same are kept, and the others replaced; components of the
        key, plugins and libraries in which those that are kept may differ.
    executor, workers
        ``processes`` or a plugin's executor, and the number of exposures at a time.
    scratch
        Folder for exposures between two stages of many; by default that of the products.
    memory
        What the whole run may take, ``"4G"``; by default half of what there is.
    plugin_files
        Single-file plugins, which are used for the stages they implement.
    allow_outside
        Whether an association may name files outside its own folder.
    flags
        Whether errors name options as on the command line.
    plugins
        The plugins to use; by default those that are installed.
    watch
        An object with hook wrappers that acts around every stage in this process (a progress display, say).
    on_result
        Called with the result of each exposure as soon as it is there.

    Returns
    -------
    Report
        One result for each exposure; see ``report.failed``.

    Raises
    ------
    Problems
        When the recipe is wrong, or no exposure at all can be calibrated, with every reason.
    """
    options = Overrides.model_validate(locals())
    started = start_run(recipe, options, load_plugins() if plugins is None else plugins.copy())
    tell = on_result or (lambda _result: None)
    with closing(started.products.hashes), closing(started.references):
        jobs = _jobs(started, files, backgrounds, options)
        for path in jobs[0].files if jobs and started.recipe.executor.name == "serial" else ():
            started.products.hashes.hash(path)  # beside planning, which leaves a core to it
        found = check_jobs(started, jobs)
        if started.problems or not found.plans:
            raise Problems(found.errors or (RecipeError("no exposure was given; name one or more files"),))
        if watch is not None:
            started.plugins.add(WATCH, watch)
            started.plugins.active |= {WATCH}
        results = {
            job: ExposureResult(path=job.path, products={}, error="\n".join(map(str, errors)))
            for job, errors in found.bad.items()
        }
        results |= {job: one.kept for job, one in found.standing.items() if one.kept}
        for result in results.values():
            tell(result)
        plans = {job: plan for job, plan in found.plans.items() if job not in results}
        for job, result in started.plugins.ask_one("calibrate_jobs", started.recipe.label, run=started, plans=plans):
            results[job] = result
            tell(result)
    report = Report(recipe=started.recipe.name, results=tuple(results[job] for job in dict.fromkeys(found.jobs)))
    started.plugins.run_finished(report)
    return report


def _jobs(started: Run, files: Many, backgrounds: Many, options: Overrides) -> Sequence[Job]:
    """Return the exposures that are to be calibrated."""
    given = {"files": _paths(files), "backgrounds": _paths(backgrounds), "allow_outside": options.allow_outside}
    recipe, plugins = started.recipe, started.plugins
    return plugins.ask_one("read_jobs", recipe.label, recipe=recipe, plugins=plugins, **given) or []


def _paths(files: Many) -> tuple[Path, ...]:
    return (Path(files),) if isinstance(files, str | Path) else tuple(map(Path, files))
