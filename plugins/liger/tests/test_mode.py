"""The mode of the Liger imager: the documented numbers, each with its source, and the files it is for."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from iris_testkit import iris_mode, make_exposure

from iris_core import InstrumentMode

SUMMARY = Path(__file__).parents[4] / "shared" / "data" / "iris_liger_refs" / "filters_summary.txt"


def test_the_imager_of_liger(liger: InstrumentMode) -> None:
    assert (liger.name, liger.telescope, liger.instrument) == ("liger-imager", "Keck I", "Liger")
    assert (liger.pixel_scale, liger.unit) == (0.01, "electron/s")
    assert {name: detector.shape for name, detector in liger.detectors.items()} == {"IMG": (2048, 2048)}


def test_the_detector_covers_the_documented_field(liger: InstrumentMode) -> None:
    (detector,) = liger.detectors.values()
    assert [size * liger.pixel_scale for size in detector.shape] == pytest.approx([20.48, 20.48])
    assert detector.offset == (0, 0)


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("dark_current", 0.025, "electron/s"),
        ("read_noise", 5.0, "electron"),
        ("gain", 1.0, "electron/DN"),
        ("collecting_area", 76.0, "m2"),
        ("throughput", 0.69 * 0.80 * 0.65 * 0.90, ""),
    ],
)
def test_a_fact_is_the_documented_number(liger: InstrumentMode, name: str, value: float, unit: str) -> None:
    assert liger.facts[name]["value"] == pytest.approx(value, rel=1e-3)
    assert liger.facts[name]["unit"] == unit


def test_every_fact_says_its_source(liger: InstrumentMode) -> None:
    for fact in liger.facts.values():
        assert {"value", "unit", "source"} == set(fact)
        assert len(fact["source"]) > 10


def test_what_nobody_knows_is_left_out(liger: InstrumentMode) -> None:
    """No saturation level of Liger is documented anywhere: who needs one has to say so."""
    assert "saturation" not in liger.facts


def test_the_filters_are_those_of_iris_and_lie_in_the_documented_range(liger: InstrumentMode) -> None:
    """Both cameras have the same list; 0.81 to 2.45 micrometres."""
    assert liger.filters == iris_mode().filters
    for band in liger.filters.values():
        assert 0.81 <= band.minimum < band.centre < band.maximum <= 2.45


@pytest.mark.skipif(not SUMMARY.is_file(), reason="the simulator's list of filters is not here")
def test_the_filters_are_those_of_the_simulators_list(liger: InstrumentMode) -> None:
    """To the digits that the documents give."""
    with SUMMARY.open(newline="") as file:
        rows = {row["filter"]: row for row in csv.DictReader(file)}
    assert list(rows) == list(liger.filters)
    for name, band in liger.filters.items():
        edges = [float(rows[name][key]) for key in ("wavemin", "wavecenter", "wavemax")]
        assert [band.minimum, band.centre, band.maximum] == pytest.approx(edges, abs=6e-5)
        if band.sky is not None:
            assert band.sky == pytest.approx(float(rows[name]["backmag"]), abs=5.1e-3)


@pytest.mark.parametrize("said", ["Liger", "LIGER", "liger"])
def test_the_mode_is_matched_in_upper_and_lower_case(liger: InstrumentMode, said: str) -> None:
    exposure = make_exposure(instrument=said, detector="IMG")
    assert liger.matches(exposure)
    assert not iris_mode().matches(exposure)


@pytest.mark.parametrize(("instrument", "detector"), [("IRIS", "IMG1"), ("IRIS", "IMG"), ("Liger", "IFU"), ("", "IMG")])
def test_other_files_are_left_to_others(liger: InstrumentMode, instrument: str, detector: str) -> None:
    assert not liger.matches(make_exposure(instrument=instrument, detector=detector))
