"""The tables: what each run took, and how each product differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from rich.markup import escape
from rich.table import Table

from iris_compare._difference import BitChange, Difference, Extreme, Ratios, Spread
from iris_compare._runs import Outcome

if TYPE_CHECKING:
    from iris_compare._comparison import Comparison

__all__ = ["differences_table", "runs_table"]

_NONE = "-"
Cell = Callable[[Difference], str]
Part = TypeVar("Part")


def runs_table(comparison: Comparison) -> Table:
    """Return time, memory and outcome of each run."""
    table = _table("runs")
    table.add_column("implementation", no_wrap=True)
    table.add_column("version", no_wrap=True)
    for name in (f"{comparison.stage}\n[s]", "whole run\n[s]", "peak memory\n[MB]"):
        table.add_column(escape(name), justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for one in comparison.outcomes:
        table.add_row(*map(escape, _run_cells(one)))
    return table


def _table(title: str) -> Table:
    return Table(
        title=escape(title), title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )


def _run_cells(one: Outcome) -> tuple[str, ...]:
    version = one.record.version if one.record else _NONE
    stage = f"{one.record.seconds:.3f}" if one.record and not one.skipped else _NONE
    run = f"{one.seconds:.2f}" if one.seconds else _NONE
    memory = f"{one.peak_memory / 1e6:.0f}" if one.peak_memory else _NONE
    outcome = "failed" if one.error else "stage skipped" if one.skipped else "done"
    return one.implementation, version, stage, run, memory, outcome


def differences_table(title: str, found: Mapping[str, Difference], product: str) -> Table:
    """Return one column for each product, one row for each number.

    Parameters
    ----------
    title
        Which implementation against which.
    found
        The differences by suffix of the product.
    product
        Suffix of the stage's own result.
    """
    table = _table(title)
    table.add_column("", no_wrap=True)
    for suffix in found:
        kind = "result of the stage" if suffix == product else "product"
        table.add_column(f"{escape(suffix)}\n[not bold]{kind}[/]", justify="right", no_wrap=True)
    for label, cell in _rows(found):
        cells = [cell(one) for one in found.values()]
        if set(cells) != {_NONE}:
            table.add_row(escape(label), *map(escape, cells))
    return table


def _rows(found: Mapping[str, Difference]) -> Iterator[tuple[str, Cell]]:
    """Yield label and cell of each row; a row that is empty for all products is not printed."""
    yield "", lambda one: "not subtracted" if one.refusal else "identical" if one.identical else "different"
    yield "unit", lambda one: one.unit
    yield "shape", lambda one: " x ".join(map(str, one.shape))
    yield "pixels valid in both", _cell(lambda one: one.pixels, lambda pixels: str(pixels.both))
    yield "  in the first only", _cell(lambda one: one.pixels, lambda pixels: str(pixels.first_only))
    yield "  in the other only", _cell(lambda one: one.pixels, lambda pixels: str(pixels.other_only))
    yield "  in both, changed", _cell(lambda one: one.changed, str)
    yield from _spread_rows("other - first", lambda one: one.data)
    yield from _spread_rows("(other - first) / err of the first", lambda one: one.sigma)
    yield from _ratio_rows("err of the other / err of the first", lambda one: one.err)
    yield "gWCS apart, largest [arcsec]", _cell(lambda one: one.sky, lambda sky: f"{sky.arcsec:.3g}")
    yield "  [pixel]", _cell(lambda one: one.sky, lambda sky: f"{sky.pixels:.3g}")
    for name in dict.fromkeys(name for one in found.values() for name in one.dq):
        yield f"DQ {name}: gained, lost", _bit_cell(name)


def _spread_rows(label: str, spread: Callable[[Difference], Spread | None]) -> Iterator[tuple[str, Cell]]:
    yield f"{label}: median", _cell(spread, lambda one: f"{one.median:+.4g}")
    yield "  rms", _cell(spread, lambda one: f"{one.rms:.4g}")
    yield "  largest", _cell(spread, lambda one: f"{one.largest.value:+.4g}")
    yield "    at", _cell(spread, lambda one: _place(one.largest) if one.largest.value else _NONE)


def _ratio_rows(label: str, ratios: Callable[[Difference], Ratios | None]) -> Iterator[tuple[str, Cell]]:
    yield f"{label}: median", _cell(ratios, lambda one: f"{one.median:.5g}")
    yield "  smallest", _cell(ratios, lambda one: f"{one.smallest.value:.5g}")
    yield "    at", _cell(ratios, lambda one: _place(one.smallest))
    yield "  largest", _cell(ratios, lambda one: f"{one.largest.value:.5g}")
    yield "    at", _cell(ratios, lambda one: _place(one.largest))


def _cell(part: Callable[[Difference], Part | None], text: Callable[[Part], str]) -> Cell:
    """Return the cell with a part of a difference as text, or that there is none."""

    def cell(one: Difference) -> str:
        found = part(one)
        return _NONE if found is None else text(found)

    return cell


def _bit_cell(name: str) -> Cell:
    nothing = BitChange(0, 0)
    return lambda one: f"{one.dq.get(name, nothing).gained}, {one.dq.get(name, nothing).lost}"


def _place(extreme: Extreme) -> str:
    return f"({', '.join(map(str, extreme.pixel))})"
