"""What the tests of every package share: neither the shell nor another test has a say in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A folder of the test may serve all its examples; a slow machine is no failure.
settings.register_profile("iris", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.register_profile("thorough", settings.get_profile("iris"), max_examples=3000)  # --hypothesis-profile=thorough
settings.load_profile("iris")

# Rules of the kit that start processes or write files for every plugin, and how long they take.
MARKS = {
    "test_it_runs_in_a_spawned_process": pytest.mark.slow,
    "test_from_files_it_makes_the_same": pytest.mark.slow,
    "test_memory_does_not_grow_with_their_number": pytest.mark.acceptance,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark rules of the kit that are slow for every plugin."""
    for item in items:
        if item.name in MARKS:
            item.add_marker(MARKS[item.name])


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the reference folder and the plugins that the shell names out of the tests."""
    monkeypatch.delenv("IRIS_REFERENCES", raising=False)
    monkeypatch.delenv("IRIS_LOAD_PLUGINS", raising=False)


@pytest.fixture
def log_as_it_was() -> Iterator[None]:
    """Put the root logger back as it was: commands give it handlers of their own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
