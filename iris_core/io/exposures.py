"""One exposure read or written by itself."""

from __future__ import annotations

from os.path import lexists
from pathlib import Path

from iris_core.errors import InputError
from iris_core.exposure import Exposure
from iris_core.io.atomic import atomic
from iris_core.loading import load_plugins
from iris_core.plugins import Plugins

__all__ = ["read_exposure", "write_exposure"]


def read_exposure(path: str | Path, *, pixels: bool = True, plugins: Plugins | None = None) -> Exposure:
    """Return the exposure in a file, read by the installed reader that accepts it, NaN and DO_NOT_USE together.

    Parameters
    ----------
    path
        The file.
    pixels
        Whether to read pixels; without, headers, unit and shape are true.
    plugins
        The plugins to use; by default those that are installed.

    Raises
    ------
    InputError
        When no reader accepts it, or it is not one exposure.
    """
    exposure = (plugins or load_plugins()).read_exposure(Path(path), pixels)
    return exposure.mask_invalid() if pixels else exposure


def write_exposure(
    exposure: Exposure, path: str | Path, *, overwrite: bool = False, plugins: Plugins | None = None
) -> Path:
    """Write an exposure and return its path; the suffix, ``.fits`` or ``.asdf``, gives the format.

    Parameters
    ----------
    exposure
        Any exposure.
    path
        The file.
    overwrite
        Whether a file of that name is replaced.
    plugins
        The plugins to use; by default those that are installed.

    Raises
    ------
    InputError
        When the file exists or cannot be written, or no writer knows the suffix.
    """
    path = Path(path)
    if lexists(path) and not overwrite:
        raise InputError(f"{path} exists; overwrite=True replaces it")
    with atomic(path, replace=overwrite) as temporary:
        (plugins or load_plugins()).write_product(exposure, temporary)
    return path
