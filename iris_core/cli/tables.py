"""How results are shown: as text for people, as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

import click

Rows = Sequence[Mapping[str, Any]]
_LEAST = 24  # characters for a column whose text is wrapped


def printable(text: object) -> str:
    """Return a text with control characters escaped: a file name or a header must not act on the terminal."""
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in str(text))


def say(text: str, style: str = "", err: bool = False) -> None:
    """Print lines at once, also into a file; `style` is ``bold`` or a colour."""
    styles: dict[str, Any] = {"bold": True} if style == "bold" else {"fg": style or None}
    click.echo(click.style(printable(text), **styles), err=err)


def print_errors(message: str) -> None:
    """Print each line of a message as an error."""
    for line in message.splitlines():
        say(f"error: {line}", "red", err=True)


def print_json(content: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(content, indent=2, default=str).replace("\x7f", "\\u007f"))


def print_rows(title: str, rows: Rows) -> None:
    """Print rows that have the same keys; a column that is empty in all of them is omitted.

    Where the terminal is not wide enough, the last column is wrapped at spaces; where that is not enough either, every
    row becomes a block of ``name: value`` lines. Words are never broken.
    """
    present({title: rows}, as_json=False)


def present(content: Mapping[str, Any], as_json: bool) -> None:
    """Print each part with its title: rows, one ``name: value`` a line, or text; or print everything as JSON."""
    if as_json:
        print_json(content)
        return
    for title, part in content.items():
        if title == "problems":
            print_errors("\n".join(part))
        elif part:
            say(title, "bold")
            say("\n".join([*_lines(part), ""]))


def _lines(part: Any) -> list[str]:
    if isinstance(part, str):
        return [line for paragraph in part.split("\n") for line in _wrap(paragraph, _width())]
    if isinstance(part, Mapping):
        return _block([*part], [_words(value) for value in part.values()], "  ")
    return _rows(part)


def _rows(rows: Rows) -> list[str]:
    names = [name for name in rows[0] if any(_words(row[name]) for row in rows)]
    cells = [[_words(row[name]) for name in names] for row in rows]
    return _table(names, cells) or [line for row in cells for line in _block(names, row)]


def _table(names: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, or none where it does not fit."""
    *columns, last = zip(names, *cells, strict=True)
    widths = [max(map(len, column)) for column in columns]
    room = _width() - sum(width + 2 for width in widths)
    if room < min(max(map(len, last)), max(_LEAST, *(len(word) for cell in last for word in cell.split()))):
        return []
    lines = []
    for *row, text in (names, *cells):
        for number, part in enumerate(_wrap(text, room)):
            before = [f"{'' if number else cell:{width}}  " for cell, width in zip(row, widths, strict=True)]
            lines.append(f"{''.join(before)}{part}".rstrip())
    return lines


def _block(names: Sequence[str], cells: Sequence[str], indent: str = "") -> list[str]:
    """Return one row as lines, those after the first indented."""
    lines: list[str] = []
    for name, cell in zip(names, cells, strict=True):
        inner = indent or ("  " if lines else "")
        lines += _wrap(f"{inner}{name}: {cell}", _width(), f"{inner}    ") if cell else []
    return lines


def _width() -> int:
    return get_terminal_size().columns


def _wrap(text: str, width: int, indent: str = "") -> list[str]:
    return wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def _words(value: Any) -> str:
    """Return a value as it is shown to people; JSON gets the value itself."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={'none' if item is None else _words(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else printable(f"{value:.6g}" if isinstance(value, float) else value)
