"""The commands ``iris verify``, ``iris used`` and ``iris prov``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from iris_verify._verify import Verdict

__all__ = ["prov", "used", "verify"]

_PATH = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.command(short_help="Verify products: checksums, keys, inputs and references.")
@click.argument("paths", nargs=-1, required=True, type=_PATH, metavar="FILES|FOLDER...")
@click.option(
    "--search", multiple=True, type=_FOLDER, metavar="FOLDER", help="Look for inputs and references there, too."
)
@click.option("--strict", is_flag=True, help="Inputs and references that are not found are an error.")
@_json
@click.pass_context
def verify(ctx: click.Context, paths: tuple[Path, ...], search: tuple[Path, ...], strict: bool, as_json: bool) -> None:
    """Verify FILES, or the products in a FOLDER and below, and exit with 1 if anything is wrong.

    Each file is followed to its end; CHECKSUM and DATASUM of each HDU, the sums of the blocks of ASDF, and the SHA-256
    in SHA256SUMS have to fit; the key has to be that of what the product says it was made of; and the exposures and
    references, found beside the product or under --search, have to be those that were used.

    \b
    iris verify out
    iris verify out/x_cal.fits --search raw --search references --strict
    iris verify archive --json > verified.json
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_core import print_json
    from iris_verify._verify import verify_files

    verdicts = verify_files(paths, search)
    failed = [one for one in verdicts if one.problems or (strict and one.missing)]
    content = _plain(verdicts, failed, strict)
    if as_json:
        print_json(content)
    else:
        _show(verdicts, content["summary"], strict)
    ctx.exit(1 if failed else 0)


def _plain(verdicts: list[Verdict], failed: list[Verdict], strict: bool) -> dict[str, Any]:
    from dataclasses import asdict

    size = sum(one.path.stat().st_size for one in verdicts if one.path.is_file())
    missing = {part for one in verdicts for part in one.missing}
    summary = f"{len(verdicts) - len(failed)} of {len(verdicts)} files are fine ({size / 1e9:.2f} GB)"
    summary += f", {len(failed)} are not" if failed else ""
    summary += (
        f"; {len(missing)} inputs and references were not found; --search FOLDER looks there, too" if missing else ""
    )
    return {
        "ok": not failed,
        "strict": strict,
        "summary": summary,
        "files": [{**asdict(one), "path": str(one.path)} for one in verdicts],
    }


def _show(verdicts: list[Verdict], summary: str, strict: bool) -> None:
    from iris_core import printable

    for one in verdicts:
        for words in one.problems:
            click.echo(printable(f"{one.path}: {words}"))
    for words, names in _alike((one.path.name, one.notes) for one in verdicts).items():
        click.echo(printable(f"note: {words}: {_some(names)}"))
    missing = ((one.path.name, [part.label for part in one.missing]) for one in verdicts)
    for words, names in _alike(missing).items():
        of = names[0] if len(names) == 1 else f"{len(names)} products"
        click.echo(printable(f"{'' if strict else 'note: '}not found: {words}, of {of}"))
    click.echo(printable(summary))


def _alike(said: Iterable[tuple[str, Iterable[str]]]) -> dict[str, list[str]]:
    """Return what is said of files, each with the names of those it is said of."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, remarks in said:
        for words in remarks:
            found[words].append(name)
    return found


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@click.command(short_help="List the products that a reference or an exposure went into.")
@click.argument("file", metavar="FILE|SHA256")
@click.option("--under", default=Path(), type=_FOLDER, metavar="FOLDER", help="Where the products are.  [default: .]")
@_json
def used(file: str, under: Path, as_json: bool) -> None:
    """List the products under a folder that FILE, a reference or an exposure, went into, from their own records.

    They are found by the SHA-256 of the file, and by its name; "another version" has the name and other bytes. A file
    that is gone is given by its name, or by its SHA-256.

    \b
    iris used references/IRIS_IMG1_FLAT_Kbb.fits --under out
    """  # noqa: D301 - click wants the character, not a backslash
    from dataclasses import asdict

    from iris_core import print_json, print_rows
    from iris_verify._used import find_uses

    uses = find_uses(file, under)
    if as_json:
        print_json([asdict(one) for one in uses])
    elif uses:
        rows = [
            {"product": str(one.product), "as": one.role, "file": "the same" if one.is_same else "another version"}
            for one in uses
        ]
        print_rows(f"{Path(file).name} went into", rows)
    else:
        click.echo(f"{Path(file).name} went into no product under {under}")


@click.command(short_help="Print the provenance of a product as W3C PROV-JSON.")
@click.argument("file", type=_PATH)
def prov(file: Path) -> None:
    """Print the provenance that a product keeps as W3C PROV-JSON: entities, activities, agents.

    \b
    iris prov out/x_cal.fits > x_cal.prov.json
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_core import print_json
    from iris_verify._prov import prov_document

    print_json(prov_document(file))
