"""The commands ``iris simulate`` and ``iris demo``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from iris_simulate._spec import SimulationSpec

__all__ = ["demo", "simulate"]

Command = TypeVar("Command", bound=Callable[..., Any])

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


def _spec_options(command: Command) -> Command:
    """Add one option for each field of `SimulationSpec`; one that is not given keeps the field's default."""
    for name, info in reversed(SimulationSpec.model_fields.items()):
        extra = info.json_schema_extra
        unit = f" [{extra['unit']}]" if isinstance(extra, dict) and "unit" in extra else ""
        default = "" if info.default in (None, "") else f"  [default: {info.default}]"
        kind = _Size() if name == "size" else next(iter(get_args(info.annotation)), info.annotation)
        option = click.option(
            f"--{name.replace('_', '-')}", name, type=kind, default=None, help=f"{info.description}{unit}{default}"
        )
        command = option(command)
    return command


@click.command()
@click.option("--out", required=True, type=_FOLDER, help="Folder to write into.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@_spec_options
def simulate(out: Path, overwrite: bool, **options: Any) -> None:
    """Write exposures with known truth, and the references that calibrate them.

    \b
    iris simulate --out sim --size 1024 --backgrounds 4
    iris run image2 sim/sim_IMG1_Kbb_0001_asn.json --reference store=sim/references
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_simulate import _demo
    from iris_simulate._simulation import simulate as make

    spec = _spec({name: value for name, value in options.items() if value is not None})
    _demo.print_written(_demo.write_with_progress(make(spec), out, overwrite))


def _spec(given: dict[str, Any]) -> SimulationSpec:
    from pydantic import ValidationError

    try:
        return SimulationSpec(**given)
    except ValidationError as error:
        lines = (f"--{'.'.join(map(str, one['loc'])).replace('_', '-')}: {one['msg']}" for one in error.errors())
        raise click.UsageError("; ".join(lines)) from None


@click.command()
@click.option("--out", default=Path("demo"), show_default=True, type=_FOLDER, help="Folder to write into.")
@click.option("--size", default="1024", show_default=True, type=_Size(), help="Columns and rows.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of all random numbers.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def demo(out: Path, size: tuple[int, int], seed: int, overwrite: bool) -> None:
    """Simulate an exposure, calibrate it with image2, and compare the result with the truth."""
    from iris_simulate import _demo

    _demo.run_demo(out, SimulationSpec(size=size, seed=seed, backgrounds=4), overwrite)
