"""The page of the commands: of the core, and those that the packages of this repository add."""

from __future__ import annotations

from importlib.metadata import entry_points

INTRODUCTION = """\
# Commands

`iris` has the commands of the core, and those that installed packages add. `iris COMMAND --help` prints the same.
"""


def page() -> str:
    """Return the page; the commands and their options are read when the site is built."""
    added = sorted(entry_points(group="iris_core.commands"), key=lambda point: point.name)
    parts = [INTRODUCTION, command("iris_core.cli:main", "iris")]
    parts += [command(point.value, f"iris {point.name}") for point in added]
    return "\n".join(parts)


def command(where: str, name: str) -> str:
    """Return what documents one command, with those below it."""
    lines = ["```{eval-rst}", f".. click:: {where}", f"   :prog: {name}", "   :nested: full", "```\n"]
    return "\n".join(lines)
