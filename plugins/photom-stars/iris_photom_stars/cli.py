"""The command ``iris zeropoint``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import click

from iris_photom_stars._params import ZeroPointParams

if TYPE_CHECKING:
    from iris_photom_stars._product import Measured

__all__ = ["zeropoint"]

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)


def _parameter_options(command: Command) -> Command:
    """Add one option for each parameter of the stage; one that is not given stays what it is."""
    for name, info in reversed(ZeroPointParams.model_fields.items()):
        extra = info.json_schema_extra
        unit = f" [{extra['unit']}]" if isinstance(extra, dict) and "unit" in extra else ""
        option = click.option(
            f"--{name.replace('_', '-')}", name, type=_kind(info.annotation), help=f"{info.description}{unit}"
        )
        command = option(command)
    return command


def _kind(annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return click.Choice([value for value in get_args(annotation) if value], case_sensitive=False)
    return next(iter(get_args(annotation)), annotation)


@click.command()
@click.argument("product", type=_FILE)
@click.option("--catalog", type=_FILE, help="Stars (ECSV, FITS, VOTable).  [default: those the product names]")
@click.option("--plot", type=_FILE, help="Draw how good it is into this file (.png, .pdf, .svg).")
@click.option("--stars", type=_FILE, help="Write a row for each star into this ECSV file.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@_parameter_options
def zeropoint(
    product: Path,
    catalog: Path | None,
    plot: Path | None,
    stars: Path | None,
    overwrite: bool,
    as_json: bool,
    **options: Any,
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
    measured = _measure(product, catalog, options)
    _print(measured, as_json)
    if stars is not None:
        measured.zero.stars.write(stars, format="ascii.ecsv", overwrite=overwrite)
    if plot is not None:
        from iris_photom_stars._plot import draw

        draw(measured, plot)


def _measure(product: Path, catalog: Path | None, options: dict[str, Any]) -> Measured:
    from pydantic import ValidationError

    from iris_photom_stars._product import measure_product

    try:
        return measure_product(product, catalog, {name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        lines = (f"--{'.'.join(map(str, one['loc'])).replace('_', '-')} {one['msg']}" for one in error.errors())
        raise click.UsageError("; ".join(line.removeprefix("-- ") for line in lines)) from None


def _print(measured: Measured, as_json: bool) -> None:
    import json

    from iris_photom_stars._report import comparison_of, keywords_of, notes_of

    zero = measured.zero
    if as_json:
        numbers = {key: value for key, (value, _) in keywords_of(zero, measured.unit, measured.catalog.band).items()}
        content = {**numbers, "stated": measured.stated, "difference": measured.difference, "counts": zero.counts()}
        click.echo(json.dumps(content, indent=2))
        return
    for line in (*notes_of(zero, measured.catalog, measured.unit), *comparison_of(zero, measured.stated)):
        click.echo(line)
