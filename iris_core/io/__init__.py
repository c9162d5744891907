"""Files in and out: FITS and ASDF, tables and models, associations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.exposure import Exposure
from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from iris_core.plugins import Plugins
    from iris_core.recipe import Recipe
    from iris_core.report import Job, Products


@hookimpl
def read_exposure(path: Path, pixels: bool, reftype: str) -> Exposure:
    """Read ``.asdf`` as ASDF and everything else as FITS."""
    if path.suffix == ".asdf":
        from iris_core.io.asdf_files import read_asdf

        return read_asdf(path, pixels)
    from iris_core.io.fits_read import read_fits

    return read_fits(path, pixels, reftype, masked=not reftype)


@hookimpl
def read_reference(path: Path, kind: str) -> Any:
    """Read a table from FITS or ECSV, a model from ASDF; what else there is, the package of its type reads."""
    if kind not in ("table", "model"):
        return None
    from iris_core.io.tables import read_model, read_table

    return read_table(path) if kind == "table" else read_model(path)


@hookimpl
def read_association(path: Path, allow_outside: bool) -> Sequence[Job] | None:
    """Read ``.json`` as an association in the format of JWST."""
    if path.suffix != ".json":
        return None
    from iris_core.io.association import read_asn

    return read_asn(path, allow_outside)


@hookimpl
def open_products(recipe: Recipe, plugins: Plugins) -> Products:
    """Put products into a folder of this machine."""
    from iris_core.io.files import ProductFiles

    return ProductFiles(recipe, plugins)


@hookimpl
def write_product(exposure: Exposure, path: Path) -> Path | None:
    """Write ``.fits`` and ``.asdf``."""
    if path.suffix == ".asdf":
        from iris_core.io.asdf_files import write_asdf

        return write_asdf(exposure, path)
    if path.suffix == ".fits":
        from iris_core.io.fits_write import write_fits

        return write_fits(exposure, path)
    return None
