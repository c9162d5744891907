"""The page of the commands: of the core, and those that the packages of this repository add."""

from __future__ import annotations

from iris_core.installed import COMMANDS, find_entry_points

INTRODUCTION = """\
# Commands

`iris` has the commands of the core, and those that installed packages add. `iris COMMAND --help` prints the same.
"""


def page() -> str:
    """Return the page; the commands and their options are read when the site is built."""
    points = [found[0] for found in find_entry_points(COMMANDS).values()]
    return "\n".join([INTRODUCTION, *(command(point.value, f"iris {point.name}") for point in points)])


def command(where: str, name: str) -> str:
    """Return what documents one command, with those below it."""
    lines = ["```{eval-rst}", f".. click:: {where}", f"   :prog: {name}", "   :nested: full", "```\n"]
    return "\n".join(lines)
