"""Products as files: their names, what is in their way, and files that are whole or not there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import W_OK, access
from os.path import exists, isdir, isfile
from pathlib import Path
from secrets import token_hex

from iris_core.errors import InputError, IrisError, RecipeError
from iris_core.exposure import Exposure
from iris_core.plugins import Plugins
from iris_core.recipe import Recipe
from iris_core.report import Job

_RATE = re.compile(r"_rate(ints)?$")
_LEVEL = re.compile(r"_LVL1_(\d+(?:-\d+)?)$")  # some pipelines omit the subarray
_ENDINGS = (".fits.gz", ".fits.fz", ".fits.bz2", ".fits.Z", ".fits", ".fit", ".asdf")


def product_name(source: str | Path, suffix: str, is_integrations: bool, ending: str = ".fits") -> str:
    """Return the file name of a product.

    Parameters
    ----------
    source
        The exposure's file, or the name of an association's product.
    suffix
        ``cal``, ``i2d``, ``bsub`` ...
    is_integrations
        Whether it is a cube: ``calints``.
    ending
        ``.fits`` or ``.asdf``.

    Examples
    --------
    >>> product_name("x_rateints.fits", "cal", True)
    'x_calints.fits'
    >>> product_name("2024B-P123-008_CAM_DET1_SCI_LVL1_0001-00.fits", "cal", False)
    '2024B-P123-008_CAM_DET1_SCI_LVL2_0001-00.fits'
    >>> product_name("n0031.fits.gz", "i2d", False)
    'n0031_i2d.fits'
    """
    stem = exposure_stem(source)
    full = f"{suffix}ints" if is_integrations else suffix
    if _LEVEL.search(stem):
        # Level 2 is the calibrated exposure; other products have their suffix as well.
        leveled = _LEVEL.sub(r"_LVL2_\1", stem)
        return f"{leveled}{ending}" if full == "cal" else f"{leveled}_{full}{ending}"
    return f"{stem}_{full}{ending}"


def exposure_stem(source: str | Path) -> str:
    """Return the name of an exposure: that of its file without ``_rate`` or ``_rateints`` and the ending.

    Examples
    --------
    >>> exposure_stem("night/x_rateints.fits.gz")
    'x'
    """
    name = Path(source).name
    ending = next((one for one in _ENDINGS if name.lower().endswith(one.lower())), "")
    return _RATE.sub("", name[: len(name) - len(ending)])


def require_file(path: Path) -> None:
    """Raise `InputError` for a path that leads to no regular file: to read a pipe or a device may never end."""
    if not exists(path):
        raise InputError(f"{path}: no such file")
    if not isfile(path):
        raise InputError(f"{path} is a folder, a pipe or a device; an input has to be a regular file")


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Write a file so that under its name it is whole or not there.

    Gives a temporary name in the same folder. At the end the file is synchronised to the disk and renamed; where the
    block raises, nothing is left behind and a file of that name stays as it was.

    Parameters
    ----------
    path
        The final name; folders that are missing are made, a file of that name is replaced.

    Raises
    ------
    InputError
        When the file cannot be written.

    Examples
    --------
    >>> with atomic("table.ecsv") as temporary:  # doctest: +SKIP
    ...     table.write(temporary)
    """
    path = Path(path)
    # The name cannot be guessed, so nothing can be put in its way.
    temporary = path.with_name(f".{path.stem}.{token_hex(8)}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
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


class ProductFiles:
    """Where the products of a run go, as the recipe says.

    Parameters
    ----------
    recipe
        Gives the folder, the format, and whether files may be replaced.
    plugins
        Their writers write.
    """

    def __init__(self, recipe: Recipe, plugins: Plugins) -> None:
        self._output, self._plugins = recipe.output, plugins

    def name(self, job: Job, outline: Exposure, suffix: str) -> Path:
        """Return the file of a product of an exposure."""
        folder = Path(self._output.directory) if self._output.directory else job.path.parent
        ending = ".asdf" if job.path.suffix == ".asdf" else ".fits"
        ending = f".{self._output.format}" if self._output.format else ending
        return folder / product_name(job.name or job.path, suffix, outline.is_integrations, ending)

    def obstacles(self, paths: Sequence[Path]) -> list[IrisError]:
        """Return what is in the way of products: a folder that cannot be written, files that exist."""
        parents = {next(one for one in path.absolute().parents if exists(one)) for path in paths}
        closed = [one for one in sorted(parents) if not (isdir(one) and access(one, W_OK))]
        if closed:
            remedy = "--output-dir names another"
            return [InputError(f"{one} is not a folder that can be written; {remedy}") for one in closed]
        there = [path for path in paths if exists(path) and not self._output.overwrite]
        return [InputError(f"{path} exists; --overwrite replaces it, --output-dir writes elsewhere") for path in there]

    def conflicts(
        self, outputs: Mapping[Job, Sequence[Path]], inputs: Iterable[Path]
    ) -> Iterator[tuple[Job, IrisError]]:
        """Yield the exposures whose products would replace an input of the run, or a product of another exposure."""
        owners = {path.resolve(): f"is an input of this run ({path})" for path in inputs}
        for job, paths in outputs.items():
            taken = [path for path in paths if path.resolve() in owners]
            if taken:
                why = owners[taken[0].resolve()]
                yield job, RecipeError(f"{job.path}: its product {taken[0]} {why}; give it another name")
            else:
                owners |= {path.resolve(): f"is also that of {job.path}" for path in paths}

    def write(self, product: Exposure, path: Path) -> None:
        """Write a product so that under its name it is whole or not there."""
        with atomic(path) as temporary:
            self._plugins.write_product(product, temporary)
