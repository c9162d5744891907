"""Measure whole processes: wall and CPU seconds and peak memory; commands in turn, so that what else runs meets all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile

Figures = dict[str, float]
Rounds = dict[str, list[Figures]]

IRIS = str(Path(sys.executable).with_name("iris"))
# One thread for each matrix, in all programs: ours are small, and threads of BLAS would wait for each other.
VARIABLES = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def measure(command: Sequence[str], nice: int = 0) -> tuple[Figures, str]:
    """Run a command.

    Parameters
    ----------
    command
        The program and its arguments.
    nice
        Added to the niceness of the process; below 0 takes rights.

    Returns
    -------
    tuple
        Wall and CPU seconds and the peak of memory in GB (10^9 bytes), and what was printed to standard output. The
        peak is never below the memory of this process: the kernel hands it on to what it starts.
    """
    whole = ["nice", "-n", str(nice), *command] if nice else list(command)
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(whole, stdout=output, stderr=errors, env={**os.environ, **VARIABLES})
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (output, errors):
            file.seek(0)
        if status:
            sys.exit(f"{' '.join(command)} failed:\n{errors.read()[-4000:]}")
        printed = output.read()
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall": wall, "cpu": cpu, "memory": usage.ru_maxrss * 1024 / 1e9}, printed


def touch_memory(gigabytes: int = 4) -> None:
    """Touch memory and give it back: an idle machine is slow to hand out memory the first time."""
    subprocess.run([sys.executable, "-c", f"b'1' * ({gigabytes} << 30)"], check=True)


def in_turn(
    commands: Mapping[str, Sequence[str]],
    runs: int,
    after: Callable[[str, str], object] = lambda name, printed: None,
    nice: int = 0,
    gigabytes: int = 4,
) -> Rounds:
    """Run commands in turn, each round from another one on.

    Parameters
    ----------
    commands
        By name.
    runs
        How many rounds.
    after
        Called after each run with the name of the command and what it printed: here its products are removed.
    nice
        As in `measure`.
    gigabytes
        Memory to touch before each run.

    Returns
    -------
    dict
        The figures of each round by the name of the command.
    """
    rounds: Rounds = {name: [] for name in commands}
    names = list(commands)
    for number in range(runs):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if gigabytes:
                touch_memory(gigabytes)
            figures, printed = measure(commands[name], nice)
            rounds[name].append(figures)
            after(name, printed)
    return rounds


def medians(rows: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return {key: median(row[key] for row in rows) for key in rows[0]}


def ratios(rows: Sequence[Figures], others: Sequence[Figures], key: str) -> list[float]:
    """Return the ratio of a figure in each round."""
    return [row[key] / other[key] for row, other in zip(rows, others, strict=True)]
