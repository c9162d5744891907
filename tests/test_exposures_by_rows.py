"""Background exposures of which some rows are read at a time: they are those of the whole file, and so are products."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from iris_testkit import iris_mode, make_exposure
from numpy.testing import assert_array_equal

from iris_core import (
    DQ,
    Exposure,
    Exposures,
    InputError,
    Job,
    Removal,
    StageRecord,
    load_plugins,
    write_asdf,
    write_fits,
)
from iris_core.exposure import is_masked, planes_of
from iris_core.exposures import InMemory
from iris_core.plan import Plan
from iris_core.workers.by_rows import open_member

SHAPE = (70, 33)
PLUGINS = load_plugins(["iris-imager"])
PLAN = Plan(job=Job(Path("x")), mode=iris_mode(), specs=(), steps=(), outline=make_exposure())


def odd(**changes: Any) -> Exposure:
    """Return an exposure in which NaN and DO_NOT_USE stand alone, with an infinite variance."""
    exposure = make_exposure(SHAPE, poisson=1.0, rnoise=2.0, seed=1, **changes)
    data, dq = exposure.data.copy(), exposure.dq.copy()
    data[..., 3, 4], dq[..., 20, :5] = np.nan, DQ.DO_NOT_USE | DQ.HOT
    variance = {name: plane.copy() for name, plane in exposure.variance.items()}
    variance["poisson"][..., 40, 1] = np.inf
    return exposure.replace(data=data, dq=dq, variance=variance)


def plain(path: Path, cards: Any = (), **images: Any) -> Path:
    """Write a file with an extension for each image, and the header of the simulated detector."""
    header = make_exposure(SHAPE).header
    hdus = [fits.ImageHDU(image, name=name) for name, image in images.items()]
    hdus[0].header.update({"BUNIT": "electron/s", **dict(cards)})
    fits.HDUList([fits.PrimaryHDU(header=header), *hdus]).writeto(path)
    return path


RATE = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
LAYOUTS: dict[str, dict[str, Any]] = {
    "components": {"SCI": RATE, "VAR_POISSON": RATE + 1, "VAR_RNOISE": RATE + 2, "ERR": np.sqrt(2 * RATE + 3)},
    "total": {"SCI": RATE, "ERR": np.where(RATE % 7 == 0, -1, RATE)},
    "variance": {"SCI": RATE.astype(np.float64), "VAR": RATE, "DQ": (RATE % 3).astype(np.int32)},
    "integers": {"SCI": RATE.astype(np.uint16), "ERR": RATE, "DQ": np.full(SHAPE, 2, np.uint8)},
    "zero": {"SCI": RATE, "VAR_POISSON": np.zeros_like(RATE), "ERR": np.zeros_like(RATE)},
    "alone": {"SCI": RATE},
}


def assert_rows_of(member: Any, whole: Exposure) -> None:
    """Compare some rows of a member with those of the exposure that is read as a whole."""
    group = Exposures([member])
    assert list(planes_of(group.outlines[0])) == [*planes_of(whole.replace(planes={}, area=None))]
    for rows in (slice(0, 7), slice(69, 90), slice(None, None, 9), slice(0, 7)):
        found = group.part(0, rows)
        assert found.unit == whole.unit
        for name, plane in planes_of(found).items():
            assert_array_equal(plane, planes_of(whole)[name][rows], strict=True)
    for name, plane in planes_of(group[0]).items():
        assert_array_equal(plane, planes_of(whole)[name], strict=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_those_of_the_whole(tmp_path: Path, layout: str) -> None:
    path = plain(tmp_path / "x_rate.fits", **LAYOUTS[layout])
    member = open_member(path, PLUGINS, PLAN)
    assert not isinstance(member, InMemory)
    assert_rows_of(member, PLAN.prepare(PLUGINS.read_exposure(path)))


def test_what_is_invalid_in_one_plane_is_so_in_all(tmp_path: Path) -> None:
    path = write_fits(odd(), tmp_path / "x_rate.fits")
    member = open_member(path, PLUGINS, PLAN)
    assert not isinstance(member, InMemory)
    whole = PLAN.prepare(PLUGINS.read_exposure(path))
    assert is_masked(whole)
    assert np.count_nonzero(whole.dq & DQ.DO_NOT_USE) == 7
    assert_rows_of(member, whole)


def test_new_headers_go_with_the_same_pixels(tmp_path: Path) -> None:
    member = open_member(write_fits(odd(), tmp_path / "x_rate.fits"), PLUGINS, PLAN)
    named = member.with_outline(member.outline.with_keywords({"GAIN": (2.0, "")}))
    assert named.outline.sci_header["GAIN"] == 2.0
    assert_array_equal(named.rows("data", slice(2, 5)), member.rows("data", slice(2, 5)))


WHOLE = {
    "cube": lambda path: write_fits(odd(nint=2), path),
    "packed": lambda path: fits.HDUList(
        [fits.PrimaryHDU(header=make_exposure().header), fits.CompImageHDU(RATE, name="SCI")]
    ).writeto(path),
    "blank": lambda path: plain(path, SCI=RATE.astype(np.int16), cards={"BLANK": 7}),
    "more than its components": lambda path: plain(path, SCI=RATE, VAR_POISSON=RATE + 1, ERR=2 * RATE + 5),
    "flags of another shape": lambda path: plain(path, SCI=np.stack([RATE] * 2), DQ=np.zeros(SHAPE, np.int32)),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_other_files_are_read_as_a_whole(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x_rate.fits"
    WHOLE[kind](path)
    assert isinstance(open_member(path, PLUGINS, PLAN), InMemory)


def test_counts_are_divided_as_a_whole(tmp_path: Path) -> None:
    """By the exposure time, where the files of the mode are counts; the unit of a rate is another one."""
    path = plain(tmp_path / "x_rate.fits", SCI=RATE, cards={"BUNIT": "DN"})
    counts = replace(PLAN, mode=replace(PLAN.mode, unit="DN"))
    member = open_member(path, PLUGINS, counts)
    assert isinstance(member, InMemory)
    seconds = member.outline.meta.exposure_time
    assert_array_equal(member.rows("data", slice(1, 2)), RATE[1:2] * np.float32(1 / seconds))


def test_asdf_is_read_as_a_whole(tmp_path: Path) -> None:
    assert isinstance(open_member(write_asdf(odd(), tmp_path / "x_rate.asdf"), PLUGINS, PLAN), InMemory)


@pytest.mark.parametrize("change", ["cut", "replaced"])
def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path, change: str) -> None:
    """Its planes may be elsewhere then."""
    path = write_fits(make_exposure((500, 300), seed=1), tmp_path / "x_rate.fits")
    member = open_member(path, PLUGINS, PLAN)
    member.rows("data", slice(0, 10))
    if change == "cut":
        path.write_bytes(path.read_bytes()[:400_000])
    else:
        path.unlink()
        write_fits(make_exposure((500, 300), seed=2), path)
    with pytest.raises(InputError, match="has changed during the run"):
        member.rows("data", slice(400, 410))


def test_what_was_done_before_is_known(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From the extension ASDF: stages that nobody declares here, what is removed, and the history."""
    record = StageRecord(stage="clean", status="COMPLETE", keyword="S_CLEAN")
    before = odd().replace(done=frozenset({"clean"}), removed={"dark": Removal.WHOLE}, history=(record,))
    path = write_fits(before, tmp_path / "x_rate.fits")
    outline, whole = open_member(path, PLUGINS, PLAN).outline, PLAN.prepare(PLUGINS.read_exposure(path))
    assert "clean" in outline.done
    for name in ("done", "removed", "history", "common", "unit", "notes", "meta"):
        assert getattr(outline, name) == getattr(whole, name), name
    assert not caplog.records


def test_what_is_odd_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, unit in (("rate", "electron/s"), ("counts", "DN")):
        caplog.clear()
        path = plain(tmp_path / f"{name}.fits", SCI=RATE, WEIGHT=RATE, cards={"BUNIT": unit})
        open_member(path, PLUGINS, replace(PLAN, mode=replace(PLAN.mode, unit=unit)))
        assert ["WEIGHT" in record.message for record in caplog.records] == [True]


def test_a_damaged_file_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_fits(odd(), tmp_path / "x_rate.fits")
    content = bytearray(path.read_bytes())
    with fits.open(path) as hdus:
        content[hdus["SCI"].fileinfo()["datLoc"] + 1000] ^= 1
    path.write_bytes(content)
    open_member(path, PLUGINS, PLAN)
    assert "the DATASUM of SCI does not fit" in caplog.text
