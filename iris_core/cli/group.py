"""The command ``iris``: it finds its commands among what is installed. Start-up imports click and nothing heavy."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import Any

import click

from iris_core import __version__
from iris_core.cli.late import import_late
from iris_core.cli.memory import end_start, starting
from iris_core.installed import COMMANDS, distribution_of, find_entry_points


class _Iris(click.Group):
    """The commands of all installed packages; what goes wrong in one is printed without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_entry_points(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        points = _entry_points(ctx).get(cmd_name)
        return _load(cmd_name, points) if points else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List every command with its first sentence as a whole."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(300)) for name, command in commands if command and not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj = tuple(args)
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            from iris_core.workers.warned import warnings_in_log

            ctx.with_resource(warnings_in_log())
        end_start()
        return rest

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Run a command to its end; the exit code is 0 only where nothing went wrong and all was written."""
        # Our matrices are small: threads would wait for each other longer than they work, in each worker.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        if not options.get("standalone_mode", True):
            return super().main(args, *more, **options)
        try:
            from iris_core.cli.ending import ending

            import_late()
            with starting(), ending(sys.argv[1:] if args is None else args):
                raise SystemExit(super().main(args, *more, **{**options, "standalone_mode": False}) or 0)
        except KeyboardInterrupt:  # before there is somebody who can say more
            click.echo("interrupted", err=True)
            raise SystemExit(130) from None


def _entry_points(ctx: click.Context) -> dict[str, list[EntryPoint]]:
    if COMMANDS not in ctx.meta:
        ctx.meta[COMMANDS] = find_entry_points(COMMANDS)
    points: dict[str, list[EntryPoint]] = ctx.meta[COMMANDS]
    return points


def _load(name: str, points: list[EntryPoint]) -> click.Command:
    """Return the command of a name; one that cannot be used is a command that says so."""
    owners = ", ".join(" ".join(distribution_of(point)) for point in points)
    if len(points) > 1:
        return _broken(name, f"{len(points)} distributions have the command '{name}': {owners}; uninstall all but one")
    try:
        command = points[0].load()
    except Exception as error:
        return _broken(name, f"the command '{name}' of {owners} cannot be loaded: {type(error).__name__}: {error}")
    if isinstance(command, click.Command):
        return command
    return _broken(name, f"the command '{name}' of {owners} is no click command but {command!r:.40}")


def _broken(name: str, message: str) -> click.Command:
    def fail(arguments: tuple[str, ...]) -> None:
        raise click.ClickException(message)

    everything = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True, "help_option_names": []}
    return click.Command(name, settings, fail, [everything], short_help=f"broken: {message}")


@click.group(cls=_Iris, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="iris")
def main() -> None:
    """Calibrate exposures of near-infrared imagers: a recipe of stages, each stage a plugin."""


@main.result_callback()
def _ignore(*_: object, **__: object) -> None:
    """Take what a command returns for no exit code."""
