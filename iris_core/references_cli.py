"""`iris references`: what a store of reference files has, takes in, gives out, and would choose."""

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
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")


@click.group(name="references")
def references() -> None:
    """Keep a store of reference files, and ask what it would choose."""


@references.command(name="add")
@click.argument("files", nargs=-1, required=True, type=_PATH)
@_STORE
@click.option("--replace", is_flag=True, help="Take the place of files of the same name.")
@_JSON
def add_command(files: tuple[Path, ...], store: Path, replace: bool, as_json: bool) -> None:
    """Judge FILES, copy them into the store and enter them into its index: all of them, or none."""
    from iris_core import references_show

    references_show.add(store, files, replace, as_json)


@references.command(name="list")
@_STORE
@click.option("--verify", is_flag=True, help="Read every file and compare its SHA-256; exit code 1 if any differs.")
@_JSON
def list_command(store: Path, verify: bool, as_json: bool) -> None:
    """List what the store has, and what is wrong with it."""
    from iris_core import references_show

    if not references_show.list_store(store, verify, as_json) and verify:
        raise SystemExit(1)


@references.command(name="remove")
@click.argument("names", nargs=-1, required=True)
@_STORE
@click.option("--delete", is_flag=True, help="Delete the files, too; otherwise they stay in the folder, unused.")
@_JSON
def remove_command(names: tuple[str, ...], store: Path, delete: bool, as_json: bool) -> None:
    """Take files out of the index, by the NAMES that `iris references list` shows."""
    from iris_core import references_show

    references_show.remove(store, names, delete, as_json)


@references.command(name="explain")
@click.argument("files", nargs=-1, required=True, type=_PATH)
@click.option("--recipe", default="image2", show_default=True, help="Whose steps need the references.")
@click.option("--store", type=_PATH, metavar="DIR", help="The store.  [default: the recipe's, or IRIS_REFERENCES]")
@click.option("--plugin", "plugin_files", multiple=True, type=_PATH, metavar="FILE.py", help="A plugin of one file.")
@click.option("--instrument", default="", metavar="MODE", help="Instrument mode, whatever the header says.")
@_JSON
def explain_command(files: tuple[Path, ...], recipe: str, store: Path | None, as_json: bool, **options: Any) -> None:
    """Show for each exposure which reference files are chosen, and on what the others lost."""
    from iris_core import references_show
    from iris_core.overrides import Overrides

    overrides = Overrides(references={"store": store} if store else {}, **options)
    if not references_show.explain(files, recipe, overrides, as_json):
        raise SystemExit(1)
