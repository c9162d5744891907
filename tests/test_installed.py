"""Entry points are read from the metadata of the distributions; nothing is imported for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from iris_core.installed import COMMANDS, PROJECT, distribution_of, find_entry_points

Put = Callable[..., None]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Return a function that writes the metadata of a distribution with entry points ``name = module``."""

    def write(name: str, version: str, *points: str, group: str = PROJECT, metadata: bool = True) -> None:
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        if metadata:
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if points:
            (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *points]))

    return write


def found(folder: Path, group: str = PROJECT) -> dict[str, list[tuple[str, str, str]]]:
    """Return module, distribution and version by name."""
    points = find_entry_points(group, Distribution.discover(path=[str(folder)]))
    return {name: [(one.value, *distribution_of(one)) for one in several] for name, several in points.items()}


def test_plugins_come_in_name_order_with_their_distribution_and_no_other_group(put: Put, tmp_path: Path) -> None:
    put("lab-z", "1.0", "b-flat = lab_flat", "a-dark = lab_dark")
    put("lab-a", "2.0", "c-wcs = lab_wcs")
    put("lab-c", "3.0", "calibrate = lab_cli:calibrate", group=COMMANDS)
    plugins = found(tmp_path)
    assert list(plugins) == ["a-dark", "b-flat", "c-wcs"]
    assert plugins["c-wcs"] == [("lab_wcs", "lab-a", "2.0")]
    assert found(tmp_path, COMMANDS) == {"calibrate": [("lab_cli:calibrate", "lab-c", "3.0")]}


def test_an_entry_point_listed_twice_counts_once(put: Put, tmp_path: Path) -> None:
    put("lab-flat", "1.0", "flat = lab_flat", "flat = lab_flat")
    assert found(tmp_path) == {"flat": [("lab_flat", "lab-flat", "1.0")]}


def test_two_distributions_with_one_name_are_both_there(put: Put, tmp_path: Path) -> None:
    put("lab-one", "1.0", "flat = lab_one")
    put("lab-two", "2.0", "flat = lab_two")
    assert sorted(found(tmp_path)["flat"]) == [("lab_one", "lab-one", "1.0"), ("lab_two", "lab-two", "2.0")]


@pytest.mark.parametrize("metadata", [True, False])
def test_metadata_that_an_installation_left_behind_hide_nothing(put: Put, tmp_path: Path, metadata: bool) -> None:
    put("lab-flat", "0.9", metadata=metadata)
    put("lab-flat", "1.0", "flat = lab_flat")
    assert found(tmp_path) == {"flat": [("lab_flat", "lab-flat", "1.0")]}


def test_two_folders_of_one_distribution_are_one(put: Put, tmp_path: Path) -> None:
    """Its name may be spelt with '_' or '-', in either case."""
    put("Lab_Flat", "0.9", "flat = lab_flat")
    put("lab-flat", "1.0", "flat = lab_flat")
    assert len(found(tmp_path)["flat"]) == 1


def test_an_entry_point_without_metadata_is_there(put: Put, tmp_path: Path) -> None:
    put("lab-flat", "1.0", "flat = lab_flat", metadata=False)
    ((value, distribution, _),) = found(tmp_path)["flat"]
    assert (value, distribution) == ("lab_flat", "unknown")


def test_what_is_installed_here_is_found_and_not_imported(install: Callable[..., None]) -> None:
    install("lab-flat", "raise AssertionError('imported')", command="calibrate")
    assert "lab-flat" in find_entry_points(PROJECT)
    assert "calibrate" in find_entry_points(COMMANDS)
    assert not [name for name in sys.modules if name.startswith("installed_")]
