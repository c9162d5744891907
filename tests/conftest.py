"""What the tests of the core share: files on the disk, and plugins that are written in the test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from iris_testkit import make_exposure

from iris_core import Exposure, Plugins, as_plugin, load_plugins, parse_unit, stage, write_fits

UNITS = {"photom": "MJy / sr"}
IRIS = {"INSTRUME": "IRIS", "TELESCOP": "TMT", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT"}


@pytest.fixture
def bare() -> Plugins:
    """Return the framework's own plugins with the mode of the IRIS imager, and no other installed one."""
    return load_plugins(only=("iris-imager",))


def another(function: Callable[..., Any], unit: str | None = None) -> Callable[..., Any]:
    """Return a function like `function` that can be declared apart: it may stand for several stages, in their units."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return result.replace(unit=parse_unit(unit)) if unit and isinstance(result, Exposure) else result

    return call


@pytest.fixture
def lab(bare: Plugins) -> Callable[..., Plugins]:
    """Return a function that adds to `bare` one plugin, ``lab-<stage>`` 1.0, for each stage it is given."""

    def add(**functions: Callable[..., Any]) -> Plugins:
        for name, function in functions.items():
            declared = function if hasattr(function, "iris_stage") else stage(name)(another(function, UNITS.get(name)))
            bare.add(f"lab-{name}", as_plugin(name, declared, f"lab_{name}"), "1.0")
        return bare

    return add


@pytest.fixture
def write_exposure(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an exposure, `make_exposure` with its arguments, and returns its path."""

    def write(name: str = "x_rate.fits", **options: Any) -> Path:
        header = {**IRIS, **options.pop("header", {})}
        exposure: Exposure = make_exposure(**{"header": header, "shape": (8, 9), **options})
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        write_fits(exposure, path)
        return path

    return write


@pytest.fixture
def write_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a recipe: its steps, and further lines."""

    def write(steps: str = "flat_field", *lines: str, name: str = "recipe.yaml") -> Path:
        path = tmp_path / name
        text = ["recipe: 1", f"name: {path.stem}", f"steps: [{steps}]", *lines]
        path.write_text("\n".join(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that installs a distribution with one plugin, and a command, as pip would leave it."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def put(
        distribution: str,
        source: str,
        plugin: str = "",
        version: str = "1.2",
        command: str = "",
    ) -> None:
        module = f"installed_{distribution.replace('-', '_')}"
        (site / f"{module}.py").write_text(source)
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        points = f"[iris_core]\n{plugin or distribution} = {module}\n"
        points += f"[iris_core.commands]\n{command} = {module}:{command}\n" if command else ""
        (info / "entry_points.txt").write_text(points)

    yield put
    for name in set(sys.modules) - before:
        if name.startswith("installed_"):
            del sys.modules[name]
