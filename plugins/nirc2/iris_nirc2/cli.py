"""The command ``iris nirc2``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

__all__ = ["nirc2"]

_PATH = click.Path(path_type=Path)


@click.group()
def nirc2() -> None:
    """Prepare what the calibration of NIRC2 frames needs."""


@nirc2.command(short_help="Convert the published distortion tables into references.")
@click.argument("tables", nargs=-1, required=True, type=_PATH)
@click.option("--camera", type=click.Choice(["narrow", "medium", "wide"]), default="narrow", show_default=True)
@click.option(
    "--useafter",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="First day of the frames that a pair holds for, where its names do not say.",
)
@click.option(
    "--max-error", type=float, default=0.02, show_default=True, help="Pixels by which a reference may miss its tables."
)
@click.option("--output-dir", type=_PATH, default=Path(), help="Folder of the references.  [default: the current one]")
@click.option("--overwrite", is_flag=True, help="Replace references of the same names.")
def distortion(
    tables: tuple[Path, ...],
    camera: str,
    useafter: datetime | None,
    max_error: float,
    output_dir: Path,
    overwrite: bool,
) -> None:
    """Convert pairs of TABLES, the shifts in x and in y as FITS images, into ASDF distortion references.

    A reference holds for frames from its day on, until that of the next one. So give the tables of both epochs:

    \b
    iris nirc2 distortion tables/nirc2_distort_[XY]_p*.fits
    iris references add NIRC2_narrow_DISTORTION_2*.asdf --store references
    """  # noqa: D301 - click wants the character, not a backslash
    import asdf

    from iris_core import InputError, atomic, printable
    from iris_nirc2._distortion import distortion_tree, pair_tables

    written = dict[Path, tuple[dict[str, object], float]]()
    for pair in pair_tables(tables, useafter.date() if useafter else None):
        path = output_dir / f"NIRC2_{camera}_DISTORTION_{pair.since:%Y%m%d}_0001.asdf"
        if path in written:
            raise InputError(f"{pair.x.name}: another pair of tables begins on {pair.since}, too; give one of them")
        if path.exists() and not overwrite:
            raise InputError(f"{path} exists; --overwrite replaces it")
        written[path] = distortion_tree(pair, camera, max_error)
    for path, (tree, error) in written.items():
        with atomic(path) as temporary:
            asdf.AsdfFile(tree).write_to(temporary)
        click.echo(f"-> {printable(path)} (within {error:.2g} pixel of its tables)")
