"""The mode of the IRIS imager: the documented numbers, each with its source, and the files it is for."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from iris_imager import instrument_modes
from iris_testkit import make_exposure, run_recipe

from iris_core import Exposure, InstrumentMode, load_plugins

SUMMARY = Path(__file__).parents[4] / "shared" / "data" / "iris_liger_refs" / "filters_summary.txt"


@pytest.fixture
def iris() -> InstrumentMode:
    (mode,) = instrument_modes()
    return mode


def test_the_imager_of_iris(iris: InstrumentMode) -> None:
    assert (iris.name, iris.telescope, iris.instrument) == ("iris-imager", "TMT", "IRIS")
    assert (iris.pixel_scale, iris.unit) == (0.004, "electron/s")
    assert {name: detector.shape for name, detector in iris.detectors.items()} == dict.fromkeys(
        ("IMG1", "IMG2", "IMG3", "IMG4"), (4096, 4096)
    )


def test_the_detectors_leave_the_documented_gap(iris: InstrumentMode) -> None:
    """Each covers 16.4 arcsec; the inner corners are 0.6 arcsec off the axis, one in each quadrant."""
    half = 4096 * iris.pixel_scale / 2
    offsets = [detector.offset for detector in iris.detectors.values()]
    for offset in offsets:
        assert [abs(one) - half for one in offset] == pytest.approx([0.6, 0.6], abs=1e-6)
    assert len({(x > 0, y > 0) for x, y in offsets}) == 4


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("dark_current", 0.025, "electron/s"),
        ("read_noise", 5.0, "electron"),
        ("gain", 1.0, "electron/DN"),
        ("saturation", 90000.0, "electron"),
        ("collecting_area", 630.0, "m2"),
        ("throughput", 0.70 * 0.91 * 0.80 * 0.90, ""),
    ],
)
def test_a_fact_is_the_documented_number(iris: InstrumentMode, name: str, value: float, unit: str) -> None:
    assert iris.facts[name]["value"] == pytest.approx(value, rel=0.01)
    assert iris.facts[name]["unit"] == unit


def test_every_fact_has_its_source(iris: InstrumentMode) -> None:
    for fact in iris.facts.values():
        assert {"value", "unit", "source"} == set(fact)
        assert len(fact["source"]) > 10


def test_the_filters_lie_in_the_documented_range(iris: InstrumentMode) -> None:
    """0.81 to 2.42 micrometres; the sky of narrow filters is not documented."""
    assert len(iris.filters) == 51
    kbb = iris.filters["Kbb"]
    assert (kbb.minimum, kbb.centre, kbb.maximum, kbb.sky) == (1.975, 2.1935, 2.412, 15.21)
    assert iris.filters["KN1"].sky is None
    for band in iris.filters.values():
        assert 0.81 <= band.minimum < band.centre < band.maximum <= 2.42


@pytest.mark.skipif(not SUMMARY.is_file(), reason="the simulator's list of filters is not here")
def test_the_filters_are_those_of_the_simulators_list(iris: InstrumentMode) -> None:
    """To the digits that the documents give."""
    with SUMMARY.open(newline="") as file:
        rows = {row["filter"]: row for row in csv.DictReader(file)}
    assert list(rows) == list(iris.filters)
    for name, band in iris.filters.items():
        edges = [float(rows[name][key]) for key in ("wavemin", "wavecenter", "wavemax")]
        assert [band.minimum, band.centre, band.maximum] == pytest.approx(edges, abs=6e-5)


@pytest.mark.parametrize("given", ["IRIS", "iris", "Iris"])
@pytest.mark.parametrize("detector", ["IMG1", "IMG4"])
def test_files_of_its_detectors_are_its_own(iris: InstrumentMode, given: str, detector: str) -> None:
    assert iris.matches(make_exposure(instrument=given, detector=detector))


@pytest.mark.parametrize(("instrument", "detector"), [("Liger", "IMG"), ("IRIS", "IFU"), ("", "IMG1")])
def test_other_files_are_left_to_others(iris: InstrumentMode, instrument: str, detector: str) -> None:
    assert not iris.matches(make_exposure(instrument=instrument, detector=detector))


def test_it_comes_by_the_door_of_every_plugin(iris: InstrumentMode, tmp_path: Path) -> None:
    """The framework has no mode of its own; with the package a file is calibrated."""
    assert list(load_plugins([]).modes()) == []
    assert load_plugins(["iris-imager"]).modes()["iris-imager"] == iris

    def double(exposure: Exposure) -> Exposure:
        return exposure.scale(2)

    steps = [{"flat_field": {"save": "cal"}}]
    product = run_recipe(steps, make_exposure(), folder=tmp_path, stages={"flat_field": double})["cal"]
    assert (product.data == 20).all()
    assert product.meta.mode == "iris-imager"
