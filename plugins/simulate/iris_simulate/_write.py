"""Write a simulated set."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core import Exposure, InputError, Job, atomic, describe_asn, exposure_stem
from iris_simulate._headers import file_stem, reference_name
from iris_simulate._references import REFERENCE_IMAGES, distortion_tree, photom_table

if TYPE_CHECKING:
    from iris_simulate._simulation import SimulatedSet

__all__ = ["Progress", "Write", "WrittenSet", "refuse_existing", "write_asdf", "write_exposure", "write_set"]

Progress = Callable[[Path, int, int], None]
Write = Callable[[Path], Any]


@dataclass(frozen=True, slots=True)
class WrittenSet:
    """Where the files of a set are.

    Parameters
    ----------
    science, backgrounds
        Exposures of the full frame: of stars, of blank sky.
    windows
        For each science exposure, one file for each of its windows.
    associations
        One for each science exposure, with all backgrounds; none without backgrounds.
    references
        By type; all in one folder.
    truth
        The table of the stars, ECSV.
    """

    science: tuple[Path, ...]
    backgrounds: tuple[Path, ...]
    windows: tuple[tuple[Path, ...], ...]
    associations: tuple[Path, ...]
    references: Mapping[str, Path]
    truth: Path

    @property
    def inputs(self) -> tuple[Path, ...]:
        """What to calibrate: the associations if there are any, otherwise the science exposures."""
        return self.associations or self.science

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        windows = (path for group in self.windows for path in group)
        return (*self.references.values(), *self.science, *windows, *self.backgrounds, *self.associations, self.truth)


def write_set(
    simulated: SimulatedSet, directory: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> WrittenSet:
    """Write all files of a set; the same set gives the same bytes.

    Parameters
    ----------
    simulated
        The set.
    directory
        Where to; made if it is not there. References go into its folder ``references``.
    overwrite
        Whether files that are there may be replaced.
    progress
        Called before each file with its path, its number and the number of files.

    Raises
    ------
    InputError
        When a file is there already; then nothing is written. When the folder cannot be written into.
    """
    written = _plan(simulated, directory)
    if not overwrite:
        refuse_existing(written.paths)
    for number, (path, write) in enumerate(_files(simulated, written), start=1):
        if progress is not None:
            progress(path, number, len(written.paths))
        with atomic(path, replace=overwrite) as temporary:
            write(temporary)
    return written


def refuse_existing(paths: Iterable[Path]) -> None:
    """Raise an InputError where a file that is to be written is there already."""
    existing = [path for path in paths if lexists(path)]
    if existing:
        more = f" and {len(existing) - 1} more files" if len(existing) > 1 else ""
        raise InputError(f"{existing[0]}{more} would be overwritten; --overwrite replaces them, or name another folder")


def _plan(simulated: SimulatedSet, directory: Path) -> WrittenSet:
    scene, camera = simulated.scene, simulated.scene.camera
    numbers = range(1, scene.spec.dithers + 1)
    backgrounds = range(1, scene.spec.backgrounds + 1)
    windows = range(1, scene.spec.subarrays + 1)

    def path(stem: str, suffix: str = f"{simulated.suffix}.fits") -> Path:
        return directory / f"{stem}_{suffix}"

    return WrittenSet(
        science=tuple(path(file_stem(scene, number)) for number in numbers),
        backgrounds=tuple(path(file_stem(scene, number, sky=True)) for number in backgrounds),
        windows=tuple(tuple(path(file_stem(scene, number, window=window)) for window in windows) for number in numbers),
        associations=tuple(path(file_stem(scene, number), "asn.json") for number in numbers if backgrounds),
        references={
            reftype: directory / "references" / reference_name(camera.mode, camera.detector, camera.filter, reftype)
            for reftype in (*REFERENCE_IMAGES, "photom", "distortion")
        },
        truth=directory / "truth.ecsv",
    )


def _files(simulated: SimulatedSet, written: WrittenSet) -> Iterator[tuple[Path, Write]]:
    """Yield each file with the function that writes it, in the order of `WrittenSet.paths`; one exposure at a time."""
    scene = simulated.scene
    for reftype in REFERENCE_IMAGES:
        yield written.references[reftype], partial(write_exposure, simulated.reference_image(reftype))
    photom = photom_table(scene.camera, scene.spec.photom_error)
    yield written.references["photom"], partial(photom.write, format="ascii.ecsv")
    yield written.references["distortion"], partial(write_asdf, distortion_tree(scene.camera))
    for index, path in enumerate(written.science):
        yield path, partial(write_exposure, simulated.exposure(index))
    for index, group in enumerate(written.windows):
        for path, exposure in zip(group, simulated.window_exposures(index), strict=True):
            yield path, partial(write_exposure, exposure)
    for index, path in enumerate(written.backgrounds):
        yield path, partial(write_exposure, simulated.background(index))
    for path, science in zip(written.associations, written.science, strict=bool(written.associations)):
        job = Job(science, written.backgrounds, exposure_stem(science))
        yield path, partial(_write_json, describe_asn([job], path.parent))
    yield written.truth, partial(simulated.truth().write, format="ascii.ecsv")


def write_exposure(exposure: Exposure, path: Path) -> None:
    """Write what comes before a pipeline, unlike `iris_core.write_fits`: nothing in it records what was done."""
    from astropy.io import fits

    err = exposure.err
    planes = {"SCI": exposure.data} | ({} if err is None else {"ERR": err}) | {"DQ": exposure.dq}
    components = {f"VAR_{name.upper()}": plane for name, plane in exposure.variance.items() if name != "total"}
    hdus = fits.HDUList([fits.PrimaryHDU(header=exposure.header)])
    for name, plane in (planes | components | dict(exposure.planes)).items():
        header = exposure.sci_header if name == "SCI" else None
        hdus.append(fits.ImageHDU(np.ascontiguousarray(plane), header=header, name=name))
    hdus.writeto(path)


def write_asdf(tree: dict[str, Any], path: Path) -> None:
    """Write what `distortion_tree` returns."""
    import asdf

    asdf.AsdfFile(tree).write_to(path)


def _write_json(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
