"""Zero points of iris-photom-stars against the truth.

`python benchmarks/zero_points.py [N]`: 30 realisations of a simulated IRIS field of 50 stars.
`python benchmarks/zero_points.py --fields [N]`: 17 fields of each of six kinds (gradients, crowds, edges, five stars).
"""

from __future__ import annotations

import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from iris_simulate import simulate, write_set

from iris_core import read_fits, run

CATALOGUE_ERROR = 0.01  # mag
RECIPE = """recipe: 1
name: stars
steps:
  - assign_wcs
  - dark_current
  - flat_field
  - photom: {use: iris-photom-stars, save: cal}
"""


def write_catalogue(made: Any, path: Path) -> None:
    """Write the stars with magnitudes that are off by `CATALOGUE_ERROR`."""
    stars = made.scene.stars
    noise = CATALOGUE_ERROR * np.random.default_rng(made.realisation).standard_normal(len(stars.flux))
    columns = {
        "ra": stars.ra * u.deg,
        "dec": stars.dec * u.deg,
        "mag": (noise - 2.5 * np.log10(stars.flux / 3631)) * u.mag,
        "mag_err": np.full(len(noise), CATALOGUE_ERROR) * u.mag,
        "band": [made.scene.camera.filter] * len(noise),
    }
    meta = {"MAGSYS": "AB", "REFTYPE": "catalog", "INSTRUME": "ANY", "DETECTOR": "ANY"}
    Table(columns, meta=meta).write(path, format="ascii.ecsv", overwrite=True)


def measure(made: Any, folder: Path) -> tuple[float, float]:
    """Return the error of a zero point, and the one it states [mag]."""
    (folder / "stars.yaml").write_text(RECIPE)
    written = write_set(made, folder / "set", overwrite=True)
    store = next(iter(written.references.values())).parent
    write_catalogue(made, store / "stars.ecsv")
    report = run(folder / "stars.yaml", *written.science, references={"store": store}, directory=folder, overwrite=True)
    header = read_fits(report.results[0].products["cal"]).sci_header
    truth = 2.5 * np.log10(made.scene.camera.electrons_per_jy * 3631)
    return float(header["ZP_AB"] - truth), float(header["ZP_ERR"])


def measure_fields(number: int) -> None:
    """Print for each kind of field how many are refused, and how the errors compare with the stated ones."""
    fields = runpy.run_path(str(Path(__file__).parents[1] / "plugins/photom-stars/tests/test_fields.py"))
    for kind in fields["KINDS"]:
        found = [fields["measure"](kind, seed) for seed in range(number)]
        given = [one for one in found if not one.refused]
        pulls, stated = np.array([one.pull for one in given]), np.array([one.stated for one in given])
        spread, largest = np.sqrt(np.mean(pulls**2)), np.abs(pulls).max(initial=0)
        print(
            f"{kind:20} {number - len(given):3} of {number} refused; pulls: rms {spread:.2f}, largest {largest:.2f}; "
            f"median error {1e3 * np.median(stated):.1f} mmag; {np.count_nonzero(stated <= 0.05)} at most 50 mmag",
            flush=True,
        )


def main() -> None:
    """Print the errors of each realisation, and what they say together."""
    if sys.argv[1:2] == ["--fields"]:
        measure_fields(int(sys.argv[2]) if len(sys.argv) > 2 else 17)
        return
    made = simulate(size=(2048, 2048), stars=50, seed=3)
    found = []
    for realisation in range(int(sys.argv[1]) if len(sys.argv) > 1 else 30):
        with tempfile.TemporaryDirectory() as folder:
            found.append(measure(made.again(realisation), Path(folder)))
        print(f"{realisation:3}  {1e3 * found[-1][0]:+.2f} mmag, states {1e3 * found[-1][1]:.2f}", flush=True)
    errors, stated = np.array(found).T
    pulls = errors / stated
    print(f"largest error {1e3 * np.abs(errors).max():.2f} mmag, rms {1e3 * np.sqrt(np.mean(errors**2)):.2f}")
    print(
        f"stated {1e3 * stated.mean():.2f} mmag; pulls: mean {pulls.mean():+.2f}, rms {np.sqrt(np.mean(pulls**2)):.2f}"
    )


if __name__ == "__main__":
    main()
