"""The command ``iris new-plugin``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from iris_new_plugin._kinds import Blueprint
    from iris_new_plugin._stages import Installed

__all__ = ["new_plugin"]

Command = TypeVar("Command", bound=Callable[..., Any])
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(context_settings={"max_content_width": 110})
def new_plugin() -> None:
    """Make a complete package of a plugin of your own: code that runs, tests that pass, a recipe, a README.

    \b
    iris new-plugin stage my-dark --stage dark_current       another implementation of a stage
    iris new-plugin new-stage my-destripe --stage destripe   a new stage
    iris new-plugin new-stage my-median --stage median --group   a new stage of many exposures
    iris new-plugin mode my-camera --reader                  an instrument mode, and a reader of its raw frames
    iris new-plugin references my-archive                    a provider of reference files
    """  # noqa: D301 - click wants the character, not a backslash


def _common_options(command: Command) -> Command:
    """Add what every kind takes."""
    options = (
        click.argument("name"),
        click.option(
            "--out",
            type=_FOLDER,
            default=Path(),
            help="Folder in which the folder NAME is made.  [default: the current one]",
        ),
        click.option("--author", callback=_one_line, help="Who holds the copyright.  [default: git's user.name]"),
        click.option("--email", callback=_checked_email, default="", help="Address of the author.  [default: none]"),
        click.option("--description", callback=_one_line, default="", help="What it is, in one sentence."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _one_line(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    if text and not text.isprintable():
        raise click.BadParameter("one line of printable text is needed")
    return text.strip() if text else text


def _checked_email(_ctx: click.Context, _parameter: click.Parameter, address: str) -> str:
    if address and not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", address):
        raise click.BadParameter(f"'{address}' is not an address such as me@example.org")
    return address


@new_plugin.command(short_help="Another implementation of a stage.")
@_common_options
@click.option("--stage", "of", metavar="STAGE", default="", help="The stage; iris list shows those there are.")
def stage(name: str, of: str, **common: Any) -> None:
    """Make another implementation of a stage, of any that is installed.

    What is made computes something real: background, parse_subarray_map, assign_wcs, dark_current, flat_field, photom
    and resample each have templates of their own; an implementation of any other stage flags values that noise cannot
    explain.

    \b
    iris new-plugin stage my-dark --stage dark_current
    iris new-plugin stage lab-mask --stage flag_bad_pixels --author "The lab" --out ~/code
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_new_plugin import _kinds

    installed = _survey_for(name)
    _make(name, _kinds.stage(name, of or _ask_for_stage(installed.stages), installed), **common)


@new_plugin.command(name="new-stage", short_help="A new stage.")
@_common_options
@click.option("--stage", "called", metavar="STAGE", default="", help="Its name, which is that of a function.")
@click.option("--group", is_flag=True, help="A stage of many exposures, which makes one image of them.")
def new_stage(name: str, called: str, group: bool, **common: Any) -> None:
    """Make a new stage, and an implementation of it.

    As made it subtracts a fixed pattern of the detector, which a reference file of a type of its own gives. With
    --group it is given many exposures, and makes their median.

    \b
    iris new-plugin new-stage my-destripe --stage destripe
    iris new-plugin new-stage my-median --stage median_image --group
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_new_plugin import _kinds

    installed = _survey_for(name)
    called = called or _ask("Name of the new stage", "the option --stage is missing: the name of the new stage")
    _make(name, _kinds.new_stage(name, called, installed, group=group), **common)


@new_plugin.command(short_help="An instrument mode.")
@_common_options
@click.option("--reader", is_flag=True, help="With a reader of raw frames: counts become rates with errors.")
def mode(name: str, reader: bool, **common: Any) -> None:
    """Make an instrument mode: the numbers of a camera, each with its source, and a recipe for it.

    With --reader it reads raw frames of the camera, too: from counts, gain, read noise, DIT and NDIT it makes a rate
    with its errors. Without it files have to follow the layouts of iris.

    \b
    iris new-plugin mode my-camera --reader
    iris new-plugin mode my-camera
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_new_plugin import _kinds

    _make(name, _kinds.mode(name, reader, _survey_for(name)), **common)


@new_plugin.command(short_help="A provider of reference files.")
@_common_options
def references(name: str, **common: Any) -> None:
    """Make a provider of reference files: an archive behind HTTP, with an index and a cache on this machine.

    \b
    iris new-plugin references my-archive
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_new_plugin import _kinds

    _survey_for(name)
    _make(name, _kinds.references(name), **common)


def _survey_for(name: str) -> Installed:
    """Return what is declared on this machine; a name that is taken there, or is not a name, is an error."""
    from iris_new_plugin._names import check_name
    from iris_new_plugin._stages import survey

    installed = survey()
    check_name(name, installed.plugins)
    return installed


def _ask_for_stage(stages: Collection[str]) -> str:
    listed = ", ".join(sorted(stages))
    return _ask(f"Stage ({listed})", f"the option --stage is missing; stages: {listed}")


def _ask(question: str, otherwise: str) -> str:
    """Ask at a terminal; elsewhere it is an error."""
    if not sys.stdin.isatty():
        raise click.UsageError(otherwise)
    return str(click.prompt(question)).strip()


def _make(name: str, blueprint: Blueprint, out: Path, author: str | None, email: str, description: str) -> None:
    import shlex

    from iris_core import printable
    from iris_new_plugin._render import render
    from iris_new_plugin._write import check_folder, tree_of, write_package

    folder = out.expanduser() / name
    check_folder(folder)
    signed = blueprint.signed(author or _git_author() or f"The {name} developers", email, description)
    files = render(signed.layers, signed.values)
    write_package(files, folder)
    click.echo("\n".join([printable(f"{folder}/"), *tree_of(files), "", "Next:", ""]))
    click.echo(f'  cd {printable(shlex.quote(str(folder)))}\n  pip install -e ".[test]"\n  pytest')


def _git_author() -> str:
    """Return the name that git signs with, ``""`` where it has none."""
    import subprocess

    command = ["git", "config", "--get", "user.name"]
    try:
        name = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
    return name if name.isprintable() else ""
