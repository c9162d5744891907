"""One run of a recipe in a fresh process: its products, its time, its memory."""

from __future__ import annotations

import logging
import os
import signal
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core import IrisError, StageRecord, run

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["Outcome", "Trial", "run_apart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run: a recipe on a file, with one implementation of the stage that is compared.

    Parameters
    ----------
    implementation, stage
        The plugin, and the stage that it implements.
    recipe, path
        What is run, on which file.
    options
        Those of `iris_core.run`.
    """

    implementation: str
    stage: str
    recipe: str
    path: Path
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one run.

    Parameters
    ----------
    implementation
        Name of the plugin that did the stage.
    products
        The files written, by suffix.
    record
        What the runner recorded of the stage; None where the run did not get through it.
    seconds
        The whole run: reading, every stage, writing; without the start of Python.
    peak_memory
        Largest resident memory of its process in bytes, Python and its libraries included; 0 where not known.
    error
        What went wrong; ``""`` when nothing did.
    traceback
        Where, for developers.
    """

    implementation: str
    products: Mapping[str, Path] = field(default_factory=dict)
    record: StageRecord | None = None
    seconds: float = 0.0
    peak_memory: int = 0
    error: str = ""
    traceback: str = ""

    @property
    def skipped(self) -> str:
        """Why the stage had nothing to do; ``""`` when it did something."""
        if self.record is None or self.record.status == "COMPLETE":
            return ""
        return "; ".join(self.record.notes) or "no reason given"


def run_apart(trial: Trial) -> Outcome:
    """Run a trial in a fresh process of its own, which may fail or die without harm to this one."""
    context = get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(trial, sending))
    try:
        process.start()
        sending.close()  # so that the end of the process is the end of the pipe
        answer: Outcome = receiving.recv()
    except EOFError:
        process.join()
        return Outcome(implementation=trial.implementation, error=_how_it_died(process.exitcode))
    finally:
        receiving.close()
        if process.is_alive():
            process.join(timeout=5)
            process.kill()
    return answer


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return f"its process was killed by {signal.Signals(-code).name}{hint}"
    return f"its process ended with exit code {code} before the run was done"


def _answer(trial: Trial, sending: Connection) -> None:
    # What a plugin prints goes to stderr: the output of the command may be JSON.
    os.dup2(2, 1)
    logging.basicConfig(level=logging.WARNING, format=f"{trial.implementation}: %(message)s")
    with suppress(KeyboardInterrupt):  # the process that waits is interrupted too, and reports it
        sending.send(_run(trial))


def _run(trial: Trial) -> Outcome:
    try:
        report = run(trial.recipe, trial.path, **trial.options)
    except Exception as error:
        words = str(error) if isinstance(error, IrisError) else f"{type(error).__name__}: {error}"
        found = "".join(traceback.format_exception(error))
        return Outcome(implementation=trial.implementation, error=words, traceback=found, peak_memory=peak_memory())
    (result,) = report.results
    records = [record for record in result.history if record.stage == trial.stage]
    return Outcome(
        implementation=trial.implementation,
        products=result.products,
        record=records[-1] if records else None,
        seconds=result.seconds,
        peak_memory=peak_memory(),
        error=result.error,
        traceback=result.traceback,
    )


def peak_memory() -> int:
    """Return the largest resident memory this process has had, in bytes.

    Linux hands ``ru_maxrss`` on from a process to those it starts: what the parent once needed would count. VmHWM
    (proc_pid_status(5)) is of this process alone; ``ru_maxrss`` is for systems without it.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return _maxrss()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(fields["VmHWM"].split()[0]) * 1024 if "VmHWM" in fields else _maxrss()


def _maxrss() -> int:
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
