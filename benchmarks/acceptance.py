"""How true the products are: recovered stars of a 2048 x 2048 set, and errors over 100 realisations of the noise.

python benchmarks/acceptance.py [--size 2048] [--realisations 100]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from iris_resample import ResampleParams, resample
from iris_simulate import SimulatedSet, compare, measure_stars, simulate, write_set
from iris_testkit import iris_mode

from iris_core import Exposure, calibrate, read_fits, run

STAGES = ("background", "dark_current", "flat_field", "photom", "resample")


def print_stars(size: int) -> None:
    """Print how well the stars of one set come back."""
    made = simulate(size=(size, size), backgrounds=4, faintest=1e-5, seed=7)
    with TemporaryDirectory() as folder:
        written = write_set(made, Path(folder))
        store = next(iter(written.references.values())).parent
        report = run("image2", *written.inputs, references={"store": store}, directory=Path(folder) / "out")
        cal = read_fits(report.results[0].products["cal"])
        truth = made.truth()
        found = compare(measure_stars(cal, made.scene.camera.psf, truth["ra"], truth["dec"]), truth)
    error, pull = np.abs(found["error"]), found["pull"]
    bright = np.asarray(found["flux"] > found["flux"].max() / 4)
    print(f"{size} x {size}, {len(found)} stars, {bright.sum()} of them bright (over a quarter of the brightest)")
    print(f"  flux, bright: median {np.median(error[bright]):.3%}, largest {error[bright].max():.3%}")
    print(f"  (flux - truth) / err: mean {np.mean(pull):+.3f}, standard deviation {np.std(pull):.3f}")
    offset = found["offset"]
    print(f"  position through the gWCS: median {np.median(offset):.3f} mas, largest {offset.max():.3f} mas")
    pixels = found["offset_fits"] / (made.scene.camera.optics.pixel_scale * 1e3)
    print(f"  position through the FITS WCS: median {np.median(pixels):.4f} pixel, largest {pixels.max():.4f}")


def truths(made: SimulatedSet) -> dict[str, np.ndarray]:
    """Return the noise-free image after each stage."""
    scene = made.scene
    removed = scene.rate(0) - scene.background_rate()
    with np.errstate(divide="ignore", invalid="ignore"):
        flat = removed / scene.detector.flat
    return {
        "background": removed,
        "dark_current": removed,
        "flat_field": flat,
        "photom": flat * scene.camera.conversion(),
    }


def pulls_of(made: SimulatedSet, realisation: int) -> dict[str, np.ndarray]:
    """Return (result - truth) / err of every good pixel after each stage."""
    with TemporaryDirectory() as folder:
        written = write_set(made.again(realisation), Path(folder))
        store = next(iter(written.references.values())).parent
        products = calibrate(
            read_fits(written.science[0]),
            "image2",
            backgrounds=[read_fits(path) for path in written.backgrounds],
            references={"store": store},
            save=STAGES,
        )
    named = {"background": "bsub", "photom": "cal", "resample": "i2d"}
    images = {stage: products[named.get(stage, stage)] for stage in STAGES}
    known = truths(made)
    perfect = images["photom"].replace(data=np.where(np.isfinite(images["photom"].data), known["photom"], np.nan))
    known["resample"] = resample(perfect, ResampleParams(), iris_mode()).data
    return {stage: pull(images[stage], known[stage]) for stage in STAGES}


def pull(image: Exposure, truth: np.ndarray) -> np.ndarray:
    """Return (image - truth) / err where the image is good."""
    assert image.err is not None
    good = np.isfinite(image.data) & np.isfinite(truth)
    return ((image.data - truth) / image.err)[good]


def print_errors(realisations: int, size: int) -> None:
    """Print mean and standard deviation of the pulls over many realisations."""
    made = simulate(size=(size, size), backgrounds=4, stars=3, margin=20, flat_error=0.01, dark_error=0.05, seed=11)
    found = defaultdict(list)
    for number in range(realisations):
        for stage, values in pulls_of(made, number).items():
            found[stage].append(values)
    print(f"(result - truth) / err over {realisations} realisations of {size} x {size} pixels")
    for stage, lists in found.items():
        values = np.concatenate(lists)
        print(f"  after {stage:13s} mean {values.mean():+.4f}, standard deviation {values.std():.4f}")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--realisations", type=int, default=100)
    options = parser.parse_args()
    print_stars(options.size)
    print_errors(options.realisations, 96)


if __name__ == "__main__":
    main()
