"""Eight prepared pairs of products: the verdict on each, and the cause that is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Shift
from astropy.table import Table
from click.testing import CliRunner, Result
from iris_compare import ProductDifference, Verdict, diff_products
from iris_compare.cli import diff
from iris_testkit import add_wcs, iris_mode, make_exposure, make_reference

from iris_core import DQ, Exposure, read_fits, run, write_exposure

SHAPE = (64, 80)
SKIPPED = ("background", "parse_subarray_map", "assign_wcs", "dark_current", "photom", "resample")
Change = Callable[[Exposure], Exposure]


def scene(seed: int = 1, sky: float = 10.0) -> Exposure:
    """Return a rate with one source, noise of known size, and a gWCS of 4 mas per pixel."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    source = 300 * np.exp(-((rows - 40) ** 2 + (columns - 30) ** 2) / 8)
    value = sky + source
    return add_wcs(make_exposure(SHAPE, value=value, poisson=value / 10, seed=seed, mode=iris_mode()))


def calibrate(folder: Path, rate: Exposure, flat: float = 1.0, suffix: str = ".fits") -> Path:
    """Return the product of a rate that was divided by a flat."""
    folder.mkdir()
    write_exposure(rate, folder / "x_rate.fits")
    pattern = 2 + 0.1 * flat * np.sin(np.arange(SHAPE[0]) / 9)[:, np.newaxis] * np.ones(SHAPE)
    make_reference(folder / "flat.fits", "flat", pattern, err=np.full(SHAPE, 1e-3))
    options: dict[str, Any] = {"skip": dict.fromkeys(SKIPPED, "not here"), "format": suffix[1:]}
    report = run(
        "image2", folder / "x_rate.fits", references={"flat": folder / "flat.fits"}, directory=folder, **options
    )
    assert not report.failed
    return folder / f"x_cal{suffix}"


def hot(rate: Exposure) -> Exposure:
    where = np.zeros(SHAPE, dtype=bool)
    where[7, 3:6] = True
    return rate.flag(where, DQ.HOT)


def moved(rate: Exposure) -> Exposure:
    """Return a rate whose gWCS is 1.25 pixels, 5 mas, off in x."""
    assert rate.wcs is not None
    wcs = add_wcs(make_exposure(SHAPE)).wcs
    assert wcs is not None
    wcs.insert_transform("detector", Shift(1.25) & Shift(0.0), after=True)
    return rate.replace(wcs=wcs, fits_wcs=rate.fits_wcs)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return calibrate(tmp_path_factory.mktemp("first") / "out", scene())


def differ(first: Path, folder: Path, rate: Exposure, **options: Any) -> ProductDifference:
    return diff_products(first, calibrate(folder / "other", rate, **options))


def edited(first: Path, path: Path, change: Change) -> Path:
    """Return a copy of a product in which something was changed."""
    return write_exposure(change(read_fits(first)), path)


def test_the_same_run_again_is_identical(first: Path, tmp_path: Path) -> None:
    found = differ(first, tmp_path, scene())
    assert (found.verdict, found.causes, found.planes, found.headers) == (Verdict.IDENTICAL, (), (), ())


def test_another_header_is_the_same_data(first: Path, tmp_path: Path) -> None:
    found = differ(first, tmp_path, scene().with_keywords({"OBSERVER": ("Herschel", "")}))
    assert (found.verdict, found.causes, found.planes) == (Verdict.SAME_DATA, ("x_rate.fits changed",), ())
    kinds = {card.keyword: card.kind for card in found.headers}
    assert (kinds["OBSERVER"], list(kinds.items())[-1]) == ("", ("IRISKEY", "run"))


def test_another_format_is_the_same_data(first: Path, tmp_path: Path) -> None:
    found = differ(first, tmp_path, scene(), suffix=".asdf")
    assert (found.verdict, found.causes) == (Verdict.SAME_DATA, ("the format of the products changed",))
    assert {card.keyword for card in found.headers} <= {"FILENAME", "IRISKEY"}


def test_the_last_bit(first: Path, tmp_path: Path) -> None:
    path = edited(
        first, tmp_path / "x_cal.fits", lambda one: one.replace(data=np.nextafter(one.data, np.float32(np.inf)))
    )
    found = diff_products(first, path)
    assert (found.verdict, found.verdict.exit_code) == (Verdict.LAST_BITS, 1)
    assert [(one.name, one.steps, one.beyond, one.changed) for one in found.planes] == [("data", 1, 0, 64 * 80)]
    assert found.causes == (
        "none: both have the same key, so one was changed since, or a plugin does not repeat itself",
    )


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_another_noise_of_the_same_truth_is_within_the_noise(first: Path, tmp_path: Path, seed: int) -> None:
    found = differ(first, tmp_path, scene(seed=seed))
    assert (found.verdict, found.causes) == (Verdict.WITHIN_NOISE, ("x_rate.fits changed",))
    assert found.noise is not None
    assert found.noise.spread == pytest.approx(1, abs=0.05)


