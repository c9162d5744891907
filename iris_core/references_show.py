"""What `iris references` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from iris_core.errors import IrisError, Problems
from iris_core.explain import Choice, explain_file
from iris_core.index import Entry
from iris_core.loading import load_plugins
from iris_core.overrides import Overrides
from iris_core.session import start_session
from iris_core.store import Listed, add_references, list_references, remove_references
from iris_core.tables import print_json, print_rows

__all__ = ["add", "explain", "list_store", "remove"]


def add(store: Path, files: Sequence[Path], replace: bool, as_json: bool) -> None:
    """Add files to a store and say what became of each."""
    added = add_references(store, files, load_plugins(), replace=replace)
    rows = [{**_row(one.entry), "outcome": "there already" if one.known else "added"} for one in added]
    remarks = [remark for one in added for remark in one.remarks]
    unused = [one.entry.name for one in list_references(store) if not one.entry.sha256]
    if unused:
        remarks.append(f"{store}: not in the index, so not used: {', '.join(unused)}")
    if as_json:
        print_json({"references": rows, "remarks": remarks})
        return
    print_rows(f"store {store}", rows)
    for remark in remarks:
        Console(stderr=True).print(f"[yellow]note:[/] {escape(remark)}", soft_wrap=True, highlight=False)


def list_store(store: Path, verify: bool, as_json: bool) -> bool:
    """List a store and return whether nothing is wrong with it."""
    listed = list_references(store, verify=verify)
    rows = [{**_row(one.entry), **_problem(one)} for one in listed]
    if as_json:
        print_json(rows)
    else:
        print_rows(f"store {store}", rows)
    return not any(one.problem for one in listed)


def remove(store: Path, names: Sequence[str], delete: bool, as_json: bool) -> None:
    """Take files out of a store and say which."""
    rows = [_row(one) for one in remove_references(store, names, delete=delete)]
    if as_json:
        print_json(rows)
    else:
        print_rows(f"removed from {store}", rows)


def _row(entry: Entry) -> dict[str, Any]:
    keywords = ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE", "USEAFTER", "PEDIGREE")
    said = {keyword.lower(): entry.header[keyword] for keyword in keywords}
    return {"file": entry.name, "type": entry.header["REFTYPE"], **said, "sha256": entry.sha256[:12]}


def _problem(listed: Listed) -> dict[str, str]:
    return {"problem": listed.problem}


def explain(files: Sequence[Path], recipe: str, overrides: Overrides, as_json: bool) -> bool:
    """Show the choices for exposures and return whether every needed reference was found."""
    session = start_session(recipe, overrides, load_plugins())
    problems: list[IrisError] = []
    explained: dict[Path, list[Choice]] = {}
    for path in files:
        try:
            explained[path] = explain_file(session, path)
        except IrisError as error:
            problems.append(error)
    if as_json:
        content = {str(path): [one.plain() for one in found] for path, found in explained.items()}
        print_json({"exposures": content, "problems": [str(error) for error in problems]})
    else:
        for path, choices in explained.items():
            print_rows(str(path), [row for choice in choices for row in _rows(choice)])
        if problems or session.problems:
            raise Problems([*session.problems, *problems])
    every = [one for choices in explained.values() for one in choices]
    return not problems and all(one.chosen is not None or not one.needed for one in every)


def _rows(choice: Choice) -> list[dict[str, str]]:
    """Return the rows of one type: what was chosen first, then what lost."""
    first = "" if choice.chosen is None else str(choice.chosen.path)
    rows = [{"type": choice.reftype, "file": first, "why": choice.outcome}]
    rows += [{"type": "", "file": str(one.path), "why": one.reason} for one in choice.lost]
    return rows
