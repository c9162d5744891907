"""Fixtures for the tests of plugins; pytest knows them where iris-core is installed.

Nothing of iris-core is imported until a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from iris_core import Exposure, Plugins, Reference


@pytest.fixture
def make_exposure() -> Callable[..., Exposure]:
    """Return `iris_core.testing.make_exposure`: exposures whose truth is known."""
    from iris_core import testing

    return testing.make_exposure


@pytest.fixture
def make_reference(tmp_path: Path) -> Callable[..., Reference]:
    """Return a function that writes a reference image of a type into the folder of the test.

    ``make_reference("dark", data, err=..., dq=..., unit=..., READMODE=...)`` takes what
    `iris_core.testing.make_reference` takes, without the path.
    """
    from iris_core import testing

    numbers = count(1)

    def make(reftype: str, data: Any, **options: Any) -> Reference:
        return testing.make_reference(tmp_path / f"{reftype}_{next(numbers)}.fits", reftype, data, **options)

    return make


@pytest.fixture
def plugin_manager() -> Plugins:
    """Return plugins with nothing in it but the core's own: what is installed on the machine plays no part.

    ``plugin_manager.add("my-flat", my_flat)`` registers a module or another object.
    """
    from iris_core.loading import load_plugins

    return load_plugins(only=())


@pytest.fixture
def run_stage() -> Callable[..., Exposure]:
    """Return `iris_core.testing.run_stage`: one stage, with the checks of the runner."""
    from iris_core import testing

    return testing.run_stage


@pytest.fixture
def run_recipe(tmp_path: Path) -> Callable[..., dict[str, Exposure]]:
    """Return a function that calibrates an exposure in memory with the plugins that the test names, and no others.

    ``run_recipe(["dark_current", "flat_field"], exposure, plugins=[my_dark], installed=["lab-flat"],
    references=[dark, flat])`` returns the products by suffix. The recipe is a list of steps, or a path, or the name
    of one; `installed` names plugins by entry point; further options are those of `iris_core.calibrate`.
    """
    from iris_core import testing

    def run(recipe: Any, exposure: Exposure, **options: Any) -> dict[str, Exposure]:
        return testing.run_recipe(recipe, exposure, folder=tmp_path, **options)

    return run


@pytest.fixture
def swap_stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., Exposure]], None]:
    """Return a function that puts another function in place of a stage, for `iris_core.run`, `check` and `calibrate`.

    After ``swap_stage("flat_field", lambda exposure: exposure.scale(0.5))`` every run in this process, that of the
    command line included, uses it whatever recipe and mode say, until the test ends.
    """
    from iris_core import api

    swapped: dict[str, Callable[..., Exposure]] = {}
    own = api.own_plugins

    def own_with_swapped(plugins: Plugins | None) -> Plugins:
        mine = own(plugins)
        for stage, function in swapped.items():
            mine.forced[stage] = api.add_given(stage, function, mine)
        return mine

    def swap(stage: str, function: Callable[..., Exposure]) -> None:
        api.add_given(stage, function, own(None))  # a mistake in the name is one here, not in a run
        swapped[stage] = function

    monkeypatch.setattr(api, "own_plugins", own_with_swapped)
    return swap
