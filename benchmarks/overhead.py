"""What the framework costs: commands that calibrate nothing, with twenty plugins or more, and one more exposure.

python benchmarks/overhead.py [--runs 9]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from statistics import median

from measure import IRIS, in_turn
from scenes import fast_folder, quietly

PLUGINS = 20
EXPOSURES = 17
SIZE = 64
SOURCE = '''\
"""A plugin like others: parameters and a stage."""

from __future__ import annotations

import numpy as np

from iris_core import Exposure, Params, References, parameter, stage


class FlatParams(Params):
    """Parameters."""

    factor: float = parameter(1.0, "Factor on the data.", gt=0)
    clip: float | None = parameter(None, "Largest value.")
    names: tuple[str, ...] = parameter((), "Names.")


@stage("flat_field", params=FlatParams, references=("flat",))
def divide(exposure: Exposure, params: FlatParams, references: References) -> Exposure:
    """Divide by the flat."""
    return exposure.scale(np.float32(params.factor) / references["flat"].image(exposure).data).mask_invalid()
'''
CLI = "from iris_core.cli import main; main()"


def install(site: Path, number: int) -> None:
    """Write a distribution as pip would leave it."""
    name = f"bench_flat_{number}"
    (site / f"{name}.py").write_text(SOURCE)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[iris_core]\n{name} = {name}\n")


def start_up(runs: int) -> None:
    """Print the time of commands that calibrate nothing."""
    here = len(entry_points(group="iris_core"))
    commands: dict[str, list[str]] = {"numpy, pydantic": ["-c", "import numpy, pydantic"]}
    for arguments in (["--help"], ["list"], ["plugins"], ["show", "flat_field"]):
        commands[f"iris {' '.join(arguments)}"] = ["-c", CLI, *arguments]
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        for number in range(PLUGINS - here):
            install(site, number)
        # What is installed has its bytecode: it is kept here, and a first round writes it.
        given = [f"PYTHONPATH={site}", f"PYTHONPYCACHEPREFIX={site / 'cache'}"]
        python = ["env", "-u", "PYTHONDONTWRITEBYTECODE", *given, sys.executable]
        rounds = in_turn({name: [*python, *words] for name, words in commands.items()}, runs + 1, gigabytes=0)
    print(f"CPU seconds of commands with {max(PLUGINS, here)} plugins, {here} of them this repository's;")
    print(f"median of {runs} runs; the last column: beyond the import of numpy and pydantic")
    for name, rows in rounds.items():
        times = [row["cpu"] for row in rows[1:]]
        beyond = median(
            row["cpu"] - less["cpu"] for row, less in zip(rows[1:], rounds["numpy, pydantic"][1:], strict=True)
        )
        print(f"  {name:22} {median(times):.3f}  ({min(times):.3f} to {max(times):.3f})  {beyond:+.3f}")


def each_exposure(runs: int) -> None:
    """Print what one more exposure, so small that its pixels cost nothing, costs beyond the first."""
    with tempfile.TemporaryDirectory(dir=fast_folder(SIZE)) as folder:
        simulated = ("simulate", "--out", f"{folder}/set", "--size", SIZE, "--dithers", EXPOSURES, "--stars", 1)
        quietly(IRIS, *simulated)
        rates = sorted(str(path) for path in Path(folder).glob("set/*_rate.fits"))
        rest = ["--reference", f"store={folder}/set/references", "--output-dir", f"{folder}/out"]
        commands = {str(number): [IRIS, "run", "image2", *rates[:number], *rest] for number in (1, EXPOSURES)}
        rounds = in_turn(commands, runs, lambda *_: shutil.rmtree(f"{folder}/out"), gigabytes=0)
    print(f"image2 of exposures of {SIZE} x {SIZE} pixels, median of {runs} runs")
    one, many = rounds.values()
    for key in ("wall", "cpu"):
        more = median((row[key] - less[key]) / (EXPOSURES - 1) for row, less in zip(many, one, strict=True))
        print(
            f"  {key:5s} the first {median(row[key] for row in one):.3f} s, each of {EXPOSURES - 1} more {more:.4f} s"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    start_up(options.runs)
    each_exposure(options.runs)
