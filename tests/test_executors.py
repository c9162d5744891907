"""Executors run calls and hand back results or exceptions."""

from __future__ import annotations

import os

import pytest

from iris_core.executors import SerialExecutor, start_processes


def test_the_serial_executor_runs_at_once_in_this_process() -> None:
    with SerialExecutor() as executor:
        future = executor.submit(os.getpid)
        assert future.done()
        assert future.result() == os.getpid()


def test_an_exception_is_raised_where_the_result_is_asked_for() -> None:
    future = SerialExecutor().submit(int, "many")
    assert future.done()
    with pytest.raises(ValueError, match="many"):
        future.result()


def test_an_interrupt_is_not_a_result() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SerialExecutor().submit(interrupt)


def test_processes_are_others() -> None:
    with start_processes(1) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()
