"""What `iris run` and `iris check` show: progress, tables, one line for each mistake."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from iris_core.api import check, run
from iris_core.overrides import Overrides
from iris_core.report import ExposureResult, Report
from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from iris_core.model import Exposure
    from iris_core.plan import Plan
    from iris_core.session import Survey
    from iris_core.steps import Step

__all__ = ["check_and_print", "make_table", "run_with_progress"]


def make_table(title: str, *columns: str) -> Table:
    """Return an empty table in the style of all our lists."""
    table = Table(
        title=escape(title), title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


class StageProgress:
    """Shows which stage of which exposure is running."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("reading", total=None)

    @hookimpl(wrapper=True)
    def run_stage(self, step: Step, exposure: Exposure) -> Generator[None, Exposure, Exposure]:
        """Name the stage while it runs."""
        self._progress.update(self._task, description=f"{exposure.name}  {step.stage}")
        return (yield)

    def finish(self, result: ExposureResult, total: int) -> None:
        """Count one exposure."""
        self._progress.update(self._task, advance=1, total=total, description=result.name)


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
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        watch = StageProgress(progress)
        report = run(
            recipe,
            *files,
            backgrounds=backgrounds,
            overrides=overrides,
            watch=watch,
            on_result=lambda result: watch.finish(result, len(files)),
        )
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
        kept = logging.FileHandler(log_file, encoding="utf-8")
        kept.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        handlers.append(kept)
    logger.setLevel(logging.INFO)
    logger.handlers[:] = handlers


def _print_error(message: str, console: Console) -> None:
    for line in message.splitlines():
        console.print(f"[bold red]error:[/] {escape(line)}", soft_wrap=True, highlight=False)


def _print_report(report: Report, console: Console) -> None:
    table = make_table(f"recipe {report.recipe}", "exposure", "mode", "stages", "products", "s")
    for result in report.results:
        stages = ", ".join(_stage(record.stage, record.status) for record in result.history)
        products = "\n".join(escape(str(path)) for path in result.products.values())
        outcome = products or ("[red]failed[/]" if result.error else "none")
        table.add_row(escape(result.name), result.mode, stages, outcome, f"{result.seconds:.1f}")
    console.print(table)
    for result in report.results:
        for record in result.history:
            for note in record.notes:
                console.print(
                    f"  {escape(result.name)}: {record.stage}: {escape(note)}", highlight=False, soft_wrap=True
                )


def _stage(name: str, status: str) -> str:
    return name if status == "COMPLETE" else f"[dim]{name} skipped[/]"


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
        console.print(_plan_table(str(request.path), plan))
    for problem in problems:
        _print_error(str(problem), errors)
    if not problems:
        console.print(f"[green]{escape(recipe)}: no mistakes found[/]")
    return not problems


def _plan_table(name: str, plan: Plan) -> Table:
    table = make_table(f"{name}  ({plan.mode.name})", "step", "by", "references", "product")
    for index, step in enumerate(plan.steps):
        references = "\n".join(
            "\n  ".join([f"{one.reftype}: {escape(one.path.name)} ({escape(one.provider)})", *map(escape, one.notes)])
            for one in plan.references[index].values()
        )
        product = escape(plan.outputs[index].name) if index in plan.outputs else ""
        by = f"[dim]skipped: {escape(step.skip)}[/]" if step.skip else str(step.implementation)
        table.add_row(step.stage, by, references, product)
    return table


def _plain(surveyed: Survey) -> dict[str, Any]:
    return {
        "problems": [str(problem) for problem in surveyed.everything()],
        "exposures": [
            {
                "path": str(request.path),
                "mode": plan.mode.name,
                "steps": [
                    {
                        "stage": step.stage,
                        "plugin": step.implementation.plugin,
                        "version": step.implementation.version,
                        "skip": step.skip,
                        "params": step.params.model_dump(mode="json"),
                        "references": {name: str(one.path) for name, one in plan.references[index].items()},
                        "product": str(plan.outputs[index]) if index in plan.outputs else None,
                    }
                    for index, step in enumerate(plan.steps)
                ],
            }
            for request, plan in surveyed.plans.items()
        ],
    }
