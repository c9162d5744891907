"""What `iris run` shows while it runs, and what it writes into its log."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, Self

from iris_core import __version__
from iris_core.cli.ending import EachOnce
from iris_core.cli.memory import end_start, keep_memory
from iris_core.cli.tables import print_json, printable, say
from iris_core.errors import InputError
from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from iris_core.exposure import Exposure
    from iris_core.exposures import Exposures
    from iris_core.report import ExposureResult, Report
    from iris_core.step import Step


log = logging.getLogger(__name__)


@dataclass(eq=False)
class RunDisplay:
    """Shows the results of a run as they come, and on a terminal which stage is running; keeps the log.

    Parameters
    ----------
    command
        The command line, for the log.
    as_json, traceback, log_file, verbose
        The options of `iris run`.
    total, results
        The number of exposures, and the results so far.
    outputs, started
        Files that will be written, and when the run began [s].
    """

    command: Sequence[str]
    as_json: bool = False
    traceback: bool = False
    log_file: Path | None = None
    verbose: bool = False
    total: int = 0
    results: list[ExposureResult] = field(default_factory=list)
    outputs: list[Path] = field(default_factory=list)
    started: float = field(default_factory=time)
    _bar: Any = None
    _before: tuple[list[logging.Handler], int] = ([], 0)

    def __enter__(self) -> Self:
        keep_memory()
        self._start_log()
        log.info("iris %s: %s", __version__, shlex.join(["iris", *self.command]))
        if sys.stderr and sys.stderr.isatty():
            self._bar = _make_bar()
            self._bar.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._bar:
            self._bar.stop()
        if isinstance(error, KeyboardInterrupt):
            done = ", ".join(str(path) for path in self.outputs if _is_newer(path, self.started))
            number = f"after {len(self.results)} of {self.total}" if self.total else "before any of the"
            again = "; run it again with --overwrite" if done else ""
            self._fail(f"interrupted {number} exposures; complete products: {done or 'none'}{again}")
        elif error is not None:
            log.error("%s", error)
        self._stop_log()
        if isinstance(error, KeyboardInterrupt):
            raise SystemExit(130) from None

    @hookimpl(wrapper=True)
    def calibrate_jobs(self, plans: Mapping[Any, Any]) -> Generator[None, Any, Any]:
        """Count the exposures; those that cannot be calibrated have been shown before."""
        end_start()
        self.total = len(self.results) + len(plans)
        self.outputs += [path for plan in plans.values() for path in plan.outputs]
        self._update(total=self.total)
        return (yield)

    @hookimpl(wrapper=True)
    def run_stage(self, step: Step, exposure: Exposure) -> Generator[None, Exposure, Exposure]:
        """Name the stage while it runs."""
        self._update(description=printable(f"{step.stage}  {exposure.name}"))
        return (yield)

    @hookimpl(wrapper=True)
    def run_group_stage(self, step: Step, exposures: Exposures) -> Generator[None, Any, Any]:
        """Name the stage of many exposures while it runs."""
        text = f"{step.stage}  {len(exposures)} exposures"
        self._update(description=printable(text))
        if not (self._bar or self.as_json):  # without a terminal, too, a long run shows that it goes on
            self._say(text)
        return (yield)

    def _update(self, **changes: Any) -> None:
        if self._bar:
            self._bar.update(0, **changes)

    def add(self, result: ExposureResult) -> None:
        """Show the result of an exposure."""
        self.results.append(result)
        self._update(advance=1)
        if not self.as_json:
            self._show(result)
        for path in result.products.values():
            log.info("%s: wrote %s", result.path, path)
        if result.error:
            self._fail(result.error)
        if self.traceback and result.traceback:
            self._say(result.traceback, err=True)

    def _show(self, result: ExposureResult) -> None:
        outcome = "failed" if result.error else "kept" if result.kept else f"{result.mode}, {result.seconds:.1f} s"
        self._say(f"\n{result.label}  {outcome}", "red" if result.error else "bold")
        done = ", ".join(record.stage for record in result.history if record.status == "COMPLETE")
        if done:
            self._say(f"  {done}")
        for record, note in ((one, note) for one in result.history for note in one.notes):
            self._say(f"  {record.stage}: {'' if record.status == 'COMPLETE' else 'skipped: '}{note}")
        for path in result.products.values():
            self._say(f"  -> {path}", "green")

    def finish(self, report: Report) -> None:
        """Show what came of all exposures together."""
        log.info("%s", report.summary)
        if self.as_json:
            print_json(report.plain())
        else:
            self._say(f"\n{report.summary}", "bold")

    def added(self, names: Sequence[str], store: Path) -> None:
        """Show what was added to a store of reference files."""
        log.info("added to %s: %s", store, ", ".join(names))
        if not self.as_json:
            self._say(f"added to {store}: {', '.join(names)}", "green")

    def _fail(self, message: str) -> None:
        log.error("%s", message)
        for line in message.splitlines():
            self._say(f"error: {line}", "red", err=True)

    def _say(self, text: str, style: str = "", err: bool = False) -> None:
        """Print lines, above the bar if they go to the same terminal."""
        if self._bar and (err or (sys.stdout and sys.stdout.isatty())):
            self._bar.console.print(printable(text), style=style, markup=False, highlight=False, soft_wrap=True)
        else:
            say(text, style, err)

    def _start_log(self) -> None:
        shown = _Shown(self._say, logging.INFO if self.verbose else logging.WARNING)
        shown.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
        handlers: list[logging.Handler] = [shown]
        if self.log_file:
            try:
                handlers.append(_LogFile(self.log_file, encoding="utf-8"))
            except OSError as error:
                raise InputError(f"--log-file {self.log_file}: cannot be written: {error.strerror}") from None
            handlers[1].setFormatter(_Printable("%(asctime)s %(levelname)s %(name)s %(message)s"))
        for handler in handlers:
            handler.addFilter(EachOnce())
        root = logging.getLogger()
        self._before = root.handlers[:], root.level
        root.handlers[:] = handlers
        root.setLevel(logging.INFO)

    def _stop_log(self) -> None:
        root = logging.getLogger()
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = self._before[0]
        root.setLevel(self._before[1])


class _Shown(logging.Handler):
    """Prints log records; those of this module are on the screen already."""

    def __init__(self, print_line: Callable[..., None], level: int) -> None:
        super().__init__(level)
        self._print = print_line

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if record.name != __name__:
            with suppress(OSError):  # that nobody can read it is no failure of a stage
                self._print(self.format(record), err=True)


class _LogFile(logging.FileHandler):
    """A log that ends, with a line, where it can no longer be written: a full disk is no failure of a stage."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging gives it
        """Say once why, and write no more."""
        reason = sys.exc_info()[1]
        logging.getLogger().removeHandler(self)
        self.close()
        with suppress(OSError):
            say(f"warning: the log file {self.baseFilename} cannot be written: {reason}", "yellow", err=True)

    def close(self) -> None:
        """Close it, also where what is left cannot be written."""
        with suppress(OSError):
            super().close()


class _Printable(logging.Formatter):
    """Writes log records with control characters escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as text."""
        return printable(super().format(record))


def _make_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    stage = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), stage, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False)
    bar.add_task("checking", total=None)
    return bar


def _is_newer(path: Path, time: float) -> bool:
    """Whether a file is there that was written after some time [s]."""
    with suppress(OSError):
        return path.lstat().st_mtime >= time
    return False
