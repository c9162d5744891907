"""The rules that every writer has to keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from iris_core import DQ, Exposure, InputError, write_exposure
from iris_testkit._compare import describe_difference, fingerprint
from iris_testkit._make import make_exposure
from iris_testkit._rules import Conformance, Trial, rule
from iris_testkit._truth import add_wcs, pattern

__all__ = ["WriterConformance"]

_SHAPE = (24, 32)


class _WriterTrial(Trial):
    """Writes exposures."""

    written = 0

    def write(self, exposure: Exposure, path: Path) -> Any:
        return self.ask("write_product", exposure=exposure, path=path)

    def write_and_read(self, exposure: Exposure) -> Exposure:
        """Return an exposure that was written and read again."""
        __tracebackhide__ = True
        self.written += 1
        path = self.folder / f"x{self.written}_cal{self.tried.suffix}"
        if self.write(exposure, path) is None or not path.is_file():
            self.fail(f"it wrote no {path.name}")
        back = self.tried.read(path, self.plugins)
        if not isinstance(back, Exposure):
            self.fail(f"reading {path.name} gave {type(back).__name__}, not an Exposure")
        return back


class WriterConformance(Conformance):
    """Tests that a writer, the hook ``write_product``, keeps every rule; derive a test class.

    Attributes
    ----------
    plugin
        The module that implements the hook.
    suffix
        Of the files that it writes, ``.mine``.
    needs, exempt
        As in `StageConformance`.

    Examples
    --------
    >>> import my_writer  # doctest: +SKIP
    >>> class TestMyWriter(WriterConformance):  # doctest: +SKIP
    ...     plugin = my_writer
    ...     suffix = ".mine"
    """

    trial = _WriterTrial
    suffix: ClassVar[str] = ""

    def read(self, path: Path, plugins: Any) -> Exposure:
        """Return the exposure in a file that was written: by default the plugin reads it, or else the framework."""
        found: Exposure = plugins.read_exposure(path)
        return found

    def exposures(self) -> dict[str, Exposure]:
        """Return exposures to write, by what they are."""
        image = _image()
        cube = {name: np.stack([plane, 2 * plane]) for name, plane in image.variance.items()}
        return {
            "an image": image,
            "a cube": image.replace(data=np.stack([image.data] * 2), dq=np.stack([image.dq] * 2), variance=cube),
            "an image without errors": image.replace(variance={}),
        }

    @rule("round-trip")
    def test_what_is_written_is_read(self, trial: _WriterTrial) -> None:
        """Data, DQ, unit and every component of the variance come back bit for bit."""
        for what, exposure, back in self._written(trial):
            if words := describe_difference(back, exposure):
                trial.fail(f"{what} came back changed: {words}")
            if back.unit != exposure.unit:
                trial.fail(f"{what} in {exposure.unit} came back in {back.unit}")

    @rule("keywords")
    def test_keywords_are_kept(self, trial: _WriterTrial) -> None:
        """Whatever the headers and `meta` give comes back."""
        for what, exposure, back in self._written(trial):
            for keyword in ("LABTEMP", "FILTER", "S_FLAT"):
                value, theirs = exposure.header[keyword], back.header.get(keyword)
                if theirs != value:
                    trial.fail(f"of {what} the keyword {keyword} = {value!r} came back as {theirs!r}")
            if replace(back.meta, path=exposure.meta.path, mode=exposure.meta.mode) != exposure.meta:
                trial.fail(f"of {what} meta came back as {back.meta}, not {exposure.meta}")

    @rule("sky")
    def test_the_sky_is_kept(self, trial: _WriterTrial) -> None:
        """The pixels of an exposure with a WCS are at the same places of the sky afterwards."""
        exposure = _image()
        back = trial.write_and_read(exposure)
        if back.wcs is None and back.fits_wcs is None and "CRPIX1" not in back.sci_header:
            trial.fail("no WCS came back, neither as gWCS nor as keywords")
        if back.wcs is not None and exposure.wcs is not None:
            off = 3.6e6 * float(np.abs(np.subtract(back.wcs(3.0, 4.0), exposure.wcs(3.0, 4.0))).max())
            if not off < 0.01:
                trial.fail(f"the sky came back off by {off:.3g} mas")

    @rule("temporary-name")
    def test_it_writes_the_path_that_it_is_given(self, trial: _WriterTrial) -> None:
        """The file is written whole under the temporary name that the framework gives, and nothing is beside it."""
        path = trial.folder / f".x_cal.0123456789abcdef.part{self.suffix}"
        answer = trial.write(_image(), path)
        found = sorted(one.name for one in trial.folder.iterdir())
        if found != [path.name]:
            trial.fail(f"asked for {path.name}, it wrote {', '.join(found) or 'nothing'}")
        if answer != path:
            trial.fail(f"it returned {answer!r}, not the path {path.name} that it wrote")

    @rule("whole-or-not")
    def test_a_product_is_whole_or_not_there(self, trial: _WriterTrial) -> None:
        """Through the framework the product is there under its name; where it cannot be written nothing is left."""
        path = trial.folder / f"x_cal{self.suffix}"
        write_exposure(_image(), path, plugins=trial.plugins)
        if (found := [one.name for one in trial.folder.iterdir()]) != [path.name]:
            trial.fail(f"of the product {path.name} these files were left: {', '.join(sorted(found))}")
        missing = trial.folder / "missing" / path.name
        trial.expect((OSError, InputError), lambda: trial.write(_image(), missing), "a folder that does not exist")

    @rule("unknown-suffix")
    def test_other_suffixes_are_left_to_others(self, trial: _WriterTrial) -> None:
        """For a suffix of others the writer returns None and writes nothing."""
        for suffix in (".fits", ".asdf", ".unknown", ""):
            if suffix != self.suffix and trial.write(_image(), trial.folder / f"x_cal{suffix}") is not None:
                trial.fail(f"it answered for the suffix '{suffix}'; None is right")
        if any(trial.folder.iterdir()):
            trial.fail("it returned None and wrote a file")

    @rule("input-untouched")
    def test_the_exposure_is_untouched(self, trial: _WriterTrial) -> None:
        """The exposure is after writing what it was before."""
        exposure = _image()
        before = fingerprint(exposure)
        trial.write_and_read(exposure)
        changed = [name for name, mark in fingerprint(exposure).items() if mark != before[name]]
        if changed:
            trial.fail(f"it changed {', '.join(changed)} of the exposure")

    def _written(self, trial: _WriterTrial) -> Iterator[tuple[str, Exposure, Exposure]]:
        for what, exposure in self.exposures().items():
            yield what, exposure, trial.write_and_read(exposure)


def _image() -> Exposure:
    """Return an exposure with different values in all planes, some of its pixels invalid."""
    plane = 100 + pattern(_SHAPE)
    header = {"LABTEMP": 77.5, "S_FLAT": "COMPLETE", "DATE-OBS": "2026-11-23T01:02:03"}
    exposure = make_exposure(_SHAPE, value=plane, poisson=plane / 50, rnoise=0.25, header=header)
    dq = np.where(pattern(_SHAPE, 2) > 0.8, np.uint32(DQ.HOT), np.uint32(0))
    return add_wcs(exposure.replace(dq=dq)).flag(pattern(_SHAPE, 3) > 0.8, DQ.DO_NOT_USE)
