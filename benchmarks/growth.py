"""How CPU time and memory grow with pixels, integrations, exposures, members and background exposures.

python benchmarks/growth.py [--axes pixels,members] [--runs 3] [--json FILE]

Each axis is run at n, r n and r^2 n. A time of a + b n^p has p = log((t3 - t2) / (t2 - t1)) / log r, whatever the start
of the program takes; that of memory is taken from the last two as they are. All files are in memory (TMPDIR, /dev/shm).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable
from math import log, nan
from pathlib import Path
from tempfile import TemporaryDirectory

from measure import IRIS, Figures, in_turn, medians
from night import make_store
from night import simulate as simulate_night
from rateints import write_cube
from scenes import quietly

Command = list[str]


def scene(folder: Path, size: int, *options: object) -> tuple[list[str], list[str], Command]:
    """Simulate exposures, and return them, their background exposures and the options of a run of them."""
    quietly(IRIS, "simulate", "--out", folder / "set", "--size", size, *options)
    every = sorted(str(path) for path in folder.glob("set/*_rate.fits"))
    skies = [path for path in every if "_sky" in path]
    rest = ["--reference", f"store={folder}/set/references", "--output-dir", f"{folder}/out"]
    return [path for path in every if path not in skies], skies, rest


def pixels(folder: Path, side: int) -> Command:
    """Return image2 of an exposure with one background exposure."""
    (science,), (sky,), rest = scene(folder, side, "--backgrounds", 1)
    return [IRIS, "run", "image2", science, "--background", sky, *rest]


def exposures(folder: Path, number: int) -> Command:
    """Return image2 of exposures without background exposures."""
    science, _, rest = scene(folder, 512, "--dithers", number)
    return [IRIS, "run", "image2", *science, *rest]


def backgrounds(folder: Path, number: int) -> Command:
    """Return image2 of one exposure."""
    (science,), skies, rest = scene(folder, 1024, "--backgrounds", number)
    return [IRIS, "run", "image2", science, *(word for sky in skies for word in ("--background", sky)), *rest]


def integrations(folder: Path, number: int) -> Command:
    """Return image2 of a cube."""
    (science,), _, rest = scene(folder, 512)
    write_cube(Path(science), folder / "x_rateints.fits", number, 0.1)
    return [IRIS, "run", "image2", f"{folder}/x_rateints.fits", *rest]


def members(folder: Path, number: int) -> Command:
    """Return image3 of a dither of one field."""
    science = simulate_night(folder, number, 1024, darks=3)
    return [IRIS, "run", "image3", *science, "--reference", make_store(folder), "--output-dir", f"{folder}/out"]


AXES: dict[str, tuple[Callable[[Path, int], Command], int, int, int]] = {
    # from n to the command, the least n, the ratio, and how the cost should grow with n
    "pixels": (pixels, 1024, 2, 2),
    "integrations": (integrations, 8, 2, 1),
    "exposures": (exposures, 8, 2, 1),
    "members": (members, 4, 2, 1),
    "backgrounds": (backgrounds, 4, 2, 1),
}


def growth(name: str, runs: int) -> dict[str, object]:
    """Run an axis, and return its figures and exponents."""
    make, least, ratio, power = AXES[name]
    numbers = [least, ratio * least, ratio**2 * least]
    with TemporaryDirectory(dir=os.environ.get("TMPDIR", "/dev/shm")) as text:
        folders = {str(number): Path(text, str(number)) for number in numbers}
        commands = {key: make(folder, int(key)) for key, folder in folders.items()}
        rounds = in_turn(commands, runs, lambda key, _: shutil.rmtree(folders[key] / "out", ignore_errors=True))
    found = {key: medians(rows) for key, rows in rounds.items()}
    return {"figures": found, "time": exponent(found, ratio**power), "memory": slope(found, ratio**power)}


def exponent(found: dict[str, Figures], ratio: int) -> float:
    """Return p of a + b n^p for CPU seconds."""
    first, second, third = (row["cpu"] for row in found.values())
    return log((third - second) / (second - first)) / log(ratio) if third > second > first else nan


def slope(found: dict[str, Figures], ratio: int) -> float:
    """Return by which power the peak of memory grows from the second to the third."""
    _, second, third = (row["memory"] for row in found.values())
    return log(third / second) / log(ratio)


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axes", default=",".join(AXES))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    for name in options.axes.split(","):
        results[name] = found = growth(name, options.runs)
        rows = ", ".join(f"{key}: {row['cpu']:.2f} s {row['memory']:.2f} GB" for key, row in found["figures"].items())
        print(f"{name:13s} time ^ {found['time']:.2f}, memory ^ {found['memory']:.2f}   {rows}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
