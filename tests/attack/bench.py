"""What the attack shares: the files before they are harmed, one trial of `check` and `run`, and its judge."""

from __future__ import annotations

import logging
import signal
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from iris_testkit import make_exposure, make_reference

from iris_core import (
    DQ,
    Exposure,
    IrisError,
    Plugins,
    Problems,
    check,
    errors,
    load_plugins,
    read_exposure,
    read_fits,
    run,
    write_asdf,
    write_fits,
)

SECONDS = 20
SHAPE = (32, 32)
PLUGINS = ("imager", "background", "dark", "flat", "photom", "resample", "wcs")
PRIMARY = {"READMODE": "DEFAULT", "DATE-OBS": "2026-03-21T08:00:00", "EXPTIME": 100.0, "OBJECT": "T"}
STEPS = {
    "pixels": "[dark_current, flat_field, photom: {save: cal}]",
    "sky": "[assign_wcs, dark_current, flat_field, photom: {save: cal}, resample: {save: i2d}]",
    "backgrounds": "[background, flat_field: {save: cal}]",
}
WCS = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRPIX1": 16.5,
    "CRPIX2": 16.5,
    "CRVAL1": 150.0,
    "CRVAL2": 2.0,
    "CD1_1": -0.004 / 3600,
    "CD1_2": 0.0,
    "CD2_1": 0.0,
    "CD2_2": 0.004 / 3600,
    "RADESYS": "ICRS",
}
PHOTOM = """# %ECSV 1.0
# ---
# datatype:
# - {name: filter, datatype: string}
# - {name: photmjsr, unit: MJy s / (electron sr), datatype: float64}
# - {name: uncertainty, unit: MJy s / (electron sr), datatype: float64}
# - {name: pixar_sr, unit: sr, datatype: float64}
# - {name: pixar_a2, unit: arcsec2, datatype: float64}
# meta: {REFTYPE: photom, INSTRUME: IRIS, DETECTOR: IMG1, USEAFTER: '2020-01-01T00:00:00'}
# schema: astropy-2.0
filter photmjsr uncertainty pixar_sr pixar_a2
Kbb 0.25 0.0025 3.760693e-16 1.6e-05
Hbb 0.5 0.0025 3.760693e-16 1.6e-05
"""


class Hang(BaseException):
    """A call took longer than it may; no handler of `Exception` stops it."""


@dataclass
class Outcome:
    """What came of one trial; `said` are errors and warnings, `faults` what must never be."""

    said: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    products: dict[str, Exposure] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """A folder of files before they are harmed, and the plugins that calibrate them.

    Parameters
    ----------
    folder
        The exposures and references of `make_bench`, an association, and recipes.
    plugins
        Those of `PLUGINS`; no other installed plugin has a say.
    """

    folder: Path
    plugins: Plugins

    def trial(self, out: Path, exposure: Path, recipe: Path, references: dict[str, Path]) -> Outcome:
        """Return what `check` and then `run` make of the files, and of the folder of products."""
        outcome, given = Outcome(), {"references": references, "plugins": self.plugins, "directory": out}
        with _listening(outcome):
            _guarded(outcome, "check", lambda: _check(outcome, recipe, exposure, given))
            _guarded(outcome, "run", lambda: _run(outcome, recipe, exposure, given))
        for path in sorted(out.rglob("*")) if out.exists() else []:
            _read_product(outcome, path)
        return outcome


def make_bench(folder: Path) -> Bench:
    """Write an exposure, its references, an association, and recipes of a few cheap stages."""
    names = tuple(f"iris-{name}" for name in PLUGINS)
    y, x = np.indices(SHAPE, dtype=np.float32)
    bad = (x == 3) & (y == 4)
    for name, level in {"x": 100.0, "sky0": 40.0, "sky1": 40.5, "sky2": 41.0}.items():
        exposure = make_exposure(SHAPE, value=level + x + 2 * y, bad=bad, header=PRIMARY, sci_header=WCS)
        write_fits(exposure, folder / f"{name}_rate.fits")
        _as_another_program_wrote_it(folder / f"{name}_rate.fits")
    write_asdf(read_fits(folder / "x_rate.fits"), folder / "x_rate.asdf")
    cube = make_exposure(SHAPE, value=100 + x + 2 * y, nint=2, bad=bad, header=PRIMARY, sci_header=WCS)
    write_fits(cube, folder / "x_rateints.fits")
    _as_another_program_wrote_it(folder / "x_rateints.fits")
    plane = np.ones(SHAPE)
    make_reference(folder / "flat.fits", "flat", 0.9 + 0.001 * x, err=0.001 * plane, dq=bad * 1, FILTER="Kbb")
    mode = {"READMODE": "DEFAULT", "EXPTIME": 100.0}
    make_reference(folder / "dark.fits", "dark", 0.5 + 0.01 * y, err=0.01 * plane, unit="electron/s", **mode)
    (folder / "photom.ecsv").write_text(PHOTOM)
    _write_distortion(folder / "distortion.asdf")
    members = [{"expname": "x_rate.fits", "exptype": "science"}]
    members += [{"expname": f"sky{one}_rate.fits", "exptype": "background"} for one in range(3)]
    text = str({"asn_type": "image2", "products": [{"name": "x", "members": members}]}).replace("'", '"')
    (folder / "x_asn.json").write_text(text.replace("{", "{\n "))
    for name, steps in STEPS.items():
        lines = "".join(f"  - {step}\n" for step in steps[1:-1].split(", "))
        (folder / f"{name}.yaml").write_text(f"recipe: 1  # of the attack\nname: {name}\nsteps:\n{lines}")
    return Bench(folder, load_plugins(only=names))


