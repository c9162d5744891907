"""What the files of a night are for: plain masters, made of the pixels and keywords alone, agree with the truth."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from iris_simulate import simulate_night, write_night

from iris_core import Array, InstrumentMode

pytestmark = pytest.mark.slow

READ_NOISE, READS = 5.0, 2


@dataclass
class Raw:
    """Exposures of one role, filter and time."""

    data: Array
    err: Array
    headers: list[Any]


@pytest.fixture(scope="module")
def folder(mode: InstrumentMode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = simulate_night(
        instrument=mode,
        filters=("Kbb",),
        detectors=("IMG2",),
        size=(256, 256),
        defects=0.01,
        rays=2.0,
        thermal=500.0,
        twilights=7,
        twilight_fall=0.6,
        exposure_time=200.0,
        dither_step=0.3,
        seed=8,
    )
    directory = tmp_path_factory.mktemp("raw")
    write_night(made, directory)
    return directory


def role_of(header: Any) -> str:
    """Return the role, from the keywords that the README lists."""
    kind, lamp = header["IMTYPE"], header["LAMP"]
    flats = {"ON": "flat", "OFF": "flat_off", "SKY": "twilight"}
    return flats[lamp] if kind == "FLAT" else {"DARK": "dark", "SCI": "science"}[kind]


@pytest.fixture(scope="module")
def raw(folder: Path) -> dict[tuple[str, float], Raw]:
    """Return what is in the folder by role and exposure time."""
    found = defaultdict(list)
    for path in sorted(folder.glob("*_rate.fits")):
        with fits.open(path) as hdus:
            header = hdus[0].header
            found[role_of(header), header["EXPTIME"]].append((hdus["SCI"].data, hdus["ERR"].data, header))
    return {key: Raw(np.array([one[0] for one in rows]), np.array([one[1] for one in rows]), [one[2] for one in rows])
            for key, rows in found.items()}  # fmt: skip


def truth_of(folder: Path, name: str) -> dict[str, Array]:
    with fits.open(folder / "truth" / f"{name}.fits") as hdus:
        return {hdu.name: np.asarray(hdu.data) for hdu in hdus[1:]}


def bad_pixels(folder: Path, *kinds: str) -> Array:
    table = QTable.read(folder / "truth" / "bad_pixels_IMG2.ecsv", format="ascii.ecsv")
    rows = table[np.isin(table["kind"], kinds)] if kinds else table
    mask = np.zeros((256, 256), dtype=bool)
    mask[rows["y"].value.astype(int), rows["x"].value.astype(int)] = True
    return mask


def dark_of(folder: Path, seconds: float) -> Array:
    truth = truth_of(folder, "dark_IMG2")
    return truth["DARK"] + truth["GLOW"] * READS / seconds


def test_the_roles_have_their_numbers(raw: dict[tuple[str, float], Raw]) -> None:
    assert {key: len(one.data) for key, one in raw.items()} == {
        ("twilight", 10.0): 7,
        ("science", 200.0): 5,
        ("dark", 200.0): 5,
        ("dark", 10.0): 5,
        ("flat", 10.0): 5,
        ("flat_off", 10.0): 5,
    }
    for one in raw.values():
        assert len({(h["DETECTOR"], h["READMODE"], h["NREADS"], h["COADDS"]) for h in one.headers}) == 1


@pytest.mark.parametrize("seconds", [200.0, 10.0])
def test_a_master_dark_pulls_to_its_truth(raw: dict[tuple[str, float], Raw], folder: Path, seconds: float) -> None:
    """The median of five keeps rays out; its error is sqrt(1.434) of that of the mean (0 of the notes on combining)."""
    darks = raw["dark", seconds]
    master = np.median(darks.data, axis=0)
    error = np.sqrt(1.434 * np.sum(darks.err.astype(float) ** 2, axis=0)) / 5
    cold = ~bad_pixels(folder, "HOT", "NOISY")
    pull = ((master - dark_of(folder, seconds)) / error)[cold]
    assert pull.std() == pytest.approx(1.0, abs=0.02)
    assert pull.mean() == pytest.approx(0.0, abs=0.02)


def test_hot_pixels_are_found_where_the_truth_says(raw: dict[tuple[str, float], Raw], folder: Path) -> None:
    """Above 10 robust standard deviations of the long master dark: all that are hot, nothing else but noise."""
    master = np.median(raw["dark", 200.0].data, axis=0)
    spread = 1.4826 * np.median(np.abs(master - np.median(master)))
    found = master > np.median(master) + 10 * spread
    hot, noisy = bad_pixels(folder, "HOT"), bad_pixels(folder, "NOISY")
    assert found[hot].all()
    assert not found[~hot & ~noisy].any()


def test_a_lamp_flat_pulls_to_its_truth(raw: dict[tuple[str, float], Raw], folder: Path) -> None:
    """(on - off) / m, with dark, glow and 500 electron/s of thermal light gone."""
    on, off = raw["flat", 10.0], raw["flat_off", 10.0]
    flat, good = truth_of(folder, "flat_IMG2_Kbb")["FLAT"], ~bad_pixels(folder)
    difference = np.median(on.data, axis=0) - np.median(off.data, axis=0)
    variance = 1.434 * (np.sum(on.err.astype(float) ** 2, axis=0) + np.sum(off.err.astype(float) ** 2, axis=0)) / 25
    level = np.median(difference[good]) / np.median(flat[good])
    assert level == pytest.approx(2000.0, rel=1e-3)
    pull = ((difference - level * flat) / np.sqrt(variance))[good]
    assert pull.std() == pytest.approx(1.0, abs=0.02)
    assert pull.mean() == pytest.approx(0.0, abs=0.02)
    relative = difference / level
    assert np.array_equal((relative < 0.5) & ~np.isnan(relative), bad_pixels(folder, "DEAD", "LOW_QE"))


def test_a_twilight_series_separates_flat_and_thermal_light(raw: dict[tuple[str, float], Raw], folder: Path) -> None:
    """The slope against the level is the flat, what is left the thermal light and the dark; few pixels see a star."""
    series = raw["twilight", 10.0]
    table = QTable.read(folder / "truth" / "exposures_IMG2.ecsv", format="ascii.ecsv")
    level = table["light"][table["kind"] == "twilight"].to_value("electron/s")
    np.testing.assert_allclose(level, 3000 * 0.6 ** np.arange(7))
    centred = level - level.mean()
    slope = np.tensordot(centred, series.data.astype(float), 1) / np.sum(centred**2)
    rest = series.data.mean(axis=0, dtype=float) - slope * level.mean() - dark_of(folder, 10.0)
    truth, good = truth_of(folder, "flat_IMG2_Kbb"), ~bad_pixels(folder)
    assert np.median((slope / np.where(good, truth["FLAT"], 1))[good]) == pytest.approx(1.0, abs=2e-3)
    corner, middle = np.s_[:40, :40], np.s_[108:148, 108:148]
    for part in (corner, middle):
        expected = np.median(truth["THERMAL"][part])
        assert np.median(rest[part]) == pytest.approx(expected, rel=0.03)
    assert np.median(truth["THERMAL"][corner]) > 1.2 * np.median(truth["THERMAL"][middle])


def test_the_sky_of_a_calibrated_science_exposure_is_that_of_the_table(
    raw: dict[tuple[str, float], Raw], folder: Path
) -> None:
    """(rate - dark) / flat, by its median where no star is bright: within 1 % of the sky of each exposure."""
    table = QTable.read(folder / "truth" / "exposures_IMG2.ecsv", format="ascii.ecsv")
    sky = table["light"][table["kind"] == "science"].to_value("electron/s")
    flat, good = truth_of(folder, "flat_IMG2_Kbb")["FLAT"], ~bad_pixels(folder)
    levels = [np.median((one - dark_of(folder, 200.0))[good] / flat[good]) for one in raw["science", 200.0].data]
    np.testing.assert_allclose(levels, sky, rtol=0.02)
    assert sky[-1] / sky[0] == pytest.approx(0.95)
    assert levels[-1] < levels[0]


def test_the_same_star_is_in_all_science_exposures_at_the_offsets_of_the_header(
    raw: dict[tuple[str, float], Raw], folder: Path
) -> None:
    positions = QTable.read(folder / "truth" / "positions_IMG2.ecsv", format="ascii.ecsv")
    first, *others = raw["science", 200.0].headers
    at = {h["EXPNUM"]: positions[positions["exposure"] == h["EXPNUM"]] for h in (first, *others)}
    compared = 0
    for header in others:
        for row in at[header["EXPNUM"]]:
            before = at[first["EXPNUM"]][at[first["EXPNUM"]]["star"] == row["star"]]
            if len(before):
                moved = (row["x"] - before["x"][0]).value, (row["y"] - before["y"][0]).value
                # East is left: the telescope goes east by RAOFF, and the star to the right.
                expected = header["RAOFF"] / 0.004, -header["DECOFF"] / 0.004
                assert moved == pytest.approx(expected, abs=8)
                compared += 1
    assert compared >= 2
