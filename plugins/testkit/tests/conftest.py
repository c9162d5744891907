"""What the tests of the kit share: plugins that are written in the test, and how each rule of a class ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def make_plugin(tmp_path: Path) -> Iterator[Callable[..., ModuleType]]:
    """Return a function that writes a module and imports it."""
    made: list[str] = []

    def make(source: str, name: str = "offender") -> ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        module = sys.modules[name] = ModuleType(name)
        module.__file__ = str(path)
        made.append(name)
        SourceFileLoader(name, str(path)).exec_module(module)
        return module

    yield make
    for name in made:
        sys.modules.pop(name, None)


class Outcomes(dict[str, str]):
    """How each rule of a class ended: ``""`` where it passed, otherwise the kind of the outcome and its words."""

    @property
    def failed(self) -> set[str]:
        """The rules that failed."""
        return {rule for rule, words in self.items() if words.startswith(("Failed", "Error"))}

    @property
    def skipped(self) -> set[str]:
        """The rules that were skipped."""
        return {rule for rule, words in self.items() if words.startswith("Skipped")}


@pytest.fixture
def outcomes(tmp_path: Path) -> Callable[..., Outcomes]:
    """Return a function that tries the rules of a class, all or those that are named, and tells how each ended."""
    numbers = count()

    def find(kind: Any, *rules: str) -> Outcomes:
        tests = [getattr(kind, name) for name in dir(kind) if hasattr(getattr(kind, name), "iris_rule")]
        wanted = [test for test in tests if not rules or test.iris_rule in rules]
        folder = tmp_path / f"rules{next(numbers)}"
        return Outcomes({test.iris_rule: _outcome(test, kind(), folder / test.iris_rule) for test in wanted})

    return find


def _outcome(test: Callable[[Any, Path], None], tried: Any, folder: Path) -> str:
    folder.mkdir(parents=True)
    try:
        test(tried, folder)
    except (pytest.fail.Exception, pytest.skip.Exception) as outcome:
        return f"{type(outcome).__name__}: {outcome}"
    except Exception as error:
        return f"Error: {type(error).__name__}: {error}"
    return ""
