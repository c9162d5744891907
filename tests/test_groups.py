"""Stages of many exposures in a recipe: planned from headers, run with files between the stages, written whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from errno import ENOSPC
from hashlib import sha256
from pathlib import Path
from threading import Thread, current_thread, main_thread
from time import sleep
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from iris_testkit import make_exposure, make_reference

from iris_core import (
    DQ,
    Exposure,
    Exposures,
    Identity,
    Plugins,
    Problems,
    StageRecord,
    Step,
    as_plugin,
    calibrate,
    check,
    hookimpl,
    load_plugins,
    read_exposure,
    rows,
    run,
    stage,
    write_asn,
    write_fits,
)
from iris_core.report import Job
from iris_core.workers import groups, written
from iris_core.workers.written import stamp_product

Install = Callable[..., None]
Write = Callable[..., Path]

STAGES = """\
import numpy as np
from astropy.table import Table
from iris_core import InputError, Params, Result, parameter, stage, stage_spec

@stage_spec(status="S_HALVE")
def halve(exposure, params, references, background_exposures, instrument):
    "Halve. Units: unchanged."

@stage_spec(status="S_LEVEL", group=True, product="lev")
def level(exposures, params, references, instrument):
    "Subtract from each the lowest of all. Units: unchanged."

@stage_spec(status="S_MEAN", group=True, makes="one", product="mean")
def mean(exposures, params, references, instrument):
    "The mean of all. Units: unchanged."

@stage_spec(status="S_COUNT", tables=("cat",), images=("segm",))
def count(exposure, params, references, background_exposures, instrument):
    "Count. Units: unchanged."

@stage("halve")
def half(exposure):
    if exposure.meta.target == "bad":
        raise InputError("no luck")
    return exposure.scale(0.5).note(f"brightest {np.nanmax(exposure.data):.3f}")

def subtract(exposure, lowest):
    return exposure.replace(data=exposure.data - np.float32(lowest))

def lowest_of(exposure):
    return float(np.nanmin(exposure.data))

def alike(exposures):
    exposures.check_alike("filter")

class LevelParams(Params):
    bias: float = parameter(0.0, "Added to the lowest.")

@stage("level", params=LevelParams, check=alike)
def subtract_lowest(exposures, params):
    lowest = min(exposures.each(lowest_of)) + params.bias
    return exposures.changed(subtract, lowest=lowest)

@stage("mean")
def take_mean(exposures):
    data, variance, dq = [], [], []
    for rows in exposures.rows(budget=1000):
        data.append(np.nansum(rows.data, axis=0, dtype=float) / np.isfinite(rows.data).sum(axis=0))
        variance.append(np.nansum(rows.variance, axis=0, dtype=float) / len(rows.data) ** 2)
        dq.append(np.bitwise_and.reduce(rows.dq, axis=0))
    made = exposures.merged().replace(
        data=np.vstack(data), dq=np.vstack(dq), variance={"total": np.vstack(variance)}
    )
    return made.mask_invalid().note(f"mean of {len(exposures)}")

@stage("count")
def count_pixels(exposure):
    table = Table({"pixels": [exposure.data.size]})
    return Result(exposure=exposure, tables={"cat": table}, images={"segm": exposure.scale(0)})
