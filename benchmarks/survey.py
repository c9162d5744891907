"""Estimate on paper what a survey takes, simulate it, and compare the simulation with a run of small exposures.

python benchmarks/survey.py                                   # the table for 10^7 exposures, in seconds
python benchmarks/survey.py --check [--exposures 200] [--workers 2] [--size 64]   # a run, in minutes
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from heapq import heapify, heapreplace
from pathlib import Path
from random import Random
from statistics import fmean
from tempfile import TemporaryDirectory
from threading import Lock
from time import perf_counter, sleep

from measure import IRIS
from scenes import quietly

MOST_TASKS = 10**6  # simulated; a longer survey is in proportion
WITHIN = 0.15  # of the run, the simulation


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Exposures and the machines that calibrate them.

    Parameters
    ----------
    exposures, chunk
        How many there are, and how many go into one task.
    workers
        Tasks at a time, one core each.
    seconds
        Work on one exposure, planning included [s].
    volume, bandwidth
        Bytes read and written for one exposure, and by all workers in a second.
    rate
        Tasks that the scheduler starts in a second.
    lost
        The part of the tasks whose worker is lost; they are done again.
    """

    exposures: int
    workers: int
    bandwidth: float
    volume: float
    chunk: int
    seconds: float = 5.01
    rate: float = 300.0
    lost: float = 0.0


# NIGHT: 10^7 exposures of 4096 x 4096: two rates in, cal and i2d out; then with fewer planes, compressed.
SURVEYS = [
    Survey(exposures=10**7, workers=1000, bandwidth=1e10, volume=1.2e9, chunk=10, lost=0.001),
    Survey(exposures=10**7, workers=1000, bandwidth=1e11, volume=1.2e9, chunk=10, lost=0.001),
    Survey(exposures=10**7, workers=1000, bandwidth=1e11, volume=0.3e9, chunk=10, lost=0.001),
    Survey(exposures=10**7, workers=4000, bandwidth=1e12, volume=0.3e9, chunk=1, lost=0.001),
]


def on_paper(survey: Survey) -> dict[str, float]:
    """Return how long the cores, the file system and the scheduler alone would take [s]: the longest one counts."""
    tasks = survey.exposures / survey.chunk
    return {
        "cores": survey.exposures * survey.seconds / survey.workers,
        "files": survey.exposures * survey.volume / survey.bandwidth,
        "scheduler": tasks / survey.rate,
    }


def simulate(survey: Survey, seed: int = 1) -> float:
    """Return how long a survey takes [s]: workers in a heap by the time at which they are free, and two queues.

    The scheduler starts one task after the other; the file system serves one task after the other when its work is
    done. A worker is lost at a random moment of its task, before its files.
    """
    all_tasks = -(-survey.exposures // survey.chunk)
    tasks = min(all_tasks, MOST_TASKS)
    work = survey.chunk * survey.seconds
    transfer = survey.chunk * survey.volume / survey.bandwidth
    free, random = [0.0] * survey.workers, Random(seed)
    heapify(free)
    scheduler = files = 0.0
    while tasks:
        scheduler += 1 / survey.rate
        begin = max(free[0], scheduler)
        if survey.lost and random.random() < survey.lost:
            heapreplace(free, begin + random.random() * work)
            continue
        files = max(files, begin + work) + transfer
        heapreplace(free, files)
        tasks -= 1
    return max(max(free), files) * all_tasks / min(all_tasks, MOST_TASKS)


class Machine:
    """Workers that run `iris` on one machine, and a slow file system behind them.

    Parameters
    ----------
    folder
        Of the simulated exposures.
    workers
        Tasks at a time.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.workers, self.files = folder, workers, Lock()

    def run(self, chunks: Sequence[Sequence[str]], transfer: float) -> tuple[float, float]:
        """Return how long tasks of some exposures each take together, and the mean of their work alone [s].

        Parameters
        ----------
        chunks
            The exposures of each task.
        transfer
            How long the file system takes for the files of a task [s], one task after the other.
        """
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        begin = perf_counter()
        with ThreadPoolExecutor(self.workers) as pool:
            work = [*pool.map(lambda chunk: self._task(chunk, transfer), chunks)]
        return perf_counter() - begin, fmean(work)

    def _task(self, chunk: Sequence[str], transfer: float) -> float:
        store, sky = f"store={self.folder}/references", f"{self.folder}/sim_IMG1_Kbb_sky0001_rate.fits"
        options = ["--reference", store, "--background", sky, "--output-dir", f"{self.folder}/out"]
        begin = perf_counter()
        quietly(IRIS, "run", "image2", *chunk, *options)
        work = perf_counter() - begin
        with self.files:
            sleep(transfer)
        return work


def copies(folder: Path, number: int, size: int) -> list[str]:
    """Write a simulated exposure with one of the sky, and return as many copies of it."""
    options = ["--filter", "Kbb", "--size", str(size), "--dithers", "1", "--backgrounds", "1"]
    quietly(IRIS, "simulate", *options, "--out", str(folder))
    names = [folder / f"x{at:04}_rate.fits" for at in range(number)]
    for name in names:
        shutil.copy(folder / "sim_IMG1_Kbb_0001_rate.fits", name)
    return [*map(str, names)]


def compare(exposures: int, workers: int, size: int, chunk: int, folder: Path) -> bool:
    """Run small exposures with a fast and with a slow file system, and print both beside the simulation.

    The simulation is given the mean work on a task of this very run: what else the machine does changes that by
    factors. Compared is the rest: workers that wait for each other, for their files, and for the last one.
    """
    names = copies(folder, exposures, size)
    chunks = [names[at : at + chunk] for at in range(0, len(names), chunk)]
    machine, good, work = Machine(folder, workers), True, 0.0
    for name, busy in (("fast", 0.0), ("slow", 2.0)):
        transfer = busy * work / workers  # 2: the files take twice as long as the work
        real, work = machine.run(chunks, transfer)
        given = Survey(exposures=exposures, workers=workers, chunk=chunk, bandwidth=1.0, volume=transfer / chunk)
        told = simulate(replace(given, seconds=work / chunk))
        print(f"{name}  {work:5.1f} s of work, {transfer:5.1f} s of files in each task: ", end="")
        print(f"run {real:6.1f} s, simulated {told:6.1f} s ({told / real - 1:+.1%})", flush=True)
        good &= abs(told / real - 1) < WITHIN
    return good


def table() -> None:
    """Print the estimates on paper, and what is simulated [h]."""
    print(
        f"{'workers':>8} {'GB/s':>6} {'GB':>5} {'chunk':>5} {'cores':>8} {'files':>8} {'scheduler':>9} {'simulated':>9}"
    )
    for one in SURVEYS:
        hours = [seconds / 3600 for seconds in (*on_paper(one).values(), simulate(one))]
        facts = f"{one.workers:8} {one.bandwidth / 1e9:6.0f} {one.volume / 1e9:5.1f} {one.chunk:5}"
        print(f"{facts} {hours[0]:8.1f} {hours[1]:8.1f} {hours[2]:9.1f} {hours[3]:9.1f}")


def main() -> None:
    """Print the table, or compare with a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    for name, default in (("exposures", 200), ("workers", 2), ("size", 64), ("chunk", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    if not options.check:
        table()
        return
    with TemporaryDirectory() as folder:
        sizes = options.exposures, options.workers, options.size, options.chunk
        if not compare(*sizes, Path(folder)):
            sys.exit(f"the simulation is not within {WITHIN:.0%} of the run")


if __name__ == "__main__":
    main()
