"""Fixtures for the tests of plugins; pytest knows them where iris-testkit is installed.

Nothing but pytest is imported until a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from iris_core import Exposure, Plugins, Reference


@pytest.fixture
def make_exposure() -> Callable[..., Exposure]:
    """Return `iris_testkit.make_exposure`: exposures whose truth is known."""
    import iris_testkit

    return iris_testkit.make_exposure


@pytest.fixture
def make_reference(tmp_path: Path) -> Callable[..., Reference]:
    """Return a function that writes a reference image of a type into the folder of the test.

    ``make_reference("dark", data, err=..., dq=..., unit=..., READMODE=...)`` takes what
    `iris_testkit.make_reference` takes, without the path.
    """
    import iris_testkit

    numbers = count(1)

    def make(reftype: str, data: Any, **options: Any) -> Reference:
        return iris_testkit.make_reference(tmp_path / f"{reftype}_{next(numbers)}.fits", reftype, data, **options)

    return make


@pytest.fixture
def plugin_manager() -> Plugins:
    """Return plugins with nothing in it but the core's own: what is installed on the machine plays no part.

    ``plugin_manager.add("my-flat", my_flat)`` registers a module or another object.
    """
    from iris_core import load_plugins

    return load_plugins(only=())


@pytest.fixture
def run_stage() -> Callable[..., Exposure]:
    """Return `iris_testkit.run_stage`: one stage, with the checks of the runner."""
    import iris_testkit

    return iris_testkit.run_stage


@pytest.fixture
def run_recipe(tmp_path: Path) -> Callable[..., dict[str, Exposure]]:
    """Return a function that calibrates an exposure in memory with the plugins that the test names, and no others.

    ``run_recipe(["dark_current", "flat_field"], exposure, plugins=[my_dark], installed=["lab-flat"],
    references=[dark, flat])`` returns the products by suffix. The recipe is a list of steps, or a path, or the name
    of one; `installed` names plugins by entry point; further options are those of `iris_core.calibrate`.
    """
    import iris_testkit

    def run(recipe: Any, exposure: Exposure | Sequence[Exposure], **options: Any) -> dict[str, Exposure]:
        return iris_testkit.run_recipe(recipe, exposure, folder=tmp_path, **options)

    return run


@pytest.fixture
def swap_stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., Exposure]], None]:
    """Return a function that puts another function in place of a stage, for `iris_core.run`, `check` and `calibrate`.

    After ``swap_stage("flat_field", lambda exposure: exposure.scale(0.5))`` every run in this process, that of the
    command line included, uses it whatever recipe and mode say, until the test ends.
    """
    from iris_testkit._swap import swapping

    return swapping(monkeypatch.setattr)
