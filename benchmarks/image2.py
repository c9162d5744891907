"""Time image2 of one exposure with one background: iris, the floor below it, and its peers.

python benchmarks/image2.py [--sizes 1024 2048 4096] [--runs 9] [--peers jwst drizzle reproject ccdproc] [--iris PATH]

Wall and CPU seconds and peak memory of whole processes, in turn, each figure the median; what is read and written is
in memory. benchmarks/README.md tells what is compared, and how.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from statistics import median
from subprocess import run
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import environments
import report
from measure import Figures, in_turn
from peers import Program, of_iris, of_peers, up_to_each_stage
from scenes import PROGRAMS, Scene, fast_folder, touched


def machine() -> dict[str, object]:
    """Return what the numbers depend on."""
    found = {
        "cores": len(os.sched_getaffinity(0)),
        "load before": os.getloadavg()[0],
        "python": platform.python_version(),
    }
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        found["processor"] = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return found


def sync(scene: Scene, disk: Path) -> Figures:
    """Write the products of a scene to a disk and return the seconds of writing and of fsync, which depend on it."""
    with TemporaryDirectory(dir=disk) as folder:
        seconds: dict[str, list[float]] = {"write": [], "fsync": []}
        for suffix in ("cal", "i2d"):
            data = scene.product(suffix).read_bytes()
            with Path(folder, suffix).open("wb") as file:
                times = [time.perf_counter()]
                file.write(data)
                file.flush()
                times.append(time.perf_counter())
                os.fsync(file.fileno())
                times.append(time.perf_counter())
            seconds["write"].append(times[1] - times[0])
            seconds["fsync"].append(times[2] - times[1])
    return {name: sum(values) for name, values in seconds.items()}


class Timing:
    """The timing of one scene: what is kept of each run before its products are removed."""

    def __init__(self, scene: Scene, programs: Mapping[str, Program], options: argparse.Namespace) -> None:
        self.scene, self.programs, self.options = scene, programs, options
        self.within: dict[str, list[dict[str, Figures]]] = {}
        self.agreement: dict[str, Figures] = {}

    def after(self, name: str, printed: str) -> None:
        """Keep the stages that a program printed, compare its product once, and remove it."""
        program = self.programs.get(name)
        print(".", end="", file=sys.stderr, flush=True)
        last = printed.strip().rpartition("\n")[2]
        if program and last.startswith("{"):
            self.within.setdefault(name, []).append(json.loads(last))
        if program and program.compared and name not in self.agreement:
            product = next(self.scene.output.glob(f"*_{program.compared}.fits"))
            words = self.scene.iris.with_name("python"), PROGRAMS / "agreement.py"
            done = run([*words, self.scene.product(program.compared), product], check=True, capture_output=True)
            self.agreement[name] = json.loads(done.stdout)
        shutil.rmtree(self.scene.output)

    def measure(self) -> dict[str, Any]:
        """Return all figures of the scene."""
        options, memory = self.options, touched(self.scene.size)
        commands = {name: program.command for name, program in self.programs.items()}
        rounds = in_turn(commands, options.runs, self.after, options.nice, memory)
        found: dict[str, Any] = {"rounds": rounds, "tasks": {name: one.task for name, one in self.programs.items()}}
        found["stages"] = {name: middle(rows) for name, rows in self.within.items()}
        if options.stage_runs:
            stages = in_turn(up_to_each_stage(self.scene), options.stage_runs, self.after, options.nice, memory)
            found["stages"]["iris"] = differences(stages)
        return found | {"agreement": self.agreement, "disk": sync(self.scene, options.disk)}


def middle(rows: Sequence[dict[str, Figures]]) -> dict[str, Figures]:
    """Return the medians of stages that a program timed itself."""
    return {stage: {key: median(row[stage][key] for row in rows) for key in rows[0][stage]} for stage in rows[0]}


def differences(rounds: Mapping[str, Sequence[Figures]]) -> dict[str, Figures]:
    """Return what each stage adds to the time of those before it, and the peak of memory up to its end."""
    found, before = {}, [{"wall": 0.0, "cpu": 0.0}] * len(next(iter(rounds.values())))
    for stage, rows in rounds.items():
        added = {key: median(row[key] - less[key] for row, less in zip(rows, before, strict=True)) for key in before[0]}
        found[stage] = added | {"memory": median(row["memory"] for row in rows)}
        before = list(rows)
    return found


def time_size(size: int, peers: Mapping[str, Path], options: argparse.Namespace) -> dict[str, Any]:
    """Time all programs on a scene of one size."""
    with TemporaryDirectory(dir=options.folder or fast_folder(size)) as folder:
        scene = Scene(Path(folder), size, options.iris)
        scene.make(peers.get("jwst"))
        programs = of_iris(scene) | of_peers(scene, peers)
        wanted = {name: one for name, one in programs.items() if not options.tasks or one.task in options.tasks}
        for name in options.without:
            wanted.pop(name, None)
        return Timing(scene, wanted, options).measure()


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 4096], help="8192 needs 19 GB in memory")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--stage-runs", type=int, default=3, help="runs up to each stage of iris; 0: none")
    parser.add_argument("--peers", nargs="*", choices=environments.PEERS, default=list(environments.PEERS))
    parser.add_argument("--tasks", nargs="*", default=[], help="image2, no resample, resample; by default all")
    parser.add_argument("--without", nargs="*", default=["reproject exact"], help="programs that are left out")
    parser.add_argument("--iris", type=Path, help="an installed command; by default the tracked files are installed")
    parser.add_argument("--environments", type=Path, default=environments.default_folder())
    parser.add_argument("--folder", help="of inputs and products; by default /dev/shm, else that of temporary files")
    parser.add_argument("--disk", type=Path, default=Path(gettempdir()), help="where fsync is timed")
    parser.add_argument("--nice", type=int, default=0, help="added to the niceness of what is timed")
    parser.add_argument("--json", type=Path, help="by default in the folder of the environments")
    return parser.parse_args()


def main() -> None:
    """Make environments, time, write, print."""
    options = parsed()
    home = environments.iris(options.environments) if options.iris is None else options.iris.parent.parent
    options.iris = home.absolute() / "bin" / "iris"
    peers = {name: environments.peer(options.environments, name) for name in options.peers}
    results: dict[str, Any] = {"machine": machine(), "runs": options.runs, "iris": str(home), "sizes": {}}
    results["versions"] = {name: environments.versions(path)[name] for name, path in peers.items()}
    for size in options.sizes:
        results["sizes"][str(size)] = time_size(size, peers, options)
        print(file=sys.stderr)
    results["machine"]["load after"] = os.getloadavg()[0]
    path = options.json or options.environments / "results" / f"{datetime.now():%Y-%m-%dT%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1))
    report.show(results)
    print(f"\n{path}{report.plot(results, path.with_suffix('.png'))}")


if __name__ == "__main__":
    main()
