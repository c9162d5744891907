"""What is merely installed changes not one bit of a product: two plugins with every hook prove it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from iris_testkit import make_reference

from iris_core import Plugins, load_plugins, run

Install = Callable[..., None]
Write = Callable[..., Path]

STAGES = """\
import numpy as np
from iris_core import stage

@stage("background")
def background(exposure, background_exposures):
    return exposure.replace(data=exposure.data - np.mean([one.data for one in background_exposures], axis=0))

@stage("flat_field", references=("flat",))
def flat(exposure, references):
    return exposure.scale(1 / references["flat"].image(exposure).data).mask_invalid()
"""
# Every answer of it is wrong for the exposure of the test, and would be seen in the product.
ANSWERS = """\
from pathlib import Path
import numpy as np
from iris_core import Candidate, InstrumentMode, Reference, ReferenceType, hookimpl, stage, stage_spec
from iris_testkit import make_exposure, make_reference

@stage_spec(status="S_GHOST")
def remove_ghosts(exposure):
    "Remove ghosts."

@stage("remove_ghosts")
def work(exposure):
    return exposure.scale(9)

@stage("flat_field", only_by_name=True)
def another_flat(exposure):
    return exposure.scale(9)

@hookimpl
def reference_types():
    return [ReferenceType(name="ghosts")]

@hookimpl
def find_reference(reftype, exposure):
    path = Path(exposure.meta.path).with_name("wrong.fits")
    return make_reference(path, reftype, np.full(exposure.shape, 9.0))

@hookimpl
def explain_reference():
    return [Candidate(Path("wrong.fits"), "wrong")]

@hookimpl
def check_reference():
    return ["wrong"]

@hookimpl
def read_exposure(path):
    return make_exposure(value=9) if path.suffix == ".mine" else None

@hookimpl
def read_association(path):
    return [] if path.suffix == ".mine" else None

@hookimpl
def write_product(path):
    return path if path.suffix == ".mine" else None

@hookimpl
def instrument_modes():
    detectors = {"IMG1": None}
    use, params = {"flat_field": "lab-answers"}, {"flat_field": {"wrong": 9}}
    facts = dict(telescope="TMT", unit="DN/s", pixel_scale=9, use=use, params=params)
    return [InstrumentMode(name="lab", instrument="LAB", detectors=detectors, **facts)]

@hookimpl
def executors():
    return {"lab": None}

@hookimpl
def recipes():
    return {"lab": Path("lab.yaml")}

@hookimpl
def run_finished(report):
    report.results[0].products["cal"].with_suffix(".told").touch()

@hookimpl
def add_hookspecs(pluginmanager):
    pass
"""
# The answer of these serves a whole run: only None leaves it to the framework.
SILENT = (
    *("calibrate_jobs", "compare_products", "open_products", "open_references", "open_store", "plan_group"),
    *("add_to_store", "read_jobs", "read_recipe", "read_reference"),
)
AROUND = """\
from iris_core import hookimpl

def change(item):
    return item.scale(9).note("around") if hasattr(item, "scale") else item

def around(name):
    def wrap():
        result = yield
        return [change(one) for one in result] if isinstance(result, list) else change(result)
    return hookimpl(wrapper=True, specname=name)(wrap)

"""


@pytest.fixture
def product(write_recipe: Write, write_exposure: Write, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that calibrates an exposure, with plugins loaded and lines put into the recipe."""
    (tmp_path / "store").mkdir()
    make_reference(tmp_path / "store" / "flat.fits", "flat", np.arange(72.0).reshape(8, 9), err=np.full((8, 9), 0.1))
    sky, path = write_exposure("sky.fits", value=2), write_exposure(seed=3)

    def calibrate(*names: str, line: str = "") -> Path:
        folder = tmp_path / "-".join(["out", *names, line[:4]])
        recipe = write_recipe("background, flat_field", "references: {store: store}", line)
        plugins = load_plugins(["iris-imager", "lab-stages", *names])
        assert not plugins.broken
        report = run(recipe, path, backgrounds=sky, plugins=plugins, directory=folder)
        assert not report.failed
        return report.products[0]

    return calibrate


@pytest.fixture
def with_every_hook(install: Install) -> tuple[str, str]:
    """Return the names of two installed plugins: one answers every hook, the other wraps every hook."""
    wrapped = [name for name in Plugins().hooks() if name != "add_hookspecs"]
    install("lab-stages", STAGES)
    install("lab-answers", ANSWERS + "".join(f"@hookimpl\ndef {name}():\n    return None\n" for name in SILENT))
    install("lab-around", AROUND + "".join(f"around_{name} = around({name!r})\n" for name in wrapped))
    return "lab-answers", "lab-around"


def contents(path: Path) -> list[tuple[str, bytes]]:
    """Return header and bytes of every HDU of images; the ASDF of the last one has the times of the stages."""
    with fits.open(path) as hdus:
        images = [hdu for hdu in hdus if not isinstance(hdu, fits.BinTableHDU)]
        return [(hdu.header.tostring(), b"" if hdu.data is None else hdu.data.tobytes()) for hdu in images]


def test_the_two_plugins_have_every_hook(with_every_hook: tuple[str, str]) -> None:
    plugins = load_plugins(with_every_hook)
    assert plugins.broken == {}
    stages = set(Plugins().stages())
    run = {"run_stage", "run_group_stage"}
    assert set(plugins.hooks()) - stages - run <= plugins.hooks_of("lab-answers")
    assert stages | run <= plugins.hooks_of("lab-around")


def test_what_is_merely_installed_changes_not_one_bit(
    with_every_hook: tuple[str, str], product: Callable[..., Path]
) -> None:
    alone, among_others = product(), product(*with_every_hook)
    assert contents(alone) == contents(among_others)
    assert len(contents(alone)) >= 4
    assert [path.suffix for path in among_others.parent.glob("*.told")] == [".told"]


def test_the_same_plugins_change_the_product_where_the_recipe_names_them(
    with_every_hook: tuple[str, str], product: Callable[..., Path]
) -> None:
    """What is compared above would show a difference."""
    with fits.open(product()) as hdus:
        alone = hdus["SCI"].data
    with fits.open(product(*with_every_hook, line="with: [lab-around]")) as hdus:
        assert np.nanmax(hdus["SCI"].data / alone) > 9
