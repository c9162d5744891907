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
RUNS = 9
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
IRIS = "from iris_core.cli import main; main()"


def install(site: Path, number: int) -> None:
    """Write a distribution as pip would leave it."""
    name = f"bench_flat_{number}"
    (site / f"{name}.py").write_text(SOURCE)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[iris_core]\n{name} = {name}\n")


def cpu_seconds(site: Path, code: str, *arguments: str) -> float:
    """Return user and system time of one Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONPYCACHEPREFIX": str(site / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its bytecode
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    here = len(entry_points(group="iris_core"))
    commands: dict[str, tuple[str, ...]] = {"numpy, pydantic": ("import numpy, pydantic",)}
    for arguments in (["--help"], ["list"], ["plugins"], ["show", "flat_field"]):
        commands[f"iris {' '.join(arguments)}"] = (IRIS, *arguments)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        for number in range(PLUGINS - here):
            install(site, number)
        for command in commands.values():
            cpu_seconds(site, *command)
        # In turns: what else the machine does meets all of them alike.
        rounds = [{name: cpu_seconds(site, *command) for name, command in commands.items()} for _ in range(RUNS)]
    print(f"{PLUGINS} plugins, {here} of them this repository's; CPU seconds, median of {RUNS} runs;")
    print("the last column: beyond the import of numpy and pydantic")
    for name in commands:
        times = [one[name] for one in rounds]
        beyond = median(one[name] - one["numpy, pydantic"] for one in rounds)
        print(f"{name:22} {median(times):.3f}  ({min(times):.3f} to {max(times):.3f})  {beyond:+.3f}")
