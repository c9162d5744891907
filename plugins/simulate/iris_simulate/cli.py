"""The commands ``iris simulate`` and ``iris demo``."""

from __future__ import annotations

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


@click.command(cls=ModelCommand, model="iris_simulate._spec:SimulationSpec", kinds={"size": _Size()})
@click.option("--out", required=True, type=_FOLDER, help="Folder to write into.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def simulate(out: Path, overwrite: bool, given: dict[str, Any]) -> None:
    """Write exposures with known truth, and the references that calibrate them.

    \b
    iris simulate --out sim --size 1024 --backgrounds 4
    iris run image2 sim/sim_IMG1_Kbb_0001_asn.json --reference store=sim/references
    """  # noqa: D301 - click wants the character, not a backslash
    from iris_simulate import _demo
    from iris_simulate._simulation import simulate as make
    from iris_simulate._spec import SimulationSpec

    _demo.print_written(_demo.write_with_progress(make(SimulationSpec(**given)), out, overwrite))


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
