"""The core's own commands: thin, over the functions of the package."""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from iris_core.cli.memory import starting
from iris_core.cli.options import as_json, complete, recipe_options, run_arguments
from iris_core.cli.then import find_commands, run_then

_recipe = click.argument("recipe", shell_complete=complete)


@contextmanager
def _quickly() -> Iterator[None]:
    """Start no threads of numpy and collect little garbage: both take longer than to print a list, or to plan."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    atexit.register(gc.freeze)
    with starting():
        yield


@click.command()
@_recipe
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@recipe_options
@click.option(
    "--add-to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="STORE",
    help="Add the reference files that are made to this store, all or none; --overwrite replaces there, too.",
)
@click.option(
    "--then",
    "commands",
    multiple=True,
    metavar="COMMAND",
    callback=find_commands,
    help="Afterwards run this command on each folder of products, like report.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be done, as 'iris check' does.")
@click.option("--log-file", type=click.Path(path_type=Path, dir_okay=False), help="Append the log to this file.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log.")
@click.pass_obj
@_quickly()
def run(
    arguments: tuple[str, ...],
    /,
    recipe: str,
    files: tuple[Path, ...],
    add_to: Path | None,
    commands: Mapping[str, click.Command],
    dry_run: bool,
    **options: Any,
) -> None:
    """Calibrate FILES (exposures, associations) with RECIPE, a name or a YAML file.

    \b
    iris run image2 x_rate.fits --reference store=references
    iris run image2 night.json --set resample.pixfrac=0.8 --save-bsub
    iris run image2 night.json --resume
    iris run create-dark raw --output-dir masters --add-to store
    """  # noqa: D301 - click wants the character, not a backslash
    if dry_run:
        del options["log_file"], options["verbose"], options["traceback"]
        _check(recipe, files, **options)
        return
    if commands and options["as_json"]:
        raise click.UsageError("--then prints beside --json: give one of them")
    if options["executor"] == "processes":
        from iris_core.workers.processes import start_server

        start_server()  # it imports what workers need, while the exposures are planned
    import iris_core
    from iris_core.cli.masters import add_masters, check_can_add
    from iris_core.cli.run import RunDisplay
    from iris_core.loading import load_plugins

    shown = {name: options.pop(name) for name in ("as_json", "traceback", "log_file", "verbose")}
    with RunDisplay(arguments, **shown) as display:
        plugins = load_plugins()
        if add_to is not None:
            check_can_add(plugins)
        given = {**run_arguments(options), "plugins": plugins, "watch": display, "on_result": display.add}
        report = iris_core.run(recipe, *files, **given)
        display.finish(report)
        if add_to is not None:
            display.added(add_masters(report, add_to, plugins, replace=options["overwrite"]), add_to)
    codes = [int(any(result.error for result in display.results)), *run_then(commands, report)]
    if any(codes):
        raise SystemExit(max(codes))


@click.command()
@_recipe
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@recipe_options
@_quickly()
def check(recipe: str, files: tuple[Path, ...], as_json: bool, traceback: bool, **options: Any) -> None:
    """Do everything that a run does before it reads the first pixel, and report all errors together."""
    _check(recipe, files, as_json, **options)


def _check(recipe: str, files: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    import iris_core
    from iris_core.cli.check import print_check

    checked = iris_core.check(recipe, *files, **run_arguments(options))
    print_check(recipe, checked, as_json)
    if not checked:
        raise SystemExit(1)


@click.command(name="list")
@as_json
@_quickly()
def list_(as_json: bool) -> None:
    """List plugins, stages, recipes and instrument modes."""
    from iris_core.cli.show import list_all

    list_all(as_json)


@click.command()
@as_json
@_quickly()
def plugins(as_json: bool) -> None:
    """List plugins with their distributions and hooks, and what is broken and why; exit code 1 if any is."""
    from iris_core.cli.show import list_plugins

    if not list_plugins(as_json):
        raise SystemExit(1)


@click.command()
@click.argument("what", nargs=-1, required=True, shell_complete=complete)
@as_json
@_quickly()
def show(what: tuple[str, ...], as_json: bool) -> None:
    """Show a STAGE's parameters, a RECIPE resolved, the numbers of a MODE, or the history of a FILE."""
    from iris_core.cli.show import show

    for name in what:
        show(name, as_json)
