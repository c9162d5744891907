"""What `iris references` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from iris_core import (
    IrisError,
    Overrides,
    PluginError,
    Problems,
    Run,
    load_plugins,
    one_line,
    print_json,
    print_rows,
    printable,
    start_run,
)
from iris_references._explain import Explanation, explain_references
from iris_references._index import IndexEntry
from iris_references._store import add_references, list_references, remove_references

__all__ = ["add", "explain", "list_store", "remove"]

_SELECTORS = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE")


def add(store: Path, files: Sequence[Path], replace: bool, as_json: bool) -> None:
    """Add files to a store and print the outcome of each."""
    added = add_references(store, files, load_plugins(), replace=replace)
    outcomes = [{"outcome": "in the store already" if one.known else "added"} for one in added]
    notes = [note for one in added for note in one.notes]
    unused = [one.entry.name for one in list_references(store) if not one.entry.sha256]
    if unused:
        notes.append(f"{store}: not in the index, so not used: {', '.join(unused)}")
    entries = [one.entry for one in added]
    if as_json:
        print_json({"references": _rows(entries, outcomes), "notes": notes})
        return
    print_rows(f"store {store}", _short_rows(entries, outcomes))
    for note in notes:
        click.echo(f"{click.style('note:', fg='yellow')} {printable(note)}", err=True)


def list_store(store: Path, verify: bool, as_json: bool) -> bool:
    """List a store and return whether nothing is wrong with it."""
    listed = list_references(store, verify=verify)
    problems = [{"problem": one.problem} for one in listed]
    _print(f"store {store}", [one.entry for one in listed], problems, as_json)
    return not any(one.problem for one in listed)


def remove(store: Path, names: Sequence[str], delete: bool, as_json: bool) -> None:
    """Remove files from a store and print which."""
    removed = remove_references(store, names, delete=delete)
    _print(f"removed from {store}", removed, [{} for _ in removed], as_json)


def _print(title: str, entries: Sequence[IndexEntry], more: Sequence[Mapping[str, str]], as_json: bool) -> None:
    if as_json:
        print_json(_rows(entries, more))
    else:
        print_rows(title, _short_rows(entries, more))


def _rows(entries: Sequence[IndexEntry], more: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return all that the index has of each file, for scripts."""
    return [
        {"file": one.name, "sha256": one.sha256, **{key.lower(): value for key, value in one.header.items()}, **facts}
        for one, facts in zip(entries, more, strict=True)
    ]


def _short_rows(entries: Sequence[IndexEntry], more: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return what tells the files apart, for a line each."""
    return [
        {
            "file": one.name,
            "type": one.header["REFTYPE"],
            "selectors": " ".join(filter(None, (one.header[name] for name in _SELECTORS))),
            "useafter": one.header["USEAFTER"].removesuffix("T00:00:00"),
            **facts,
        }
        for one, facts in zip(entries, more, strict=True)
    ]


def explain(files: Sequence[Path], recipe: str, overrides: Overrides, as_json: bool) -> bool:
    """Print the choices for exposures and return whether there is nothing wrong."""
    run = start_run(recipe, overrides, load_plugins())
    explained: dict[Path, list[Explanation]] = {}
    problems: list[IrisError] = []
    for path in files:
        try:
            explained[path] = explain_references(run, path)
        except IrisError as error:
            problems.append(error)
        except Exception as error:
            problems.append(PluginError(f"{path}: a plugin failed: {one_line(error)}"))
    _print_explained(run, explained, problems, as_json)
    return not (run.problems or problems or any(one.is_missing for found in explained.values() for one in found))


def _print_explained(
    run: Run, explained: dict[Path, list[Explanation]], problems: Sequence[IrisError], as_json: bool
) -> None:
    problems = [*run.problems, *problems]
    if as_json:
        content = {str(path): [one.plain() for one in found] for path, found in explained.items()}
        print_json({"exposures": content, "problems": [str(error) for error in problems]})
        return
    for path, found in explained.items():
        print_rows(str(path), [row for one in found for row in _explained_rows(one)])
    if problems:
        raise Problems(problems)


def _explained_rows(one: Explanation) -> list[dict[str, str]]:
    """Return the rows of one type: the file that was chosen, then those that were rejected."""
    chosen = {"type": one.choice.need.reftype, "file": one.chosen, "reason": one.outcome}
    return [chosen, *({"type": "", "file": str(other.path), "reason": other.reason} for other in one.rejected)]
