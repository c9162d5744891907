"""The rules that every reader has to keep."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from iris_core import Exposure, InputError, InstrumentMode, choices, outline_of, write_asdf, write_fits
from iris_testkit._compare import describe_difference, fingerprint
from iris_testkit._make import make_exposure
from iris_testkit._rules import Conformance, Trial, rule

__all__ = ["ReaderConformance"]


class _ReaderTrial(Trial):
    """Reads the files of a test class."""

    def read(self, path: Path, pixels: bool = True) -> Any:
        return self.ask("read_exposure", path=path, pixels=pixels, reftype="")

    def accept(self, path: Path, pixels: bool = True) -> Exposure:
        """Return the exposure in a file that the reader is for."""
        __tracebackhide__ = True
        found = self.read(path, pixels)
        if not isinstance(found, Exposure):
            kind = "with pixels" if pixels else "without pixels"
            self.fail(f"{kind} it returned {type(found).__name__} for its own {path.name}, not an Exposure")
        return found


class ReaderConformance(Conformance):
    """Tests that a reader, the hook ``read_exposure``, keeps every rule; derive a test class and write `file`.

    Attributes
    ----------
    plugin
        The module that implements the hook.
    mode
        Instrument mode of the exposure in the file; None where the plugin brings it, too.
    needs, exempt
        As in `StageConformance`.

    Examples
    --------
    >>> import my_reader  # doctest: +SKIP
    >>> class TestMyReader(ReaderConformance):  # doctest: +SKIP
    ...     plugin = my_reader
    ...
    ...     def file(self, folder):
    ...         return write_raw_frame(folder / "n0001.fits")
    """

    trial = _ReaderTrial
    mode: ClassVar[InstrumentMode | None] = None

    def file(self, folder: Path) -> Path:
        """Write a file that the reader is for into a folder, and return its path."""
        raise NotImplementedError("override file() in the test class: it writes a file that the reader is for")

    def others(self, folder: Path) -> Sequence[Path]:
        """Return files that belong to others: by default an exposure of IRIS as FITS and as ASDF, and a text file."""
        folder = folder / "others"
        folder.mkdir()
        exposure, text = make_exposure(), folder / "notes.txt"
        text.write_text("Seeing 0.6 arcsec\n", encoding="utf-8")
        return [write_fits(exposure, folder / "x_rate.fits"), write_asdf(exposure, folder / "x_rate.asdf"), text]

    def damage(self, path: Path) -> None:
        """Damage a good file; by default its second half is cut off, as by a transfer that was interrupted."""
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])

    @rule("planes")
    def test_the_planes_can_be_used(self, trial: _ReaderTrial) -> None:
        """Some pixels are valid, no variance is negative, and every plane has the byte order of the machine."""
        exposure = trial.accept(self.file(trial.folder))
        if not np.isfinite(exposure.data).any():
            trial.fail("no pixel of the data is finite; with pixels=True the file has to be read")
        negative = [name for name, plane in exposure.variance.items() if (plane < 0).any()]
        if negative:
            trial.fail(f"the variance {choices(negative)} is negative")
        swapped = [name for name, plane in exposure.planes.items() if not plane.dtype.isnative]
        if swapped:
            trial.fail(
                f"the plane {choices(swapped)} is not in the byte order of this machine ({sys.byteorder} endian)"
            )

    @rule("outline")
    def test_the_outline_agrees_with_the_pixels(self, trial: _ReaderTrial) -> None:
        """Without pixels the reader returns the same shape, unit, headers and meta, and planes of the same names."""
        path = self.file(trial.folder)
        exposure, outline = trial.accept(path), trial.accept(path, False)
        for part, mine, wanted in _facts(outline, exposure):
            if mine != wanted:
                trial.fail(f"{part} of the outline is {mine!s:.200}, but with pixels it is {wanted!s:.200}")

    @rule("mode")
    def test_an_instrument_mode_matches(self, trial: _ReaderTrial) -> None:
        """The exposure, and its outline, are of an instrument mode of the plugin, or of `mode`."""
        modes = [self.mode] if self.mode else list(trial.plugins.modes().values())
        path = self.file(trial.folder)
        for exposure in (trial.accept(path), trial.accept(path, False)):
            meta = exposure.meta
            if not any(mode.matches(exposure) for mode in modes):
                known = choices(mode.name for mode in modes)
                trial.fail(f"INSTRUME '{meta.instrument}', DETECTOR '{meta.detector}' are of no mode; modes: {known}")

    @rule("others")
    def test_files_of_others_are_left_to_others(self, trial: _ReaderTrial) -> None:
        """For a file of others the reader returns None: two readers that answer are an error."""
        for path in self.others(trial.folder):
            for pixels in (True, False):
                try:
                    found = trial.read(path, pixels)
                except Exception as error:
                    trial.fail(f"it raised {type(error).__name__} ({error}) for {path.name}; None is right")
                if found is not None:
                    trial.fail(f"it returned {type(found).__name__} for {path.name}; None is right")

    @rule("damaged")
    def test_a_damaged_file_is_refused(self, trial: _ReaderTrial) -> None:
        """A damaged file raises InputError that names the file."""
        path = self.file(trial.folder)
        trial.accept(path)
        self.damage(path)
        # A reader may leave a file that it cannot read to that of the framework, which refuses it.
        trial.expect(InputError, lambda: trial.plugins.read_exposure(path), f"a damaged {path.name}")
        try:
            trial.plugins.read_exposure(path)
        except InputError as error:
            if path.name not in str(error):
                trial.fail(f"the error does not name the file {path.name}: {error}")

    @rule("repeatable")
    def test_reading_changes_nothing(self, trial: _ReaderTrial) -> None:
        """Read twice, a file gives the same bits and headers, and is itself unchanged."""
        path = self.file(trial.folder)
        before = path.read_bytes()
        first, second = trial.accept(path), trial.accept(path)
        if path.read_bytes() != before:
            trial.fail(f"it changed the file {path.name}")
        if words := describe_difference(second, first):
            trial.fail(f"the second time it read another exposure: {words}")
        if fingerprint(second) != fingerprint(first):
            trial.fail("the second time it read other headers or planes")


def _facts(outline: Exposure, exposure: Exposure) -> list[tuple[str, Any, Any]]:
    """Return what has to be equal: its name, of the outline, of the exposure."""
    mine, wanted = fingerprint(outline_of(outline)), fingerprint(outline_of(exposure))
    return [
        ("the shape", outline.data.shape, exposure.data.shape),
        ("the unit", outline.unit, exposure.unit),
        ("meta", outline.meta, exposure.meta),
        ("the primary header", mine["header"], wanted["header"]),
        ("the science header", mine["sci_header"], wanted["sci_header"]),
        ("the set of planes", choices(mine), choices(wanted)),
        ("one of the planes", mine, wanted),
    ]