def _as_another_program_wrote_it(path: Path) -> None:
    """Leave SCI, ERR and DQ alone in a file, without their sums and number: a detector's own file has no more."""
    with fits.open(path) as hdus:
        kept = [fits.PrimaryHDU(header=hdus[0].header)]
        kept += [fits.ImageHDU(hdus[name].data, hdus[name].header, name=name) for name in ("SCI", "ERR", "DQ")]
        for hdu in kept:
            for keyword in ("NEXTEND", "CHECKSUM", "DATASUM"):
                hdu.header.remove(keyword, ignore_missing=True)
        fits.HDUList(kept).writeto(path, overwrite=True)


def _write_distortion(path: Path) -> None:
    import asdf
    from astropy.modeling import models

    shift = models.Shift(-15.5) & models.Shift(-15.5)
    bend = models.Polynomial2D(2, c1_0=1, c2_0=1e-4) & models.Polynomial2D(2, c0_1=1, c1_1=1e-4)
    model = shift | models.Mapping((0, 1, 0, 1)) | bend | models.Scale(0.004) & models.Scale(0.004)
    tree = {"reftype": "distortion", "instrument": "IRIS", "detector": "IMG1", "filter": "ANY", "model": model}
    asdf.AsdfFile({**tree, "useafter": "2020-01-01T00:00:00"}).write_to(path)


@contextmanager
def _listening(outcome: Outcome) -> Iterator[None]:
    """Collect warnings of the log, and of libraries, which a user would see as well."""
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: outcome.said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            yield
        finally:
            logging.getLogger().removeHandler(handler)
            outcome.said += [f"warning of a library: {one.message}" for one in caught]


def _guarded(outcome: Outcome, what: str, call: Any) -> None:
    def stop(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        call()
    except IrisError as error:
        outcome.said.append(str(error))
    except Hang:
        outcome.faults.append(f"{what} takes more than {SECONDS} s")
    except BaseException:
        outcome.faults.append(f"{what} raises {traceback.format_exc(limit=-4)}")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _check(outcome: Outcome, recipe: Path, exposure: Path, given: dict[str, Any]) -> None:
    found = check(recipe, exposure, **given)
    outcome.said += map(str, found.errors)
    outcome.faults += [f"check blames a plugin: {one}" for one in found.errors if _blames(one)]


def _run(outcome: Outcome, recipe: Path, exposure: Path, given: dict[str, Any]) -> None:
    try:
        report = run(recipe, exposure, **given)
    except Problems as error:
        outcome.faults += [f"run blames a plugin: {one}" for one in error.problems if _blames(one)]
        raise
    for result in report.failed:
        outcome.said.append(result.error)
        raised = result.traceback.splitlines()[-1].partition(":")[0].rpartition(".")[2] if result.traceback else ""
        if raised and not hasattr(errors, raised):
            outcome.faults.append(f"run raises {result.traceback[-900:]}")


def _blames(error: IrisError) -> bool:
    """Whether an exception that is not ours was put into the mouth of a plugin: a traceback in disguise."""
    return isinstance(error, errors.PluginError) and "Error: " in str(error)


def _read_product(outcome: Outcome, path: Path) -> None:
    """Read what lies in the folder of products; it is a product, whole, and valid FITS."""
    if path.is_dir() and not path.name.startswith("."):
        return
    if path.name.startswith("."):
        outcome.faults.append(f"{path.name} is left behind")
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AstropyWarning)
        try:
            outcome.products[path.stem.rpartition("_")[2]] = read_exposure(path)
            if path.suffix == ".fits":
                with fits.open(path, checksum=True) as hdus:
                    hdus.verify("exception")
        except Exception as error:
            outcome.faults.append(f"{path.name} is no whole product: {type(error).__name__}: {error}"[:600])
    outcome.faults += [f"{path.name}: astropy warns: {one.message}" for one in caught]


def differences(truth: dict[str, Exposure], found: dict[str, Exposure]) -> list[str]:
    """Return what of the products is not as it would be without the harm."""
    if truth.keys() != found.keys():
        return [f"products {sorted(found)}, not {sorted(truth)}"]
    return [f"{name}: {one}" for name in truth for one in _differences(truth[name], found[name])]


def _differences(truth: Exposure, found: Exposure) -> list[str]:
    if truth.data.shape != found.data.shape:
        return [f"shape {found.data.shape}, not {truth.data.shape}"]
    pairs: dict[str, tuple[Any, Any]] = {
        "data": (truth.data, found.data),
        "dq": (truth.dq, found.dq & truth.dq),
        "valid": (truth.dq & DQ.DO_NOT_USE, found.dq & DQ.DO_NOT_USE),
        "err": (_total(truth), _total(found)),
    }
    words = [name for name, (one, other) in pairs.items() if not _close(one, other)]
    words += ["unit"] if truth.unit != found.unit else []
    return words + (["wcs"] if not _close(_sky(truth), _sky(found)) else [])


def _total(exposure: Exposure) -> Any:
    return np.sqrt(sum(exposure.variance.values())) if exposure.variance else np.float32(-1)


def _sky(exposure: Exposure) -> Any:
    if exposure.wcs is None:
        return np.zeros(2)
    return np.array(exposure.wcs(np.array([0.0, 31, 10]), np.array([0.0, 10, 31]), with_bounding_box=False)) * 3.6e6


def _close(one: Any, other: Any) -> bool:
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=2e-6, atol=1e-4, equal_nan=True)
