"""The command ``iris merge-subarrays``."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["merge_subarrays"]

_PATH = click.Path(path_type=Path, dir_okay=False)


@click.command(name="merge-subarrays", short_help="Put subarrays into their full frame.")
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FULL SUB...")
@click.option("--out", required=True, type=_PATH, metavar="FILE", help="The merged product, .fits or .asdf.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def merge_subarrays(files: tuple[Path, ...], out: Path, overwrite: bool) -> None:
    """Put the products of subarrays into the product of their full frame, in any order, and write it to FILE.

    The full frame is the file with SUBARRID 0, after parse_subarray_map; all have to be calibrated alike.

    \b
    iris run image2 x-00_rate.fits x-01_rate.fits x-02_rate.fits
    iris merge-subarrays x-00_cal.fits x-01_cal.fits x-02_cal.fits --out x_cal.fits
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_core import printable
    from iris_subarray._files import merge_files

    merged = merge_files(files, out, overwrite=overwrite)
    for note in merged.history[-1].notes:
        click.echo(printable(note))
    click.echo(f"-> {printable(out)}")
