"""Write products so that a file under its final name is always whole."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from iris_core.errors import InputError
from iris_core.model import Exposure
from iris_core.plugins import Plugins

__all__ = ["write_product"]


def write_product(exposure: Exposure, path: Path, plugins: Plugins) -> None:
    """Write a product under a temporary name in the same folder, sync it to the disk, and rename it.

    Parameters
    ----------
    exposure
        The product.
    path
        Its final name; a file of that name is replaced.
    plugins
        Whose writers are asked.

    Raises
    ------
    InputError
        When it cannot be written; nothing is left behind then.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        plugins.write_product(exposure, temporary)
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # the folder itself may be missing
            temporary.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
