"""Products as files: their names, and what is in their way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from os import W_OK, access
from os.path import exists, isdir, isfile, lexists
from pathlib import Path
from typing import TYPE_CHECKING

from iris_core.errors import InputError, IrisError, RecipeError
from iris_core.exposure import Exposure
from iris_core.io.atomic import atomic, no_room, real_path, scratch_folder, unusable
from iris_core.io.followed import FollowedPath
from iris_core.io.hashing import HashedFiles, state_of
from iris_core.io.keys import key_of
from iris_core.meta import FileHash
from iris_core.plugins import Plugins
from iris_core.recipe import Recipe
from iris_core.report import Job

if TYPE_CHECKING:
    from astropy.table import Table

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


class ProductFiles:
    """Where the products of a run go, as the recipe says.

    Parameters
    ----------
    recipe
        Gives the folder, the format, and whether files may be replaced.
    plugins
        Their writers write.

    Attributes
    ----------
    hashes
        Of the exposures and the products of the run.
    """

    def __init__(self, recipe: Recipe, plugins: Plugins) -> None:
        self._output, self._plugins, self._scratch = recipe.output, plugins, recipe.executor.scratch
        self.hashes = HashedFiles()

    def name(self, job: Job, outline: Exposure, suffix: str) -> Path:
        """Return the file of a product of an exposure."""
        folder = Path(self._output.directory) if self._output.directory else job.path.parent
        ending = ".asdf" if job.path.suffix == ".asdf" else ".fits"
        ending = f".{self._output.format}" if self._output.format else ending
        return folder / product_name(job.name or job.path, suffix, outline.is_integrations, ending)

    def obstacles(self, paths: Sequence[Path]) -> list[IrisError]:
        """Return what is in the way of products: names that no file can have, a closed folder, files that exist."""
        odd = [f"{path}: cannot be written: {why}" for path in paths if (why := unusable(path))]
        if odd:
            return [InputError(problem) for problem in odd]
        parents = {next(one for one in path.absolute().parents if lexists(one)) for path in paths}
        closed = [one for one in sorted(parents) if not (isdir(one) and access(one, W_OK))]
        if closed:
            remedy = "--output-dir names another"
            return [InputError(f"{one} is not a folder that can be written; {remedy}") for one in closed]
        there = [path for path in paths if lexists(path) and not self._may_replace(path)]
        if not there:
            return []
        others = len(there) - 1
        more, them = (f" and {others} other product{'s' * (others > 1)} exist", "them") if others else (" exists", "it")
        keeps = "" if self._output.resume or not any(map(key_of, there)) else "--resume keeps what is up to date, "
        remedies = f"{keeps}--overwrite replaces {them}, --output-dir writes elsewhere"
        return [InputError(f"{there[0]}{more}; {remedies}")]

    def _may_replace(self, path: Path) -> bool:
        """Whether a product may take the place of a file: of any, or of a product only."""
        return self._output.overwrite or (self._output.resume and bool(key_of(path)))

    def conflicts(
        self, outputs: Mapping[Job, Sequence[Path]], inputs: Iterable[Path]
    ) -> Iterator[tuple[Job, IrisError]]:
        """Yield the exposures whose products would replace an input of the run, or a product of another exposure."""
        owners = {real_path(path): f"is an input of this run ({path})" for path in inputs}
        for job, paths in outputs.items():
            taken = [path for path in paths if real_path(path) in owners]
            if taken:
                why = owners[real_path(taken[0])]
                yield job, RecipeError(f"{job.path}: its product {taken[0]} {why}; give it another name")
            else:
                owners |= {real_path(path): f"is also that of {job.path}" for path in paths}

    def room(self, paths: Sequence[Path], size: int) -> list[IrisError]:
        """Return an error where `scratch` beside the first of some products would have no room for `size` bytes."""
        beside = [path.parent for path in paths[:1]]
        wanted = [Path(self._scratch)] if self._scratch else beside
        found = [why for parent in wanted if (why := no_room(parent, size))]
        return [InputError(why) for why in found]

    def scratch(self, beside: Path, size: int) -> AbstractContextManager[Path]:
        """Make a folder for `size` bytes that is gone after the run, also after one that was killed.

        Parameters
        ----------
        beside
            The folder of the products; the recipe or the command line may name another.
        size
            What it has to hold [byte].
        """
        return scratch_folder(Path(self._scratch) if self._scratch else beside, size)

    def write(self, product: Exposure | Table, path: Path) -> None:
        """Write a product so that under its name it is whole or not there, and replaces one only if it may."""
        with atomic(path, replace=self._may_replace(path)) as temporary:
            followed = FollowedPath(temporary)
            if isinstance(product, Exposure):
                self._plugins.write_product(product, followed)
            else:
                product.write(temporary, format="ascii.ecsv")
            digest = followed.sha256()
        if digest:
            self.hashes.know(path, FileHash(digest, state_of(path)))
