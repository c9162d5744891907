"""The public names of the packages beside the core, for Python: what is neither a hook nor the stage behind one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from _generate.markdown import cell, summary, table
from iris_core import Params

PLUGINS = Path(__file__).parents[2] / "plugins"
_OF_HOOKS = ("iris_core_impl", "iris_spec")


def section() -> str:
    """Return the section of the functions and classes that `__all__` of the packages names."""
    modules = [import_module(path.parent.name) for path in sorted(PLUGINS.glob("*/iris_*/__init__.py"))]
    rows = [
        (f"`{module.__name__}.{name}`", cell(summary(item)))
        for module in modules
        if module.__name__ != "iris_testkit"  # it has pages of its own
        for name, item in public(module)
    ]
    head = (
        "What a package may import of another one on which it depends. What carries out hooks is on the pages of the "
        "stages, with its parameters; `help(name)` has all of a docstring."
    )
    return f"## Other packages\n\n{head}\n\n{table(rows, 'name', '')}"


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the names of functions and classes of a package that are not for the framework."""
    items = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    checks = [one.iris_stage.check for one in items.values() if hasattr(one, "iris_stage")]
    for name, item in sorted(items.items()):
        is_code = isinstance(item, FunctionType) or (inspect.isclass(item) and not issubclass(item, Params))
        if is_code and item not in checks and not any(hasattr(item, mark) for mark in _OF_HOOKS):
            yield name, item
