"""jwst's Image2Pipeline on what `jwst_inputs.py` wrote; every reference is named, and no server is asked.

python jwst_image2.py FOLDER OUTPUT_FOLDER PIXEL_SCALE [--skip-resample]     (in the environment of jwst)
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from stopwatch import Stopwatch

NONE = "N/A"


def stay_here(folder: Path) -> None:
    """Keep CRDS from its server."""
    os.environ["CRDS_SERVER_URL"] = "https://crds-serverless-mode.stsci.edu"
    os.environ["CRDS_PATH"] = str(folder / "crds")
    os.environ["CRDS_CONTEXT"] = "jwst_0000.pmap"
    os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"


def options(pipeline: Any, folder: Path, scale: float, skip_resample: bool) -> dict[str, dict[str, Any]]:
    """Return the options of each step: its references, those that are not for images of NIRCam as none."""
    named = {path.stem: str(path) for path in folder.iterdir()}
    wanted = {"assign_wcs": ["distortion"], "flat_field": ["flat"], "photom": ["photom", "area"]}
    steps: dict[str, dict[str, Any]] = {}
    for name, step in pipeline.step_defs.items():
        used = wanted.get(name, [])
        steps[name] = {f"override_{kind}": named[kind] if kind in used else NONE for kind in step.reference_file_types}
    # As iris: weights of the exposure time, north up, and the pixels of the camera.
    steps["resample"] |= {"rotation": 0.0, "pixel_scale": scale, "weight_type": "exptime", "skip": skip_resample}
    return steps


def timed(watch: Stopwatch, name: str, run: Any, *arguments: Any) -> Any:
    """Run a step within the watch."""
    with watch.stage(name):
        return run(*arguments)


def main() -> None:
    """Run the pipeline, save cal and i2d, print the time of each step."""
    folder, output, scale = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    stay_here(folder)
    from jwst.pipeline import Image2Pipeline

    output.mkdir()
    watch = Stopwatch()
    steps = options(Image2Pipeline, folder, scale, "--skip-resample" in sys.argv)
    pipeline = Image2Pipeline(steps=steps, output_dir=str(output), save_results=True)
    for name in Image2Pipeline.step_defs:
        step = getattr(pipeline, name)
        step.run = partial(timed, watch, name, step.run)
    pipeline.run(str(folder / "image2_asn.json"))
    watch.show()


if __name__ == "__main__":
    main()
