"""Reference files: chosen by hand or from a folder, and read once for all stages of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from iris_core.plugins import Plugins
    from iris_core.recipe import Recipe
    from iris_core.reference import ReferenceFiles


@hookimpl
def open_references(recipe: Recipe, plugins: Plugins) -> ReferenceFiles:
    """Return the reference files of a run: those that the recipe names, and those of the providers."""
    from iris_core.references.choosing import RunReferences

    return RunReferences(recipe, plugins)


@hookimpl
def open_store(folder: Path, plugins: Plugins) -> object:
    """Return the provider for a folder that is searched by the headers of the files in it."""
    from iris_core.references.folder import ReferenceFolder

    return ReferenceFolder(folder, plugins.reference_type)
