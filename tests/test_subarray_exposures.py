"""Subarrays end to end: a window calibrated alone is the full frame's, and the windows of a map go into the product."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner, Result

from iris_core import DQ, Exposure, Window, read_fits
from iris_core.cli import main

pytest.importorskip("iris_simulate")
pytest.importorskip("iris_background")

NX, NY = 160, 128
FRAME = Window(1, 1, NX, NY)
PLANES = ("SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a rate, five skies that drift and are not flat, and rateints of both."""
    from iris_simulate import simulate, write_set

    folder = tmp_path_factory.mktemp("night")
    made = simulate(size=(NX, NY), stars=3, backgrounds=5, defects=0.01, seed=5)
    for number, path in enumerate(write_set(made, folder).backgrounds):
        disturb(path, number)
    cubes = simulate(size=(NX, NY), stars=3, backgrounds=2, integrations=4, defects=0.01, seed=6)
    for number, path in enumerate(write_set(cubes, folder / "cubes").backgrounds):
        disturb(path, number)
    return folder


def disturb(path: Path, number: int) -> None:
    """Let the sky brighten from exposure to exposure, on one side more than on the other, and add cosmic rays."""
    rng = np.random.default_rng(number)
    with fits.open(path, mode="update") as hdus:
        data = hdus["SCI"].data
        sigma = np.sqrt(np.median(hdus["VAR_POISSON"].data) + np.median(hdus["VAR_RNOISE"].data))
        data += (number * sigma * np.linspace(0, 2, NX)).astype(np.float32)
        data[..., : NY // 2, :] += rng.normal(0, 3 * sigma, data[..., : NY // 2, :].shape).astype(np.float32)
        data[rng.random(data.shape) < 0.01] += 30 * sigma


def science(folder: Path) -> Path:
    (path,) = (one for one in folder.glob("*_rate*.fits") if "sky" not in one.name)
    return path


def skies(folder: Path) -> list[Path]:
    return sorted(folder.glob("*sky*.fits"))


def cut(path: Path, window: Window, target: Path) -> Path:
    """Write the window of a file as the detector would: keywords of the window, the WCS shifted."""
    with fits.open(path) as hdus:
        for hdu in hdus[1:]:
            if isinstance(hdu, fits.ImageHDU):
                hdu.data = hdu.data[(..., *window.slices_in(FRAME))].copy()
        place = {"SUBARRAY": "CUSTOM", "SUBARRID": 1, "SUBSTRT1": window.xstart, "SUBSTRT2": window.ystart}
        hdus[0].header.update({**place, "SUBSIZE1": window.xsize, "SUBSIZE2": window.ysize})
        header = hdus["SCI"].header
        header["CRPIX1"] -= window.xstart - 1
        header["CRPIX2"] -= window.ystart - 1
        hdus.writeto(target)
    return target


def iris(command: str, recipe: str, file: Path, out: Path, *options: str, backgrounds: Sequence[Path] = ()) -> Result:
    given = [word for path in backgrounds for word in ("--background", str(path))]
    return CliRunner().invoke(main, [command, recipe, str(file), "--output-dir", str(out), *given, *options])


def words(result: Result) -> str:
    """Return what a command printed, on one line."""
    return " ".join(result.output.split())


def random_window(seed: int) -> Window:
    rng = np.random.default_rng(seed)
    xsize, ysize = rng.integers(8, (NX, NY)).tolist()
    return Window(int(rng.integers(1, NX - xsize + 2)), int(rng.integers(1, NY - ysize + 2)), xsize, ysize)


def assert_same_pixels(whole: Path, part: Path, window: Window) -> None:
    with fits.open(whole) as full, fits.open(part) as alone:
        images = [hdu.name for hdu in full if isinstance(hdu, fits.ImageHDU)]
        assert images == [hdu.name for hdu in alone if isinstance(hdu, fits.ImageHDU)]
        assert set(PLANES) < set(images)
        for name in images:
            expected = full[name].data[(..., *window.slices_in(FRAME))]
            np.testing.assert_array_equal(alone[name].data, expected, err_msg=name)
        assert np.isfinite(alone["SCI"].data).any()


def assert_same_sky(whole: Exposure, part: Exposure, window: Window) -> None:
    """Pixel (x, y) of the window is pixel (x + x0, y + y0) of the full frame."""
    assert whole.wcs is not None
    assert part.wcs is not None
    x, y = np.random.default_rng(0).uniform(0, (window.xsize - 1, window.ysize - 1), (50, 2)).T
    expected = np.array(whole.wcs(x + window.xstart - 1, y + window.ystart - 1))
    np.testing.assert_allclose(np.array(part.wcs(x, y)), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.acceptance) for seed in (1, 2))])
