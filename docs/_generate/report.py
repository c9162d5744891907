"""Draw the picture of a report: `python docs/_generate/report.py FOLDER`, with chromium installed.

A night of two filters is simulated in FOLDER, with one exposure that is cut off and one with too many bad pixels; the
picture is the top of its index in a browser. It is kept, small, beside the page.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from iris_references import add_references
from iris_report import make_report
from iris_simulate import simulate_night, write_night
from PIL import Image

from iris_core import DQ, Exposure, load_plugins, read_fits, run, write_fits

DOCS = Path(__file__).parents[1]
NIGHT = {
    "filters": ("Kbb", "Hbb"),
    "detectors": 1,
    "size": (384, 384),
    "stars": 25,
    "separation": 60.0,
    "strehl": 0.8,
    "darks": 3,
    "flats": 3,
    "twilights": 0,
}


def spoil(exposure: Exposure) -> Exposure:
    """Return an exposure with 7 % bad pixels."""
    chosen = np.random.default_rng(0).random(exposure.data.shape) < 0.07
    return exposure.flag(chosen, DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL)


def make_night(folder: Path) -> None:
    """Simulate and calibrate the night."""
    raw, masters, store = folder / "raw", folder / "masters", folder / "store"
    write_night(simulate_night(**NIGHT), raw)
    for recipe, given in (("create-dark", raw), ("create-flat", raw), ("create-badpix", masters)):
        run(recipe, given, directory=masters)
    add_references(store, [*masters.glob("*.fits"), *(raw / "references").iterdir()], load_plugins())
    science = sorted(raw.glob("*science*.fits"))
    write_fits(spoil(read_fits(science[3])), folder / "spoilt.fits")
    (folder / "spoilt.fits").replace(science[3])
    science[6].write_bytes(science[6].read_bytes()[:200_000])
    recipe = folder / "night.yaml"
    recipe.write_text("recipe: 1\nname: image3\nextends: image3\nmissing: leave_out\n")
    run(recipe, raw, references={"store": store}, directory=folder / "deep")


def screenshot(page: Path, picture: Path, height: int, width: int = 1200) -> None:
    """Take a picture of the top of a page, and keep it as a small JPEG."""
    program = shutil.which("chromium") or "google-chrome"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},{height}"]
    large = page.with_suffix(".png")
    subprocess.run([program, *options, f"--screenshot={large}", page.absolute().as_uri()], check=True)
    with Image.open(large) as shown:
        small = shown.convert("RGB").resize((1000, 1000 * shown.height // shown.width), Image.Resampling.LANCZOS)
        small.save(picture, "JPEG", quality=75, optimize=True)
    large.unlink()


def main() -> None:
    """Make the night, its report, and the picture."""
    folder = Path(sys.argv[1])
    make_night(folder)
    made = make_report(folder / "deep", search=[folder / "store", folder / "raw"])
    screenshot(made.index, DOCS / "report.jpg", 1500)
    screenshot(
        folder / "deep" / "report" / "exposures" / "sim_0004_IMG1_science_Kbb.html", DOCS / "report-page.jpg", 1500
    )


if __name__ == "__main__":
    main()
