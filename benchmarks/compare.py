"""Compare two measurements, or two git revisions, as ratios B / A.

python benchmarks/compare.py A.json B.json
python benchmarks/compare.py main . [--sizes 4096] [--runs 9]     (`.`: the tracked files as they are)

Two files are of two runs, perhaps of two machines: believe the ratios of the ratios to the floor. Two revisions are
installed and run in turn; their ratios are those of pairs of runs.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import environments
from measure import Figures, Rounds, in_turn, medians, ratios
from peers import skipping
from scenes import Scene, fast_folder, touched

KEYS = {"wall": "wall", "cpu": "CPU", "memory": "memory"}


def compare_files(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Print the ratios of all programs that two measurements share."""
    for size in (size for size in first["sizes"] if size in second["sizes"]):
        found = [one["sizes"][size] for one in (first, second)]
        tasks = found[0]["tasks"]
        print(f"{size} x {size}: B / A, and of the ratios to the floor")
        middle = [{name: medians(rows) for name, rows in one["rounds"].items()} for one in found]
        floors = {task: name for name, task in tasks.items() if name.startswith("floor")}
        for name in (name for name in tasks if name in middle[1]):
            words = []
            for key, label in KEYS.items():
                one, other = (each[name][key] for each in middle)
                floor, base = (each[floors[tasks[name]]][key] for each in middle)
                words.append(f"{label} {other / one:.3f} ({other / base / (one / floor):.3f})")
            print(f"  {name:20s} " + "  ".join(words))


def compare_revisions(names: Sequence[str], options: argparse.Namespace) -> None:
    """Install two revisions, run them in turn and print the ratios of the pairs."""
    homes = [environments.iris(options.environments, "" if name == "." else name) for name in names]
    for size in options.sizes:
        rounds = time_revisions(homes, size, options)
        print(f"{size} x {size}: {names[1]} / {names[0]}, median of {options.runs} pairs (quartiles)")
        for task in ("image2", "no resample"):
            print(f"  {task:12s} " + show_pairs(rounds[f"{task} B"], rounds[f"{task} A"]))


def time_revisions(homes: Sequence[Path], size: int, options: argparse.Namespace) -> Rounds:
    """Run image2 of both, with and without resample, on the same scene."""
    with TemporaryDirectory(dir=options.folder or fast_folder(size)) as folder:
        scene = Scene(Path(folder), size, homes[0] / "bin" / "iris")
        scene.make(None)
        commands = {}
        for letter, home in zip("AB", homes, strict=True):
            its = replace(scene, iris=home / "bin" / "iris")
            commands[f"image2 {letter}"] = its.image2()
            commands[f"no resample {letter}"] = its.run("image2", *skipping("resample"))
        return in_turn(commands, options.runs, lambda *_: shutil.rmtree(scene.output), options.nice, touched(size))


def show_pairs(rows: Sequence[Figures], others: Sequence[Figures]) -> str:
    """Return the ratios of pairs of runs in words."""
    words = []
    for key, label in KEYS.items():
        found = ratios(rows, others, key)
        low, middle, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
        words.append(f"{label} {middle:.3f} ({low:.3f} to {high:.3f})")
    return "  ".join(words)


def main() -> None:
    """Compare files where there are such, else revisions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs=2, metavar="A B")
    parser.add_argument("--sizes", type=int, nargs="+", default=[4096])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--environments", type=Path, default=environments.default_folder())
    parser.add_argument("--folder")
    parser.add_argument("--nice", type=int, default=0)
    options = parser.parse_args()
    if all(Path(name).is_file() for name in options.names):
        compare_files(*(json.loads(Path(name).read_text()) for name in options.names))
    else:
        compare_revisions(options.names, options)


if __name__ == "__main__":
    main()
