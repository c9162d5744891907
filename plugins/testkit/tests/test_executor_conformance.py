"""The kit is right about executors: a good one keeps every rule, and each planted offence is caught by its rule."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from iris_testkit import ExecutorConformance

MakePlugin = Callable[..., ModuleType]
Try = Callable[..., Any]

GOOD = '''\
"""An executor that works in this process."""

from __future__ import annotations

from concurrent.futures import Executor, Future

from iris_core import hookimpl


class Here(Executor):
    """Runs a task at once."""

    def __init__(self, workers: int) -> None:
        self.closed = False

    def submit(self, function, *args, **kwargs):
        """Run a task."""
        if self.closed:
            raise RuntimeError("it was shut down")
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Take no further task."""
        self.closed = True


@hookimpl
def executors():
    return {"here": Here}
'''
RESULT = "future.set_result(function(*args, **kwargs))"
ERROR = "future.set_exception(error)"
OFFENCES: dict[str, tuple[tuple[str, str, str], ...]] = {
    # Rule: what stands in the good plugin, what stands in the offender, words of the failure
    "results": (
        (RESULT, "future.set_result(None)", "the results are {0: None"),
        ("        return future\n", "        return function(*args)\n", "submit returned a int, not a"),
        ("class Here(Executor):", "class Here:", "it started a Here, not a concurrent.futures.Executor"),
        ('{"here": Here}', '{"here": Here, "there": Here}', "it brings the executors here, there; name one with"),
    ),
    "objects": ((RESULT, "future.set_result(tuple(str(one) for one in function(*args)))", "came back as ("),),
    "exceptions": (
        (ERROR, "future.set_exception(OSError(str(error)))", "and OSError("),
        (ERROR, "future.set_result(None)", "and None came back"),
        (ERROR, "future.set_exception(type(error)(str(error)))", "came back with the notes []"),
        (ERROR, "future.set_exception(type(error)('failed'))", "and InputError('failed') came back"),
        (
            ERROR,
            f"{ERROR}\n            self.submit = lambda *_: [future.__init__(), future.set_result(0), future][-1]",
            "after an exception the next task returned 0, not 9",
        ),
    ),
    "shutdown": (
        ("self.closed = True", "pass", "a task after the shutdown raised nothing; RuntimeError is the right error"),
        ("RuntimeError(", "OSError(", "a task after the shutdown raised OSError"),
    ),
    "run": (
        (
            RESULT,
            "result, records = function(*args)\n"
            "            for path in result.products.values():\n"
            "                __import__('iris_core').write_exposure(\n"
            "                    __import__('iris_core').read_fits(path).scale(2), path, overwrite=True\n"
            "                )\n"
            "            future.set_result((result, records))",
            "x1_cal.fits differs from that of the serial run",
        ),
        (RESULT, "raise OSError('no worker')", "OSError: no worker"),
    ),
}
OFFENDERS = [(rule, *offence) for rule, offences in OFFENCES.items() for offence in offences]


def tried(module: Any, **attributes: Any) -> type[ExecutorConformance]:
    return type("Tried", (ExecutorConformance,), {"plugin": module, **attributes})


def test_a_good_executor_keeps_every_rule(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin(GOOD)))
    assert dict(found) == dict.fromkeys(ExecutorConformance.rules(), "")


def test_there_is_an_offender_for_every_rule() -> None:
    assert set(OFFENCES) == set(ExecutorConformance.rules())


@pytest.mark.parametrize(("rule", "before", "after", "words"), OFFENDERS)
def test_each_offence_is_caught_by_the_rule_meant_for_it(
    make_plugin: MakePlugin, outcomes: Try, rule: str, before: str, after: str, words: str
) -> None:
    assert before in GOOD
    found = outcomes(tried(make_plugin(GOOD.replace(before, after))), rule)
    assert found[rule].startswith(f"Failed: rule '{rule}': offender: ")
    assert words in found[rule]


def test_of_several_executors_the_class_names_one(make_plugin: MakePlugin, outcomes: Try) -> None:
    module = make_plugin(GOOD.replace('{"here": Here}', '{"here": Here, "there": None}'))
    assert outcomes(tried(module, executor="here"), "results") == {"results": ""}
    assert "name one with 'executor = ...'" in outcomes(tried(module, executor="nowhere"), "results")["results"]


def test_a_plugin_without_the_hook_is_told(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin('"""Nothing."""')))
    assert found.failed == set(ExecutorConformance.rules())
    assert "it does not implement the hook executors" in found["results"]


SPAWNING = '''\
"""Fresh processes."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from iris_core import hookimpl


def start(workers):
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


@hookimpl
def executors():
    return {"fresh": start}
'''


@pytest.mark.slow
def test_an_executor_of_spawned_processes_keeps_every_rule(make_plugin: MakePlugin, outcomes: Try) -> None:
    assert outcomes(tried(make_plugin(SPAWNING))).failed == set()


def test_what_fails_in_the_run_is_told_with_its_reason(make_plugin: MakePlugin, outcomes: Try) -> None:
    module = make_plugin(GOOD.replace(RESULT, "raise OSError('no worker')"))
    found = outcomes(tried(module), "run")["run"]
    assert "x1_rate.fits" in found
    assert "serially they are" in found
