"""What `iris run` and `iris check` show: progress, tables, one line for each mistake."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from iris_core.api import check, run
from iris_core.association import read_requests
from iris_core.errors import InputError
from iris_core.explain import explain_references
from iris_core.overrides import Overrides
from iris_core.references import Candidate
from iris_core.report import ExposureResult, Report
from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from iris_core.model import Exposure
    from iris_core.plan import Plan
    from iris_core.plugins import Plugins
    from iris_core.session import Survey
    from iris_core.steps import Step

__all__ = ["check_and_print", "run_with_progress"]


_MOST_LOST = 5  # candidates that lost, shown for a step


class StageProgress:
    """Shows which stage of which exposure is running."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("reading", total=total)
        self.results: list[ExposureResult] = []

    @hookimpl(wrapper=True)
    def run_stage(self, step: Step, exposure: Exposure) -> Generator[None, Exposure, Exposure]:
        """Name the stage while it runs."""
        self._progress.update(self._task, description=f"{exposure.name}  {step.stage}")
        return (yield)

    def finish(self, result: ExposureResult) -> None:
        """Count one exposure."""
        self.results.append(result)
        self._progress.update(self._task, advance=1, description=result.name)


def run_with_progress(
    recipe: str,
    files: Sequence[Path],
    backgrounds: Sequence[Path],
    overrides: Overrides,
    *,
    as_json: bool,
    traceback: bool,
    log_file: Path | None,
    verbose: bool,
) -> Report:
    """Run a recipe with a progress bar on a terminal, and print what became of every exposure."""
    errors = Console(stderr=True)
    _start_log(errors, log_file, verbose)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    total = len(read_requests(files))
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        watch = StageProgress(progress, total)
        try:
            report = run(
                recipe, *files, backgrounds=backgrounds, overrides=overrides, watch=watch, on_result=watch.finish
            )
        except KeyboardInterrupt:
            progress.stop()
            done = ", ".join(str(path) for result in watch.results for path in result.products.values())
            _print_error(
                f"interrupted after {len(watch.results)} of {total} exposures; whole: {done or 'none'}", errors
            )
            raise SystemExit(130) from None
    if as_json:
        print(json.dumps(report.plain(), indent=2))  # noqa: T201 - this is the output
    else:
        _print_report(report, Console())
    for result in report.failed:
        _print_error(result.error, errors)
        if traceback:
            errors.print(escape(result.traceback), highlight=False)
    return report


def _start_log(console: Console, log_file: Path | None, verbose: bool) -> None:
    logger = logging.getLogger()
    shown = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S")
    shown.setLevel(logging.INFO if verbose else logging.WARNING)
    handlers: list[logging.Handler] = [shown]
    if log_file is not None:
        try:
            kept = logging.FileHandler(log_file, encoding="utf-8")
        except OSError as error:
            raise InputError(f"--log-file {log_file}: cannot be written: {error.strerror}") from None
        kept.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        handlers.append(kept)
    logger.setLevel(logging.INFO)
    logger.handlers[:] = handlers


def _print_error(message: str, console: Console) -> None:
    _say(console, *(f"[bold red]error:[/] {escape(line)}" for line in message.splitlines()))


def _say(console: Console, *lines: str) -> None:
    """Print lines of markup as they are: a path that is broken in two cannot be copied."""
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _print_report(report: Report, console: Console) -> None:
    _say(console, f"[bold]recipe {escape(report.recipe)}[/]")
    for result in report.results:
        done = ", ".join(record.stage for record in result.history if record.status == "COMPLETE")
        outcome = "[red]failed[/]" if result.error else f"{result.mode}, {result.seconds:.1f} s"
        _say(console, f"\n[bold]{escape(str(result.path))}[/]  {outcome}", *([f"  {done}"] if done else []))
        for record in result.history:
            skipped = "" if record.status == "COMPLETE" else "skipped: "
            _say(console, *(f"  [dim]{record.stage}: {skipped}{escape(note)}[/]" for note in record.notes))
        _say(console, *(f"  [green]->[/] {escape(str(path))}" for path in result.products.values()))


