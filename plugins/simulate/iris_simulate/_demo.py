"""The demonstration: simulate, calibrate, measure, compare with the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from iris_core import Exposure, InputError, printable, read_fits, run
from iris_simulate._measure import compare, measure_stars
from iris_simulate._simulation import SimulatedSet, simulate
from iris_simulate._write import WrittenSet, write_set

if TYPE_CHECKING:
    from astropy.table import Row, Table

    from iris_simulate._night import Night
    from iris_simulate._night_write import WrittenNight
    from iris_simulate._spec import SimulationSpec

__all__ = [
    "measure_products",
    "print_counts",
    "print_groups",
    "print_written",
    "run_demo",
    "with_progress",
    "write_with_progress",
]

Written = TypeVar("Written")

_ROWS = 12
_COLUMNS = (
    "star",
    "true\nuJy",
    "cal\nuJy",
    "error\n%",
    "error\nsigma",
    "gWCS\nmas",
    "FITS WCS\nmas",
    "i2d error\n%",
    "i2d gWCS\nmas",
)


def write_with_progress(simulated: SimulatedSet, directory: Path, overwrite: bool) -> WrittenSet:
    """Write a set, with a progress bar on a terminal; the parameters are those of `write_set`."""
    return with_progress(partial(write_set, simulated, directory, overwrite=overwrite))


def with_progress(write: Callable[..., Written]) -> Written:
    """Call a function that writes files with a callback ``progress``, and show a bar on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("simulating")

        def show(path: Path, number: int, total: int) -> None:
            bar.update(task, description=path.name, completed=number - 1, total=total)

        return write(progress=show)


def print_written(written: WrittenSet) -> None:
    """Print which files there are now."""
    windows = tuple(path for group in written.windows for path in group)
    print_groups(
        {
            "science": written.science,
            "windows": windows,
            "blank sky": written.backgrounds,
            "associations": written.associations,
            "references": tuple(written.references.values()),
            "truth": (written.truth,),
        }
    )


def print_groups(groups: Mapping[str, Sequence[Path]]) -> None:
    """Print paths by group."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, paths in groups.items():
        if paths:
            table.add_row(name, Text("\n".join(map(printable, paths))))
    Console().print(table)


def print_counts(directory: Path, night: Night, written: WrittenNight) -> None:
    """Print how many exposures of each kind there are now, and where references and truth are."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("exposures", "filter", "seconds", "of each detector"):
        table.add_column(title, justify="left" if title in ("exposures", "filter") else "right")
    keys = [(str(one.kind), "" if one.kind == "dark" else one.filter, f"{one.seconds:g}") for one in night.frames]
    for key, count in Counter(keys).items():
        table.add_row(*key, str(count))
    Console().print(table)
    detectors, total = ", ".join(night.detectors), len(written.exposures)
    Console().print(
        f"{total} exposures of {detectors} in {printable(directory)}, with its folders references and truth",
        highlight=False,
        soft_wrap=True,
    )


def run_demo(directory: Path, spec: SimulationSpec, overwrite: bool) -> None:
    """Simulate a set into `directory`, run ``image2`` on it, print a comparison with the truth and draw it.

    Raises
    ------
    InputError
        When the picture exists and is not to be replaced, or an exposure could not be calibrated.
    """
    from iris_simulate._picture import draw

    simulated, picture = simulate(spec), directory / "demo.png"
    if lexists(picture) and not overwrite:
        raise InputError(f"{picture} exists; --overwrite replaces it, --out writes elsewhere")
    written = write_with_progress(simulated, directory, overwrite)
    products = _calibrate(written, directory, overwrite)
    found = measure_products(simulated, products)
    _print_comparison(found)
    draw(read_fits(written.science[0]), products["cal"], products["i2d"], simulated.truth(), picture)
    _print_places(directory, picture)


def _calibrate(written: WrittenSet, directory: Path, overwrite: bool) -> dict[str, Exposure]:
    """Return the products of the first science exposure by suffix, as written."""
    store = next(iter(written.references.values())).parent
    report = run("image2", *written.inputs, references={"store": store}, directory=directory, overwrite=overwrite)
    for result in report.failed:
        raise InputError(f"{result.name} could not be calibrated: {result.error}")
    return {suffix: read_fits(path) for suffix, path in report.results[0].products.items()}


def measure_products(simulated: SimulatedSet, products: dict[str, Exposure]) -> dict[str, Table]:
    """Return the comparison with the truth for ``cal`` and for ``i2d``."""
    truth, psf = simulated.truth(), simulated.scene.camera.psf
    sky = np.asarray(truth["ra"]), np.asarray(truth["dec"])
    pixel = simulated.scene.camera.optics.pixel_scale
    scale = float(pixel / np.sqrt(products["i2d"].sci_header["PIXAR_A2"]))
    return {
        "cal": compare(measure_stars(products["cal"], psf, *sky), truth),
        "i2d": compare(measure_stars(products["i2d"], psf.scaled(scale), *sky, broaden=True), truth),
    }


def _print_comparison(found: dict[str, Table]) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable

    title = "Recovered against true: the brightest stars"
    table = RichTable(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for row in np.argsort(-np.asarray(found["cal"]["flux"]))[:_ROWS]:
        table.add_row(*_cells(found["cal"][int(row)], found["i2d"][int(row)]))
    console = Console()
    console.print(table)
    for name, one in found.items():
        console.print(f"{name}: {_summary(one)}", highlight=False, soft_wrap=True)


def _cells(cal: Row, i2d: Row) -> tuple[str, ...]:
    return (
        str(cal["id"]),
        f"{cal['flux'] * 1e6:.1f}",
        f"{cal['measured'] * 1e6:.1f}",
        f"{cal['error'] * 100:+.2f}",
        f"{cal['pull']:+.1f}",
        f"{cal['offset']:.3f}",
        f"{cal['offset_fits']:.3f}",
        f"{i2d['error'] * 100:+.2f}",
        f"{i2d['offset']:.3f}",
    )


def _summary(found: Table) -> str:
    """Return one sentence on a product; bright is within a factor of 3 of the brightest."""
    flux, error, pull, offset = (np.asarray(found[name]) for name in ("flux", "error", "pull", "offset"))
    measured = np.isfinite(error)
    bright = measured & (flux > flux.max() / 3)
    return (
        f"{np.count_nonzero(measured)} of {len(found)} stars measured; the {np.count_nonzero(bright)} bright ones: "
        f"median error {100 * np.median(np.abs(error[bright])):.3f} % in flux and {np.median(offset[bright]):.3f} mas "
        f"in position; scatter of all fluxes {np.std(pull[measured]):.2f} times their errors"
    )


def _print_places(directory: Path, picture: Path) -> None:
    from rich.console import Console

    words = printable(f"products in {directory}, picture {picture}")
    Console().print(words, highlight=False, markup=False, soft_wrap=True)