@pytest.mark.parametrize("recipe", ["image2", "image2-dark-first"])
@pytest.mark.parametrize("kind", [".", "cubes"])
@pytest.mark.parametrize(
    "distorted", [pytest.param(True, marks=pytest.mark.slow), False], ids=["distortion", "header WCS"]
)
def test_a_window_calibrated_alone_equals_the_same_pixels_of_the_full_frame(
    seed: int, recipe: str, kind: str, distorted: bool, night: Path, tmp_path: Path
) -> None:
    """References and full-frame backgrounds are cut to the window, the WCS is shifted; no bit may differ."""
    window = random_window(seed)
    full = science(night / kind)
    part = cut(full, window, tmp_path / full.name)
    store = night / kind / "references"
    if not distorted:
        store = shutil.copytree(store, tmp_path / "store", ignore=shutil.ignore_patterns("*.asdf"))
    outs: list[Path] = []
    for name, file in (("whole", full), ("part", part)):
        result = iris(
            "run", recipe, file, tmp_path / name, f"--reference=store={store}", backgrounds=skies(night / kind)
        )
        assert result.exit_code == 0, result.output
        (out,) = (tmp_path / name).glob("*_cal*.fits")
        outs.append(out)
    assert_same_pixels(outs[0], outs[1], window)
    whole, alone = map(read_fits, outs)
    assert alone.area is not None
    assert ("R_DISTOR" in whole.header) is distorted
    assert alone.meta.window == window
    assert_same_sky(whole, alone, window)


@pytest.mark.slow
def test_backgrounds_without_overlap_are_refused_before_the_first_pixel(night: Path, tmp_path: Path) -> None:
    part = cut(science(night), Window(1, 1, 40, 30), tmp_path / "x_rate.fits")
    elsewhere = cut(skies(night)[0], Window(60, 50, 40, 30), tmp_path / "y_rate.fits")
    for command in ("check", "run"):
        result = iris(
            command, "image2", part, tmp_path, f"--reference=store={night / 'references'}", backgrounds=[elsewhere]
        )
        assert result.exit_code == 1
        for exposure, window in (("y_rate.fits", "column 60, row 50"), ("x_rate.fits", "column 1, row 1")):
            assert f"{exposure} (40 x 30 pixels from {window})" in words(result)
    assert not list(tmp_path.glob("*_cal*"))


WINDOWS = {k: Window(1 + 15 * (k - 1), 3 * k, 10 + k % 3, 20 + k) for k in range(1, 11)}


def with_map(path: Path, windows: dict[int, Window], target: Path) -> Path:
    """Write a full frame with SUBARR_MAP."""
    labels = np.zeros((NY, NX), dtype=np.int16)
    for k, window in windows.items():
        labels[window.slices_in(FRAME)] = k
    with fits.open(path) as hdus:
        hdus.append(fits.ImageHDU(labels, name="SUBARR_MAP"))
        hdus.writeto(target)
    return target


@pytest.mark.parametrize("kept", [range(1, 11), (2, 5, 9)], ids=["ten windows", "ids with gaps"])
@pytest.mark.parametrize("kind", [".", "cubes"])
@pytest.mark.slow
def test_windows_of_a_full_frame_are_recorded_and_blank_in_the_product(
    kept: Sequence[int], kind: str, night: Path, tmp_path: Path
) -> None:
    windows = {k: WINDOWS[k] for k in kept}
    full = science(night / kind)
    mapped = with_map(full, windows, tmp_path / full.name)
    store = f"--reference=store={night / kind / 'references'}"
    for command in ("check", "run"):
        result = iris(command, "image2", mapped, tmp_path, store)
        assert result.exit_code == 0, result.output
    product = read_fits(next(tmp_path.glob("*_cal*.fits")))
    assert {one.id: one.window for one in product.subarrays} == windows
    assert product.status["S_PARSSA"] == "COMPLETE"
    inside = product.planes["SUBARR_MAP"] > 0
    both = np.uint32(DQ.SUBARRAY | DQ.DO_NOT_USE)
    assert np.isnan(product.data[..., inside]).all()
    assert ((product.dq[..., inside] & both) == both).all()
    assert not (product.dq[..., ~inside] & np.uint32(DQ.SUBARRAY)).any()
    assert np.isfinite(product.data[..., ~inside]).mean() > 0.9


def test_an_eleventh_window_is_refused_and_nothing_is_written(night: Path, tmp_path: Path) -> None:
    """The ids are pixels: check reads none, and run says where the id is."""
    full = science(night)
    mapped = with_map(full, {**WINDOWS, 11: Window(100, 100, 5, 5)}, tmp_path / full.name)
    result = iris("run", "image2", mapped, tmp_path, f"--reference=store={night / 'references'}")
    assert result.exit_code == 1
    for fact in ("SUBARR_MAP", "11 at column 100, row 100", "1 to 10"):
        assert fact in words(result)
    assert not list(tmp_path.glob("*_cal*"))


