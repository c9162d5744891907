"""The plugin: it opens a folder of reference files that has an index."""

from __future__ import annotations

from pathlib import Path

from iris_core import Plugins, hookimpl

__all__ = ["open_store"]


@hookimpl
def open_store(folder: Path, plugins: Plugins) -> object | None:
    """Return the provider for a folder that has an index; None for other folders."""
    from iris_references._index import ReferenceIndex
    from iris_references._provider import IndexedStore

    index = ReferenceIndex(folder)
    return IndexedStore(index, plugins.reference_type) if index.exists() else None
