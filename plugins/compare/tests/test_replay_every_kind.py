"""Twenty random products, of every kind that a recipe makes, come out again to the last bit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from iris_compare import replay_product
from iris_references import add_references
from iris_simulate import simulate, simulate_night, write_night, write_set

from iris_core import Report, load_plugins, run

pytestmark = pytest.mark.slow

NIGHT = {"filters": ("Kbb",), "detectors": 2, "size": (128, 128), "stars": 8, "separation": 30.0, "strehl": 0.8}
EXPOSURES = {"dither_step": 0.12, "darks": 3, "flats": 3, "twilights": 3}
ONE = '@stage("flat_field")\ndef halve(exposure):\n    return exposure.scale(0.5).note("halved")\n'


def files_of(report: Report) -> list[Path]:
    assert not report.failed, [one.error for one in report.failed]
    return list(report.products)


def single_exposures(folder: Path) -> Iterator[list[Path]]:
    """Rates, cubes, windows, with and without background exposures, FITS and ASDF."""
    with_sky = write_set(simulate(size=(64, 64), backgrounds=4), folder / "sky")
    cube = write_set(simulate(size=(64, 64), integrations=3, seed=2), folder / "cube")
    windows = write_set(simulate(size=(128, 128), subarrays=2, seed=3), folder / "windows")
    plugin = folder / "plugins" / "halves.py"
    plugin.parent.mkdir()
    plugin.write_text(f"from iris_core import stage\n\n{ONE}")
    given = {"references": {"store": folder / "sky" / "references"}}
    yield files_of(run("image2", *with_sky.inputs, directory=folder / "1", save="background", **given))
    yield files_of(run("image2", *with_sky.inputs, directory=folder / "2", format="asdf", **given))
    yield files_of(run("image2-dark-first", *with_sky.inputs, directory=folder / "7", **given))
    skipped = {"skip": {"dark_current": "too noisy"}, "params": {"resample.pixfrac": 0.8}}
    yield files_of(run("image2", *with_sky.science, directory=folder / "3", **skipped, **given))
    yield files_of(run("image2", *with_sky.science, directory=folder / "4", plugin_files=plugin, **given))
    dark = {"store": folder / "cube" / "references", "dark": with_sky.references["dark"]}
    yield files_of(run("image2", *cube.science, directory=folder / "5", references=dark))
    every = {"store": folder / "windows" / "references"}
    for number, one in enumerate((*windows.science, *windows.windows[0])):
        yield files_of(run("image2", one, directory=folder / f"6{number}", references=every))


def many_exposures(folder: Path) -> Iterator[list[Path]]:
    """Masters of darks, flats and bad pixels, and a deep image of two detectors with all that comes with it."""
    raw, masters, store = folder / "raw", folder / "masters", folder / "store"
    write_night(simulate_night(**NIGHT, **EXPOSURES), raw)
    for recipe, given in (("create-dark", raw), ("create-flat", raw), ("create-badpix", masters)):
        yield files_of(run(recipe, given, directory=masters))
    add_references(store, [*masters.glob("*.fits"), *(raw / "references").iterdir()], load_plugins())
    yield files_of(run("image3", raw, directory=folder / "deep", references={"store": store}))


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[Path]]]:
    folder = tmp_path_factory.mktemp("kinds")
    return folder, [*single_exposures(folder), *many_exposures(folder)]


def test_twenty_random_products_come_out_again_to_the_last_bit(kinds: tuple[Path, list[list[Path]]]) -> None:
    folder, products = kinds
    dice = random.Random(13)
    catalogue = next(path for path in products[-1] if path.suffix == ".ecsv")
    chosen = [*(dice.choice(one) for one in products[:-1]), catalogue]
    rest = [path for one in products for path in one if path not in chosen]
    chosen += dice.sample(rest, 20 - len(chosen))
    found = {path: replay_product(path, [folder]) for path in chosen}
    assert len(found) == 20
    assert {path.suffix for path in found} == {".fits", ".asdf", ".ecsv"}
    assert {path.name: one.plain() for path, one in found.items() if not one.is_same} == {}
