"""Tables, docstrings and code as Markdown."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any


def table(rows: Iterable[Iterable[Any]], *columns: str) -> str:
    """Return a Markdown table."""
    lines = [list(columns), ["---"] * len(columns), *([cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def facts(values: Mapping[str, str]) -> str:
    """Return a table of what is known of something, without what is not."""
    return table([(name, value) for name, value in values.items() if value], "", "")


def cell(value: Any) -> str:
    """Return a value as it stands in a table."""
    return str("" if value is None else value).replace("|", "\\|").replace("\n", " ")


def code(names: Iterable[str]) -> str:
    """Return names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def block(text: str, language: str = "python") -> str:
    """Return text as a block of code."""
    return f"```{language}\n{text.strip()}\n```\n"


def summary(item: Any) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join(prose(item).split("\n\n")[0].split())


def prose(item: Any) -> str:
    """Return what a numpydoc docstring says before its first section."""
    text = inspect.getdoc(item) or ""
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines[1:]) if line and set(line) == {"-"}]
    return "\n".join(lines[: heads[0]] if heads else lines).strip().replace("``", "`")


def example(item: Any) -> str:
    """Return the ``>>>`` lines of a docstring as code."""
    lines = (line.strip("\n") for line in (inspect.getdoc(item) or "").splitlines())
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))
