"""The plugin: it opens a folder of reference files that has an index, and adds files to one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from iris_core import Plugins, hookimpl

__all__ = ["add_to_store", "open_store"]


@hookimpl
def open_store(folder: Path, plugins: Plugins) -> object | None:
    """Return the provider for a folder that has an index; None for other folders."""
    from iris_references._index import ReferenceIndex
    from iris_references._provider import IndexedStore

    index = ReferenceIndex(folder)
    return IndexedStore(index, plugins.reference_type) if index.exists() else None


@hookimpl
def add_to_store(folder: Path, files: Sequence[Path], plugins: Plugins, replace: bool) -> list[str]:
    """Validate files and add them to a store, which is made where there is none; all of them, or none."""
    from iris_references._store import add_references

    return [one.entry.name for one in add_references(folder, files, plugins, replace=replace)]
