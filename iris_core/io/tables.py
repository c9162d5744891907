"""Reference files that are no image: tables and models; both get the keywords of their file as ``meta``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.errors import InputError
from iris_core.io.asdf_open import open_asdf
from iris_core.io.fits_open import read_header

if TYPE_CHECKING:
    from astropy.modeling import Model
    from astropy.table import Table

__all__ = ["read_model", "read_table"]


def read_table(path: str | Path) -> Table:
    """Return a file as an astropy table (FITS, ECSV).

    Raises
    ------
    InputError
        When it cannot be read as a table.
    """
    from astropy.table import Table

    path = Path(path)
    is_ecsv = path.suffix == ".ecsv"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the FITS standard has no unit electron, but astropy does
            table = Table.read(path, format="ascii.ecsv" if is_ecsv else None)
    except Exception as error:
        raise _unreadable(path, "a table (FITS or ECSV)", error) from error
    if not is_ecsv and ".fits" in path.suffixes:
        table.meta = {**read_header(path), **table.meta}
    return table


def read_model(path: str | Path) -> Model:
    """Return the astropy model under ``model`` in an ASDF file, read whole.

    Raises
    ------
    InputError
        When there is none.
    """
    from astropy.modeling import Model

    path = Path(path)
    try:
        with open_asdf(path) as file:
            found, meta = file["model"], dict(file.tree.get("meta", {}))
        if not isinstance(found, Model):
            raise TypeError(f"it is a {type(found).__name__}")
    except InputError:
        raise
    except Exception as error:
        raise _unreadable(path, "an ASDF file with an astropy model under 'model'", error) from error
    found.meta.update(meta)
    return found


def _unreadable(path: Path, wanted: str, error: Exception) -> InputError:
    reason: Any = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(f"{path} is not {wanted}: {reason}")
