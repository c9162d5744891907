"""Write a simulated night, one exposure at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from iris_core import InputError, atomic
from iris_simulate import _night_truth as truth
from iris_simulate._headers import reference_name
from iris_simulate._night_headers import frame_name
from iris_simulate._references import distortion_tree, photom_table
from iris_simulate._write import Progress, Write, refuse_existing, write_asdf, write_exposure

if TYPE_CHECKING:
    from iris_simulate._camera import Camera
    from iris_simulate._night import Night, NightDetector

__all__ = ["WrittenNight", "write_night"]

_BYTES = 20  # of a pixel: data, error, DQ and two variances
_TABLES = {
    "bad_pixels": truth.bad_pixels,
    "exposures": truth.exposures_of,
    "positions": truth.positions,
    "rays": truth.rays,
}


@dataclass(frozen=True, slots=True)
class WrittenNight:
    """Where the files of a night are.

    Parameters
    ----------
    exposures
        Raw exposures, detector after detector.
    references
        Flux calibration and distortion, which no calibration exposure gives.
    truth
        The truth.
    """

    exposures: tuple[Path, ...]
    references: tuple[Path, ...]
    truth: tuple[Path, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        return (*self.exposures, *self.references, *self.truth)


def write_night(
    night: Night, directory: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> WrittenNight:
    """Write all files of a night; the same night gives the same bytes.

    Memory does not grow with the number of exposures or detectors: one exposure is made at a time.

    Parameters
    ----------
    night
        The night.
    directory
        Where to; made if it is not there. References and truth go into its folders ``references`` and ``truth``.
    overwrite
        Whether files that are there may be replaced.
    progress
        Called before each file with its path, its number and the number of files.

    Raises
    ------
    InputError
        When a file is there already, or the disk is too small; then nothing is written. When the folder cannot be
        written into.
    """
    written = _plan(night, directory)
    if not overwrite:
        refuse_existing(written.paths)
    _refuse_small_disk(night, directory)
    for number, (path, write) in enumerate(_files(night, directory), start=1):
        if progress is not None:
            progress(path, number, len(written.paths))
        with atomic(path, replace=overwrite) as temporary:
            write(temporary)
    return written


def _plan(night: Night, directory: Path) -> WrittenNight:
    facts, references = directory / "truth", directory / "references"
    cameras = [(name, band) for name in night.detectors for band in night.filters]
    return WrittenNight(
        exposures=tuple(directory / frame_name(frame, name) for name in night.detectors for frame in night.frames),
        references=(
            *(references / reference_name(night.mode, name, "", "photom") for name in night.detectors),
            *(references / reference_name(night.mode, name, band, "distortion") for name, band in cameras),
        ),
        truth=(
            *(facts / f"{table}.ecsv" for table in ("stars", "twilight_stars")),
            *(facts / f"dark_{name}.fits" for name in night.detectors),
            *(facts / f"flat_{name}_{band}.fits" for name, band in cameras),
            *(facts / f"{table}_{name}.ecsv" for table in _TABLES for name in night.detectors),
        ),
    )


def _refuse_small_disk(night: Night, directory: Path) -> None:
    pixels = sum(shape[0] * shape[1] for shape in night.shapes.values())
    needed = _BYTES * pixels * len(night.frames)
    there = next(folder for folder in (directory, *directory.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise InputError(
            f"the night takes {needed / 1e9:.1f} GB, and {there} has {free / 1e9:.1f} GB free: take a smaller 'size', "
            f"fewer 'detectors' or fewer exposures"
        )


def _files(night: Night, directory: Path) -> Iterator[tuple[Path, Write]]:
    """Yield each file with the function that writes it."""
    for name, field in (("stars", night.field), ("twilight_stars", night.twilight)):
        yield directory / "truth" / f"{name}.ecsv", partial(truth.stars(night, field).write, format="ascii.ecsv")
    for name in night.detectors:
        detector = night.detector(name)
        yield from _truths(detector, directory / "truth")
        yield from _references(detector, directory / "references")
        for frame in night.frames:
            yield directory / frame_name(frame, name), partial(write_exposure, detector.exposure(frame))


def _truths(detector: NightDetector, folder: Path) -> Iterator[tuple[Path, Write]]:
    name = detector.name
    yield folder / f"dark_{name}.fits", truth.dark_file(detector).writeto
    for band in detector.night.filters:
        yield folder / f"flat_{name}_{band}.fits", truth.flat_file(detector, band).writeto
    for table, make in _TABLES.items():
        yield folder / f"{table}_{name}.ecsv", partial(make(detector).write, format="ascii.ecsv")


def _references(detector: NightDetector, folder: Path) -> Iterator[tuple[Path, Write]]:
    cameras: list[Camera] = list(detector.cameras.values())
    photom = photom_table(cameras[0], detector.night.spec.photom_error)
    yield folder / _name(cameras[0], "photom"), partial(photom.write, format="ascii.ecsv")
    for camera in cameras:
        yield folder / _name(camera, "distortion"), partial(write_asdf, distortion_tree(camera))


def _name(camera: Camera, reftype: str) -> str:
    return reference_name(camera.mode, camera.detector, camera.filter, reftype)