def check_and_print(
    recipe: str, files: Sequence[Path], backgrounds: Sequence[Path], overrides: Overrides, as_json: bool
) -> bool:
    """Check a recipe, print what would run or what is wrong, and return whether all is well."""
    surveyed = check(recipe, *files, backgrounds=backgrounds, overrides=overrides)
    problems = surveyed.everything()
    if as_json:
        print(json.dumps(_plain(surveyed), indent=2))  # noqa: T201 - this is the output
        return not problems
    console, errors = Console(), Console(stderr=True)
    for request, plan in surveyed.plans.items():
        _print_plan(request.path, plan, console, surveyed.plugins)
    for problem in problems:
        _print_error(str(problem), errors)
    if not problems:
        _say(console, f"\n[green]{escape(recipe)}: no mistakes found[/]")
    return not problems


def _print_plan(path: Path, plan: Plan, console: Console, plugins: Plugins) -> None:
    _say(console, f"\n[bold]{escape(str(path))}[/]  {plan.mode.name}")
    width = max(len(step.stage) for step in plan.steps)
    lost = _lost_by_stage(path, plan, plugins)
    for index, step in enumerate(plan.steps):
        reason = step.skip or plan.skips.get(index, "")
        by = f"[dim]skipped: {escape(reason)}[/]" if reason else str(step.implementation)
        _say(console, f"  {step.stage:{width}}  {by}", *(f"    {line}" for line in _reference_lines(plan, index)))
        _say(console, *(f"      [dim]{escape(line)}[/]" for line in _lost_lines(lost.get(step.stage, []), path)))
        if index in plan.outputs:
            _say(console, f"    [green]->[/] {escape(str(plan.outputs[index]))}")


def _lost_by_stage(path: Path, plan: Plan, plugins: Plugins) -> dict[str, list[Candidate]]:
    """Return, by stage, the candidates that lost to the reference files chosen for it."""
    outline = plugins.read_exposure(path, pixels=False)
    lost: dict[str, list[Candidate]] = {}
    for choice in explain_references(outline, plan.mode, plan.steps, plugins):
        if choice.chosen is not None:
            lost.setdefault(choice.stage, []).extend(choice.lost)
    return lost


def _lost_lines(lost: Sequence[Candidate], path: Path) -> Iterator[str]:
    yield from (f"not {one.path.name}: {one.reason}" for one in lost[:_MOST_LOST])
    if len(lost) > _MOST_LOST:
        yield f"and {len(lost) - _MOST_LOST} more: iris references explain {path}"


def _reference_lines(plan: Plan, index: int) -> Iterator[str]:
    for one in plan.references[index].values():
        yield f"{one.reftype}: {escape(str(one.path))} ({escape(one.provider)})"
        yield from (f"  {escape(note)}" for note in one.notes)
    yield from map(escape, plan.references[index].notes)


def _plain(surveyed: Survey) -> dict[str, Any]:
    return {
        "problems": [str(problem) for problem in surveyed.everything()],
        "exposures": [_plain_plan(request.path, plan, surveyed.plugins) for request, plan in surveyed.plans.items()],
    }


def _plain_plan(path: Path, plan: Plan, plugins: Plugins) -> dict[str, Any]:
    lost = _lost_by_stage(path, plan, plugins)
    return {
        "path": str(path),
        "mode": plan.mode.name,
        "steps": [
            {
                "stage": step.stage,
                "plugin": step.implementation.plugin,
                "version": step.implementation.version,
                "skip": step.skip or plan.skips.get(index, ""),
                "params": step.params.model_dump(mode="json"),
                "references": {name: str(one.path) for name, one in plan.references[index].items()},
                "references_lost": {str(one.path): one.reason for one in lost.get(step.stage, [])},
                "product": str(plan.outputs[index]) if index in plan.outputs else None,
            }
            for index, step in enumerate(plan.steps)
        ],
    }
