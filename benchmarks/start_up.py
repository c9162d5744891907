"""CPU time of commands that calibrate nothing, with twenty plugins installed: `python benchmarks/start_up.py`."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from statistics import median

PLUGINS = 20
RUNS = 7
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


def install(site: Path, number: int) -> None:
    """Write a distribution as pip would leave it."""
    name = f"bench_flat_{number}"
    (site / f"{name}.py").write_text(SOURCE)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = f"[iris_core]\n{name} = {name}\n\n[iris_core.api1]\nflat_field = {name}\n"
    (info / "entry_points.txt").write_text(points)


def cpu_seconds(arguments: list[str], site: Path) -> float:
    """Return user and system time of one `iris` process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    code = "from iris_core.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    here = len(entry_points(group="iris_core"))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PLUGINS - here):
            install(Path(folder), number)
        print(f"{PLUGINS} plugins, {here} of them this repository's; CPU seconds, median of {RUNS} runs")
        for arguments in (["--help"], ["list"], ["plugins"], ["show", "flat_field"]):
            cpu_seconds(arguments, Path(folder))
            times = [cpu_seconds(arguments, Path(folder)) for _ in range(RUNS)]
            print(f"iris {' '.join(arguments):16} {median(times):.3f}  ({min(times):.3f} to {max(times):.3f})")
