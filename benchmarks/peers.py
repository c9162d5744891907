"""The programs that are timed, by task: iris, the floor below it, and what others do of the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenes import PIXEL, PROGRAMS, Scene

STAGES = ("background", "assign_wcs", "dark_current", "flat_field", "photom", "resample")
WHY = "timed without it"


@dataclass(frozen=True)
class Program:
    """A command and its task; programs of one task do the same and are compared with its floor."""

    task: str
    command: Sequence[str]
    compared: str = ""  # the suffix of the product of which the pixels are compared with those of iris


def skipping(*stages: str) -> list[str]:
    """Return the options that skip stages."""
    return [word for stage in stages for word in ("--skip", f"{stage}={WHY}")]


def floor(scene: Scene, products: Sequence[str], inputs: Sequence[Path], references: Sequence[Path]) -> list[str]:
    """Return the command of the floor of what reads and writes these files."""
    command = [scene.iris.with_name("python"), PROGRAMS / "floor.py", scene.output, "--inputs", *inputs]
    command += ["--references", *references, "--products", *(scene.product(suffix) for suffix in products)]
    return [str(word) for word in command]


def of_iris(scene: Scene) -> dict[str, Program]:
    """Return iris and its floors."""
    cal = scene.product("cal")
    both, detector = (scene.science, scene.sky), (scene.reference("DARK"), scene.reference("FLAT"))
    alone = [scene.iris, "run", scene.folder / "resample.yaml", cal, "--output-dir", scene.output]
    only = scene.run("image2-dark-first", *skipping("assign_wcs", "photom", "resample"))
    return {
        "floor": Program("image2", floor(scene, ("cal", "i2d"), both, scene.references)),
        "iris": Program("image2", scene.image2()),
        "floor, no resample": Program("no resample", floor(scene, ("cal",), both, scene.references)),
        "iris, no resample": Program("no resample", scene.run("image2", *skipping("resample"))),
        "floor of resample": Program("resample", floor(scene, ("i2d",), (cal,), ())),
        "iris resample": Program("resample", [str(word) for word in alone]),
        "floor of detector": Program("dark, flat, background", floor(scene, ("cal",), both, detector)),
        "iris detector": Program("dark, flat, background", only),
    }


def of_jwst(scene: Scene, environment: Path) -> dict[str, Program]:
    """Return jwst, whole and without its last step."""
    names = environment / "bin" / "python", PROGRAMS / "jwst_image2.py", scene.folder / "jwst", scene.output, PIXEL
    command = [str(word) for word in names]
    return {
        "jwst": Program("image2", command, "cal"),
        "jwst, no resample": Program("no resample", [*command, "--skip-resample"], "cal"),
    }


def of_peers(scene: Scene, environments: Mapping[str, Path]) -> dict[str, Program]:
    """Return the programs of the peers that there are environments of."""
    found = of_jwst(scene, environments["jwst"]) if "jwst" in environments else {}
    script, files = PROGRAMS / "resample_peers.py", (scene.product("cal"), scene.product("i2d"), scene.output)
    for method, library in {"drizzle": "drizzle", "interp": "reproject", "exact": "reproject"}.items():
        if library in environments:
            name = library if method == library else f"{library} {method}"
            words = environments[library] / "bin" / "python", script, method, *files
            found[name] = Program("resample", [str(word) for word in words], "i2d")
    if "ccdproc" in environments:
        files = scene.science, scene.sky, scene.reference("DARK"), scene.reference("FLAT"), scene.output
        words = environments["ccdproc"] / "bin" / "python", PROGRAMS / "ccdproc_detector.py", *files
        found["ccdproc"] = Program("dark, flat, background", [str(word) for word in words])
    return found


def up_to_each_stage(scene: Scene) -> dict[str, list[str]]:
    """Return image2 without any stage, up to the first, up to the second ...: their differences are the stages.

    So nothing has to be added to a run, and it holds for stages that are done together.
    """
    found = {"start, read, write cal": scene.run("image2", *skipping(*STAGES))}
    for number, stage in enumerate(STAGES[:-1], 1):
        found[stage] = scene.run("image2", *skipping(*STAGES[number:]))
    return {**found, STAGES[-1]: scene.image2()}
