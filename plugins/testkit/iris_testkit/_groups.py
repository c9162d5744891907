"""The rules that every stage of many exposures has to keep."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import yaml

from iris_core import (
    DQ,
    Exposure,
    Exposures,
    GroupInputs,
    InputError,
    InstrumentMode,
    Plugins,
    Reference,
    References,
    Result,
    StageSkipped,
    Step,
    calibrate,
    check_group,
    group_result,
    hookimpl,
    read_exposure,
    run,
    write_exposure,
)
from iris_testkit._alone import compile_step, load_only, name_of, prepare
from iris_testkit._bench import Bench
from iris_testkit._child import bring, carry, spawn
from iris_testkit._compare import describe_difference, fingerprint
from iris_testkit._make import iris_mode
from iris_testkit._rules import Conformance, rule
from iris_testkit._truth import FileTruth, ImageTruth, known_reference, truth_of_mode

__all__ = ["GroupStageConformance", "run_group"]

_START = datetime(2026, 3, 20, 8, tzinfo=UTC)
# How much more memory 16 exposures may take than 4.
_MORE = 1.2


class _GroupBench(Bench):
    """Runs the stage of a test class on many exposures."""

    @cached_property
    def truth(self) -> Exposure:
        """The first exposure, for the selectors of reference files."""
        return self.given(1)[0]

    def given(self, number: int) -> list[Exposure]:
        """Return exposures as the runner gives them to a first stage."""
        return [prepare(one, self.mode, self.plugins) for one in self.tried.exposures(number)]

    def roles(self, number: int) -> tuple[str, ...]:
        """Return what each of some exposures is."""
        return tuple(self.tried.roles[at % len(self.tried.roles)] for at in range(number))

    def call_group(self, exposures: Sequence[Exposure]) -> Result[Any]:
        """Return what the stage makes of exposures, after its own check and with the checks of the runner."""
        many = Exposures.of(exposures, self.roles(len(exposures)))
        inputs = GroupInputs(exposures=many, references=self.references(), instrument=self.mode)
        return _call(self.step, inputs)

    @cached_property
    def recipe(self) -> Path:
        """A recipe of the stage alone, that writes what comes out."""
        path = self.folder / "group.yaml"
        roles = dict.fromkeys(self.tried.roles, "0+")
        step = {self.step.stage: {"params": dict(self.tried.params), "save": "made"}}
        content = {"recipe": 1, "name": "group", "members": roles, "steps": [step], "instrument": self.mode.name}
        content["executor"] = {"memory": "160M", "workers": 1}  # two at a time take more when they happen to meet
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    @property
    def alone(self) -> Plugins:
        """The plugin, what it needs, and the instrument mode."""
        plugins = self.plugins.copy()
        plugins.add("mode-of-the-kit", ModePlugin(self.mode))
        return plugins


class ModePlugin:
    """Brings one instrument mode."""

    def __init__(self, mode: InstrumentMode) -> None:
        self.mode = mode

    @hookimpl
    def instrument_modes(self) -> list[InstrumentMode]:
        """Return the mode."""
        return [self.mode]


class GroupStageConformance(Conformance):
    """Tests that a stage of many exposures keeps every rule of the framework; derive a test class from it.

    Attributes
    ----------
    plugin, stage, params, needs, optional, mode, shape, exempt
        As in `StageConformance`.
    roles
        What the exposures are, in turn: ``("flat", "flat_off")``.
    numbers
        How many exposures it is given.

    Examples
    --------
    >>> import my_median  # doctest: +SKIP
    >>> class TestMyMedian(GroupStageConformance):  # doctest: +SKIP
    ...     plugin = my_median
    """

    trial = _GroupBench
    stage: ClassVar[str] = ""
    params: ClassVar[Mapping[str, Any]] = {}
    optional: ClassVar[tuple[str, ...]] = ()
    mode: ClassVar[InstrumentMode | None] = None
    shape: ClassVar[tuple[int, int]] = (48, 64)
    roles: ClassVar[tuple[str, ...]] = ("science",)
    numbers: ClassVar[tuple[int, ...]] = (1, 2, 3, 5)

    def instrument(self) -> InstrumentMode:
        """Return the instrument mode."""
        return type(self).mode or iris_mode()

    def exposures(self, number: int) -> Sequence[Exposure]:
        """Return exposures on which the stage is tried: by default of one scene, with noise, 100 s apart."""
        truth = truth_of_mode(self.shape, self.instrument())
        return [_realise(truth, at) for at in range(number)]

    def reference(self, reftype: str) -> ImageTruth | FileTruth:
        """Return a noise-free reference file of a type."""
        return known_reference(reftype, self.exposures(1)[0])

    @rule("any-number")
    def test_any_number_is_used_or_refused(self, trial: _GroupBench) -> None:
        """Of each number of exposures it makes what keeps the contract of stages, or says why it cannot."""
        made = [number for number in self.numbers if _make(trial, trial.given(number)) is not None]
        if not made:
            trial.fail(f"it refused {', '.join(map(str, self.numbers))} exposures; override exposures() or numbers")

    @rule("unchanged-inputs")
    def test_its_inputs_stay_as_they_are(self, trial: _GroupBench) -> None:
        """No plane, header or WCS of an exposure that it was given changes."""
        given = trial.given(max(self.numbers))
        before = [fingerprint(one) for one in given]
        _make(trial, given)
        if [fingerprint(one) for one in given] != before:
            trial.fail("it changed an exposure that it was given")

    @rule("nothing-in-one")
    def test_one_without_a_valid_pixel_does_no_harm(self, trial: _GroupBench) -> None:
        """An exposure in which every pixel is bad is refused by name, or leaves the others as good as they were."""
        given = trial.given(max(self.numbers))
        given[1] = given[1].flag(np.ones(given[1].data.shape, dtype=bool), DQ.DO_NOT_USE)
        made = _make(trial, given)
        if isinstance(made, Exposure) and not np.isfinite(made.data).any():
            trial.fail("what it makes of five exposures has no valid pixel where one of them has none")

    @rule("any-order")
    def test_the_order_in_which_they_are_given_changes_no_bit(self, trial: _GroupBench) -> None:
        """The same exposures in another order give the same bits."""
        given = list(self.exposures(max(self.numbers)))
        roles = list(trial.roles(len(given)))
        first = _products(trial, given, roles)
        if not first:
            trial.skip("it refused the exposures")
        other = _products(trial, given[::-1], roles[::-1])
        _expect_equal(trial, first, other, "in another order")

    @rule("files")
    def test_from_files_it_makes_the_same(self, trial: _GroupBench) -> None:
        """What is made of files, of which rows are read when they are asked for, is what is made in memory."""
        given = list(self.exposures(max(self.numbers)))
        first = _products(trial, given, list(trial.roles(len(given))))
        if not first:
            trial.skip("it refused the exposures")
        if len(self.roles) > 1:
            trial.skip("files are given in one role")
        written = _run(trial.recipe, trial.alone, trial.folder / "files", given, trial.references())
        _expect_equal(trial, first, [read_exposure(path) for path in written], "from files")

    @rule("memory")
    def test_memory_does_not_grow_with_their_number(self, trial: _GroupBench) -> None:
        """Where a run may take 160 MiB, 40 of them for rows, 16 of 1024 x 1024 take at most 1.2 times what 4 take."""
        if len(self.roles) > 1 or trial.files:
            trial.skip("measured for stages of one role without reference files")
        carried = [carry(one) for one in (self.plugin, *self.needs)]
        small, large = (spawn(_peak, carried, trial.recipe, trial.folder / str(n), n, trial.mode) for n in (4, 16))
        if large > _MORE * small:
            trial.fail(f"its peak is {small / 2**20:.0f} MiB for 4 exposures and {large / 2**20:.0f} MiB for 16")


def run_group(
    plugin: Any,
    exposures: Sequence[Exposure],
    *,
    stage: str = "",
    roles: Sequence[str] = (),
    references: Sequence[Reference] = (),
    mode: InstrumentMode | None = None,
    needs: Sequence[Any] = (),
    **params: Any,
) -> Result[Any]:
    """Run one stage of many exposures as the runner does: prepared, after its own check, the result checked.

    Parameters
    ----------
    plugin
        A module that implements the stage.
    exposures
        What it is given, in this order.
    stage, references, mode, needs, **params
        See `run_stage`.
    roles
        What each exposure is; by default science exposures.

    Returns
    -------
    Result
        What it makes: an `Exposure` or `Exposures`, and tables and images.
    """
    mode = mode or iris_mode()
    plugins = load_only(plugin, needs)
    step = compile_step(plugins, name_of(plugin), stage, params)
    many = Exposures.of([prepare(one, mode, plugins) for one in exposures], roles)
    found = References({one.reftype: one for one in references})
    inputs = GroupInputs(exposures=many, references=found, instrument=mode)
    return _call(step, inputs)


def _call(step: Step, inputs: GroupInputs) -> Result[Any]:
    """Return what a stage of many exposures makes, after its own check and with the checks of the runner."""
    check_group(step, inputs)
    with np.errstate(all="ignore"):
        made = step.hook(params=step.params, **inputs.arguments())
    return group_result(step, inputs.exposures, made)


def _realise(truth: Exposure, at: int) -> Exposure:
    sigma = np.sqrt(sum(truth.variance.values()))
    noise = np.random.default_rng(at).standard_normal(truth.data.shape, dtype=np.float32)
    meta = replace(truth.meta, path=Path(f"e{at}_rate.fits"), start_time=_START + timedelta(seconds=100 * at))
    header = truth.header.copy()
    header["S_WCS"] = "COMPLETE"  # where only headers are read, nothing else tells that a file has a WCS
    return truth.replace(data=truth.data + noise * sigma, meta=meta, header=header)


def _make(trial: _GroupBench, given: Sequence[Exposure]) -> Exposure | Exposures | None:
    """Return what the stage makes; None where it refuses the exposures, or has nothing to do with them."""
    try:
        made: Exposure | Exposures = trial.call_group(given).exposure
    except (InputError, StageSkipped):
        return None
    return made


@contextmanager
def _refusing(found: list[Exposure]) -> Iterator[None]:
    try:
        yield
    except (InputError, StageSkipped):
        found.clear()


def _products(trial: _GroupBench, given: Sequence[Exposure], roles: Sequence[str]) -> list[Exposure]:
    """Return what a recipe of the stage alone makes, in order; nothing where it refuses the exposures."""
    references = {one.reftype: one.path for one in trial.references().values()}
    found: list[Exposure] = []
    with _refusing(found):
        made = calibrate(given, trial.recipe, roles=roles, plugins=trial.alone, references=references)
        found += [*made.values(), *(one for several in made.each.values() for one in several)]
    return found


def _run(
    recipe: Path, plugins: Plugins, folder: Path, given: Sequence[Exposure], references: Mapping[str, Reference]
) -> list[Path]:
    folder.mkdir()
    files = [write_exposure(one, folder / one.meta.path.name) for one in given]
    named = {one.reftype: one.path for one in references.values()}
    report = run(recipe, *files, directory=folder / "out", plugins=plugins, references=named)
    for failed in report.failed:
        raise AssertionError(failed.error)
    return [path for path in report.products if path.suffix == ".fits"]


def _expect_equal(trial: _GroupBench, first: Sequence[Exposure], other: Sequence[Exposure], what: str) -> None:
    if len(first) != len(other):
        trial.fail(f"{what} it makes {len(other)} exposures, not {len(first)}")
    for one, two in zip(first, other, strict=True):
        if difference := describe_difference(two, one):
            trial.fail(f"{what} {difference}")


def _peak(carried: Sequence[object], recipe: Path, folder: Path, number: int, mode: InstrumentMode) -> int:
    """Return the peak of the memory of a process that makes something of some exposures [byte]."""
    plugin, *needs = (bring(one) for one in carried)
    plugins = load_only(plugin, needs)
    plugins.add("mode-of-the-kit", ModePlugin(mode))
    folder.mkdir()
    truth = truth_of_mode((1024, 1024), mode)
    files = [write_exposure(one, folder / one.meta.path.name) for one in (_realise(truth, at) for at in range(number))]
    run(recipe, *files, directory=folder / "out", plugins=plugins)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
