"""The command ``iris asn``."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import click

__all__ = ["asn"]

_PATH = click.Path(path_type=Path)


@click.command(name="asn")
@click.argument("files", nargs=-1, required=True, type=_PATH)
@click.option("--background", "backgrounds", multiple=True, type=_PATH, help="A background exposure of any IMTYPE.")
@click.option("-o", "--output", type=_PATH, metavar="FILE.json", help="Association file.  [default: standard output]")
@click.option("--max-backgrounds", "most", type=click.IntRange(min=1), help="At most this many, the nearest in time.")
@click.option("--overwrite", is_flag=True, help="Replace an association file that exists.")
def asn(
    files: tuple[Path, ...], backgrounds: tuple[Path, ...], output: Path | None, most: int | None, overwrite: bool
) -> None:
    """Group FILES by instrument, detector, filter, read mode and target, and write an association file.

    Each science exposure becomes one product. Exposures whose IMTYPE is SKY are the background exposures of all
    science exposures of the same instrument, detector, filter and read mode.

    \b
    iris asn x_rate.fits y_rate.fits sky_rate.fits -o night.json
    iris run image2 night.json
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_asn._files import jobs_of, outside, read_members, write_association
    from iris_asn._group import group_exposures
    from iris_asn._show import show_grouping
    from iris_core import InputError, describe_asn, print_json, printable

    grouping = group_exposures(read_members(files), read_members(backgrounds), most)
    if not grouping.products:
        with redirect_stdout(sys.stderr):
            show_grouping(grouping)
        raise InputError("no science exposure is among the files, so there is nothing to associate")
    unused = [str(path) for path in backgrounds if path in grouping.unused and most is None]
    if unused:
        reasons = "; ".join(f"{name}: {grouping.unused[Path(name)]}" for name in unused)
        raise InputError(f"--background {reasons}")
    jobs, folder = jobs_of(grouping), output.parent if output else Path()
    if output is None:
        print_json(describe_asn(jobs, folder))
    else:
        write_association(jobs, output, overwrite=overwrite, inputs=(*files, *backgrounds))
    # The association alone goes to standard output where no file was named.
    with redirect_stdout(sys.stderr) if output is None else nullcontext():
        show_grouping(grouping)
        if beyond := outside(jobs, folder):
            click.echo(f"{len(beyond)} files are outside the folder of the association: iris run needs --allow-outside")
        if output is not None:
            click.echo(f"-> {printable(output)}")
