"""The commands ``iris compare-stages``, ``iris diff`` and ``iris replay``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from iris_core import IrisError, pairs, print_json, yaml_pairs

__all__ = ["compare_stages", "diff", "replay"]

_PATH = click.Path(path_type=Path)


@click.command(name="compare-stages")
@click.argument("recipe")
@click.argument("file", type=_PATH)
@click.option("--stage", required=True, help="The stage that is compared.")
@click.option("--use", multiple=True, metavar="PLUGIN", help="An implementation; two or more, compared with the first.")
@click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    type=_PATH,
    metavar="FILE.py",
    help="A single-file plugin; --use names it by the file's stem.",
)
@click.option(
    "--reference",
    "references",
    multiple=True,
    callback=pairs,
    metavar="TYPE=FILE",
    help="Name a reference file, or store=FOLDER; PLUGIN:TYPE=FILE names it for one implementation.",
)
@click.option("--background", "backgrounds", multiple=True, type=_PATH, help="A background exposure.")
@click.option(
    "--set",
    "params",
    multiple=True,
    callback=yaml_pairs,
    metavar="STAGE.KEY=VALUE",
    help="Set a parameter of a stage; PLUGIN:STAGE.KEY=VALUE sets it for one implementation.",
)
@click.option("--out", default="compare", show_default=True, type=_PATH, help="Folder to write into.")
@click.option("--overwrite", is_flag=True, help="Write into a folder that holds files already.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--traceback", is_flag=True, help="Show where in the code an error arose.")
def compare_stages(recipe: str, file: Path, as_json: bool, traceback: bool, **options: Any) -> None:
    """Run RECIPE on FILE once for each implementation of a stage, and compare the results with the first one's.

    Each run has a process of its own, with its own time and memory. Its products go into OUT/PLUGIN.

    \b
    iris compare-stages image2 x_rate.fits --stage flat_field --use iris-flat --use my-flat \\
        --reference store=references
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_compare import _report
    from iris_compare._comparison import compare_stages as compare

    with _report.progress() as tell:
        comparison = compare(recipe, file, tell=tell, **options)
    _report.show(comparison, as_json=as_json, traceback=traceback)
    if comparison.failed:
        raise SystemExit(1)


class _NotCompared(click.ClickException):
    """Two files that could not be compared: 2, as of cmp and diff, for 1 is a difference."""

    exit_code = 2


def _tolerance(_ctx: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """Return what --tolerance says as a number."""
    from iris_compare._tolerance import parse_tolerance

    try:
        return None if text is None else parse_tolerance(text)
    except IrisError as error:
        raise click.BadParameter(str(error)) from None


@click.command(name="diff")
@click.argument("first", type=_PATH)
@click.argument("other", type=_PATH)
@click.option("--plot", type=_PATH, metavar="FILE.png", help="Draw where and by how much they differ.")
@click.option(
    "--tolerance",
    callback=_tolerance,
    metavar="Nsigma",
    help="Exit with 0 where no value differs by more than this part of its ERR, like 0.01sigma.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")
def diff(first: Path, other: Path, plot: Path | None, tolerance: float | None, as_json: bool) -> None:
    """Say what differs between two products, and why: images (FITS, ASDF) or catalogues (ECSV).

    Exit code 0: identical, the same data, or within --tolerance; 1: last bits, or within the noise; 3: different;
    2: a file is missing, damaged or cannot be compared.

    \b
    iris diff monday/x_cal.fits tuesday/x_cal.fits --plot x.png
    iris diff monday/x_cal.fits tuesday/x_cal.fits --tolerance 0.01sigma
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_compare import _words
    from iris_compare._products import diff_products

    try:
        found = diff_products(first, other, plot, tolerance)
    except IrisError as error:
        if as_json:
            print_json({"problems": str(error).splitlines()})
        raise _NotCompared(str(error)) from error
    if as_json:
        print_json(found.plain())
    else:
        _words.show(found)
    raise SystemExit(found.exit_code)


@contextmanager
def _silently() -> Iterator[None]:
    """Say no warning of a run a second time: the notes of its stages stand in the product."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


@click.command(name="replay", short_help="Make a product again from what stands in it, and compare the two.")
@click.argument("product", type=_PATH)
@click.option(
    "--search",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Look for exposures and references there, too.",
)
@click.option("--anyway", is_flag=True, help="Make it again with other versions of code and libraries, too.")
@click.option("--keep", type=_PATH, metavar="FOLDER", help="Keep what is made, with what it is made of, here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")
def replay(product: Path, search: tuple[Path, ...], anyway: bool, keep: Path | None, as_json: bool) -> None:
    """Make PRODUCT again from what stands in it, and say whether the same bits come out, or what differs.

    Its recipe, with all parameters, is in the product; its exposures and references are found beside it and under
    --search, by name and by SHA-256. Where other versions of plugins or libraries are installed than made it, nothing
    is run without --anyway. Exit code 0: the same bits; 1: they are not, or it cannot be made again.

    \b
    iris replay out/x_cal.fits --search raw --search references
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_compare import _words
    from iris_compare._replay import replay_product

    with _silently():
        found = replay_product(product, search, anyway=anyway, keep=keep)
    if as_json:
        print_json(found.plain())
    else:
        _words.show_replay(found)
    raise SystemExit(0 if found.is_same else 1)
