"""Which exposures make a night, what their headers say, and what is refused."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_simulate import Night, NightSpec, simulate_night
from iris_simulate._frames import Kind, list_frames
from pydantic import ValidationError

from iris_core import InputError, InstrumentMode, installed_modes

SMALL: dict[str, Any] = {"size": (64, 64), "stars": 0}


@pytest.fixture(scope="module")
def night(mode: InstrumentMode) -> Night:
    return simulate_night(instrument=mode, filters=("Kbb", "Hbb"), dithers=3, reads=4, coadds=2, **SMALL)


def header_of(night: Night, kind: Kind, index: int = 0) -> Any:
    frame = [one for one in night.frames if one.kind is kind][index]
    return night.detector("IMG3").exposure(frame).header


@pytest.mark.parametrize(
    ("kind", "imtype", "lamp", "shutter"),
    [
        (Kind.DARK, "DARK", "OFF", "CLOSED"),
        (Kind.LAMP_ON, "FLAT", "ON", "OPEN"),
        (Kind.LAMP_OFF, "FLAT", "OFF", "OPEN"),
        (Kind.TWILIGHT, "FLAT", "SKY", "OPEN"),
        (Kind.SCIENCE, "SCI", "OFF", "OPEN"),
    ],
)
def test_imtype_and_lamp_tell_the_roles(night: Night, kind: Kind, imtype: str, lamp: str, shutter: str) -> None:
    header = header_of(night, kind)
    assert (header["IMTYPE"], header["LAMP"], header["SHUTTER"]) == (imtype, lamp, shutter)


def test_an_exposure_says_how_it_was_taken(night: Night) -> None:
    header = header_of(night, Kind.SCIENCE, 4)
    expected = {
        "INSTRUME": "IRIS",
        "TELESCOP": "TMT",
        "DETECTOR": "IMG3",
        "FILTER": "Hbb",
        "READMODE": "MCDS",
        "NREADS": 4,
        "COADDS": 2,
        "EXPTIME": 100.0,
        "DATALVL": 1,
        "DITHNUM": 2,
        "EXPNUM": 15,
        "FILENAME": "sim_0015_IMG3_science_Hbb_rate.fits",
        "DATE-OBS": "2026-03-21T06:07:20.000",
        "DATE-END": "2026-03-21T06:09:00.000",
        "SUBARRID": 0,
    }
    assert {key: header[key] for key in expected} == expected


def test_only_what_sees_the_sky_has_a_pointing(night: Night) -> None:
    for frame in night.frames:
        exposure = night.detector("IMG1").exposure(frame)
        assert ("RA" in exposure.header) == frame.kind.sees_sky
        assert ("CRVAL1" in exposure.sci_header) == frame.kind.sees_sky
        assert exposure.sci_header["BUNIT"] == "electron/s"
        assert ("RAOFF" in exposure.header) == (frame.kind is Kind.SCIENCE)


def test_the_offsets_of_a_dither_are_those_of_the_pointing(mode: InstrumentMode) -> None:
    made = simulate_night(instrument=mode, dither_step=1.5, position_angle=30.0, **SMALL)
    for index in range(5):
        header = header_of(made, Kind.SCIENCE, index)
        east = (header["RA"] - made.spec.ra) * np.cos(np.deg2rad(header["DEC"])) * 3600
        assert header["RAOFF"] == pytest.approx(east, abs=1e-4)
        assert header["DECOFF"] == pytest.approx((header["DEC"] - made.spec.dec) * 3600, abs=1e-4)
        assert np.hypot(header["RAOFF"], header["DECOFF"]) == pytest.approx(1.5 * np.sqrt(index), abs=1e-5)


def test_numbers_follow_each_other_and_exposures_do_not_overlap(night: Night) -> None:
    assert [frame.number for frame in night.frames] == list(range(1, len(night.frames) + 1))
    for one, other in pairwise(night.frames):
        assert (other.start - one.end).total_seconds() >= 10.0


def test_darks_are_taken_after_the_science_they_serve(night: Night) -> None:
    start: dict[Kind, datetime] = {}
    for frame in night.frames:
        start.setdefault(frame.kind, frame.start)
    assert sorted(start, key=lambda kind: start[kind]) == [
        Kind.TWILIGHT,
        Kind.SCIENCE,
        Kind.DARK,
        Kind.LAMP_ON,
        Kind.LAMP_OFF,
    ]


def test_there_are_darks_of_each_exposure_time(night: Night, mode: InstrumentMode) -> None:
    assert [one.seconds for one in night.frames if one.kind is Kind.DARK] == [100.0] * 5 + [10.0] * 5
    same = simulate_night(instrument=mode, exposure_time=10.0, **SMALL)
    assert [one.seconds for one in same.frames if one.kind is Kind.DARK] == [10.0] * 5


@settings(max_examples=30, deadline=None)
@given(
    filters=st.lists(st.sampled_from(["Kbb", "Hbb", "Jbb"]), min_size=1, unique=True),
    counts=st.tuples(*[st.integers(0, 4)] * 4),
)
def test_any_numbers_of_exposures_are_taken(filters: list[str], counts: tuple[int, ...]) -> None:
    darks, flats, twilights, dithers = counts
    spec = NightSpec(darks=darks, flats=flats, twilights=twilights, dithers=dithers)
    kinds = [frame.kind for frame in list_frames(spec, tuple(filters), 1.0)]
    number = {kind: kinds.count(kind) for kind in Kind}
    assert number == {
        Kind.DARK: 2 * darks,
        Kind.LAMP_ON: len(filters) * flats,
        Kind.LAMP_OFF: len(filters) * flats,
        Kind.TWILIGHT: len(filters) * twilights,
        Kind.SCIENCE: len(filters) * dithers,
    }


def test_detectors_are_chosen_by_number_or_name(mode: InstrumentMode) -> None:
    chosen = [
        simulate_night(instrument=mode, detectors=what, **SMALL).detectors for what in (None, 2, ("IMG4", "IMG1"))
    ]
    assert chosen == [("IMG1", "IMG2", "IMG3", "IMG4"), ("IMG1", "IMG2"), ("IMG4", "IMG1")]


def test_a_smaller_detector_keeps_its_gap_to_the_others(mode: InstrumentMode) -> None:
    """Inner edges are 0.6 arcsec off the axis, whatever the size."""
    for size in (64, 1024, 4096):
        made = simulate_night(instrument=mode, size=(size, size // 2), stars=0, dithers=1)
        for name in made.detectors:
            x, y = made.mode.detectors[name].offset
            inner = abs(x) - size * 0.004 / 2, abs(y) - size * 0.004 / 4
            assert inner == pytest.approx((0.6, 0.6))
            assert np.sign((x, y)).tolist() == np.sign(mode.detectors[name].offset).tolist()


def test_one_field_is_seen_by_all_detectors_and_in_all_filters(mode: InstrumentMode) -> None:
    """No star falls on two detectors, and the filters differ in flux, not in place."""
    made = simulate_night(instrument=mode, size=(256, 256), filters=("Kbb", "Hbb"), stars=60, separation=10)
    frames = [frame for frame in made.frames if frame.kind is Kind.SCIENCE and frame.dither == 1]
    seen = []
    for name in made.detectors:
        detector = made.detector(name)
        red, blue = (detector.positions(frame) for frame in frames)
        assert all(np.array_equal(one, other) for one, other in zip(red, blue, strict=True))
        seen += red[0].tolist()
    assert len(seen) == len(set(seen)) > 5
    ratio = made.field.flux["Hbb"] / made.field.flux["Kbb"]
    assert ratio.std() / ratio.mean() > 0.1


def test_one_more_detector_or_exposure_changes_no_detector(mode: InstrumentMode) -> None:
    few, more = (simulate_night(instrument=mode, detectors=n, darks=3 + n, **SMALL) for n in (1, 3))
    one, other = (made.detector("IMG1") for made in (few, more))
    assert np.array_equal(one.chip.dark, other.chip.dark)
    assert np.array_equal(one.flat("Zbb"), other.flat("Zbb"))
    assert not np.array_equal(one.chip.dark, more.detector("IMG2").chip.dark)


@pytest.mark.parametrize("name", ["liger-imager", "iris-imager"])
def test_any_mode_that_gives_the_numbers_of_its_camera_will_do(name: str) -> None:
    made = simulate_night(instrument=installed_modes()[name], size=(64, 64), stars=1)
    exposure = made.detector(made.detectors[0]).exposure(made.frames[0])
    assert exposure.header["INSTRUME"] == made.mode.instrument
    assert made.filters == (next(iter(made.mode.filters)),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": ("Kb",)}, r"no filter 'Kb'; did you mean 'Kbb'\?"),
        ({"filters": ("Kbb", "Kbb")}, "the filters Kbb, Kbb name one twice"),
        ({"detectors": ("IMG5",)}, "no detector 'IMG5'.*IMG1, IMG2, IMG3, IMG4"),
        ({"detectors": 5}, "has 4 detectors, not 5"),
        ({"detectors": 0}, "has 4 detectors, not 0"),
        ({"size": (5000, 64)}, "size 5000 x 64: IMG1 has 4096 x 4096 pixels"),
        ({"exposure_time": 2e5}, "the sky alone"),
        ({"stars": 9999}, "only .* of 9999 stars fit"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_the_reason(
    mode: InstrumentMode, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        simulate_night(instrument=mode, **{"size": (64, 64), "stars": 1, **changes})


def test_a_mode_without_filters_is_refused() -> None:
    with pytest.raises(InputError, match="'nirc2-wide' lists no filters"):
        simulate_night(mode="nirc2-wide")


@pytest.mark.parametrize("changes", [{"reads": 3}, {"reads": 0}, {"darks": -1}, {"sky_drift": 1.5}, {"thermo": 1}])
def test_impossible_values_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NightSpec(**changes)
