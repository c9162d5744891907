"""What `iris diff` and `iris replay` print: what matters first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from iris_compare._catalogs import CatalogChange
from iris_compare._difference import Difference, Spread
from iris_compare._products import ProductDifference
from iris_compare._replay import Replay
from iris_core import print_rows, printable

__all__ = ["show", "show_replay"]

_LONGEST = 40  # characters of a value of a header
Rows = Sequence[Mapping[str, Any]]


def show(found: ProductDifference) -> None:
    """Print what differs between two products."""
    click.echo(click.style(printable(found.verdict.value), bold=True))
    _print("", (*found.reasons, *_tolerance_lines(found), ""))
    _print("causes", found.causes)
    _print("planes that differ", _plane_lines(found))
    _print("data", _data_lines(found))
    _print("sky", _sky_lines(found))
    if found.catalog is not None:
        _print("sources", _source_lines(found.catalog))
        _table("fluxes, in units of their errors", _flux_rows(found.catalog))
    _print("headers", _header_lines(found))
    _print("history", found.history)


def show_replay(found: Replay) -> None:
    """Print what came of making a product again."""
    is_other = found.difference is not None
    verdict = "what is made now (other) is not the same as it is (first)" if is_other else found.verdict
    click.echo(click.style(printable(f"{found.product}: {verdict}"), bold=True))
    _print("", found.problems)
    _print("", (f"not found: {one.label}" for one in found.missing))
    _print("", ["--search FOLDER looks for what is missing there, too"] if found.missing else [])
    if found.changes:
        _print("made with other code", found.changes)
    if found.install:
        _print("to have the versions that made it", [found.install])
    elif found.changes and found.difference is None and not found.is_same:
        _print("", ["no other version would help: --anyway makes it again with what is here"])
    if found.difference is not None:
        show(found.difference)


def _print(title: str, lines: Iterable[str]) -> None:
    """Print lines unbroken below a title; nothing where there are none."""
    shown = list(lines)
    if not shown:
        return
    if title:
        click.echo(click.style(title, bold=True))
    for line in shown:
        click.echo(printable(f"  {line}" if line else ""))
    if title:
        click.echo()


def _table(title: str, rows: Rows) -> None:
    if rows:
        print_rows(title, rows)


def _tolerance_lines(found: ProductDifference) -> Iterator[str]:
    if found.tolerance is not None:
        limit = f"{found.tolerance:g}sigma"
        yield f"beyond {limit}: {'; '.join(found.beyond)}" if found.beyond else f"within {limit}"


def _plane_lines(found: ProductDifference) -> Iterator[str]:
    for one in found.planes:
        lie = f"rows {one.rows[0]} to {one.rows[1]}, columns {one.columns[0]} to {one.columns[1]}"
        steps = f", at most {one.steps} float32 steps" if one.steps and not one.beyond else ""
        part = f"{one.changed} of {one.pixels} pixels ({100 * one.changed / one.pixels:.3g} %)"
        yield f"{one.name}: {part}, {one.beyond} by more than last bits{steps}; {lie}"


def _data_lines(found: ProductDifference) -> Iterator[str]:
    one = found.difference
    if one is None or not (found.planes or one.refusal):
        return
    if one.refusal:
        yield f"not subtracted: {one.refusal}"
    yield from _spread_lines(one)
    if found.noise is not None and found.noise.spread:
        yield f"over the noise of both ERR: {found.noise.spread:.3g}, in blocks of 16 x 16 {found.noise.coherent:.3g}"
    if found.places is not None and (found.places.sources or found.places.sky):
        places = found.places
        yield f"where: {places.sources} pixels on sources, {places.sky} on the sky"
        yield f"  of them {places.flagged} flagged in DQ, {places.edges} in the outer four rows and columns"
    yield from (f"DQ {name}: {bit.gained} gained, {bit.lost} lost" for name, bit in one.dq.items())
    yield from one.notes


def _spread_lines(one: Difference) -> Iterator[str]:
    for label, spread in (
        ("in units of ERR", one.sigma),
        ("without unit" if one.unit == "none" else f"in {one.unit}", one.data),
    ):
        if spread is not None and spread.largest.value:
            yield f"other - first {label}: {_spread(spread)}"
    if one.err is not None and (one.err.smallest.value, one.err.largest.value) != (1, 1):
        ends = f"{one.err.smallest.value:.5g} to {one.err.largest.value:.5g}"
        yield f"ERR of the other / first: {one.err.median:.5g} ({ends})"


def _spread(spread: Spread) -> str:
    place = ", ".join(map(str, spread.largest.pixel))
    return f"median {spread.median:+.4g}, rms {spread.rms:.4g}, largest {spread.largest.value:+.4g} at ({place})"


def _sky_lines(found: ProductDifference) -> Iterator[str]:
    sky = found.difference.sky if found.difference is not None else None
    if sky is not None and sky.arcsec:
        yield f"WCS apart: largest {1e3 * sky.arcsec:.4g} mas ({sky.pixels:.3g} pixel), rms {1e3 * sky.rms:.4g} mas"
    if found.footprints is not None:
        lie = found.footprints
        yield "different grids, compared by their footprints on the sky:"
        yield f"the other covers {100 * lie.covered:.1f} % of the first; centres {lie.centres:.4g} mas apart"
        yield f"its pixels are {lie.scale:.4g} times as large"
        yield f"median at {lie.places} places of both: {lie.medians[0]:.5g} and {lie.medians[1]:.5g}"


def _source_lines(change: CatalogChange) -> Iterator[str]:
    yield f"{change.matched} in both, {change.first_only} in the first only, {change.other_only} in the other only"
    if change.apart and change.rms is not None:
        yield f"places apart: largest {change.apart:.4g} mas, rms {change.rms:.4g} mas"
    if change.changed:
        yield f"columns that differ: {', '.join(change.changed)}"


def _flux_rows(change: CatalogChange) -> Rows:
    return [
        {
            "flux": one.column,
            "sources": one.sources,
            "median": f"{one.median:+.3g}",
            "largest": f"{one.largest:+.3g}",
            "row": one.label,
            "over both errors": f"{one.spread:.3g}",
        }
        for one in change.fluxes
        if one.largest
    ]


def _header_lines(found: ProductDifference) -> Iterator[str]:
    for one in found.headers:
        if one.kind != "wcs":
            of_run = "  (of the run)" if one.kind == "run" else ""
            yield f"{one.keyword}: {_value(one.first)} -> {_value(one.other)}{of_run}"
    cards = sum(one.kind == "wcs" for one in found.headers)
    if cards:
        yield f"{cards} cards of the WCS: see the sky"


def _value(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        return f"{len(value.splitlines())} lines"
    text = "none" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
