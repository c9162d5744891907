"""Time `iris run image2` on one exposure of a full 4096 x 4096 detector, as a whole process, and `iris --help`.

python benchmarks/run_image2.py [--size 4096] [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile

import numpy as np

IRIS = str(Path(sys.executable).with_name("iris"))


def measure(command: list[str]) -> tuple[dict[str, float], str]:
    """Run a command and return its wall and CPU seconds, its peak memory in GB, and what it printed."""
    start = time.perf_counter()
    with TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        if status:
            sys.exit(f"{' '.join(command)} failed")
        output.seek(0)
        printed = output.read()
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1e6}, printed


def touch_memory() -> None:
    """Touch 4 GB and give them back: an idle machine is slow to hand out memory the first time."""
    subprocess.run([sys.executable, "-c", "import numpy; numpy.ones(1 << 29)"], check=True)


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        simulated = [IRIS, "simulate", "--out", f"{folder}/set", "--size", str(options.size)]
        subprocess.run(simulated, check=True, capture_output=True)
        (rate,) = Path(folder, "set").glob("*_rate.fits")
        command = [IRIS, "run", "image2", str(rate), "--reference", f"store={folder}/set/references"]
        rows = []
        for number in range(options.runs):
            touch_memory()
            figures, printed = measure([*command, "--output-dir", f"{folder}/{number}", "--json"])
            rows.append(figures)
    print(f"iris run image2, {options.size} x {options.size}, no background, median of {options.runs} runs")
    for name, unit in {"wall": "s", "cpu": "s", "memory": "GB"}.items():
        print(f"  {name:22s} {median(row[name] for row in rows):6.2f} {unit}")
    for record in json.loads(printed)["exposures"][0]["history"]:
        print(f"  {record['stage']:22s} {record['seconds']:6.2f} s  {record['status']}")
    helps = [measure([IRIS, "--help"])[0]["cpu"] for _ in range(7)]
    print(f"iris --help              {np.median(helps):6.2f} s of CPU")


if __name__ == "__main__":
    main()
