"""The command ``iris plan``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iris_core import recipe_options, run_arguments

if TYPE_CHECKING:
    from iris_workflow._tasks import Workflow

__all__ = ["plan"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_WORDS = "iris_workflow.words"
# Of this command, and what each task has its own of.
_NOT_OF_TASKS = ("as_json", "traceback", "backgrounds", "snakefile", "slurm", "tasks", "help")


class _Plan(click.Command):
    """A command that keeps the options as they were written: those of `iris run` go into every task."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        given = dict.fromkeys(one for one in order if isinstance(one, click.Option))
        ctx.meta[_WORDS] = [word for one in given if one.name not in _NOT_OF_TASKS for word in _words(one, values)]
        return super().parse_args(ctx, args)


def _words(option: click.Option, values: Any) -> Iterator[str]:
    """Yield an option with its values, each one word: a value may start with a dash."""
    flag, value = option.opts[0], values[option.name]
    if option.is_flag:
        yield flag
    else:
        yield from (f"{flag}={one}" for one in (value if option.multiple else [value]))


@click.command(cls=_Plan, short_help="Write a run as tasks: JSON, a Snakefile, a Slurm array script.")
@click.argument("recipe")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--snakefile", type=_FILE, metavar="FILE", help="Write the tasks as a Snakefile.")
@click.option("--slurm", type=_FILE, metavar="FILE", help="Write the tasks as an array script for Slurm.")
@click.option(
    "--tasks",
    type=_FOLDER,
    metavar="FOLDER",
    help="Where associations go of tasks that need one of their own.  [default: iris-tasks]",
)
@recipe_options
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    recipe: str,
    files: tuple[Path, ...],
    snakefile: Path | None,
    slurm: Path | None,
    tasks: Path | None,
    as_json: bool,
    traceback: bool,
    **options: Any,
) -> None:
    """Write the run of FILES with RECIPE as tasks for a workflow engine, one for each exposure or group.

    Each task is a command 'iris run ...' that makes the same products as the whole run does, with the files it reads
    and writes, and with estimates of time, memory and disk. What is wrong is reported as by 'iris check'.

    \b
    iris plan image2 night.json --reference store=references --output-dir out --resume --json > plan.json
    iris plan image2 night.json --output-dir out --snakefile Snakefile && snakemake --cores 2
    iris plan image2 night.json --output-dir out --resume --slurm night.sh && sbatch night.sh
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_workflow._slurm import slurm_script
    from iris_workflow._snakefile import snakefile as snakefile_of
    from iris_workflow._tasks import TASKS, make_workflow

    words = ctx.meta[_WORDS]
    workflow = make_workflow(recipe, *files, words=words, tasks=tasks or TASKS, **run_arguments(options))
    texts = {snakefile: snakefile_of, slurm: slurm_script}
    _write({path: make(workflow) for path, make in texts.items() if path is not None})
    _show(workflow, [path for path in texts if path is not None], as_json)


def _write(texts: dict[Path, str]) -> None:
    from iris_workflow._files import write_generated

    for path, text in texts.items():
        write_generated(path, text)


def _show(workflow: Workflow, written: list[Path], as_json: bool) -> None:
    from iris_core import print_json, print_rows, printable

    if as_json:
        print_json(workflow.plain())
        return
    rows = [
        {
            "task": task.id,
            "s": f"{task.estimate.seconds:.1f}",
            "GiB of memory": f"{task.estimate.memory / 2**30:.2f}",
            "MB written": f"{task.estimate.bytes / 1e6:.1f}",
            "products": ", ".join(path.name for path in task.outputs),
        }
        for task in workflow.tasks
    ]
    if rows:
        print_rows(f"tasks of {workflow.recipe}", rows)
    for path in written:
        click.echo(printable(f"-> {path}"))
    click.echo(_summary(workflow))


def _summary(workflow: Workflow) -> str:
    """Return the number of tasks and what they take together in a line."""
    each = [task.estimate for task in workflow.tasks]
    seconds, written = sum(one.seconds for one in each), sum(one.bytes for one in each)
    kept = f"; {workflow.kept} kept, without a task" if workflow.kept else ""
    tasks = f"{len(each)} task{'' if len(each) == 1 else 's'}"
    return f"{tasks}, about {seconds / 60:.1f} min one after the other, {written / 1e6:.1f} MB written{kept}"
