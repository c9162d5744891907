"""Integrations end to end: each is calibrated as if it were an exposure alone, however many there are at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner
from iris_testkit import make_exposure

from iris_core import (
    DQ,
    Exposure,
    Plugins,
    StageContractError,
    StageSkipped,
    calibrate,
    hookimpl,
    parse_unit,
    read_fits,
    stage,
)
from iris_core.cli import main
from iris_core.exposure import join, split

pytest.importorskip("iris_simulate")
pytest.importorskip("iris_background")

NX, NY, NINT = 96, 80, 5
PRODUCTS = ("bsub", "cal", "i2d")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with rateints of stars and three of blank sky, each integration with noise of its own."""
    from iris_simulate import simulate, write_set

    folder = tmp_path_factory.mktemp("night")
    write_set(simulate(size=(NX, NY), stars=1, backgrounds=3, integrations=NINT, defects=0.02, seed=3), folder)
    with fits.open(cube(folder), mode="update") as hdus:
        for number in range(NINT):
            hdus["DQ"].data[number, number, 10:20] |= np.uint32(DQ.DO_NOT_USE | DQ.JUMP_DET)
    return folder


def cube(folder: Path) -> Path:
    (path,) = (one for one in folder.glob("*_rateints.fits") if "sky" not in one.name)
    return path


def run(night: Path, file: Path, out: Path, *options: str) -> dict[str, Path]:
    """Run image2 with all the skies of a night and return the products by suffix."""
    skies = [f"--background={path}" for path in sorted(night.glob("*sky*_rateints.fits"))]
    store = f"--reference=store={night / 'references'}"
    result = CliRunner().invoke(
        main, ["run", "image2", str(file), "--output-dir", str(out), store, *skies, "--save-bsub", *options]
    )
    assert result.exit_code == 0, result.output
    return {path.stem.rpartition("_")[2].removesuffix("ints"): path for path in out.glob("*.fits")}


def alone(path: Path, number: int, target: Path) -> Path:
    """Write one integration as the rate it would have been."""
    with fits.open(path) as hdus:
        for hdu in hdus[1:]:
            if isinstance(hdu, fits.ImageHDU) and hdu.data.ndim == 3:
                hdu.data = hdu.data[number].copy()
        hdus.writeto(target)
    return target


def images(path: Path) -> dict[str, np.ndarray]:
    with fits.open(path) as hdus:
        return {hdu.name: np.array(hdu.data) for hdu in hdus if isinstance(hdu, fits.ImageHDU)}


@pytest.mark.slow
def test_each_integration_of_the_products_is_what_it_would_be_alone(night: Path, tmp_path: Path) -> None:
    products = run(night, cube(night), tmp_path / "all")
    stem = cube(night).name.removesuffix("_rateints.fits")
    assert {path.name for path in products.values()} == {f"{stem}_{suffix}ints.fits" for suffix in PRODUCTS}
    for number in range(NINT):
        one = run(night, alone(cube(night), number, tmp_path / f"x{number}_rate.fits"), tmp_path / f"{number}")
        assert {path.name for path in one.values()} == {f"x{number}_{suffix}.fits" for suffix in PRODUCTS}
        for suffix, path in one.items():
            integrations, single = images(products[suffix]), images(path)
            assert list(integrations) == list(single)
            for name, plane in single.items():
                cubed = integrations[name]
                expected = cubed[number] if cubed.ndim == 3 else cubed
                np.testing.assert_array_equal(plane, expected, err_msg=f"{suffix} {name}")


