"""The dither recipes of the cameras: integrations, with windows read out apart, to one image with the truth."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from iris_core import DQ, compile_recipe, load_plugins, read_exposure, run
from iris_core.recipes.reading import load_recipe

PACKAGES = ("imager", "integrations", "liger", "simulate", "subarray")
missing = [name for name in PACKAGES if find_spec(f"iris_{name}") is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"packages are not installed: {', '.join(missing)}")

PIXEL = {"iris-dither": 4.0, "liger-dither": 10.0}  # mas
FIELDS: dict[str, dict[str, Any]] = {
    "iris-dither": {"size": (256, 256), "stars": 10, "separation": 60},
    "liger-dither": {
        "mode": "liger-imager",
        "brightest": 5e-5,
        "faintest": 1e-5,
        "size": (320, 320),
        "stars": 12,
        "separation": 75,
    },
}


@pytest.fixture(scope="module", params=PIXEL)
def recipe(request: pytest.FixtureRequest) -> str:
    """Return the name of the recipe of each camera."""
    return str(request.param)


@pytest.fixture(scope="module")
def deep(recipe: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what the recipe makes of four simulated exposures, and the truth."""
    from iris_simulate import simulate, write_set

    folder = tmp_path_factory.mktemp("dithers")
    given = {"dithers": 4, "dither_step": 45, "integrations": 2, "subarrays": 1, "strehl": 0.8, "seed": 3}
    made = simulate(**given, **FIELDS[recipe])
    written = write_set(made, folder / "raw")
    science = [path for path in (folder / "raw").glob("*_rateints.fits") if "-" not in path.stem]
    store = written.references["dark"].parent
    report = run(recipe, *science, references={"store": store}, directory=folder)
    assert not report.failed, [result.error for result in report.results]
    return folder


def test_it_is_image3_with_windows_and_integrations(recipe: str) -> None:
    plugins = load_plugins()
    names = []
    for path in (plugins.recipes()[recipe], plugins.recipes()["image3"]):
        steps, problems = compile_recipe(load_recipe(path, plugins.recipes()), plugins, None)
        assert not problems
        names.append([step.stage for step in steps])
    own, image3 = names
    assert [name for name in own if name in image3] == image3
    assert own[0] == "parse_subarray_map"
    assert own.index("average_integrations") == own.index("flat_field") + 1


@pytest.mark.slow
def test_the_windows_are_filled_by_other_exposures_and_no_integrations_are_left(deep: Path) -> None:
    (path,) = deep.glob("*_i2d.fits")
    image = read_exposure(path)
    assert not image.is_integrations
    assert image.header["NEXP"] == 4
    windows = [read_exposure(cal).dq & DQ.SUBARRAY for cal in deep.glob("*_cal.fits")]
    assert all(window.any() for window in windows)
    middle = image.data[100:-100, 100:-100]
    assert np.isfinite(middle).mean() > 0.99


@pytest.mark.slow
def test_stars_are_where_they_are_and_as_bright_as_they_are(deep: Path, recipe: str) -> None:
    """Within a tenth of a pixel, and 3 % for stars that are away from others and from the edge."""
    (path,) = deep.glob("*_cat.ecsv")
    stars, truth = Table.read(path), Table.read(deep / "raw" / "truth.ecsv")
    bright = stars[(stars["aper70_flux"] > 100 * stars["aper70_flux_err"]) & ~stars["edge"]]
    places = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    index, apart, _ = bright["sky_centroid"].match_to_catalog_sky(places)
    assert len(bright) >= 5
    assert apart.mas.max() < 0.1 * PIXEL[recipe]
    assert np.median(bright["aper_total_flux"] / truth["flux"][index]) == pytest.approx(1.0, abs=0.03)
