"""A small night of files, and the command line on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from iris_testkit import make_exposure

from iris_core import write_fits
from iris_core.cli import main

HEADER = {"TELESCOP": "TMT", "INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT"}
RECIPE = "recipe: 1\nname: sky\nsteps:\n  - background: {save: cal}\n"
OTHERS = "recipe: 1\nname: dither\nbackgrounds: others\nsteps:\n  - background: {save: cal}\n"
MEAN = '''\
"""The mean of many exposures."""

from iris_core import stage, stage_spec


@stage_spec(status="S_MEAN", group=True, makes="one", product="mean")
def mean(exposures, params, references, instrument):
    "The mean of all. Units: unchanged."


@stage("mean")
def take_mean(exposures):
    "Take the mean."
    return exposures.merged()
'''
MANY = 'recipe: 1\nname: many\nmembers: {science: "1+"}\nsteps:\n  - mean: {save: mean}\n'


class Night:
    """Files in the current folder, and `iris` on them."""

    def iris(self, *words: object) -> Result:
        """Return what a command came to."""
        return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)

    def put(self, name: str, value: float, kind: str = "SCI", minute: int = 0, **keywords: str) -> Path:
        """Return an exposure."""
        header = {**HEADER, "IMTYPE": kind, "DATE-OBS": f"2026-06-01T00:{minute:02}:00", "OBJECT": "M31", **keywords}
        path = Path(f"{name}_rate.fits")
        path.parent.mkdir(exist_ok=True, parents=True)
        write_fits(make_exposure(value=value, header=header), path)
        return path

    def associate(self, path: str, products: dict[str, list[tuple[str, str]]]) -> Path:
        """Return an association of products, each with the names and roles of its members."""
        named = [
            {"name": name, "members": [{"expname": file, "exptype": role} for file, role in members]}
            for name, members in products.items()
        ]
        Path(path).parent.mkdir(exist_ok=True, parents=True)
        Path(path).write_text(json.dumps({"asn_type": "image2", "products": named}))
        return Path(path)

    def plan(self, *words: object) -> dict[str, Any]:
        """Return the plan of a run as it is printed with ``--json``."""
        done = self.iris("plan", *words, "--json")
        assert done.exit_code == 0, done.output
        plan: dict[str, Any] = json.loads(done.stdout)
        return plan

    def run(self, argv: Iterable[str]) -> None:
        """Run a command of a plan."""
        program, *words = argv
        assert program == "iris"
        done = self.iris(*words)
        assert done.exit_code == 0, done.output

    def hashes(self, folder: str | Path) -> dict[str, str]:
        """Return the SHA-256 of the products in a folder."""
        found = sorted(Path(folder).glob("*.fits"))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_as_it_was: None) -> Night:
    """Be in a folder with two exposures, three of the sky, and recipes."""
    monkeypatch.chdir(tmp_path)
    made = Night()
    made.put("a", 12.0)
    made.put("b", 13.0, minute=4)
    for number in range(3):
        made.put(f"sky{number}", 5.0 + number, "SKY", 10 - number, OBJECT="blank")
    for name, text in {"sky.yaml": RECIPE, "dither.yaml": OTHERS, "mean.py": MEAN, "many.yaml": MANY}.items():
        Path(name).write_text(text)
    return made


@pytest.fixture
def odd(night: Night) -> Callable[[str], Path]:
    """Return a function that makes an exposure of an odd name."""
    return lambda name: night.put(name, 12.0)
