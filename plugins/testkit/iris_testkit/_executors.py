"""The rules that every executor has to keep."""

from __future__ import annotations

import os
from concurrent.futures import Executor, Future, as_completed
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from iris_core import InputError, Job, Report, choices, load_plugins, read_fits, run, write_fits
from iris_testkit._alone import name_of
from iris_testkit._make import make_exposure
from iris_testkit._rules import Conformance, Trial, rule

__all__ = ["ExecutorConformance"]

_NUMBER = 5
_STAGE = '''"""Doubles."""

from iris_core import stage


@stage("flat_field")
def double(exposure):
    return exposure.scale(2.0)
'''


class _ExecutorTrial(Trial):
    """Starts the executor."""

    @property
    def executor(self) -> str:
        """The name of the executor: the one that the test class names, or the only one."""
        offered = sorted(self.ask("executors"))
        name = self.tried.executor or (offered[0] if len(offered) == 1 else "")
        if name not in offered:
            self.fail(f"it brings the executors {choices(offered)}; name one with 'executor = ...'")
        return name

    def start(self, workers: int = 2) -> Executor:
        started = self.ask("executors")[self.executor](workers)
        if not isinstance(started, Executor):
            self.fail(f"it started a {type(started).__name__}, not a concurrent.futures.Executor")
        return started


class ExecutorConformance(Conformance):
    """Tests that an executor, the hook ``executors``, keeps every rule; derive a test class.

    Attributes
    ----------
    plugin
        The module that implements the hook.
    executor
        Name of the executor; ``""`` where the plugin brings one only.
    needs, exempt
        As in `StageConformance`.

    Examples
    --------
    >>> import my_cluster  # doctest: +SKIP
    >>> class TestMyCluster(ExecutorConformance):  # doctest: +SKIP
    ...     plugin = my_cluster
    """

    trial = _ExecutorTrial
    executor: ClassVar[str] = ""

    @rule("results")
    def test_every_result_comes_back(self, trial: _ExecutorTrial) -> None:
        """Of more tasks than workers each gives its result, once, through a future of concurrent.futures."""
        with trial.start() as executor:
            futures = {executor.submit(_square, number): number for number in range(_NUMBER)}
            strange = next((one for one in futures if not isinstance(one, Future)), None)
            if strange is not None:
                trial.fail(f"submit returned a {type(strange).__name__}, not a concurrent.futures.Future")
            done = {futures[one]: one.result() for one in as_completed(futures, timeout=self.patience)}
        found = dict(sorted(done.items()))
        if found != (wanted := {number: number**2 for number in range(_NUMBER)}):
            trial.fail(f"the results are {found}, not {wanted}")

    @rule("objects")
    def test_what_the_framework_sends_arrives(self, trial: _ExecutorTrial) -> None:
        """Partial functions, jobs and paths arrive as they were sent."""
        job = Job(Path("x_rate.fits"), (Path("sky_rate.fits"),))
        with trial.start() as executor:
            back = executor.submit(partial(_pair, job), Path("out")).result(self.patience)
        if back != (job, Path("out")):
            trial.fail(f"{job} came back as {back}")

    @rule("exceptions")
    def test_an_exception_travels(self, trial: _ExecutorTrial) -> None:
        """What a task raises comes back as it was raised, with its notes, and the next task runs."""
        with trial.start(1) as executor:
            error = executor.submit(_refuse, "x_rate.fits").exception(self.patience)
            after = executor.submit(_square, 3).result(self.patience)
        if not isinstance(error, InputError) or "x_rate.fits" not in str(error):
            trial.fail(f"a task raised InputError('x_rate.fits ...'), and {error!r} came back")
        if getattr(error, "__notes__", []) != ["in stage flat_field"]:
            trial.fail(f"the exception came back with the notes {getattr(error, '__notes__', [])}")
        if after != 9:
            trial.fail(f"after an exception the next task returned {after}, not 9")

    @rule("shutdown")
    def test_it_can_be_shut_down(self, trial: _ExecutorTrial) -> None:
        """It shuts down with ``cancel_futures``, has finished then what was running, and refuses further tasks."""
        executor = trial.start(1)
        running = executor.submit(_square, 2)
        running.result(self.patience)
        executor.shutdown(cancel_futures=True)
        trial.expect(RuntimeError, lambda: executor.submit(_square, 2), "a task after the shutdown")

    @rule("run")
    def test_a_run_gives_the_same_bits(self, trial: _ExecutorTrial) -> None:
        """A run with it calibrates every exposure, bit for bit as the serial run; one that fails fails alone."""
        alone, together = (_calibrate(trial, name) for name in ("serial", trial.executor))
        outcome = [[(one.name, bool(one.error)) for one in report.results] for report in (alone, together)]
        if outcome[0] != outcome[1]:
            words = "; ".join(one.error for one in together.failed if one.error)
            trial.fail(f"exposures and failures are {outcome[1]}, serially they are {outcome[0]}; {words}")
        for mine, theirs in zip(together.products, alone.products, strict=True):
            if not np.array_equal(read_fits(mine).data, read_fits(theirs).data, equal_nan=True):
                trial.fail(f"{mine.name} differs from that of the serial run")

    patience = 120.0


def _calibrate(trial: _ExecutorTrial, executor: str) -> Report:
    """Return the report of a run of three exposures, the second of which cannot be read."""
    folder = trial.folder / executor
    folder.mkdir()
    stage, recipe = folder / "kit_double.py", folder / "recipe.yaml"
    stage.write_text(_STAGE, encoding="utf-8")
    recipe.write_text("recipe: 1\nname: kit\nsteps: [flat_field]\n", encoding="utf-8")
    paths = [write_fits(make_exposure((8, 9), value=value), folder / f"x{value}_rate.fits") for value in (1, 2, 3)]
    os.truncate(paths[1], paths[1].stat().st_size - 2880)
    plugins = load_plugins(["iris-imager"])
    plugins.add(name_of(trial.tried.plugin), trial.tried.plugin)
    options: dict[str, Any] = {} if executor == "serial" else {"workers": 2}
    return run(recipe, *paths, executor=executor, plugin_files=[stage], plugins=plugins, **options)


def _square(number: int) -> int:
    return number**2


def _pair(one: Any, other: Any) -> tuple[Any, Any]:
    return one, other


def _refuse(name: str) -> None:
    error = InputError(f"{name} has no data")
    error.add_note("in stage flat_field")
    raise error
