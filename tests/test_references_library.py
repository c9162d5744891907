"""The library of a run: each reference file is read once, kept while it is needed, and hashed beside the stages."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from astropy.modeling.models import Shift
from astropy.table import Table
from iris_testkit import make_exposure, make_reference
from numpy.testing import assert_allclose, assert_array_equal

from iris_core import (
    Exposure,
    InputError,
    Plugins,
    Reference,
    References,
    StageSkipped,
    Window,
    as_plugin,
    calibrate,
    check,
    hookimpl,
    read_fits,
    run,
    stage,
)
from iris_core.io import hashing
from iris_core.provenance import sha256_of
from iris_core.references import library
from iris_core.references.library import ReferenceLibrary

Write = Callable[..., Path]
PLANE = np.arange(1.0, 73).reshape(8, 9)


class Reader:
    """A reader plugin that counts how often it reads the pixels of each reference file, and its header only."""

    def __init__(self) -> None:
        self.pixels: Counter[str] = Counter()
        self.outlines: Counter[str] = Counter()

    @hookimpl
    def read_exposure(self, path: Path, pixels: bool, reftype: str) -> Exposure | None:
        """Read reference images only."""
        if not reftype:
            return None
        (self.pixels if pixels else self.outlines)[path.name] += 1
        return read_fits(path, pixels)


@stage("dark_current", references=("dark",))
def subtract(exposure: Exposure, references: References) -> Exposure:
    return exposure.replace(data=exposure.data - references["dark"].image(exposure).data)


@stage("flat_field", references=("flat",))
def divide(exposure: Exposure, references: References) -> Exposure:
    return exposure.scale(1 / references["flat"].image(exposure).data)


@stage("background")
def subtract_mean(exposure: Exposure, background_exposures: list[Exposure]) -> Exposure:
    if not background_exposures:
        raise StageSkipped("no background exposures")
    return exposure.replace(data=exposure.data - np.mean([one.data for one in background_exposures], axis=0))


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def plugins(bare: Plugins, reader: Reader) -> Plugins:
    bare.add("reader", reader)
    stages: dict[str, Callable[..., Exposure]] = {"dark_current": subtract, "flat_field": divide}
    stages["background"] = subtract_mean
    for name, function in stages.items():
        bare.add(f"lab-{name}", as_plugin(name, function, f"lab_{name}"))
    return bare


@pytest.fixture
def recipe(tmp_path: Path, write_recipe: Write) -> Path:
    """Return a recipe with the dark first, and its reference files beside it."""
    make_reference(tmp_path / "dark.fits", "dark", PLANE, unit="electron/s")
    make_reference(tmp_path / "flat.fits", "flat", PLANE)
    return write_recipe(
        "dark_current, flat_field, background: {save: cal}", "references: {dark: dark.fits, flat: flat.fits}"
    )


@pytest.fixture
def shelf(plugins: Plugins) -> Iterator[ReferenceLibrary]:
    """Return a library."""
    with closing(ReferenceLibrary(plugins)) as opened:
        yield opened


@pytest.fixture
def flat(tmp_path: Path) -> Reference:
    make_reference(tmp_path / "f.fits", "flat", PLANE, err=PLANE)
    return Reference(reftype="flat", path=tmp_path / "f.fits", provider="test")


def read_pixels(shelf: ReferenceLibrary, *references: Reference) -> References:
    return shelf.read(References({one.reftype: shelf.outline(one) for one in references}))


def expect(shelf: ReferenceLibrary, reference: Reference, times: int) -> None:
    shelf.expect([References({reference.reftype: reference})] * times)


def test_a_run_reads_each_reference_file_once(
    plugins: Plugins, reader: Reader, recipe: Path, write_exposure: Write, tmp_path: Path
) -> None:
    """Three exposures, three background exposures that go through the steps before `background`: 24 uses in all."""
    science = [write_exposure(f"s{number}_rate.fits", value=3 * PLANE) for number in range(3)]
    backgrounds = [write_exposure(f"b{number}_rate.fits", value=2 * PLANE) for number in range(3)]
    report = run(recipe, *science, backgrounds=backgrounds, plugins=plugins)
    assert report.summary == "3 of 3 exposures calibrated"
    assert_allclose(read_fits(tmp_path / "s2_cal.fits").data, 1, rtol=1e-6)
    assert reader.pixels == {"dark.fits": 1, "flat.fits": 1}
    assert reader.outlines == {"dark.fits": 1, "flat.fits": 1}


def test_a_calibration_in_memory_reads_each_reference_file_once(plugins: Plugins, reader: Reader, recipe: Path) -> None:
    exposures = [
        make_exposure(PLANE.shape, value=value * PLANE, path=Path(f"{value}_rate.fits")) for value in (3, 2, 2)
    ]
    calibrate(exposures[0], recipe, backgrounds=exposures[1:], plugins=plugins)
    assert reader.pixels == {"dark.fits": 1, "flat.fits": 1}


@pytest.mark.usefixtures("recipe")
def test_exposures_of_different_windows_share_one_file(
    plugins: Plugins, reader: Reader, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    dark_only = write_recipe("dark_current", "references: {dark: dark.fits}")
    windows = [Window(1, 1, 9, 8), Window(2, 3, 4, 5)]
    paths = [
        write_exposure(f"x{number}_rate.fits", shape=one.shape, window=one, value=0.0)
        for number, one in enumerate(windows)
    ]
    assert not run(dark_only, *paths, plugins=plugins).failed
    assert_array_equal(read_fits(tmp_path / "x0_cal.fits").data, -PLANE)
    assert_array_equal(read_fits(tmp_path / "x1_cal.fits").data, -PLANE[2:7, 1:5])
    assert reader.pixels == {"dark.fits": 1}


def test_a_step_that_skips_itself_is_expected_to_read_nothing_and_reads_nothing(
    plugins: Plugins, reader: Reader, recipe: Path, write_exposure: Write
) -> None:
    def nothing_to_do() -> None:
        raise StageSkipped("nothing to do")

    skipping = stage("flat_field", references=("flat",), check=nothing_to_do)(lambda exposure: exposure)
    plugins.add("skipping", as_plugin("flat_field", skipping, "skipping"))
    path, use = write_exposure(), {"flat_field": "skipping"}
    (plan,) = check(recipe, path, plugins=plugins, use=use).plans.values()
    assert [set(found) for found in plan.references if found] == [{"dark"}]
    assert not run(recipe, path, plugins=plugins, use=use).failed
    assert reader.pixels == {"dark.fits": 1}


def test_a_file_is_kept_until_its_last_expected_use(shelf: ReferenceLibrary, reader: Reader, flat: Reference) -> None:
    expect(shelf, flat, 3)
    for _ in range(3):
        found = read_pixels(shelf, flat)
        assert_array_equal(found["flat"].image(make_exposure(PLANE.shape)).data, PLANE)
    assert reader.pixels == {"f.fits": 1}
    assert shelf._contents == {}
    read_pixels(shelf, flat)
    assert reader.pixels == {"f.fits": 2}


def test_a_file_that_is_not_expected_again_is_not_kept(shelf: ReferenceLibrary, flat: Reference) -> None:
    read_pixels(shelf, flat)
    assert shelf._contents == {}


def test_what_does_not_fit_in_the_memory_is_read_again(
    shelf: ReferenceLibrary, reader: Reader, flat: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data, DQ and one component of the variance of 72 pixels: there is room for one file, not for two."""
    make_reference(tmp_path / "d.fits", "dark", PLANE, err=PLANE)
    dark = Reference(reftype="dark", path=tmp_path / "d.fits", provider="test")
    size = 3 * 4 * PLANE.size
    monkeypatch.setattr(library, "KEPT_BYTES", 2 * size - 1)
    expect(shelf, flat, 3)
    expect(shelf, dark, 3)
    read_pixels(shelf, flat)
    read_pixels(shelf, flat)
    read_pixels(shelf, dark)  # the flat, used less recently, has to go
    assert [path.name for path, _ in shelf._contents] == ["d.fits"]
    read_pixels(shelf, dark)
    read_pixels(shelf, flat)
    assert reader.pixels == {"f.fits": 2, "d.fits": 1}
    monkeypatch.setattr(library, "KEPT_BYTES", size - 1)
    read_pixels(shelf, dark)
    expect(shelf, dark, 2)
    read_pixels(shelf, dark)
    assert shelf._contents == {}


