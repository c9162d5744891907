"""Find the installed plugins, and load those that every run needs."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterable

from iris_core import builtin
from iris_core.installed import find_installed
from iris_core.plugins import BUILTIN, Plugins

__all__ = ["load_plugins"]


def load_plugins(only: Iterable[str] | None = None) -> Plugins:
    """Return the built-in plugin and the installed ones; who says that it only brings stages is imported on demand.

    Parameters
    ----------
    only
        Names to load; None for all, or those in the environment variable ``IRIS_LOAD_PLUGINS`` (separated by commas).
    """
    wanted = _wanted(only)
    installed = {} if wanted is not None and not wanted else find_installed()
    plugins = Plugins({name: one for name, one in installed.items() if wanted is None or name in wanted})
    plugins.add(BUILTIN, builtin, importlib.metadata.version("iris-core"), BUILTIN)
    plugins.load_what_every_run_needs()
    return plugins


def _wanted(only: Iterable[str] | None) -> set[str] | None:
    if only is not None:
        return set(only)
    named = os.environ.get("IRIS_LOAD_PLUGINS")
    return None if named is None else {name.strip() for name in named.split(",") if name.strip()}
