"""The command line: thin commands over the functions of the package. Start-up imports click and nothing heavy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

import click

from iris_core import __version__
from iris_core.references_cli import references

__all__ = ["main"]

COMMANDS = "iris_core.commands"
Command = TypeVar("Command", bound=Callable[..., Any])


class _Iris(click.Group):
    """A group whose further commands come from installed packages, imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*sorted(self.commands), *sorted(set(_installed()) - set(self.commands))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        point = _installed().get(cmd_name)
        if point is None:
            return None
        return _load(point)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the own commands with their help and the others with the package they come from."""
        rows = [(name, self.commands[name].get_short_help_str(80)) for name in sorted(self.commands)]
        rows += [
            (name, f"comes with {point.dist.name}; iris {name} --help" if point.dist else "")
            for name, point in sorted(_installed().items())
            if name not in self.commands
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        from iris_core.errors import IrisError

        try:
            return super().invoke(ctx)
        except IrisError as error:
            if "--traceback" in sys.argv:
                raise
            if "--json" in sys.argv:
                import json

                click.echo(json.dumps({"problems": str(error).splitlines()}, indent=2))
            for line in str(error).splitlines():
                click.echo(f"{click.style('error:', fg='red', bold=True)} {line}", err=True)
            ctx.exit(1)


def _start_no_threads() -> None:
    """Keep numpy from starting a thread for each core, which takes longer than to print a list."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=COMMANDS)}


def _load(point: EntryPoint) -> click.Command:
    try:
        command: click.Command = point.load()
    except Exception as error:
        where = point.dist.name if point.dist else "its package"
        raise click.ClickException(f"the command '{point.name}' of {where} cannot be loaded: {error}") from error
    return command


@click.group(cls=_Iris, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="iris")
def main() -> None:
    """Calibrate exposures of near-infrared imagers: a recipe of stages, each stage a plugin."""


def _pairs(_ctx: click.Context, option: click.Parameter, values: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, said = value.partition("=")
        if not (equals and name.strip() and said):
            raise click.BadParameter(f"'{value}' is not {option.metavar}")
        pairs[name.strip()] = said
    return pairs


def _apply(options: Iterable[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed(list(options)):
        command = option(command)
    return command


def _recipe_options(command: Command) -> Command:
    """Add what `run` and `check` both take."""
    pairs: dict[str, Any] = {"multiple": True, "callback": _pairs}
    path = click.Path(path_type=Path)
    return _apply(
        (
            click.option("--set", "params", metavar="STAGE.KEY=VALUE", help="Set a parameter of a stage.", **pairs),
            click.option("--use", metavar="STAGE=PLUGIN", help="Choose who implements a stage.", **pairs),
            click.option(
                "--plugin",
                "plugin_files",
                multiple=True,
                type=path,
                metavar="FILE.py",
                help="A plugin of one file, which then implements its stages.",
            ),
            click.option(
                "--reference",
                "references",
                metavar="TYPE=FILE",
                help="Name a reference file, or store=FOLDER.",
                **pairs,
            ),
            click.option("--skip", metavar="STAGE=REASON", help="Leave a stage out.", **pairs),
            click.option("--save", multiple=True, metavar="STAGE", help="Write a product after a stage, too."),
            click.option("--save-bsub", is_flag=True, help="The same as --save background."),
            click.option("--background", "backgrounds", multiple=True, type=path, help="A background exposure."),
            click.option("--allow-outside", is_flag=True, help="Associations may name files outside their folder."),
            click.option("--instrument", default="", metavar="MODE", help="Instrument mode, whatever the header says."),
            click.option(
                "--output-dir", "directory", type=path, help="Folder of the products.  [default: the input's]"
            ),
            click.option(
                "--format", type=click.Choice(["fits", "asdf"]), help="Of the products.  [default: the input's]"
            ),
            click.option("--overwrite", is_flag=True, help="Replace products that exist."),
            click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables."),
            click.option("--traceback", is_flag=True, help="Show where in the code an error arose."),
        ),
        command,
    )


def _value(name: str, said: str) -> Any:
    """Return what a value would be in a recipe."""
    from iris_core.document import parse_document
    from iris_core.errors import Problems

    try:
        return parse_document(said, "").data
    except Problems:
        raise click.BadParameter(f"'{name}={said}': this is no value; text needs quotes") from None


def _overrides(options: dict[str, Any]) -> Any:
    from iris_core.overrides import Overrides

    save = (*options.pop("save"), *(["background"] if options.pop("save_bsub") else []))
    return Overrides(
        params={name: _value(name, said) for name, said in options.pop("params").items()},
        references={name: Path(value) for name, value in options.pop("references").items()},
        save=save,
        **options,
    )


@main.command(name="run")
@click.argument("recipe")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_recipe_options
@click.option("--executor", default="", metavar="NAME", help="serial, processes, or a plugin's.  [default: serial]")
@click.option("--workers", type=click.IntRange(min=1), help="Exposures at a time, with processes.")
@click.option("--log-file", type=click.Path(path_type=Path, dir_okay=False), help="Append the log to this file.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log.")
def run_command(recipe: str, files: tuple[Path, ...], **options: Any) -> None:
    """Calibrate FILES (exposures, associations) with RECIPE, a name or a YAML file.

    \b
    iris run image2 x_rate.fits --reference store=references
    iris run image2 night.json --set resample.pixfrac=0.8 --save-bsub
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_core import console

    shown = {name: options.pop(name) for name in ("as_json", "traceback", "log_file", "verbose")}
    backgrounds = options.pop("backgrounds")
    report = console.run_with_progress(recipe, files, backgrounds, _overrides(options), **shown)
    if report.failed:
        raise SystemExit(1)


@main.command(name="check")
@click.argument("recipe")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@_recipe_options
def check_command(recipe: str, files: tuple[Path, ...], **options: Any) -> None:
    """Do everything short of the first pixel, and report all mistakes together."""
    from iris_core import console

    as_json, _ = options.pop("as_json"), options.pop("traceback")
    backgrounds = options.pop("backgrounds")
    if not console.check_and_print(recipe, files, backgrounds, _overrides(options), as_json):
        raise SystemExit(1)


@main.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def list_command(as_json: bool) -> None:
    """List plugins, stages, recipes and instrument modes."""
    _start_no_threads()
    from iris_core import inventory

    inventory.list_all(as_json)


@main.command(name="plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def plugins_command(as_json: bool) -> None:
    """List plugins with distribution and hooks, and what is broken and why; exit code 1 if anything is."""
    _start_no_threads()
    from iris_core import inventory

    if not inventory.list_plugins(as_json):
        raise SystemExit(1)


main.add_command(references)


@main.command(name="show")
@click.argument("what", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def show_command(what: tuple[str, ...], as_json: bool) -> None:
    """Show a STAGE's parameters, a RECIPE resolved, the numbers of a MODE, or the history of a FILE."""
    _start_no_threads()
    from iris_core import show

    for name in what:
        show.show(name, as_json)