def test_both_of_two_files_that_fit_in_the_memory_are_kept(
    shelf: ReferenceLibrary, flat: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_reference(tmp_path / "d.fits", "dark", PLANE, err=PLANE)
    dark = Reference(reftype="dark", path=tmp_path / "d.fits", provider="test")
    monkeypatch.setattr(library, "KEPT_BYTES", 2 * 3 * 4 * PLANE.size)
    for one in (flat, dark):
        expect(shelf, one, 2)
        read_pixels(shelf, one)
    assert [path.name for path, _ in shelf._contents] == ["f.fits", "d.fits"]


def test_the_memory_for_files_is_one_gibibyte() -> None:
    assert library.KEPT_BYTES == 1024**3


def test_a_table_and_a_model_are_read_once_with_the_headers(shelf: ReferenceLibrary, tmp_path: Path) -> None:
    asked: Counter[str] = Counter()

    class Readers:
        @hookimpl
        def read_reference(self, path: Path, kind: str) -> object:
            """Return something of the kind."""
            asked[path.name] += 1
            return Table({"x": [1]}) if kind == "table" else Shift(1)

    shelf._plugins.add("readers", Readers())
    files = [Reference(reftype=name, path=tmp_path / f"x.{name}", provider="test") for name in ("ecsv", "asdf")]
    for _ in range(3):
        found = read_pixels(shelf, *files)
        assert list(found["ecsv"].table()["x"]) == [1]
        assert found["asdf"].model()(1) == 2
    assert asked == {"x.ecsv": 1, "x.asdf": 1}


def test_an_outline_has_headers_and_shape_and_no_pixels(
    shelf: ReferenceLibrary, reader: Reader, flat: Reference
) -> None:
    outline = shelf.outline(flat).image(make_exposure(PLANE.shape))
    assert (outline.data.shape, outline.meta.detector, outline.has_errors) == (PLANE.shape, "IMG1", True)
    assert np.isnan(outline.data).all()
    assert not reader.pixels


def test_the_notes_on_a_choice_stay(shelf: ReferenceLibrary) -> None:
    assert shelf.read(References({}, ("no area reference is used",))).notes == ("no area reference is used",)


def test_the_hash_is_that_of_the_file_and_computed_once(
    shelf: ReferenceLibrary, flat: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def count(path: Path) -> str:
        threads.append(threading.current_thread().name)
        return sha256_of(path)

    monkeypatch.setattr(hashing, "sha256_of", count)
    for _ in range(3):
        (use,) = shelf.uses(read_pixels(shelf, flat))
    assert use.sha256 == sha256(flat.path.read_bytes()).hexdigest()
    assert (use.reftype, use.path, use.provider) == ("flat", str(flat.path), "test")
    assert len(threads) == 1
    assert threads != [threading.main_thread().name]


@pytest.mark.parametrize("restore_time", [False, True])
def test_a_file_that_changes_after_its_header_was_read_is_refused(
    shelf: ReferenceLibrary, flat: Reference, restore_time: bool
) -> None:
    """Its hash would be that of other bytes than were read, or its pixels would not be those of its header."""
    found = read_pixels(shelf, flat)
    before, content = flat.path.stat(), bytearray(flat.path.read_bytes())
    content[-2880] ^= 1
    flat.path.write_bytes(content)
    if restore_time:
        os.utime(flat.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(InputError, match=r"f\.fits has changed during the run"):
        shelf.uses(found)


def test_a_hash_that_the_provider_knows_is_not_computed(
    shelf: ReferenceLibrary, flat: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "sha256_of", lambda path: pytest.fail(f"{path} was hashed"))
    known = Reference(reftype="flat", path=flat.path, provider="test", sha256="abc")
    (use,) = shelf.uses(read_pixels(shelf, known))
    assert use.sha256 == "abc"


def test_a_closed_library_keeps_nothing(plugins: Plugins, flat: Reference) -> None:
    opened = ReferenceLibrary(plugins)
    expect(opened, flat, 2)
    read_pixels(opened, flat)
    opened.close()
    assert opened._contents == {}
    other = Reference(reftype="flat", path=flat.path.with_name("g.fits"), provider="test")
    other.path.write_bytes(b"")
    with pytest.raises(RuntimeError, match="shutdown"):
        opened.read(References({"flat": other}))


def test_a_file_that_cannot_be_read_is_an_error_with_its_name(shelf: ReferenceLibrary, tmp_path: Path) -> None:
    (tmp_path / "f.fits").write_bytes(b"no fits at all")
    with pytest.raises(InputError, match=r"f\.fits"):
        shelf.outline(Reference(reftype="flat", path=tmp_path / "f.fits", provider="test"))
