"""What all programs calibrate: one simulated exposure, one background exposure and all references, on tmpfs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
PIXEL = 0.004  # of the IRIS imager, and of the grids of all programs [arcsec]
NEEDED = 230  # bytes of files for each pixel of the detector, in all programs' forms, with the products of one run

RESAMPLE = f"""\
recipe: 1
name: resample-alone
steps:
  - resample: {{save: i2d, params: {{rotation: 0, pixel_scale: {PIXEL}}}}}
"""


def quietly(*command: object) -> None:
    """Run a command of which only the outcome matters; tell what it printed where it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-4000:]}")


def fast_folder(size: int) -> str:
    """Return a folder in memory where there is one with the room for a scene, else that of temporary files."""
    if os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > 1.2 * NEEDED * size**2:
        return "/dev/shm"
    return os.environ.get("TMPDIR", "/tmp")


def touched(size: int) -> int:
    """Return how much memory is touched before each run: as much as any program takes [GB]."""
    return max(1, min(8, round(4 * (size / 4096) ** 2)))


@dataclass(frozen=True)
class Scene:
    """Files of one size in one folder; `iris` is the command that simulates and makes the products for the peers."""

    folder: Path
    size: int
    iris: Path

    @property
    def science(self) -> Path:
        """The science exposure."""
        return next(path for path in self.folder.glob("set/*_rate.fits") if "sky" not in path.name)

    @property
    def sky(self) -> Path:
        """The background exposure."""
        return next(self.folder.glob("set/*sky*_rate.fits"))

    @property
    def references(self) -> list[Path]:
        """All reference files."""
        return sorted(self.folder.glob("set/references/*"))

    def reference(self, kind: str) -> Path:
        """Return the reference file of a type, in capitals."""
        return next(path for path in self.references if f"_{kind}" in path.name)

    def product(self, suffix: str) -> Path:
        """Return a product that iris made of this scene."""
        return next(self.folder.glob(f"products/*_{suffix}.fits"))

    @property
    def output(self) -> Path:
        """Where a timed program writes; removed after each run."""
        return self.folder / "out"

    def run(self, recipe: str, *options: object, output: Path | None = None) -> list[str]:
        """Return the command with which iris calibrates the science exposure."""
        command = [self.iris, "run", recipe, self.science, "--background", self.sky, "--reference"]
        command += [f"store={self.folder}/set/references", "--output-dir", output or self.output, *options]
        return [str(word) for word in command]

    def image2(self, *options: object, output: Path | None = None) -> list[str]:
        """Return the command of image2 with north up and the pixels of the camera."""
        grid = ("--set", "resample.rotation=0", "--set", f"resample.pixel_scale={PIXEL}")
        return self.run("image2", *grid, *options, output=output)

    def make(self, jwst: Path | None) -> None:
        """Simulate, write the inputs of jwst in its environment, and make the products that other programs take."""
        simulated = ("simulate", "--out", self.folder / "set", "--size", self.size, "--backgrounds", 1)
        quietly(self.iris, *simulated)
        quietly(*self.image2(output=self.folder / "products"))
        (self.folder / "resample.yaml").write_text(RESAMPLE)
        if jwst is not None:
            (self.folder / "jwst").mkdir()
            quietly(jwst / "bin" / "python", PROGRAMS / "jwst_inputs.py", self.folder / "set", self.folder / "jwst")
