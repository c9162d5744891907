"""Measure `iris run image2` on rateints with rateints backgrounds: wall time and peak memory of the whole process.

python benchmarks/rateints.py [--integrations 20] [--size 2048] [--backgrounds 2] [--background-integrations 5]
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.io import fits
from measure import IRIS, measure
from scenes import quietly


def write_cube(rate: Path, cube: Path, integrations: int, level: float) -> None:
    """Write rateints like a simulated rate: each integration with other noise, one plane in memory at a time."""
    rng = np.random.default_rng(integrations)
    with fits.open(rate) as hdus:
        fits.PrimaryHDU(header=hdus[0].header).writeto(cube)
        for hdu in hdus[1:]:
            if not isinstance(hdu, fits.ImageHDU):
                continue
            header = hdu.header.copy()
            header["NAXIS"] = 3
            header.insert("NAXIS2", ("NAXIS3", integrations), after=True)
            stream = fits.StreamingHDU(str(cube), header)
            for _ in range(integrations):
                noise = rng.normal(0, level, hdu.shape) if hdu.name == "SCI" else 0
                raw = hdu.data.astype(np.int64) - header.get("BZERO", 0) if hdu.name == "DQ" else hdu.data + noise
                stream.write(raw.astype(fits.BITPIX2DTYPE[header["BITPIX"]]))
            stream.close()


def prepare(folder: Path, options: argparse.Namespace) -> list[str]:
    """Simulate one rate, a sky and all references, make cubes of them, and return the command to measure."""
    quietly(IRIS, "simulate", "--out", folder / "set", "--size", options.size, "--backgrounds", 1)
    (sky,) = folder.glob("set/*sky*_rate.fits")
    (rate,) = set(folder.glob("set/*_rate.fits")) - {sky}
    science = folder / "x_rateints.fits"
    write_cube(rate, science, options.integrations, 0.1)
    command = [IRIS, "run", "image2", str(science), "--reference", f"store={folder}/set/references", "--save-bsub"]
    for number in range(options.backgrounds):
        path = folder / f"sky{number}_rateints.fits"
        write_cube(sky, path, options.background_integrations, 0.1)
        command += ["--background", str(path)]
    return [*command, "--output-dir", str(folder / "out"), "--json"]


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--integrations", type=int, default=20)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--backgrounds", type=int, default=2)
    parser.add_argument("--background-integrations", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        command = prepare(Path(folder), options)
        figures, printed = measure(command)
    print(f"iris run image2, {options.integrations} integrations of {options.size} x {options.size}, ", end="")
    print(f"{options.backgrounds} backgrounds of {options.background_integrations} integrations")
    print(f"  {'wall':22s} {figures['wall']:6.2f} s\n  {'peak memory':22s} {figures['memory']:6.2f} GB")
    for record in json.loads(printed)["exposures"][0]["history"]:
        print(f"  {record['stage']:22s} {record['seconds']:6.2f} s  {record['status']}")


if __name__ == "__main__":
    main()
