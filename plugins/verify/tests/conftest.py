"""A night of products of every kind: calibrated exposures as FITS and ASDF, images and catalogues beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from iris_testkit import make_exposure, make_reference

from iris_core import Plugins, Report, load_plugins, run, write_fits

STAGES = """\
from astropy.table import Table
from iris_core import InputError, Result, stage, stage_spec

@stage_spec(status="S_COUNT", tables=("cat",), images=("segm",))
def count(exposure, params, references, background_exposures, instrument):
    "Count. Units: unchanged."

@stage_spec(status="S_MEAN", group=True, makes="one", product="mean")
def mean(exposures, params, references, instrument):
    "The mean of all. Units: unchanged."

@stage("flat_field", references=("flat",))
def divide(exposure, references):
    if exposure.meta.target == "bad":
        raise InputError("no luck")
    return exposure.scale(1 / references["flat"].image(exposure).data)

@stage("count")
def count_pixels(exposure):
    table = Table({"pixels": range(200), "flux": [one / 7 for one in range(200)]})
    return Result(exposure=exposure, tables={"cat": table}, images={"segm": exposure.scale(0)})

@stage("mean")
def take_mean(exposures):
    return exposures.merged()
"""
IRIS = {"INSTRUME": "IRIS", "TELESCOP": "TMT", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT"}


def lab() -> Plugins:
    """Return the mode of the imager, this package, and stages that make products of every kind."""
    plugins, module = load_plugins(only=("iris-imager", "iris-verify")), ModuleType("lab_night")
    exec(STAGES, vars(module))
    plugins.add("lab-night", module, "1.0")
    return plugins


def _write_rate(path: Path, value: float, **header: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_fits(make_exposure(value=value, shape=(24, 25), header={**IRIS, **header}), path)
    return path


class Night:
    """Files of a night, and runs of a recipe over them."""

    def __init__(self, folder: Path) -> None:
        self.plugins = lab()
        self.folder, self.raw, self.out = folder, folder / "raw", folder / "out"
        self.files = [_write_rate(self.raw / f"{name}_rate.fits", value) for name, value in (("a", 5.0), ("b", 7.0))]
        self.flat = folder / "references" / "flat.fits"
        self.flat.parent.mkdir()
        self.write_flat(2.0)
        self.recipe = folder / "night.yaml"
        self.write_recipe("flat_field, count: {save: cal}")

    def write_flat(self, value: float) -> None:
        make_reference(self.flat, "flat", np.full((24, 25), value))

    def write_recipe(self, steps: str, *lines: str) -> None:
        self.recipe.write_text("\n".join(["recipe: 1", "name: night", f"steps: [{steps}]", *lines]))

    def run(self, *files: Path, **options: Any) -> Report:
        given = {"directory": self.out, "references": {"flat": self.flat}, "plugins": self.plugins, **options}
        return run(self.recipe, *(files or self.files), **given)

    @property
    def search(self) -> list[Path]:
        return [self.raw, self.flat.parent]


@pytest.fixture
def write_rate() -> Callable[..., Path]:
    """Return a function that writes an exposure: its path, its value, header cards."""
    return _write_rate


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """Return a night that has not been run."""
    return Night(tmp_path)


@pytest.fixture
def made(night: Night) -> SimpleNamespace:
    """Return a night with its products: FITS of two exposures, ASDF of a third, images and catalogues."""
    third = _write_rate(night.raw / "c_rate.fits", 6.0)
    for report in (night.run(), night.run(third, format="asdf")):
        assert not report.failed, report.failed
    paths = sorted(path for path in night.out.iterdir() if path.suffix in (".fits", ".asdf", ".ecsv"))
    assert len(paths) == 9
    assert sum(path.suffix == ".asdf" for path in paths) == 2
    return SimpleNamespace(night=night, out=night.out, paths=paths, search=night.search)
