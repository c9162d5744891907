"""The commands ``iris simulate`` and ``iris demo``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from iris_core import ModelCommand

__all__ = ["demo", "simulate"]

_FOLDER = click.Path(path_type=Path, file_okay=False)


class _Size(click.ParamType[tuple[int, int]]):
    """Pixels of a frame: ``1024`` or ``2048x1024``, columns first."""

    name = "NX[xNY]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        columns, times, rows = str(value).lower().partition("x")
        try:
            return int(columns), int(rows if times else columns)
        except ValueError:
            self.fail(f"'{value}' is not a size such as 1024 or 2048x1024", param, ctx)


class _Names(click.ParamType[tuple[str, ...]]):
    """Names, separated by commas."""

    name = "NAME[,NAME]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = value if isinstance(value, tuple) else tuple(part.strip() for part in str(value).split(","))
        if not all(names):
            self.fail(f"'{value}' is not a list of names such as Kbb,Hbb", param, ctx)
        return names


class _CountOrNames(click.ParamType[int | tuple[str, ...]]):
    """How many, or names."""

    name = "N|NAME[,NAME]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | tuple[str, ...]:
        text = str(value).strip()
        return int(text) if text.isdecimal() else _Names().convert(value, param, ctx)


class _Simulate(ModelCommand, click.Group):
    """A command that also has commands below it."""


@click.group(
    cls=_Simulate,
    model="iris_simulate._spec:SimulationSpec",
    kinds={"size": _Size()},
    invoke_without_command=True,
    subcommand_metavar="[night ...]",
)
@click.option("--out", type=_FOLDER, help="Folder to write into.  [required]")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.pass_context
def simulate(ctx: click.Context, out: Path | None, overwrite: bool, given: dict[str, Any]) -> None:
    """Write exposures with known truth, and the references that calibrate them.

    \b
    iris simulate --out sim --size 1024 --backgrounds 4
    iris run image2 sim/sim_IMG1_Kbb_0001_asn.json --reference store=sim/references
    """  # noqa: D301 - click wants the character, not a backslash
    if ctx.invoked_subcommand is not None:
        _refuse_options_of_another(ctx, out is not None or overwrite or bool(given))
        return
    if out is None:
        raise click.MissingParameter(param_hint="'--out'", param_type="option", ctx=ctx)
    from iris_simulate import _demo
    from iris_simulate._simulation import simulate as make
    from iris_simulate._spec import SimulationSpec

    _demo.print_written(_demo.write_with_progress(make(SimulationSpec(**given)), out, overwrite))


def _refuse_options_of_another(ctx: click.Context, any_given: bool) -> None:
    if any_given:
        raise click.UsageError(f"the options of '{ctx.invoked_subcommand}' stand behind its name", ctx)


@simulate.command(
    cls=ModelCommand,
    model="iris_simulate._night_spec:NightSpec",
    kinds={"size": _Size(), "filters": _Names(), "detectors": _CountOrNames()},
    short_help="Raw darks, flats and science exposures of a night.",
)
@click.option("--out", required=True, type=_FOLDER, help="Folder to write into.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def night(out: Path, overwrite: bool, given: dict[str, Any]) -> None:
    """Write the raw exposures of a night with known truth: twilight flats, science, darks, lamp flats.

    One field of stars is seen by all detectors, in all filters. References for flux and distortion go into the folder
    references, the truth of each detector into the folder truth.

    \b
    iris simulate night --filters Kbb,Hbb --detectors 4 --dithers 5 --size 1024 --out raw
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_simulate import _demo
    from iris_simulate._night import simulate_night
    from iris_simulate._night_spec import NightSpec
    from iris_simulate._night_write import write_night

    made = simulate_night(NightSpec(**given))
    written = _demo.with_progress(partial(write_night, made, out, overwrite=overwrite))
    _demo.print_counts(out, made, written)


@click.command()
@click.option("--out", default=Path("demo"), show_default=True, type=_FOLDER, help="Folder to write into.")
@click.option("--size", default="1024", show_default=True, type=_Size(), help="Columns and rows.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of all random numbers.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def demo(out: Path, size: tuple[int, int], seed: int, overwrite: bool) -> None:
    """Simulate an exposure, calibrate it with image2, and compare the result with the truth."""
    from iris_simulate import _demo
    from iris_simulate._spec import SimulationSpec

    _demo.run_demo(out, SimulationSpec(size=size, seed=seed, backgrounds=4), overwrite)
