"""The command ``iris report``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

__all__ = ["report"]

_FOLDER = click.Path(path_type=Path, file_okay=False)
_THERE = click.Path(path_type=Path, exists=True, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(short_help="Make pages that show the products in a folder, what needs attention first.")
@click.argument("folder", type=_THERE)
@click.option("--out", type=_FOLDER, metavar="FOLDER", help="Folder of the report.  [default: report in FOLDER]")
@click.option(
    "--search", multiple=True, type=_THERE, metavar="FOLDER", help="Look for references and exposures there, too."
)
@click.option("--limits", type=_FILE, metavar="FILE", help="Limits, as YAML: 'noise_ratio: [0.9, 1.1]'.")
@click.option("--run", "runs", multiple=True, type=_FILE, metavar="FILE", help="What 'iris run --json' printed.")
@click.option("--one-file", is_flag=True, help="All pages in one file.")
@click.option("--zip", "zipped", is_flag=True, help="Also put all of it into a zip archive beside the report.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def report(
    folder: Path,
    out: Path | None,
    search: tuple[Path, ...],
    limits: Path | None,
    runs: tuple[Path, ...],
    one_file: bool,
    zipped: bool,
    as_json: bool,
) -> None:
    """Make pages that show the products in FOLDER and below, and the same numbers as JSON.

    The index begins with what needs attention: exposures that failed, files that are damaged, numbers beyond their
    limits. Each exposure has a page with pictures after each saved stage, its noise, its reference files and its log.
    The pages need no network, and run no script.

    \b
    iris report out --search references
    iris report out --out night --limits limits.yaml --zip
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_core import print_json, printable
    from iris_report._report import make_report

    made = make_report(folder, out, search=search, limits=limits, runs=runs, one_file=one_file, zipped=zipped)
    if as_json:
        files = {"index": str(made.index), "archive": None if made.archive is None else str(made.archive)}
        print_json({**files, "line": made.line, "attention": [asdict(one) for one in made.attention]})
        return
    click.echo(printable(made.line))
    for one in made.attention:
        click.echo(printable(f"{one.kind}: {one.name}: {one.words}"))
    click.echo(printable(f"-> {made.index}"))
    if made.archive is not None:
        click.echo(printable(f"-> {made.archive}"))
