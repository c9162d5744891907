"""Reference files as a product names them: what a replay gives to a run in the place of a store."""

from __future__ import annotations

from pathlib import Path

from iris_core import hookimpl

__all__: list[str] = []


@hookimpl
def open_store(folder: Path) -> object | None:
    """Return the provider for a folder that a replay has laid out; None for any other."""
    from iris_compare._recorded import LIST, RecordedReferences

    return RecordedReferences.read(folder) if (folder / LIST).is_file() else None