def test_a_sky_that_is_doubled(first: Path, tmp_path: Path) -> None:
    found = differ(first, tmp_path, scene(sky=20.0))
    assert (found.verdict, found.verdict.exit_code) == (Verdict.DIFFERENT, 3)
    assert found.causes == ("x_rate.fits changed",)
    assert any("neighbouring pixels differ alike" in reason for reason in found.reasons)


def test_another_flat(first: Path, tmp_path: Path) -> None:
    found = differ(first, tmp_path, scene(), flat=3.0)
    assert (found.verdict, found.causes) == (Verdict.DIFFERENT, ("the reference flat changed",))
    assert any(line.startswith("flat_field: flat flat.fits (") for line in found.history)


def test_a_parameter_of_a_later_step_is_told_last_and_as_that(first: Path, tmp_path: Path) -> None:
    """The key is of the whole run: what was set for a later step made no pixel of this product."""

    def later(product: Exposure) -> Exposure:
        key = dict(product.provenance["key"])
        key["recipe"] = [*key["recipe"][:-1], ["sharpen", "lab", {"by": 2}], ["with"]]
        key["references"] = []
        return product.replace(provenance={**product.provenance, "key": key})

    paths = [edited(first, tmp_path / "a_cal.fits", lambda one: one), edited(first, tmp_path / "b_cal.fits", later)]
    for path, digit in zip(paths, "ab", strict=True):
        product = read_fits(path)
        header = product.header.copy()
        header["IRISKEY"] = digit * 64
        write_exposure(product.replace(header=header), path, overwrite=True)
    assert diff_products(*paths).causes == ("the reference flat changed", "step sharpen is new (after these products)")


def test_bits_that_were_gained(first: Path, tmp_path: Path) -> None:
    found = differ(first, tmp_path, hot(scene()))
    assert (found.verdict, found.reasons) == (Verdict.DIFFERENT, ("DQ bits differ in 3 pixels",))
    assert found.difference is not None
    assert {name: (bit.gained, bit.lost) for name, bit in found.difference.dq.items()} == {"HOT": (3, 0)}
    (plane,) = found.planes
    assert (plane.name, plane.rows, plane.columns) == ("dq", (7, 7), (3, 5))


def test_a_wcs_that_is_off_by_5_mas(first: Path, tmp_path: Path) -> None:
    found = differ(first, tmp_path, moved(scene()))
    assert (found.verdict, found.planes) == (Verdict.DIFFERENT, ())
    assert found.reasons == ("the same pixel is up to 5 mas apart on the sky (1.25 pixel)",)
    assert found.difference is not None
    assert found.difference.sky is not None
    assert (found.difference.sky.arcsec, found.difference.sky.rms) == pytest.approx((0.005, 0.005), rel=1e-6)


def invoke(*words: object) -> Result:
    return CliRunner().invoke(diff, [str(word) for word in words])


def test_the_command_says_what_matters_first(first: Path, tmp_path: Path) -> None:
    other = calibrate(tmp_path / "other", hot(scene()))
    result = invoke(first, other, "--plot", tmp_path / "x.png")
    assert result.exit_code == 3
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[:5] == ["different", "DQ bits differ in 3 pixels", "", "causes", "x_rate.fits changed"]
    assert "DQ HOT: 3 gained, 0 lost" in lines
    assert lines.index("planes that differ") < lines.index("headers")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_gives_json(first: Path) -> None:
    result = invoke(first, first, "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["verdict"], found["exit_code"], found["causes"]) == (0, "identical", 0, [])


@pytest.mark.parametrize("content", [None, b"", b"no FITS at all", "cut"])
def test_what_cannot_be_read_is_neither_the_same_nor_different(
    first: Path, tmp_path: Path, content: bytes | str | None
) -> None:
    path = tmp_path / "y_cal.fits"
    if content is not None:
        path.write_bytes(first.read_bytes()[:20000] if content == "cut" else bytes(content))  # type: ignore[arg-type]
    result = invoke(first, path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "y_cal.fits" in result.stderr
    found = json.loads(invoke(path, first, "--json").stdout)
    assert "y_cal.fits" in found["problems"][0]


def test_an_image_and_a_table_cannot_be_compared(first: Path, tmp_path: Path) -> None:
    path = tmp_path / "x_cat.ecsv"
    Table({"label": [1]}).write(path)
    assert "one is a table, the other an image" in invoke(first, path).stderr
