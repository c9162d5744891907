"""Time the stages of a program from within, for programs that do not tell."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Stopwatch:
    """Wall and CPU seconds of each stage, and the peak of memory up to its end [GB]."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done meanwhile."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.stages[name] = {"wall": wall, "cpu": cpu, "memory": _peak()}

    def show(self) -> None:
        """Print all stages as the last line."""
        print(json.dumps(self.stages))


def _peak() -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9
