"""What `iris compare-stages` prints: the runs, the differences, what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from iris_compare._comparison import Comparison
from iris_compare._difference import Difference
from iris_compare._runs import Outcome
from iris_compare._tables import differences_table, runs_table
from iris_core import print_json, printable

__all__ = ["progress", "show"]


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is being done; yield the function to call with it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("") as status:
        yield lambda text: status.update(escape(printable(text)))


def show(comparison: Comparison, *, as_json: bool, traceback: bool) -> None:
    """Print a comparison as tables, or as JSON, and what failed on stderr."""
    if as_json:
        print_json(comparison.plain())
    else:
        _show_tables(comparison, Console())
    errors = Console(stderr=True)
    for one in comparison.failed:
        lines = (f"{one.implementation}: {line}" for line in one.error.splitlines())
        _print(errors, *(f"[bold red]error:[/] {escape(line)}" for line in lines))
        if traceback:
            _print(errors, escape(one.traceback))


def _show_tables(comparison: Comparison, console: Console) -> None:
    _print_table(runs_table(comparison), console)
    for outcome in comparison.outcomes:
        _print(console, *(f"  {escape(outcome.implementation)}: {escape(note)}" for note in _stage_notes(outcome)))
    first, *others = comparison.outcomes
    for other in others:
        found = comparison.differences[other.implementation]
        title = f"{other.implementation} against {first.implementation}"
        _print(console, "", *([] if found else [f"[bold]{escape(title)}[/]"]))
        if found:
            _print_table(differences_table(title, found, comparison.product), console)
        _print(console, *map(escape, (*_notes(found), *_alone(first, other), *_alone(other, first))))
    _print(console, "", *(f"[green]->[/] {escape(path)}" for path in _places(comparison)))


def _alone(one: Outcome, other: Outcome) -> tuple[str, ...]:
    """Return a note on the products that one run alone made."""
    products = [suffix for suffix in one.products if suffix not in other.products]
    return (f"  only {one.implementation} made: {', '.join(products)}",) if products else ()


def _stage_notes(outcome: Outcome) -> tuple[str, ...]:
    if outcome.skipped:
        return (f"the stage was skipped: {outcome.skipped}",)
    return outcome.record.notes if outcome.record else ()


def _notes(found: Mapping[str, Difference]) -> Iterator[str]:
    for suffix, one in found.items():
        refusal = (f"not subtracted: {one.refusal}",) if one.refusal else ()
        yield from (f"  {suffix}: {note}" for note in (*refusal, *one.notes))


def _places(comparison: Comparison) -> list[str]:
    """Return the folders of the products, and the pictures."""
    folders = dict.fromkeys(str(path.parent) for one in comparison.outcomes for path in one.products.values())
    return [*folders, *map(str, comparison.pictures)]


def _print(console: Console, *lines: str) -> None:
    """Print lines of markup unbroken: a path that is broken in two cannot be copied."""
    for line in lines:
        console.print(printable(line), soft_wrap=True, highlight=False)


def _print_table(table: Table, console: Console) -> None:
    """Print a table in its full width: a number that is broken in two cannot be copied."""
    needed = console.measure(table, options=console.options.update(max_width=1000)).maximum
    Console(width=max(console.width, needed)).print(table, highlight=False)