def test_a_map_of_another_shape_is_refused_by_check_and_by_run(night: Path, tmp_path: Path) -> None:
    with fits.open(science(night)) as hdus:
        hdus.append(fits.ImageHDU(np.zeros((NY, NX - 1), dtype=np.int16), name="SUBARR_MAP"))
        hdus.writeto(tmp_path / "x_rate.fits")
    for command in ("check", "run"):
        result = iris(command, "image2", tmp_path / "x_rate.fits", tmp_path)
        assert result.exit_code == 1
        for fact in ("SUBARR_MAP", f"({NY}, {NX - 1})", f"({NY}, {NX})"):
            assert fact in words(result)


def blank(path: Path, windows: dict[int, Window], target: Path) -> Path:
    """Write a full frame as it is read out beside its subarrays: no data in them, and SUBARR_MAP."""
    with_map(path, windows, target)
    with fits.open(target, mode="update") as hdus:
        hdus["SCI"].data[..., hdus["SUBARR_MAP"].data > 0] = np.nan
    return target


def cut_apart(full: Path, windows: dict[int, Window], folder: Path) -> list[Path]:
    """Write a full frame that is blank in windows, and a file for each window."""
    folder.mkdir()
    parts = [cut(full, window, folder / f"zpart{k}_{full.name.split('_')[-1]}") for k, window in windows.items()]
    for k, path in zip(windows, parts, strict=True):
        fits.setval(path, "SUBARRID", value=k)
    return [blank(full, windows, folder / full.name), *parts]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["image2", "image2-dark-first"])
@pytest.mark.parametrize("kind", [".", "cubes"])
@pytest.mark.slow
def test_a_frame_that_is_cut_apart_and_calibrated_in_pieces_is_merged_to_the_calibrated_frame(
    recipe: str, kind: str, night: Path, tmp_path: Path
) -> None:
    """No bit of data, variance or DQ differs but for SUBARRAY; without one part its window alone is blank."""
    windows = {k: WINDOWS[k] for k in (2, 5, 9)}
    full = science(night / kind)
    options = (f"--reference=store={night / kind / 'references'}", "--skip=resample=not needed")
    assert iris("run", recipe, full, tmp_path / "uncut", *options).exit_code == 0
    for piece in cut_apart(full, windows, tmp_path / "rates"):
        result = iris("run", recipe, piece, tmp_path / "pieces", *options)
        assert result.exit_code == 0, result.output
    pieces = sorted((tmp_path / "pieces").glob("*_cal*.fits"))
    uncut = read_fits(next((tmp_path / "uncut").glob("*_cal*.fits")))
    for name, given in {"merged.fits": pieces, "other_order.fits": pieces[::-1], "less.fits": pieces[:-1]}.items():
        arguments = ["merge-subarrays", *map(str, given), "--out", str(tmp_path / name)]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    inside = np.zeros((NY, NX), dtype=bool)
    for window in windows.values():
        inside[window.slices_in(FRAME)] = True
    for name in ("merged.fits", "other_order.fits"):
        assert_same_but_for_the_map(read_fits(tmp_path / name), uncut, inside)
    less = read_fits(tmp_path / "less.fits")
    lost = windows[9].slices_in(FRAME)
    assert "zpart9" in pieces[-1].name
    assert np.isnan(less.data[(..., *lost)]).all()
    assert "subarrays that stay blank: 9" in less.history[-1].notes
    np.testing.assert_array_equal(np.isnan(less.data).sum(), np.isnan(uncut.data).sum() + missing(uncut, lost))


def missing(uncut: Exposure, where: tuple[slice, slice]) -> int:
    """Return how many pixels of a window are valid."""
    return int(np.isfinite(uncut.data[(..., *where)]).sum())


def assert_same_but_for_the_map(merged: Exposure, uncut: Exposure, inside: np.ndarray) -> None:
    assert merged.data.tobytes() == uncut.data.tobytes()
    assert merged.variance.keys() == uncut.variance.keys()
    for name, plane in uncut.variance.items():
        assert merged.variance[name].tobytes() == plane.tobytes(), name
    np.testing.assert_array_equal(merged.dq, uncut.dq | np.where(inside, np.uint32(DQ.SUBARRAY), np.uint32(0)))
    assert np.isfinite(merged.data[..., inside]).any()
    assert merged.status["S_MERGSA"] == "COMPLETE"
    assert merged.history[-1].stage == "merge_subarrays"
    assert merged.meta.exposure_time == uncut.meta.exposure_time
