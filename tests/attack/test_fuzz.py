"""Seeded harm to exposures, references, recipes and associations: refused, warned of, or without effect."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest

from . import asdf_mutations as of_asdf
from . import fits_mutations as of_fits
from . import text_mutations as of_text
from .bench import Bench, Outcome, differences, make_bench

Harm = Callable[[np.random.Generator, bytes], bytes]


@dataclass(frozen=True)
class Kind:
    """Files, each with the recipe that uses it, and the harm done to them.

    Parameters
    ----------
    harms
        Pixels may change where an error or a warning says so, and nowhere else.
    files
        Name and recipe.
    noise
        Harm that may make another valid file: there pixels may change.
    """

    harms: Sequence[Harm]
    files: Sequence[tuple[str, str]]
    noise: Sequence[Harm] = ()


EXPOSURE = (("x_rate.fits", "pixels"), ("x_rateints.fits", "pixels"), ("x_rate.fits", "sky"))
BACKGROUND = (("sky1_rate.fits", "backgrounds"),)
IMAGES = (("flat.fits", "pixels"), ("dark.fits", "pixels"))
KINDS = {
    "cards": Kind(of_fits.CARDS, EXPOSURE),
    "structure": Kind(of_fits.STRUCTURES, EXPOSURE + BACKGROUND),
    "bytes": Kind(of_fits.BYTES, EXPOSURE + BACKGROUND),
    "images": Kind((*of_fits.STRUCTURES, *of_fits.BYTES), IMAGES),
    "asdf": Kind(of_asdf.ASDF, [("x_rate.asdf", "pixels")], of_text.TEXT),
    "tables": Kind(of_text.TABLES, [("photom.ecsv", "pixels")] * 4 + [("distortion.asdf", "sky")], of_text.TEXT),
    "recipes": Kind(of_text.RECIPES, [("pixels.yaml", "pixels")], of_text.TEXT),
    "associations": Kind(of_text.ASSOCIATIONS, [("x_asn.json", "backgrounds")], of_text.TEXT),
}
HARMLESS = Kind(of_fits.HARMLESS, EXPOSURE + BACKGROUND + IMAGES)
SEED = int(os.environ.get("IRIS_ATTACK_SEED", "0"))


@dataclass(frozen=True)
class Attack:
    """The files, what comes of them unharmed for each recipe, and a folder for trials."""

    bench: Bench
    folder: Path
    truths: dict[str, Outcome] = field(default_factory=dict)

    def truth(self, file: str, recipe: str) -> Outcome:
        """Return what comes of the files before one of them is harmed."""
        key = f"{recipe} {file if file.startswith('x_rate') or file.endswith('.asdf') else ''}"
        if key not in self.truths:
            shutil.rmtree(self.folder / "out", ignore_errors=True)
            found = self.truths[key] = self.calibrate(self.bench.folder, file, recipe, packed=False)
            assert found.products, found.said
            assert not found.faults, found.faults
        return self.truths[key]

    def calibrate(self, folder: Path, file: str, recipe: str, packed: bool) -> Outcome:
        """Return what comes of the files of a folder, one of which is of interest, and may be `packed` as .gz."""
        exposure = "x_asn.json" if recipe == "backgrounds" else file if file.startswith("x_rate") else "x_rate.fits"
        names = {"flat": "flat.fits"}
        names |= {"dark": "dark.fits", "photom": "photom.ecsv"} if recipe != "backgrounds" else {}
        names |= {"distortion": file} if file == "distortion.asdf" else {}
        at = {
            name: folder / (f"{name}.gz" if packed and name == file else name) for name in (exposure, *names.values())
        }
        references = {reftype: at[name] for reftype, name in names.items()}
        return self.bench.trial(self.folder / "out", at[exposure], folder / f"{recipe}.yaml", references)

    def trial(self, kind: Kind, rng: np.random.Generator, turn: int) -> tuple[str, Outcome, list[str]]:
        """Harm one file and calibrate: the harm, what came of it, what differs from the truth without a word."""
        harms = (*kind.harms, *kind.noise)
        harm, (file, recipe) = harms[turn % len(harms)], kind.files[int(rng.integers(len(kind.files)))]
        truth, folder = self.truth(file, recipe), self.folder / "in"
        for used in (folder, self.folder / "out"):
            shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(self.bench.folder, folder)
        content = harm(rng, (folder / file).read_bytes())
        (folder / file).write_bytes(content)
        packed = content.startswith(b"\x1f\x8b") and not file.startswith("sky")
        if packed:
            (folder / file).rename(folder / f"{file}.gz")
        outcome = self.calibrate(folder, file, recipe, packed)
        outcome.said = [one for one in outcome.said if one not in truth.said]
        changed = differences(truth.products, outcome.products)
        silent = changed and not outcome.said
        if silent and (harm not in kind.noise or not outcome.products):
            outcome.faults.append(f"nothing is said of: {', '.join(changed)}")
        return f"{harm.__name__} in {file} ({recipe})", outcome, changed


def generator(kind: str, trial: int) -> np.random.Generator:
    return np.random.default_rng([crc32(kind.encode()), SEED, trial])


def blocks(total: int, per_test: int, mark: pytest.MarkDecorator) -> list[Any]:
    """Return the trials of each kind in tests of some trials each, or the one trial that the environment names."""
    if one := os.environ.get("IRIS_ATTACK"):
        kind, trial = one.split(":")
        return [pytest.param(kind, range(int(trial), int(trial) + 1), id=one)]
    each = -(-total // len(KINDS))
    starts = range(0, each, per_test)
    return [
        pytest.param(kind, range(at, min(at + per_test, each)), marks=mark, id=f"{mark.name}-{kind}-{at}")
        for kind in KINDS
        for at in starts
    ]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return make_bench(tmp_path_factory.mktemp("attack"))


@pytest.fixture
def attack(bench: Bench, tmp_path: Path) -> Attack:
    return Attack(bench, tmp_path)


@pytest.mark.parametrize(
    ("kind", "trials"), [*blocks(300, 40, pytest.mark.slow), *blocks(2000, 50, pytest.mark.acceptance)]
)
def test_a_harmed_file_is_refused_or_warned_of_or_gives_the_same_pixels(
    attack: Attack, kind: str, trials: range
) -> None:
    found = []
    for trial in trials:
        harm, outcome, _ = attack.trial(KINDS[kind], generator(kind, trial), trial)
        found += [f"IRIS_ATTACK={kind}:{trial} IRIS_ATTACK_SEED={SEED}: {harm}: {fault}" for fault in outcome.faults]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "count", [pytest.param(36, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.acceptance)]
)
def test_what_does_no_harm_gives_the_same_pixels(attack: Attack, count: int) -> None:
    refused = []
    for trial in range(count):
        harm, outcome, changed = attack.trial(HARMLESS, generator("harmless", trial), trial)
        if changed or outcome.faults:
            refused.append(f"trial {trial}, {harm}: {changed} {outcome.faults} {outcome.said}")
    assert len(refused) <= 0.02 * count, "\n".join(refused)


def another_pixel(_: np.random.Generator, content: bytes) -> bytes:
    at = of_fits.headers(content)[1][0] + of_fits.BLOCK
    return content[:at] + b"\x40" + content[at + 1 :]


def nothing(_: np.random.Generator, content: bytes) -> bytes:
    return content


@pytest.mark.parametrize("file", [*EXPOSURE, *IMAGES])
@pytest.mark.slow
def test_the_judge_sees_one_pixel(attack: Attack, file: tuple[str, str]) -> None:
    """Without sums nobody can know that it has changed, and nothing is said; where nothing has, nothing is found."""
    rng = np.random.default_rng(SEED)
    _, outcome, _ = attack.trial(Kind([another_pixel], [file]), rng, 0)
    assert [fault for fault in outcome.faults if fault.startswith("nothing is said of") and ": data" in fault]
    _, outcome, changed = attack.trial(Kind([nothing], [file]), rng, 0)
    assert not changed
    assert not outcome.faults
    assert not outcome.said
