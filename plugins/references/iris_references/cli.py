"""`iris references`: add files to a store, list and remove them, and explain what is chosen for an exposure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["references"]

_PATH = click.Path(path_type=Path)
_STORE = click.option(
    "--store",
    required=True,
    envvar="IRIS_REFERENCES",
    type=_PATH,
    metavar="DIR",
    help="The store.  [default: IRIS_REFERENCES]",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.group()
def references() -> None:
    """Keep a store of reference files, and explain which of them an exposure gets."""


@references.command(short_help="Validate files and add them to the store.")
@click.argument("files", nargs=-1, required=True, type=_PATH)
@_STORE
@click.option("--replace", is_flag=True, help="Replace files of the same names.")
@_JSON
def add(files: tuple[Path, ...], store: Path, replace: bool, as_json: bool) -> None:
    """Validate FILES and add them to the store; if any is invalid, none is added."""
    from iris_references import _show

    _show.add(store, files, replace, as_json)


@references.command(name="list", short_help="List the files of the store.")
@_STORE
@click.option("--verify", is_flag=True, help="Read every file and compare its SHA-256; exit code 1 if any differs.")
@_JSON
def list_(store: Path, verify: bool, as_json: bool) -> None:
    """List the files of the store, and what is wrong with them."""
    from iris_references import _show

    if not _show.list_store(store, verify, as_json) and verify:
        raise SystemExit(1)


@references.command(short_help="Remove files from the index.")
@click.argument("names", nargs=-1, required=True)
@_STORE
@click.option("--delete", is_flag=True, help="Also delete the files; otherwise they stay in the folder, unused.")
@_JSON
def remove(names: tuple[str, ...], store: Path, delete: bool, as_json: bool) -> None:
    """Remove files from the index, by the NAMES that `iris references list` shows."""
    from iris_references import _show

    _show.remove(store, names, delete, as_json)


@references.command(short_help="Show which files an exposure gets, and why.")
@click.argument("files", nargs=-1, required=True, type=_PATH)
@click.option("--recipe", default="image2", show_default=True, help="The recipe whose steps need the references.")
@click.option("--store", type=_PATH, metavar="DIR", help="The store.  [default: the recipe's, or IRIS_REFERENCES]")
@click.option(
    "--plugin", "plugin_files", multiple=True, type=_PATH, metavar="FILE.py", help="Load a single-file plugin."
)
@click.option("--instrument", default="", metavar="MODE", help="Instrument mode, even if the header contradicts it.")
@_JSON
def explain(files: tuple[Path, ...], recipe: str, store: Path | None, as_json: bool, **options: Any) -> None:
    """Show which reference files each exposure gets, and why each other candidate was rejected."""
    from iris_core import Overrides
    from iris_references import _show

    overrides = Overrides(references={"store": store} if store else {}, flags=True, **options)
    if not _show.explain(files, recipe, overrides, as_json):
        raise SystemExit(1)