def test_background_is_the_mean_of_what_is_kept_of_each_background_exposure(night: Path, tmp_path: Path) -> None:
    """Where nothing is clipped: the mean of the means of the integrations, and its variance."""
    bsub = read_fits(run(night, cube(night), tmp_path)["bsub"])
    science = read_fits(cube(night))
    skies = [read_fits(path).mask_invalid() for path in sorted(night.glob("*sky*_rateints.fits"))]
    mean = np.mean([sky.data.mean(axis=0, dtype=np.float64) for sky in skies], axis=0)
    variance = sum(np.sum([v.sum(axis=0) for v in sky.variance.values()], axis=0) for sky in skies) / (3 * NINT) ** 2
    same = np.isclose(science.data - bsub.data, mean, rtol=1e-4)
    assert np.mean(same[np.isfinite(bsub.data)]) > 0.9
    np.testing.assert_allclose(
        bsub.variance["background"][same], np.broadcast_to(variance, same.shape)[same], rtol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--set=background.match=offset", "--skip=dark_current=gone with the sky")])
def test_a_cube_in_pieces_gives_the_products_of_the_whole(
    options: tuple[str, ...], night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With scale: median the integrations share a level, so that the stage has to see all of them."""
    whole = run(night, cube(night), tmp_path / "whole", *options)
    monkeypatch.setattr("iris_core.runner.PIECE_PIXELS", 2 * NX * NY)
    pieces = run(night, cube(night), tmp_path / "pieces", *options)
    assert set(whole) == set(pieces) == set(PRODUCTS)
    for suffix, path in whole.items():
        expected, found = images(path), images(pieces[suffix])
        assert list(expected) == list(found)
        for name, plane in expected.items():
            np.testing.assert_array_equal(found[name], plane, err_msg=f"{suffix} {name}")
        one, other = read_fits(path), read_fits(pieces[suffix])
        assert [(record.stage, record.status, record.notes) for record in one.history] == [
            (record.stage, record.status, record.notes) for record in other.history
        ]


def many(number: int = 5) -> Exposure:
    """Return a cube with other values in each integration, a plane of integrations and one for all."""
    exposure = make_exposure((4, 6), nint=number, header={"INSTRUME": "IRIS"})
    values = np.arange(exposure.data.size, dtype=np.float32).reshape(exposure.data.shape)
    planes = {"WHT": values + 1, "SUBARR_MAP": np.ones((4, 6), np.int16)}
    return exposure.replace(data=values, dq=values.astype(np.uint32) & ~np.uint32(1), planes=planes)


def cut(exposure: Exposure) -> list[Exposure]:
    """Return the exposure in pieces of two integrations."""
    exposures = [exposure]
    split(exposures, 2 * 24)
    return exposures


def test_pieces_that_are_joined_give_the_cube() -> None:
    exposures = cut(many())
    assert [len(one.data) for one in exposures] == [2, 2, 1]
    assert all(one.planes["SUBARR_MAP"].shape == (4, 6) for one in exposures)
    join(exposures)
    (joined,), expected = exposures, many()
    assert list(joined.variance) == list(expected.variance)
    for found, plane in zip(
        (joined.data, joined.dq, *joined.variance.values(), joined.planes["WHT"], joined.planes["SUBARR_MAP"]),
        (expected.data, expected.dq, *expected.variance.values(), expected.planes["WHT"], np.ones((4, 6))),
        strict=True,
    ):
        np.testing.assert_array_equal(found, plane)
        assert not found.flags.writeable


@pytest.mark.parametrize("exposure", [make_exposure((40, 60)), many(2)], ids=["an image", "a small cube"])
def test_what_is_small_enough_stays_as_it_is(exposure: Exposure) -> None:
    (same,) = cut(exposure)
    assert same is exposure


@pytest.mark.parametrize("changes", [{"variance": {}}, {"unit": None}, {"planes": {}}])
def test_pieces_in_other_units_or_with_other_planes_are_refused(changes: dict[str, Any]) -> None:
    exposures = cut(many())
    exposures[1] = exposures[1].replace(**changes)
    with pytest.raises(StageContractError, match=r"x_rate\.fits: .*by_integration"):
        join(exposures)


@stage("flat_field", by_integration=True)
def count(exposure: Exposure) -> Exposure:
    return exposure.note(f"{len(exposure.data)} integrations")


@stage("flat_field")
def count_all(exposure: Exposure) -> Exposure:
    return exposure.note(f"{len(exposure.data)} integrations")


@stage("flat_field", by_integration=True)
def skip_some(exposure: Exposure) -> Exposure:
    if len(exposure.data) == 1:
        raise StageSkipped("only one")
    return exposure


def notes(exposure: Exposure, function: Callable[..., Exposure], recipe: Path, plugins: Plugins) -> tuple[str, ...]:
    (product,) = calibrate(exposure, recipe, stages={"flat_field": function}, plugins=plugins).values()
    assert len(product.data) == len(exposure.data)
    return product.history[-1].notes


def test_only_a_stage_that_says_so_is_given_some_integrations_at_a_time(
    bare: Plugins, write_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iris_core.runner.PIECE_PIXELS", 2 * 24)
    assert notes(many(), count, write_recipe(), bare) == ("2 integrations", "1 integrations")
    assert notes(many(2), count, write_recipe(), bare) == ("2 integrations",)
    assert notes(many(), count_all, write_recipe(), bare) == ("5 integrations",)


def test_what_acts_around_stages_is_given_all_integrations(
    bare: Plugins, write_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plot of an exposure is one of the whole exposure."""
    seen: list[int] = []

    class Looks:
        @hookimpl(wrapper=True)
        def run_stage(self, exposure: Exposure) -> Generator[None, Exposure, Exposure]:
            seen.append(len(exposure.data))
            return (yield)

    bare.add("looks", Looks(), "1.0")
    monkeypatch.setattr("iris_core.runner.PIECE_PIXELS", 2 * 24)
    assert notes(many(), count, write_recipe("flat_field", "with: [looks]"), bare) == ("5 integrations",)
    assert seen == [5]


def test_a_stage_that_skips_some_integrations_only_is_an_error(
    bare: Plugins, write_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iris_core.runner.PIECE_PIXELS", 2 * 24)
    with pytest.raises(StageContractError, match=r"'flat_field'.*only one"):
        notes(many(), skip_some, write_recipe(), bare)


def test_what_holds_for_all_integrations_is_kept_once(
    bare: Plugins, write_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece would hold an area of its own otherwise: many planes where one suffices."""
    areas: list[Any] = []

    @stage("flat_field", by_integration=True)
    def measure(exposure: Exposure) -> Exposure:
        return exposure.replace(area=np.full(exposure.shape, 0.5))

    @stage("photom", by_integration=True)
    def look(exposure: Exposure) -> Exposure:
        areas.append(exposure.area)
        return exposure.replace(unit=parse_unit("MJy/sr"))

    monkeypatch.setattr("iris_core.runner.PIECE_PIXELS", 2 * 24)
    stages = {"flat_field": measure, "photom": look}
    (product,) = calibrate(many(), write_recipe("flat_field, photom"), stages=stages, plugins=bare).values()
    assert len(areas) == 3
    assert all(np.shares_memory(areas[0], area) for area in areas)
    assert product.area is not None
    assert np.shares_memory(product.area, areas[0])
    np.testing.assert_array_equal(product.area, np.full((4, 6), 0.5))


def test_pieces_share_what_is_no_plane_of_the_cube() -> None:
    whole = many().replace(area=np.full((4, 6), 0.5))
    exposures = cut(whole)
    assert whole.area is not None
    for one in exposures:
        assert one.header is whole.header
        assert one.area is not None
        assert np.shares_memory(one.area, whole.area)
        assert not np.shares_memory(one.data, whole.data)
