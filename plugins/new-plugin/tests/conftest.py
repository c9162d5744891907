"""One package of every kind, made once, each installed in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iris_core.cli import main

# By name; the packages of the lab implement stages that other packages declare.
KINDS = {
    "my-background": "stage --stage background",
    "my-windows": "stage --stage parse_subarray_map",
    "my-wcs": "stage --stage assign_wcs",
    "my-dark": "stage --stage dark_current",
    "my-flat": "stage --stage flat_field",
    "my-photom": "stage --stage photom",
    "my-grid": "stage --stage resample",
    "my-destripe": "new-stage --stage destripe",
    "my-median": "new-stage --stage median_image --group",
    "my-camera": "mode",
    "my-raw-camera": "mode --reader",
    "my-archive": "references",
    "lab-destripe": "stage --stage destripe",
    "lab-sky": "stage --stage remove_glow",
    "lab-counts": "stage --stage in_counts",
}
AUTHOR = ("--author", 'Ada O\'Neil "the lab"', "--email", "ada@example.org")
THIRD_PARTY = '''"""Stages of a third party: one consumes background exposures, one has its result in another unit."""

from iris_core import DQ, stage_spec


@stage_spec(status="S_GLOW", consumes_backgrounds=True)
def remove_glow(exposure, params, references, background_exposures, instrument):
    """Remove the glow. Units: unchanged."""


@stage_spec(status="S_COUNTS", unit="DN / s", dq=DQ.TELEGRAPH | DQ.RC)
def in_counts(exposure, params, references, background_exposures, instrument):
    """Convert to counts. Units: DN/s out."""
'''


@dataclass(frozen=True)
class Package:
    """A package that was made: its folder, and the folders in which it and what it needs are installed."""

    folder: Path
    sites: tuple[Path, ...]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def project(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "pyproject.toml").read_text())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module in the folder of the package, which is not on the path: what is installed is."""
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, self.sites)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1",  # several run at a time
        }
        command = [sys.executable, "-P", "-m", *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", list(KINDS))


@pytest.fixture
def package(packages: dict[str, Package], kind: str) -> Package:
    return packages[kind]


def run_main(*arguments: object) -> Result:
    """Run ``iris new-plugin`` in this process."""
    return CliRunner().invoke(main, ["new-plugin", *map(str, arguments)])


@pytest.fixture
def put_metadata() -> Callable[..., None]:
    """Return a function that puts the metadata of a distribution into a folder."""
    return write_metadata


@pytest.fixture
def new_plugin() -> Callable[..., Result]:
    """Return a function that runs ``iris new-plugin``."""
    return run_main


def metadata_of(folder: Path) -> tuple[str, str, str]:
    """Return name, version and entry points of a package, as they are in its metadata once it is installed."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    lines: list[str] = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), ""]
    return project["name"], project["version"], "\n".join(lines)


def install(folder: Path, site: Path) -> Path:
    """Install a package as its wheel would be, without pip: its module and its metadata."""
    module = folder.name.replace("-", "_")
    copytree(folder / module, site / module)
    write_metadata(site, *metadata_of(folder))
    return site


def write_metadata(site: Path, name: str, version: str, entry_points: str) -> None:
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a plugin is installed that declares two stages."""
    site = tmp_path_factory.mktemp("third_party")
    (site / "third_party.py").write_text(THIRD_PARTY)
    write_metadata(site, "third-party", "2.1.3", "[iris_core]\nthird-party = third_party\n")
    return site


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory, third_party: Path) -> Iterator[dict[str, Package]]:
    """Return the packages of `KINDS` by name, made by the command, each installed in a folder of its own."""
    root, before, made = tmp_path_factory.mktemp("made"), set(sys.modules), dict[str, Package]()
    for name, command in KINDS.items():
        kind, *options = command.split()
        needed = (third_party, *made["my-destripe"].sites) if name.startswith("lab") else ()
        with pytest.MonkeyPatch.context() as patch:
            for site in needed:
                patch.syspath_prepend(str(site))
            result = run_main(kind, name, *options, "--out", root, *AUTHOR)
        assert result.exit_code == 0, result.output
        made[name] = Package(root / name, (install(root / name, tmp_path_factory.mktemp(name)), *needed))
    yield made
    for module in set(sys.modules) - before:
        if module.split(".")[0] in ("third_party", "my_destripe"):
            del sys.modules[module]
