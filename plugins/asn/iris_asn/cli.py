"""The command ``iris asn``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from iris_asn._group import Grouping

__all__ = ["asn"]

_PATH = click.Path(path_type=Path)


def _roles(_ctx: click.Context, option: click.Parameter, values: Iterable[str]) -> dict[Path, str]:
    """Return ROLE=FILE options as the role of each file; a role may be given to several."""
    found = {}
    for item in values:
        role, equals, path = item.partition("=")
        if not (equals and role.strip() and path):
            raise click.BadParameter(f"{item!r} is not {option.metavar}")
        found[Path(path)] = role.strip().casefold()
    return found


@click.command(name="asn", short_help="Group exposures for a recipe and write an association file.")
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FILES|FOLDER...")
@click.option("--recipe", default="image2", show_default=True, help="The recipe that will be run.")
@click.option(
    "--like", default="", metavar="RECIPE", help="Group as for this recipe.  [default: one of the same roles]"
)
@click.option(
    "--member",
    "members",
    multiple=True,
    callback=_roles,
    metavar="ROLE=FILE",
    help="The role of a file, whatever its header says; refcat=FILE and objects=FILE are for each product.",
)
@click.option("--background", "backgrounds", multiple=True, type=_PATH, help="The same as --member background=FILE.")
@click.option("-o", "--output", type=_PATH, metavar="FILE.json", help="Association file.  [default: standard output]")
@click.option("--max-backgrounds", "most", type=click.IntRange(min=1), help="At most this many, the nearest in time.")
@click.option("--overwrite", is_flag=True, help="Replace an association file that exists.")
def asn(
    files: tuple[Path, ...],
    recipe: str,
    like: str,
    members: dict[Path, str],
    backgrounds: tuple[Path, ...],
    output: Path | None,
    most: int | None,
    overwrite: bool,
) -> None:
    """Group the exposures in FILES, or in a FOLDER, for a recipe, and write an association file.

    For image2 each science exposure is one product, with the background exposures (IMTYPE SKY) of its instrument,
    detector, filter and read mode. Other recipes take many exposures: image3 those of a filter and a target,
    create-dark those of a detector, read mode and exposure time, create-flat those of a detector and filter.

    \b
    iris asn x_rate.fits y_rate.fits sky_rate.fits -o night.json
    iris run image2 night.json
    iris asn --recipe create-dark night/ -o night/darks.json
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_asn._files import check_target, jobs_of, outside
    from iris_asn._recipes import read
    from iris_asn._rules import find_rule
    from iris_asn._show import show_grouping
    from iris_core import InputError, describe_asn, print_json, printable, write_asn

    like, taken = read(recipe, like)
    rule = find_rule(recipe, like, taken)
    if most is not None and not rule.alone:
        raise click.UsageError(f"--max-backgrounds: {recipe} takes all background exposures of a group")
    if output is not None:
        check_target(output, overwrite=overwrite, inputs=(*files, *members, *backgrounds))
    roles = members | dict.fromkeys(backgrounds, "background")
    grouping = _group(files, recipe, roles, like=like, members=taken, most=most)
    if not grouping.groups:
        with redirect_stdout(sys.stderr):
            show_grouping(grouping, rule)
        raise InputError(f"no {rule.first} exposure is among the files, so there is nothing to associate")
    jobs = jobs_of(grouping.groups)
    content = describe_asn(jobs, output.parent if output else Path(), recipe)
    if output is None:
        print_json(content)
    else:
        write_asn(jobs, output, recipe=recipe, overwrite=overwrite)
    # The association alone goes to standard output where no file was named.
    with redirect_stdout(sys.stderr) if output is None else nullcontext():
        show_grouping(grouping, rule)
        if beyond := outside(content):
            click.echo(f"{len(beyond)} files are outside the folder of the association: iris run needs --allow-outside")
        if output is not None:
            click.echo(f"-> {printable(output)}")


def _group(files: tuple[Path, ...], recipe: str, roles: dict[Path, str], **options: Any) -> Grouping:
    """Read headers and group; a file to which a role was given has to be in a group."""
    from dataclasses import replace

    from iris_asn._files import read_outlines, require_references
    from iris_asn._group import group_exposures
    from iris_core import InputError, load_plugins

    references = require_references(roles)
    exposures = {path: role for path, role in roles.items() if path not in references.values()}
    outlines, left_out = read_outlines((*files, *exposures), load_plugins(), but=references.values())
    grouping = group_exposures(outlines, recipe, roles=exposures, references=references, **options)
    unused = [path for path in exposures if path in grouping.left_out and options["most"] is None]
    if unused:
        raise InputError("; ".join(f"{_option(exposures[path], path)}: {grouping.left_out[path]}" for path in unused))
    return replace(grouping, left_out=dict(sorted((left_out | dict(grouping.left_out)).items())))


def _option(role: str, path: Path) -> str:
    return f"--background {path}" if role == "background" else f"--member {role}={path}"
