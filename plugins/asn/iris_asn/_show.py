"""What `iris asn` prints."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import click

from iris_asn._group import Grouping
from iris_core import print_rows, printable

__all__ = ["show_grouping"]


def show_grouping(grouping: Grouping) -> None:
    """Print a table of the groups, then every file that is not used, with the reason."""
    if grouping.products:
        print_rows("groups", list(_rows(grouping)))
    for path, reason in grouping.unused.items():
        click.echo(f"not used: {printable(path)}: {printable(reason)}")


def _rows(grouping: Grouping) -> Iterator[dict[str, str]]:
    for _, found in groupby(grouping.products, key=lambda product: product.science.group):
        products = list(found)
        meta = products[0].science.meta
        counts = sorted({len(product.backgrounds) for product in products})
        yield {
            "science": str(len(products)),
            "backgrounds": str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} each",
            "target": meta.target,
            "instrument": meta.instrument,
            "detector": meta.detector,
            "filter": " ".join(filter(None, (meta.filter, meta.pupil))),
            "read mode": meta.read_mode,
            "window": "" if meta.window is None else str(meta.window),
        }
