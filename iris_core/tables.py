"""How lists are shown: as tables for people, as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

__all__ = ["Rows", "in_words", "make_table", "print_json", "print_rows"]

Rows = Sequence[Mapping[str, Any]]


def make_table(title: str, *columns: str) -> Table:
    """Return an empty table in the style of all our lists."""
    table = Table(
        title=escape(title), title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_rows(title: str, rows: Rows) -> None:
    """Print rows as a table; columns that are empty in all rows are left out."""
    if not rows:
        return
    columns = [name for name in rows[0] if any(row[name] not in ("", None, []) for row in rows)]
    table = make_table(title, *columns)
    for row in rows:
        table.add_row(*(escape(in_words(row[name])) for name in columns))
    console = Console()
    console.print(table)
    console.print()


def in_words(value: Any) -> str:
    """Return a value as it stands in a table; JSON gets the value itself."""
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {'none' if item is None else in_words(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(in_words(item) for item in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def print_json(content: Any) -> None:
    """Print plain data as JSON."""
    print(json.dumps(content, indent=2, default=str))  # noqa: T201 - this is the output
