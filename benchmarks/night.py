"""Measure what is made of many exposures: a deep image against image2 of each exposure, a master dark against reading.

python benchmarks/night.py [--deep 9x1024,16x2048,64x2048] [--darks 20x4096] [--runs 3] [--json FILE]

Wall and CPU seconds are of whole processes, medians of runs in turn; all files are in memory (TMPDIR, /dev/shm).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from astropy.io import fits
from measure import IRIS, Figures, in_turn, medians
from scenes import quietly

# Read and decode to float32, as any program has to that makes a master dark.
READ = "import sys, numpy as np; from astropy.io import fits; [np.float32(fits.getdata(name)) for name in sys.argv[1:]]"
PIXEL_SCALE = 0.004  # arcsec, of the IRIS imager
LIMITS = {"deep": "at most 1.5 times image2 of each exposure, 4 GB", "dark": "at most 3 times reading, 2.5 GB"}


def simulate(folder: Path, number: int, size: int, darks: int) -> list[str]:
    """Write a night with its masters, and return the science exposures: a dither of one field, not a map."""
    counts = {"--dithers": number, "--darks": darks, "--flats": 3, "--twilights": 0, "--size": size}
    step = 0.05 * size * PIXEL_SCALE  # arcsec
    options = [text for name, value in counts.items() for text in (name, str(value))] + ["--dither-step", f"{step:.3g}"]
    quietly(IRIS, "simulate", "night", "--detectors", "1", *options, "--out", f"{folder}/raw")
    return sorted(str(path) for path in folder.glob("raw/*_science_*.fits"))


def make_store(folder: Path) -> str:
    """Make the masters of a night and return the store with them and the references that come with it."""
    for recipe, source in (("create-dark", "raw"), ("create-flat", "raw"), ("create-badpix", "masters")):
        quietly(IRIS, "run", recipe, f"{folder}/{source}", "--output-dir", f"{folder}/masters")
    files = [*folder.glob("masters/*.fits"), *folder.glob("raw/references/*")]
    quietly(IRIS, "references", "add", *map(str, files), "--store", f"{folder}/store")
    return f"store={folder}/store"


def timed(commands: dict[str, list[str]], runs: int, folder: Path) -> dict[str, Figures]:
    """Run commands in turn and return the median of each figure."""
    rounds = in_turn(commands, runs, lambda *_: shutil.rmtree(folder / "out", ignore_errors=True))
    return {name: medians(rows) for name, rows in rounds.items()}


def deep(number: int, size: int, runs: int, folder: Path) -> dict[str, Figures]:
    """Compare image3 of a dither with image2 of its exposures."""
    science = simulate(folder, number, size, darks=3)
    options = ["--reference", make_store(folder), "--output-dir", f"{folder}/out"]
    commands = {recipe: [IRIS, "run", recipe, *science, *options] for recipe in ("image2", "image3")}
    return timed(commands, runs, folder)


def dark(number: int, size: int, runs: int, folder: Path) -> dict[str, Figures]:
    """Compare create-dark with reading the darks."""
    simulate(folder, 1, size, darks=number)
    every = sorted(str(path) for path in folder.glob("raw/*_dark_*.fits"))
    darks = [path for path in every if fits.getval(path, "EXPTIME") == 100]  # the others are for the flats
    create = [IRIS, "run", "create-dark", *darks, "--output-dir", f"{folder}/out"]
    return timed({"read": [sys.executable, "-c", READ, *darks], "create-dark": create}, runs, folder)


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deep", default="9x1024,16x2048,64x2048")
    parser.add_argument("--darks", default="20x4096")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    for kind, function, wanted in (("deep", deep, options.deep), ("dark", dark, options.darks)):
        print(f"{kind}: {LIMITS[kind]}")
        for case in filter(None, wanted.split(",")):
            number, size = map(int, case.split("x"))
            with TemporaryDirectory(dir=os.environ.get("TMPDIR", "/dev/shm")) as folder:
                one, many = (found := function(number, size, options.runs, Path(folder))).values()
            results[f"{kind} {case}"] = found
            ratios = ", ".join(f"{key} {many[key] / one[key]:.2f} x" for key in ("wall", "cpu"))
            names = " against ".join(reversed(found))
            print(f"  {case:10s} {names}: {ratios} ({many['wall']:.1f} s), {many['memory']:.2f} GB", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
