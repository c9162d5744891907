"""What is made is accepted by a store of reference files, and found for the exposures of the same night."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import iris_masters
import numpy as np
import pytest
import yaml
from astropy.table import Table
from click.testing import CliRunner, Result
from iris_references import add_references
from iris_testkit import make_exposure, run_stage

from iris_core import DQ, Exposure, Problems, load_plugins, loading, parse_unit, read_exposure, run, write_exposure
from iris_core.cli import main
from iris_core.installed import find_entry_points

SHAPE = (48, 64)
# The full frame is that of the test.
FRAME = {"DETXSIZE": SHAPE[1], "DETYSIZE": SHAPE[0], "OBSGEO-L": -155.4747, "COADDS": 1}
# Darks are taken in the morning after the night, flats in the evening before it (Maunakea).
NIGHT, MORNING, EVENING = "2026-11-27T08:00:00", "2026-11-27T17:00:00", "2026-11-27T03:00:00"
RECIPES = Path(iris_masters.__file__).parent / "recipes"


def taken(when: str, value: Any, **options: Any) -> Exposure:
    options = {"poisson": 0.01, "rnoise": 0.01, "exposure_time": 80.0, "read_mode": "CDS", **options}
    return make_exposure(SHAPE, value=value, header={**FRAME, "DATE-OBS": when}, **options)


def finish(exposure: Exposure, reftype: str, path: Path, *stages: str, **params: Any) -> Path:
    """Write a reference file, after some stages and make_reference."""
    for stage in stages:
        exposure = run_stage(iris_masters, exposure, stage=stage)
    return write_exposure(run_stage(iris_masters, exposure, stage="make_reference", reftype=reftype, **params), path)


@pytest.fixture
def made(
    tmp_path: Path,
    combine: Callable[..., Exposure],
    combine_flat: Callable[..., Exposure],
    make_mask: Callable[..., Exposure],
) -> dict[str, Path]:
    """Return a dark, a flat and a mask as the recipes make them."""
    dark = combine([taken(MORNING, 2.0, seed=i) for i in range(3)])
    on = [taken(EVENING, 1000.0, seed=10 + i, exposure_time=5.0) for i in range(2)]
    flat = combine_flat(on, [taken(EVENING, 100.0, seed=20 + i, exposure_time=5.0) for i in range(2)])
    darks = finish(dark, "dark", tmp_path / "x_dark.fits", "flag_dark")
    flats = finish(flat, "flat", tmp_path / "x_flat.fits", "normalize", "flag_flat", any=("READMODE",))
    mask = make_mask([read_exposure(darks)], [read_exposure(flats)])
    anyway = {"any": ("READMODE", "FILTER", "PUPIL")}
    return {"dark": darks, "flat": flats, "mask": finish(mask, "mask", tmp_path / "x_mask.fits", **anyway)}


def test_the_night_of_the_darks_and_flats_finds_them(tmp_path: Path, made: dict[str, Path]) -> None:
    """The science was taken before the darks, with a read mode in which there are no flats."""
    store = tmp_path / "store"
    added = add_references(store, made.values(), load_plugins())
    assert sorted(one.entry.reftype for one in added) == ["dark", "flat", "mask"]
    recipe = tmp_path / "recipe.yaml"
    steps = ["flag_bad_pixels", "dark_current", "flat_field"]
    recipe.write_text(yaml.safe_dump({"recipe": 1, "name": "night", "steps": steps}), encoding="utf-8")
    science = write_exposure(taken(NIGHT, 102.0, seed=30), tmp_path / "night_rate.fits")
    report = run(recipe, science, references={"store": store}, directory=tmp_path)
    (result,) = report.results
    assert not result.error
    (path,) = result.products.values()
    product = read_exposure(path)
    assert (product.header["R_DARK"], product.header["R_FLAT"]) == ("x_dark.fits", "x_flat.fits")
    assert np.nanmedian(product.data) == pytest.approx(100, abs=0.1)
    assert product.variance.keys() >= {"dark", "flat"}


def test_the_night_before_does_not_find_them(tmp_path: Path, made: dict[str, Path]) -> None:
    store, plugins = tmp_path / "store", load_plugins()
    add_references(store, [made["dark"]], plugins)
    plugins.add("store", plugins.ask_one("open_store", store, folder=store, plugins=plugins))
    mode = plugins.modes()["iris-imager"]
    found = plugins.find_reference("dark", taken("2026-11-26T15:00:00", 1), mode)
    assert found is None
    found = plugins.find_reference("dark", taken(NIGHT, 1), mode)
    assert found is not None
    assert found.path.name == "x_dark.fits"


def test_the_files_say_how_they_were_taken(made: dict[str, Path]) -> None:
    dark, flat, mask = (read_exposure(made[name]) for name in ("dark", "flat", "mask"))
    assert (dark.header["EXPTIME"], dark.header["NEXP"], dark.header["READMODE"]) == (80, 3, "CDS")
    assert (flat.header["EXPTIME"], flat.header["READMODE"], flat.header["FILTER"]) == (5, "ANY", "Kbb")
    assert np.median(flat.data) == pytest.approx(1, abs=1e-3)
    assert dark.header["USEAFTER"] == flat.header["USEAFTER"] == "2026-11-26T22:21:53"
    assert mask.header["REFTYPE"] == "mask"
    table = Table.read(made["dark"], hdu="HDRTAB")
    assert table["FILE"].tolist() == ["x_rate.fits"] * 3
    assert table["EXPTIME"].tolist() == [80, 80, 80]
    assert not np.any(mask.dq & ~np.uint32(DQ.WARM | DQ.HOT))


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_name_stages_and_parameters_that_exist(path: Path) -> None:
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (given["recipe"], given["name"]) == (1, path.stem)
    plugins = load_plugins()
    for step in given["steps"]:
        name, options = next(iter(step.items())) if isinstance(step, dict) else (step, {})
        (implementation,) = plugins.implementations(name).values()
        implementation.declared.params(**options.get("params", {}))


class TestAddTo:
    """`iris run RECIPE FILES --add-to STORE`."""

    def darks(self, folder: Path, *, read_mode: str = "CDS") -> list[Path]:
        folder.mkdir(exist_ok=True)
        return [
            write_exposure(
                taken(MORNING, 2.0, seed=at, read_mode=read_mode, image_type="DARK"),
                folder / f"{read_mode}{at}_rate.fits",
            )
            for at in range(3)
        ]

    def run(self, recipe: str, *files: Path, store: Path, **options: str) -> Result:
        named = [word for name, value in options.items() for word in (f"--{name}", value) if word]
        where = ["--output-dir", str(store.parent / "masters"), "--add-to", str(store)]
        return CliRunner().invoke(main, ["run", recipe, *map(str, files), *where, *named])

    def test_masters_are_found_by_the_next_run(self, tmp_path: Path) -> None:
        store = tmp_path / "store"
        done = self.run("create-dark", *self.darks(tmp_path / "raw"), store=store)
        assert done.exit_code == 0, done.output
        assert f"added to {store}: CDS0_dark.fits" in done.output
        science = write_exposure(taken(NIGHT, 102.0, seed=30), tmp_path / "night_rate.fits")
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(yaml.safe_dump({"recipe": 1, "name": "night", "steps": ["dark_current"]}), encoding="utf-8")
        report = run(recipe, science, references={"store": store}, directory=tmp_path)
        assert read_exposure(report.products[0]).header["R_DARK"] == "CDS0_dark.fits"

    def test_the_plugins_are_loaded_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        searched, darks = [], self.darks(tmp_path / "raw")

        def find(group: str, *found: Any) -> dict[str, list[EntryPoint]]:
            searched.append(group)
            return find_entry_points(group, *found)

        monkeypatch.setattr(loading, "find_entry_points", find)
        assert self.run("create-dark", *darks, store=tmp_path / "store").exit_code == 0
        assert len(searched) == 1

    def test_a_camera_without_read_modes_has_masters_without_them(self, tmp_path: Path) -> None:
        """Its mode does not select on READMODE; the master is used where no exposure gives one, with a note."""
        camera: dict[str, Any] = {"read_mode": "", "instrument": "MYCAM", "detector": "A"}
        (tmp_path / "raw").mkdir()
        darks = [
            write_exposure(taken(MORNING, 2.0, seed=at, image_type="DARK", **camera), tmp_path / "raw" / f"{at}.fits")
            for at in range(3)
        ]
        store = tmp_path / "store"
        done = self.run("create-dark", *darks, store=store, instrument="generic")
        assert done.exit_code == 0, done.output
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(yaml.safe_dump({"recipe": 1, "name": "night", "steps": ["dark_current"]}), encoding="utf-8")
        science = write_exposure(taken(NIGHT, 102.0, seed=30, **camera), tmp_path / "night_rate.fits")
        options: dict[str, Any] = {"references": {"store": store}, "directory": tmp_path, "instrument": "generic"}
        product = read_exposure(run(recipe, science, **options).products[0])
        assert product.header["R_DARK"] == "0_dark.fits"
        assert "neither the dark 0_dark.fits nor the exposure gives READMODE" in product.history[0].notes
        science = write_exposure(taken(NIGHT, 102.0, **camera | {"read_mode": "UTR"}), tmp_path / "other_rate.fits")
        with pytest.raises(Problems, match="READMODE is missing"):
            run(recipe, science, **options)

    def test_all_of_them_are_added_or_none(self, tmp_path: Path) -> None:
        """Of two groups one fails: what the other has made is written, and not added."""
        raw, store = tmp_path / "raw", tmp_path / "store"
        self.darks(raw)
        bad = self.darks(raw, read_mode="UTR")[1]
        write_exposure(read_exposure(bad).replace(unit=parse_unit("DN/s")), bad, overwrite=True)
        done = self.run("create-dark", raw, store=store)
        assert done.exit_code == 1
        assert "nothing was added, since" in done.output
        assert len(list((tmp_path / "masters").glob("*_dark.fits"))) == 1
        assert not store.exists()

    def test_masters_that_are_there_are_replaced_on_request_only(self, tmp_path: Path) -> None:
        store, files = tmp_path / "store", self.darks(tmp_path / "raw")
        assert self.run("create-dark", *files, store=store).exit_code == 0
        (tmp_path / "masters" / "CDS0_dark.fits").unlink()
        again = self.run("create-dark", *files[:2], store=store)
        assert again.exit_code == 1
        assert "CDS0_dark.fits" in again.output
        assert self.run("create-dark", *files[:2], store=store, overwrite="").exit_code == 0

    def test_a_recipe_that_makes_no_reference_file_is_an_error(self, tmp_path: Path) -> None:
        science = write_exposure(taken(NIGHT, 102.0, seed=30), tmp_path / "night_rate.fits")
        recipe = tmp_path / "recipe.yaml"
        content = {"recipe": 1, "name": "mine", "steps": [{"parse_subarray_map": {"skip": "none", "save": "cal"}}]}
        recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
        done = self.run(str(recipe), science, store=tmp_path / "store")
        assert done.exit_code == 1
        assert "no product is a reference file (REFTYPE); mine made night_cal.fits" in done.output

    def test_without_a_plugin_for_stores_the_run_does_not_begin(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("IRIS_LOAD_PLUGINS", "iris-masters,iris-imager")
        done = self.run("create-dark", *self.darks(tmp_path / "raw"), store=tmp_path / "store")
        assert done.exit_code == 1
        assert "hook add_to_store" in done.output
        assert not (tmp_path / "masters").exists()
