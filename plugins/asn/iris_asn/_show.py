"""What `iris asn` prints."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from iris_asn._group import Grouping

__all__ = ["show_grouping"]

_COLUMNS = ("target", "instrument", "detector", "filter", "read mode", "window")


def show_grouping(grouping: Grouping, console: Console) -> None:
    """Print a table of the groups, then every file that is in none, with the reason."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column)
    for column in ("science", "backgrounds"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in _rows(grouping):
        table.add_row(*map(escape, row))
    console.print(table)
    for path, reason in grouping.left_out.items():
        console.print(f"left out: {escape(str(path))}: {escape(reason)}", soft_wrap=True, highlight=False)


def _rows(grouping: Grouping) -> Iterator[tuple[str, ...]]:
    for _, found in groupby(grouping.products, key=lambda product: product.science.group):
        products = list(found)
        meta = products[0].science.meta
        counts = sorted({len(product.backgrounds) for product in products})
        yield (
            meta.target,
            meta.instrument,
            meta.detector,
            " ".join(filter(None, (meta.filter, meta.pupil))),
            meta.read_mode,
            "" if meta.window is None else str(meta.window),
            str(len(products)),
            str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} each",
        )
