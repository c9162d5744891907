"""What `iris asn` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import click

from iris_asn._group import Group, Grouping
from iris_asn._keys import text_of
from iris_asn._rules import Rule
from iris_core import print_rows, printable

__all__ = ["show_grouping"]

_LABELS = {"INSTRUME": "instrument", "READMODE": "read mode", "EXPTIME": "EXPTIME [s]", "OBJECT": "target"}


def show_grouping(grouping: Grouping, rule: Rule) -> None:
    """Print a table of the groups, then every file that is left out, with the reason."""
    if grouping.groups:
        print_rows("groups", list(_rows(grouping.groups, rule)))
    for path, reason in grouping.left_out.items():
        click.echo(f"left out: {printable(path)}: {printable(reason)}")


def _rows(groups: Sequence[Group], rule: Rule) -> Iterator[dict[str, str]]:
    for _, found in groupby(groups, key=lambda group: group.key if rule.alone else group.name):
        alike = list(found)
        facts = {_LABELS.get(word, word.lower()): text_of(alike[0].first, word) for word in rule.each}
        counts = {role: _count(alike, role) for role in rule.members}
        yield {**({} if rule.alone else {"product": alike[0].name}), **counts, **facts}


def _count(groups: Sequence[Group], role: str) -> str:
    """Return how many members of a role groups have: of those that make the groups in all, of others in each."""
    counts = sorted({len(group.members.get(role, ())) for group in groups})
    if role == next(iter(groups[0].members)):
        return str(sum(len(group.members[role]) for group in groups))
    each = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} each"
    return "" if each == "0" else each
