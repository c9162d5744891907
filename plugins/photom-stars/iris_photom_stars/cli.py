"""The command ``iris zeropoint``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iris_core import ModelCommand

if TYPE_CHECKING:
    from iris_photom_stars._product import Measured

__all__ = ["zeropoint"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(cls=ModelCommand, model="iris_photom_stars._params:ZeroPointParams")
@click.argument("product", type=_FILE)
@click.option("--catalog", type=_FILE, help="Stars (ECSV, FITS, VOTable).  [default: those the product names]")
@click.option("--plot", type=_FILE, help="Draw the zero points into this file (.png, .pdf, .svg).")
@click.option("--stars", type=_FILE, help="Write a row for each star into this ECSV file.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def zeropoint(
    product: Path,
    catalog: Path | None,
    plot: Path | None,
    stars: Path | None,
    overwrite: bool,
    as_json: bool,
    given: dict[str, Any],
) -> None:
    """Measure the zero point of PRODUCT from its stars, compare it with its calibration, and draw it.

    \b
    iris zeropoint x_cal.fits --plot zeropoint.png
    iris zeropoint x_cal.fits --catalog stars.ecsv --band Ks --aperture 1.5

    Parameters that are not given are those with which the product was calibrated, or the defaults of the stage.
    """  # noqa: D301 - click wants the character, not a backslash
    for path in (plot, stars):
        if path is not None and path.exists() and not overwrite:
            raise click.UsageError(f"{path} exists; --overwrite replaces it")
    from iris_core import atomic
    from iris_photom_stars._product import measure_product

    measured = measure_product(product, catalog, given)
    _print(measured, as_json)
    if stars is not None:
        with atomic(stars) as temporary:
            measured.zero.stars.write(temporary, format="ascii.ecsv")
    if plot is not None:
        from iris_photom_stars._plot import draw

        draw(measured, plot)


def _print(measured: Measured, as_json: bool) -> None:
    from iris_core import print_json, printable
    from iris_photom_stars._report import comparison_of, keywords_of, notes_of

    zero = measured.zero
    if as_json:
        numbers = {key: value for key, (value, _) in keywords_of(zero, measured.unit, measured.catalog.band).items()}
        content = {**numbers, "stated": measured.stated, "difference": measured.difference, "counts": zero.counts()}
        print_json(content)
        return
    for line in (*notes_of(zero, measured.catalog, measured.unit), *comparison_of(zero, measured.stated)):
        click.echo(printable(line))
