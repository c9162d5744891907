"""`iris run --then`: commands that look at what a run has made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import click

from iris_core.errors import did_you_mean

if TYPE_CHECKING:
    from iris_core.report import Report

__all__ = ["find_commands", "run_then"]


def find_commands(context: click.Context, _: click.Parameter, names: Sequence[str]) -> dict[str, click.Command]:
    """Return the commands of some names, before the run.

    Raises
    ------
    BadParameter
        When there is none of a name.
    """
    root = context.find_root()
    group, found = cast(click.Group, root.command), dict[str, click.Command]()
    for name in names:
        command = group.get_command(root, name)
        if command is None:
            near = did_you_mean(name, group.list_commands(root))
            raise click.BadParameter(f"there is no command '{name}'{near} 'iris --help' lists them")
        found[name] = command
    return found


def run_then(commands: Mapping[str, click.Command], report: Report) -> Iterator[int]:
    """Run commands on each folder of the products of a run, and yield their exit codes."""
    for folder in dict.fromkeys(path.parent for path in report.products) if commands else ():
        for name, command in commands.items():
            try:
                command.main([str(folder)], prog_name=f"iris {name}", standalone_mode=False)
                yield 0
            except SystemExit as end:
                yield end.code if isinstance(end.code, int) else int(end.code is not None)
