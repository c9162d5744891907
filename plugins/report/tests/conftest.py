"""A simulated night through image2, with faults put into single exposures, and reports of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from iris_simulate import simulate, write_set

from iris_core import DQ, Exposure, read_fits, run, write_fits

DAY, LONG_AGO = "2026-03-21T02:00:00", "2026-01-10T02:00:00"
SKY = 7.5  # electron/s, about that of the simulated filter


def simulate_night(folder: Path, dithers: int, size: int = 64, **changes: Any) -> SimpleNamespace:
    """Write exposures of a sky without stars, blank sky, and references; the dark was taken in the same night."""
    spec = {"dithers": dithers, "dither_step": 3.0, "backgrounds": 4, "stars": 0, "filter": "Kbb", "seed": 3, **changes}
    write_set(simulate(size=(size, size), **spec), folder)
    references = folder / "references"
    dark = next(references.glob("*DARK*"))
    set_cards(dark, **{"DATE-OBS": DAY})
    associations = sorted(folder.glob("*_asn.json"))
    return SimpleNamespace(folder=folder, references=references, dark=dark, associations=associations)


def set_cards(path: Path, **cards: Any) -> None:
    """Change keywords of the primary header of a file."""
    with fits.open(path, mode="update", checksum=True) as hdus:
        hdus[0].header.update(cards)


def change(path: Path, make: Callable[[Exposure], Exposure]) -> None:
    """Change the pixels of an exposure."""
    changed = make(read_fits(path))
    path.unlink()
    write_fits(changed, path)


def double_sky(night: SimpleNamespace) -> Callable[[Exposure], Exposure]:
    """Return what adds the light of a second sky, seen through the flat, with its noise and its variance."""
    flat = fits.getdata(next(night.references.glob("*FLAT*")), "SCI")
    flat = np.where(np.isfinite(flat), flat, 1)

    def brighten(exposure: Exposure) -> Exposure:
        variance = (SKY * flat / 100).astype(np.float32)
        light = np.random.default_rng(1).normal(SKY * flat, np.sqrt(variance))
        brighter = exposure.replace(data=(exposure.data + light).astype(np.float32))
        return brighter.add_variance("moon", variance)

    return brighten


def shrink_errors(exposure: Exposure) -> Exposure:
    smaller = {name: plane * np.float32(0.64) for name, plane in exposure.variance.items()}
    return exposure.replace(variance=smaller)


def chosen(exposure: Exposure, fraction: float) -> Any:
    return np.random.default_rng(2).random(exposure.data.shape) < fraction


def spoil_pixels(exposure: Exposure) -> Exposure:
    return exposure.flag(chosen(exposure, 0.06), DQ.DO_NOT_USE | DQ.OTHER_BAD_PIXEL)


def saturate(exposure: Exposure) -> Exposure:
    return exposure.flag(chosen(exposure, 0.004), DQ.SATURATED)


def cut(path: Path) -> None:
    """Cut a file off in the middle of its pixels."""
    path.write_bytes(path.read_bytes()[:20000])


def calibrate(night: SimpleNamespace, out: Path, *files: Path, **options: Any) -> Any:
    """Run image2 over associations of a night."""
    given = {"references": {"store": night.references}, "directory": out, "overwrite": True, **options}
    return run("image2", *(files or night.associations), **given)


def rate_of(night: SimpleNamespace, number: int) -> Path:
    return Path(night.folder / f"sim_IMG1_Kbb_{number:04d}_rate.fits")


def read_entries(report: Path) -> list[dict[str, Any]]:
    """Return the lines of exposures.jsonl."""
    return [json.loads(line) for line in (report / "exposures.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return a night of four exposures without a fault, calibrated, with the image before resample saved."""
    folder = tmp_path_factory.mktemp("clean")
    night = simulate_night(folder / "raw", dithers=4)
    report = calibrate(night, folder / "out", save=["background"], params={"background.sigma": 5.0})
    assert not report.failed, report.failed
    night.out, night.search = folder / "out", [night.folder]
    return night


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """Return what tests do to a night."""
    return SimpleNamespace(
        simulate=simulate_night,
        calibrate=calibrate,
        set_cards=set_cards,
        change=change,
        double_sky=double_sky,
        shrink_errors=shrink_errors,
        spoil_pixels=spoil_pixels,
        saturate=saturate,
        cut=cut,
        rate_of=rate_of,
        entries=read_entries,
        long_ago=LONG_AGO,
        sky=SKY,
    )


@pytest.fixture
def copied(clean: SimpleNamespace, tmp_path: Path) -> Path:
    """Return a copy of products of the clean night, for tests that change them: of the first exposure all."""
    others = (f"*_{number:04d}_{suffix}.*" for number in (2, 3, 4) for suffix in ("bsub", "i2d"))
    return Path(shutil.copytree(clean.out, tmp_path / "out", ignore=shutil.ignore_patterns("report*", *others)))