"""
RECIPE = "[halve, level: {save: true}, mean: {save: true}, count: {save: cal}]"
LEVELED = [f"f{at}_lev.fits" for at in range(4)]
START = datetime(2026, 3, 20, 8, tzinfo=UTC)


@pytest.fixture
def plugins(install: Install) -> Plugins:
    install("lab-group", STAGES)
    return load_plugins(["iris-imager", "lab-group"])


@pytest.fixture
def write_recipe(tmp_path: Path) -> Write:
    def write(steps: str = RECIPE, *lines: str) -> Path:
        path = tmp_path / "deep.yaml"
        path.write_text("\n".join(["recipe: 1", "name: deep", f"steps: {steps}", *lines]))
        return path

    return write


@pytest.fixture
def frames(tmp_path: Path, write_exposure: Write) -> list[Path]:
    """Return four exposures of 10, 20, 30 and 40, which were taken in the other order."""
    return [
        write_exposure(
            f"f{at}_rate.fits",
            shape=(40, 30),
            value=10.0 * (at + 1),
            seed=at,
            bad=np.eye(40, 30, k=at, dtype=bool),
            start_time=START - timedelta(seconds=100 * at),
        )
        for at in range(4)
    ]


def same(one: Path, other: Path) -> None:
    first, second = read_exposure(one), read_exposure(other)
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_array_equal(first.dq, second.dq)
    for name, plane in first.variance.items():
        np.testing.assert_array_equal(plane, second.variance[name])


def test_exposures_go_through_steps_of_one_and_of_many_and_every_product_is_written(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    report = run(write_recipe(), *frames, directory=tmp_path / "out", plugins=plugins)
    assert not report.failed, report.failed
    assert report.summary == "1 of 1 group of 4 exposures calibrated"
    assert report.results[0].label == f"{frames[0]} and 3 others"
    products, hashes = report.results[0].products, report.results[0].hashes
    assert {products[name]: one.sha256 for name, one in hashes.items()} == {
        path: sha256(path.read_bytes()).hexdigest() for path in products.values()
    }
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {*LEVELED, "f3_mean.fits", "f3_cal.fits", "f3_cat.ecsv", "f3_segm.fits"}
    truth = [read_exposure(path) for path in frames]
    lowest = min(float(np.nanmin(one.mask_invalid().data)) for one in truth) / 2
    made = read_exposure(tmp_path / "out" / "f3_mean.fits")
    expected = np.nanmean([np.where(one.dq & 1, np.nan, one.data) for one in truth], axis=0) / 2 - lowest
    np.testing.assert_allclose(made.data, expected, rtol=1e-5)
    assert np.median(made.variance["total"]) == pytest.approx(4 * 1.5 / 4 / 16)


def test_what_is_done_after_the_last_product_is_warned_of(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """But not what is skipped, and nothing where the last stage is saved."""
    recipe = write_recipe("[halve: {save: cal}, level, mean]")
    run(recipe, *frames, directory=tmp_path / "out", plugins=plugins, skip={"mean": "not now"})
    (record,) = (one for one in caplog.records if one.levelname == "WARNING")
    assert record.getMessage().endswith("or skip level")
    caplog.clear()
    check(write_recipe(), *frames, directory=tmp_path / "again", plugins=plugins)
    assert not caplog.records


def test_exposures_of_several_targets_are_warned_of(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, caplog: pytest.LogCaptureFixture
) -> None:
    files = [write_exposure(f"{name}.fits", header={"OBJECT": name}) for name in ("M31", "field", "FIELD")]
    check(write_recipe(), *files[1:], plugins=plugins)
    assert not caplog.records
    check(write_recipe(), *files, plugins=plugins)
    (record,) = caplog.records
    assert "differ in target: M31 in M31.fits" in record.getMessage()


def test_a_check_tells_what_is_odd_in_a_member(plugins: Plugins, write_recipe: Write, write_exposure: Write) -> None:
    first, second = write_exposure("a.fits"), write_exposure("b.fits")
    exposure = read_exposure(second)
    header = exposure.sci_header.copy()
    header.remove("BUNIT")
    write_fits(exposure.replace(unit=None, sci_header=header), second)
    (plan,) = check(write_recipe(), first, second, plugins=plugins).plans.values()
    assert any("no BUNIT" in note for note in plan.notes)


def test_a_product_of_many_records_them_with_their_hashes_and_what_was_done(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    run(write_recipe(), *frames, directory=tmp_path / "out", plugins=plugins)
    made = read_exposure(tmp_path / "out" / "f3_cal.fits")
    assert [record.stage for record in made.history] == ["halve", "level", "mean", "count"]
    assert made.history[2].notes == ("mean of 4",)
    assert made.header["NEXP"] == 4
    assert made.header["DATALVL"] == 3
    assert made.header["S_MEAN"] == "COMPLETE"
    members = made.provenance["members"]
    assert [one["file"] for one in members] == [path.name for path in frames]
    assert [one["sha256"] for one in members] == [sha256(path.read_bytes()).hexdigest() for path in frames]
    assert made.planes["HDRTAB"]["FILE"].tolist() == [
        b"f3_rate.fits",
        b"f2_rate.fits",
        b"f1_rate.fits",
        b"f0_rate.fits",
    ]
    table = Table.read(tmp_path / "out" / "f3_cat.ecsv")
    assert table["pixels"].tolist() == [1200]
    assert table.meta["IRISKEY"] == made.header["IRISKEY"]
    segments = read_exposure(tmp_path / "out" / "f3_segm.fits")
    assert segments.history == made.history


@pytest.mark.slow
def test_the_bits_are_the_same_in_processes_and_in_any_order(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    given = {"plugins": plugins}
    run(write_recipe(), *frames, directory=tmp_path / "one", **given)
    run(write_recipe(), *frames[::-1], directory=tmp_path / "two", **given)
    report = run(write_recipe(), *frames, directory=tmp_path / "three", executor="processes", workers=2, **given)
    assert not report.failed, report.failed
    for name in (*LEVELED, "f3_mean.fits"):
        same(tmp_path / "one" / name, tmp_path / "two" / name)
        same(tmp_path / "one" / name, tmp_path / "three" / name)


def test_nothing_but_the_products_is_left(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "scratch"
    recipe = write_recipe(RECIPE, f"executor: {{scratch: {folder}}}")
    run(recipe, *frames, directory=tmp_path / "out", plugins=plugins)
    assert list(folder.iterdir()) == []
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_in_memory_the_same_is_made_and_a_stage_is_swapped_in_five_lines(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    exposures = [read_exposure(path) for path in frames]
    run(write_recipe(), *frames, directory=tmp_path / "out", plugins=plugins)
    made = calibrate(exposures, write_recipe(), plugins=plugins)
    (own,) = made["mean"].history[0].notes
    assert own.startswith("f3_rate.fits: brightest")
    np.testing.assert_array_equal(made["mean"].data, read_exposure(tmp_path / "out" / "f3_mean.fits").data)
    assert len(made.each["lev"]) == 4
    assert made.tables["cat"]["pixels"].tolist() == [1200]

    def leave(exposures: Exposures) -> Exposures:
        return exposures

    without = calibrate(exposures, write_recipe(), stages={"level": leave}, plugins=plugins)
    assert np.nanmean(without["mean"].data) == pytest.approx(12.5, abs=0.1)


def test_associations_give_the_roles_and_the_name(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    members = tuple(("science" if at < 3 else "lamp", path) for at, path in enumerate(frames))
    asn = write_asn([Job(frames[0], name="deep_K", members=members)], tmp_path / "a_asn.json", recipe="deep")
    assert json.loads(asn.read_text())["asn_type"] == "deep"
    report = run(
        write_recipe(RECIPE, "members: {science: 2+, lamp: 0-1}"), asn, directory=tmp_path / "out", plugins=plugins
    )
    assert not report.failed
    made = read_exposure(tmp_path / "out" / "deep_K_mean.fits")
    assert [one["role"] for one in made.provenance["members"]] == ["science", "science", "science", "lamp"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("members: {science: 5+}", "4 science; the recipe takes science .5 or more."),
        ("members: {science: 1-3}", "4 science; the recipe takes science .1 to 3."),
        ("members: {dark: 1+, science: 2}", "0 science; the recipe takes dark"),
    ],
)
def test_too_many_or_too_few_are_refused_before_the_first_pixel(
    plugins: Plugins, write_recipe: Write, frames: list[Path], line: str, words: str
) -> None:
    with pytest.raises(Problems, match=words):
        run(write_recipe(RECIPE, line), *frames, plugins=plugins)


def test_one_that_is_named_twice_is_refused(plugins: Plugins, write_recipe: Write, frames: list[Path]) -> None:
    with pytest.raises(Problems, match=r"exposures named more than once: .*f0_rate.fits"):
        run(write_recipe(), *frames, frames[0], plugins=plugins)


def test_the_check_of_a_stage_refuses_unlike_exposures_before_the_first_pixel(
    plugins: Plugins, write_recipe: Write, frames: list[Path], write_exposure: Write
) -> None:
    odd = write_exposure("odd_rate.fits", shape=(40, 30), header={"FILTER": "Jbb"})
    found = check(write_recipe(), *frames, odd, plugins=plugins)
    assert any("differ in filter: JBB in odd_rate.fits" in str(error) for error in found.errors)


def test_a_plan_names_every_file_that_is_read_and_written(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    found = check(write_recipe(), *frames, directory=tmp_path, plugins=plugins)
    (plan,) = found.plans.values()
    assert set(plan.inputs) == set(frames)
    names = {path.name for path in plan.outputs}
    assert names == {*LEVELED, "f3_mean.fits", "f3_cal.fits", "f3_cat.ecsv", "f3_segm.fits"}


def test_wrappers_act_around_stages_of_many_where_the_recipe_lists_them(
    plugins: Plugins, write_recipe: Write, frames: list[Path]
) -> None:
    seen: list[tuple[str, int]] = []

    class Watch:
        @hookimpl(wrapper=True)
        def run_group_stage(self, step: Step, exposures: Exposures) -> Generator[None, Any, Any]:
            seen.append((step.stage, len(exposures)))
            return (yield)

    plugins.add("watching", Watch())
    exposures = [read_exposure(path) for path in frames]
    calibrate(exposures, write_recipe(), plugins=plugins)
    assert seen == []
    calibrate(exposures, write_recipe(RECIPE, "with: [watching]"), plugins=plugins)
    assert seen == [("level", 4), ("mean", 4)]


def test_an_exposure_that_fails_fails_the_product_and_is_named(
    plugins: Plugins,
    write_recipe: Write,
    frames: list[Path],
    write_exposure: Write,
    tmp_path: Path,
) -> None:
    bad = write_exposure("bad_rate.fits", shape=(40, 30), header={"OBJECT": "bad"})
    report = run(write_recipe(), *frames, bad, directory=tmp_path / "out", plugins=plugins)
    assert "no luck" in report.failed[0].error
    assert "bad_rate.fits" in report.failed[0].error
    assert not (tmp_path / "out" / "f3_mean.fits").exists()


def test_what_was_made_before_a_failure_is_whole(
    plugins: Plugins, write_recipe: Write, frames: list[Path], write_exposure: Write, tmp_path: Path
) -> None:
    """Also what waited for its turn to be written."""
    last = {"header": {"OBJECT": "bad"}, "start_time": START + timedelta(hours=1)}
    bad = write_exposure("bad_rate.fits", shape=(40, 30), **last)
    recipe = write_recipe("[halve: {save: half}, level]")
    report = run(recipe, *frames, bad, directory=tmp_path / "out", plugins=plugins)
    assert "no luck" in report.failed[0].error
    assert sorted(path.name for path in report.products) == [f"f{at}_half.fits" for at in range(4)]
    assert all(np.isfinite(read_exposure(path).data).any() for path in report.products)


def test_an_exposure_that_fails_is_left_out_where_the_recipe_says_so(
    plugins: Plugins,
    write_recipe: Write,
    frames: list[Path],
    write_exposure: Write,
    tmp_path: Path,
) -> None:
    bad = write_exposure(
        "bad_rate.fits", shape=(40, 30), header={"OBJECT": "bad"}, start_time=START - timedelta(hours=1)
    )
    report = run(write_recipe(RECIPE, "missing: leave_out"), *frames, bad, directory=tmp_path / "out", plugins=plugins)
    assert "made without" in report.failed[0].error
    for at, path in enumerate(frames):
        lowered = read_exposure(tmp_path / "out" / LEVELED[at])
        assert np.nanmedian(lowered.data) == pytest.approx(np.nanmedian(read_exposure(path).data) / 2, abs=6)
    made = read_exposure(tmp_path / "out" / "bad_mean.fits")
    assert made.header["NEXP"] == 4
    assert len(made.provenance["members"]) == 4
    assert [one["file"] for one in made.provenance["left_out"]] == ["bad_rate.fits"]
    assert Identity.fits(made.provenance, made.header["IRISKEY"])


def test_a_stage_of_many_that_is_skipped_says_why_in_each_exposure(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    report = run(write_recipe(), *frames, skip={"level": "no need"}, directory=tmp_path / "out", plugins=plugins)
    assert not report.failed
    made = read_exposure(tmp_path / "out" / "f3_mean.fits")
    assert made.header["S_LEVEL"] == "SKIPPED"
    assert made.history[1].notes == ("no need",)


def test_products_are_written_one_at_a_time_in_a_thread_of_their_own(
    plugins: Plugins, write_recipe: Write, frames: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More would take more memory than what is foretold; the stages go on meanwhile."""
    at_work, most, threads = list[str](), list[int](), set[Thread]()

    def stamped(*arguments: Any) -> Exposure:
        at_work.append("")
        threads.add(current_thread())
        sleep(0.05)
        most.append(len(at_work))
        at_work.pop()
        return stamp_product(*arguments)

    monkeypatch.setattr(rows, "usable_threads", lambda: 8)
    monkeypatch.setattr(written, "stamp_product", stamped)
    report = run(write_recipe("[halve, level: {save: true}]"), *frames, plugins=plugins)
    assert sorted(path.name for path in report.products) == LEVELED
    assert max(most) == 1
    assert len(threads) == 1
    assert main_thread() not in threads


def test_a_product_that_cannot_be_written_fails_what_is_made_and_leaves_out_no_exposure(
    plugins: Plugins, write_recipe: Write, frames: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Exposure:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(written, "stamp_product", full)
    report = run(write_recipe("[halve: {save: true}, level]", "missing: leave_out"), *frames, plugins=plugins)
    assert not report.products
    assert "No space left on device" in report.results[0].error
    assert "left out" not in report.results[0].error


def test_a_product_keeps_which_file_was_for_which_exposure(
    install: Install, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    """Where all have the same file, no exposure is named."""
    with_files = '@stage("halve", references=("flat", "lamp"))\ndef half(exposure):\n    return exposure\n'
    install("lab-group", STAGES)
    install("lab-files", f"from iris_core import stage\n\n{with_files}")
    plugins = load_plugins(only=("iris-imager", "lab-group", "lab-files"))
    store = tmp_path / "store"
    store.mkdir()
    for detector in ("IMG1", "IMG2"):
        make_reference(store / f"{detector}.fits", "flat", np.ones((8, 9)), DETECTOR=detector)
    make_reference(store / "lamp.fits", "lamp", np.ones((8, 9)), DETECTOR="ANY")
    frames = [write_exposure(f"{one}_rate.fits", header={"DETECTOR": one}) for one in ("IMG1", "IMG2")]
    steps = "[halve: {use: lab-files}, level: {save: true}]"
    recipe = write_recipe(steps, "members: {science: 1-2}", "missing: leave_out")
    report = run(recipe, *frames, plugins=plugins, references={"store": store})
    resolved = read_exposure(report.products[0]).provenance["resolved"]
    assert {one["file"]: one.get("exposures") for one in resolved["references"]} == {
        "IMG1.fits": ["IMG1_rate.fits"],
        "IMG2.fits": ["IMG2_rate.fits"],
        "lamp.fits": None,
    }
    assert (resolved["recipe"]["members"], resolved["recipe"]["missing"]) == ({"science": "1-2"}, "leave_out")


OWN_FILES = """\
from iris_core import ReferenceType, hookimpl, stage

@hookimpl
def reference_types():
    return [ReferenceType(name="starlist", kind="table", selectors=(), stated=(), firm=())]

@stage("halve", references=("flat", "starlist"))
def half(exposure, references):
    return exposure.note(f"{len(references['starlist'].table())} stars")
"""


def test_an_association_may_have_files_of_its_own_beside_those_of_a_store(
    install: Install, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    install("lab-group", STAGES)
    install("lab-files", OWN_FILES)
    plugins, store = load_plugins(only=("iris-imager", "lab-group", "lab-files")), tmp_path / "store"
    store.mkdir()
    make_reference(store / "flat.fits", "flat", np.ones((8, 9)))
    Table({"ra": [1.0, 2.0]}, meta={"REFTYPE": "starlist"}).write(tmp_path / "stars.ecsv")
    members = tuple(("science", path) for path in frames[:2])
    job = Job(frames[0], name="deep", members=(*members, ("starlist", tmp_path / "stars.ecsv")))
    asn = write_asn([job], tmp_path / "deep.json")
    recipe = write_recipe("[halve: {use: lab-files}, mean: {save: true}]", "members: {science: 1+, starlist: 0-1}")
    report = run(recipe, asn, plugins=plugins, references={"store": store})
    assert not report.failed, report.failed
    resolved = read_exposure(report.products[0]).provenance["resolved"]
    assert {one["file"]: one["provider"] for one in resolved["references"]} == {
        "flat.fits": "folder",
        "stars.ecsv": "by hand",
    }


def test_one_exposure_is_a_group_of_one(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    report = run(write_recipe(), frames[0], directory=tmp_path / "out", plugins=plugins)
    assert not report.failed, report.failed
    assert read_exposure(tmp_path / "out" / "f0_mean.fits").header["NEXP"] == 1


BROKEN = {
    "a history of its own": ("mean", lambda exposures: invented(exposures[0]), "changed 'history'"),
    "no exposures": ("level", lambda exposures: None, "returned NoneType; it was given 4 exposures"),
    "fewer exposures": ("level", lambda exposures: exposures[:2], "returned 2 exposures"),
    "lost flags": ("level", lambda exposures: exposures.changed(without_flags), "removed DQ bits"),
    "another shape": ("level", lambda exposures: exposures.changed(cut), "changed the shape"),
    "a history": ("level", lambda exposures: exposures.changed(rewritten), "changed 'history'"),
    "NaN without a flag": ("level", lambda exposures: exposures.changed(with_nan), "NaN without DO_NOT_USE"),
}


def without_flags(exposure: Exposure) -> Exposure:
    return exposure.replace(dq=np.zeros_like(exposure.dq), data=np.ones_like(exposure.data))


def cut(exposure: Exposure) -> Exposure:
    return make_exposure((3, 3)).replace(history=exposure.history, done=exposure.done, unit=exposure.unit)


def rewritten(exposure: Exposure) -> Exposure:
    return exposure.replace(history=())


def invented(exposure: Exposure) -> Exposure:
    return exposure.replace(history=(StageRecord(stage="flat_field", status="COMPLETE"),))


def with_nan(exposure: Exposure) -> Exposure:
    data = exposure.data.copy()
    data[5, 25] = np.nan
    return exposure.replace(data=data)


@pytest.mark.parametrize("what", BROKEN)
def test_a_stage_that_breaks_the_contract_is_stopped(
    plugins: Plugins, write_recipe: Write, frames: list[Path], what: str
) -> None:
    name, function, words = BROKEN[what]
    exposures = [read_exposure(path) for path in frames]
    broken: Any = stage(name)(lambda exposures: function(exposures))
    with pytest.raises(Exception, match=words):
        calibrate(exposures, write_recipe(), stages={name: broken}, plugins=plugins)


def test_a_pixel_that_is_bad_in_all_is_bad_in_the_product(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    bad = np.eye(40, 30, dtype=bool)
    frames = [write_exposure(f"g{at}_rate.fits", shape=(40, 30), bad=bad) for at in range(3)]
    report = run(write_recipe(), *frames, directory=tmp_path / "out", plugins=plugins)
    assert not report.failed, report.failed
    made = read_exposure(tmp_path / "out" / "g0_mean.fits")
    np.testing.assert_array_equal((made.dq & DQ.DO_NOT_USE) != 0, bad)


def test_what_is_odd_in_the_file_of_a_member_is_named_in_the_product(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    """As it is in that of a single exposure: a DATASUM that does not fit, say."""
    for damaged in frames[1:3]:
        content = bytearray(damaged.read_bytes())
        content[content.index(b"XTENSION") + 5760 + 1000] ^= 1  # in the pixels of SCI
        damaged.write_bytes(content)
    given: Any = {"plugins": plugins}
    report = run(write_recipe(), *frames, directory=tmp_path / "out", **given)
    assert not report.failed
    product = read_exposure(tmp_path / "out" / "f3_mean.fits")
    (note,) = [note for note in product.history[2].notes if "DATASUM" in note]
    assert "the DATASUM of SCI does not fit" in note
    assert note.startswith("f2_rate.fits, f1_rate.fits: ")
    assert any("f2_rate.fits, f1_rate.fits: the DATASUM" in line for line in product.header["HISTORY"])
    exposures = [read_exposure(path) for path in frames]
    assert note in calibrate(exposures, write_recipe(), **given)["mean"].history[2].notes


def test_a_product_whose_member_changes_during_the_run_fails(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path
) -> None:
    @stage("level")
    def touch(exposures: Exposures) -> Exposures:
        frames[2].write_bytes(frames[2].read_bytes() + bytes(2880))
        return exposures

    plugins.add("lab-touch", as_plugin("level", touch, "lab_touch"))
    given: Any = {"directory": tmp_path / "out", "plugins": plugins, "use": {"level": "lab-touch"}}
    (result,) = run(write_recipe(), *frames, **given).results
    assert "f2_rate.fits has changed during the run" in result.error
    assert not result.products.keys() & {"mean", "cal"}


BACKGROUND = "[halve, background, level, mean]"


def test_background_members_go_with_the_exposures_of_their_detector(
    plugins: Plugins, write_recipe: Write, write_exposure: Write
) -> None:
    plugins.add("lab-sky", as_plugin("background", subtract_sky, "lab_sky"))
    science = [write_exposure(f"s{n}_rate.fits", header={"DETECTOR": f"IMG{n}"}) for n in (1, 2)]
    skies = [write_exposure(f"b{n}_rate.fits", header={"DETECTOR": f"IMG{n}"}) for n in (1, 2)]
    found = check(write_recipe(BACKGROUND), *science, backgrounds=skies, plugins=plugins)
    (plan,) = found.plans.values()
    names = [[path.name for path in one.job.backgrounds] for one in plan.plans]  # type: ignore[attr-defined]
    assert names == [["b1_rate.fits"], ["b2_rate.fits"]]
    alone = check(write_recipe(BACKGROUND), *science, backgrounds=skies[:1], plugins=plugins)
    assert any("no background exposure is of IMG2; there are some of IMG1" in str(error) for error in alone.errors)


@stage("background")
def subtract_sky(exposure: Exposure, background_exposures: Any) -> Exposure:
    return exposure.replace(data=exposure.data - background_exposures[0].data)


def test_the_hashes_of_background_exposures_are_recorded(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    plugins.add("lab-sky", as_plugin("background", subtract_sky, "lab_sky"))
    science, skies = ([write_exposure(f"{name}{n}_rate.fits", seed=n) for n in (1, 2)] for name in ("s", "b"))
    recipe = write_recipe("[halve, background, level, mean: {save: true}]")
    report = run(recipe, *science, backgrounds=skies, directory=tmp_path / "out", plugins=plugins)
    assert not report.failed, report.failed
    members = read_exposure(tmp_path / "out" / "s1_mean.fits").provenance["members"]
    assert [one["role"] for one in members] == ["science", "science", "background", "background"]
    assert [one["sha256"] for one in members[2:]] == [sha256(path.read_bytes()).hexdigest() for path in skies]


def test_the_planes_of_an_exposure_are_let_go_when_those_made_of_them_are_there(
    plugins: Plugins, write_recipe: Write, frames: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or there would be no room in memory for the new ones."""
    left: list[int] = []
    own = groups.spill

    def spill(*arguments: Any) -> Any:
        kept = own(*arguments)
        left.append(arguments[-1].left)
        return kept

    monkeypatch.setattr(groups, "spill", spill)
    recipe = write_recipe("[level, halve, mean: {save: true}]")
    assert not run(recipe, *frames, directory=tmp_path / "out", plugins=plugins).failed
    first, second = left[:4], left[4:]
    one = first[0] - first[1]
    assert one > 0
    assert min(second) >= first[-1] - 2 * one
