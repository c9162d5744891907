"""Keywords become typed values, and what cannot be understood is an error that names file, keyword and value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from astropy import units as u
from astropy.io.fits import Header
from hypothesis import example, given
from hypothesis import strategies as st

from iris_core import (
    KEYWORDS,
    InputError,
    IrisError,
    Meta,
    Window,
    agree,
    meta_from_header,
    parse_unit,
    selects,
    text_card,
    unit_string,
)
from iris_core.io.times import doubts
from iris_core.keywords import header_text, meta_of_headers

HERE = Path("x_rate.fits")


def read(**cards: Any) -> Any:
    return meta_from_header({name.replace("_", "-"): value for name, value in cards.items()}, HERE)


def test_text_is_stripped_and_a_missing_keyword_is_empty() -> None:
    meta = read(INSTRUME=" IRIS ", FILTER="Kbb")
    assert (meta.instrument, meta.filter, meta.detector, meta.exposure_time) == ("IRIS", "Kbb", "", None)
    assert meta.filename == "x_rate.fits"


def test_numbers_may_be_written_as_text() -> None:
    assert read(EXPTIME="100.5", SUBARRID="3").exposure_time == 100.5
    assert read(SUBARRID="3").subarray_id == 3


@pytest.mark.parametrize(
    ("cards", "field", "value"),
    [
        ({"EFFEXPTM": 311.4, "XPOSURE": 311.5}, "exposure_time", 311.4),
        ({"XPOSURE": 311.4}, "exposure_time", 311.4),
        ({"EXPTIME": 100.0, "EFFEXPTM": 311.4}, "exposure_time", 100.0),
        ({"READPATT": "FASTR1"}, "read_mode", "FASTR1"),
        ({"SAMP_SEQ": "SPARS10"}, "read_mode", "SPARS10"),
        ({"PROGRAM": "01234"}, "program", "01234"),
        ({"PROPOSID": 13467}, "program", "13467"),
        ({"TARGPROP": "M16"}, "target", "M16"),
        ({"TARGNAME": "WASP-12"}, "target", "WASP-12"),
        ({"IMAGETYP": "DARK"}, "image_type", "DARK"),
    ],
)
def test_the_names_of_jwst_and_hst_are_understood_and_ours_goes_first(
    cards: dict[str, Any], field: str, value: Any
) -> None:
    assert getattr(meta_from_header(cards, HERE), field) == value


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("EXPTIME", "soon"),
        ("EXPTIME", "nan"),
        ("EXPTIME", "3,5"),
        ("EXPTIME", 0),
        ("EXPTIME", -10),
        ("RA", "INDEF"),
        ("RA", 1000),
        ("DEC", 91),
        ("DATE-OBS", "32/10/92"),
        ("DATE-OBS", "2016-12-31T23:59:61"),
        ("EXPTIME", float("inf")),
        ("RA", "12:00:00:00"),
        ("RA", "12:75:00"),
        ("DEC", "-12:30:60"),
        ("DEC", "north"),
        ("DEC", "nan"),
        ("DATE-OBS", "yesterday"),
        ("DATE-OBS", "2026-02-30"),
        ("MJD-OBS", "sixty thousand"),
        ("MJD-OBS", 1e300),
        ("MJD-OBS", float("nan")),
    ],
)
def test_a_value_that_is_not_understood_is_not_known_and_named(keyword: str, value: Any) -> None:
    assert meta_from_header({keyword: value}, HERE) == Meta(path=HERE)
    header = Header()
    if not isinstance(value, float):
        header[keyword] = value
        assert [keyword in remark for remark in doubts(header, Header())] == [True]


@pytest.mark.parametrize("value", ["one", 1.5])
def test_a_number_of_a_subarray_that_is_not_understood_is_refused(value: Any) -> None:
    """It says which pixels of the detector these are."""
    keyword = "SUBARRID"
    with pytest.raises(InputError) as caught:
        meta_from_header({keyword: value}, HERE)
    assert str(caught.value).startswith(f"x_rate.fits: {keyword} = {value!r} ")
    assert "\n" not in str(caught.value)


@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.from_regex(r"[-+ ]?\d{1,3}[: ]\d{1,2}[: ]\d{1,2}(\.\d*)?", fullmatch=True),
        st.from_regex(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?", fullmatch=True),
    )
)
def test_whatever_a_header_says_gives_a_meta_or_an_input_error(value: Any) -> None:
    said: list[str] = []
    for keyword in KEYWORDS:
        try:
            meta_from_header({keyword.name: value}, HERE)
        except InputError as error:
            said.append(str(error))
    assert not [one for one in said if "\n" in one]


@given(
    st.integers(0, 89),
    st.integers(0, 59),
    st.integers(0, 59_999),
    st.sampled_from(["-", "+", ""]),
    st.sampled_from(": "),
)
def test_declination_in_sexagesimal_keeps_its_sign_even_at_zero_degrees(
    degrees: int, minutes: int, thousandths: int, sign: str, between: str
) -> None:
    seconds = thousandths / 1000
    text = f"{sign}{degrees:02d}{between}{minutes:02d}{between}{seconds:06.3f}"
    truth = (degrees + minutes / 60 + seconds / 3600) * (-1 if sign == "-" else 1)
    assert read(DEC=text).dec == pytest.approx(truth, abs=1e-10)


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_right_ascension_in_sexagesimal_is_in_hours(hours: int, minutes: int, seconds: int) -> None:
    ra = read(RA=f"{hours}:{minutes}:{seconds}").ra
    assert ra == pytest.approx(15 * (hours + minutes / 60 + seconds / 3600), abs=1e-9)


def test_right_ascension_as_a_number_is_in_degrees() -> None:
    assert read(RA=150.25, DEC="-2.5").ra == 150.25
    assert read(RA=150.25, DEC="-2.5").dec == -2.5


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))
def test_iso_modified_julian_and_julian_dates_give_the_same_time(when: datetime) -> None:
    mjd = (when - datetime(1858, 11, 17)) / timedelta(days=1)
    truth = when.replace(tzinfo=UTC)
    assert read(DATE_OBS=when.isoformat()).start_time == truth
    assert abs(read(MJD_OBS=mjd).start_time - truth) < timedelta(milliseconds=1)
    assert abs(read(EXPJDST=mjd + 2400000.5).start_time - truth) < timedelta(milliseconds=100)


def test_a_time_with_a_zone_is_converted() -> None:
    assert read(DATE_OBS="2026-11-23T02:00:00+02:00").start_time == datetime(2026, 11, 23, tzinfo=UTC)


def test_the_first_name_of_a_pair_counts() -> None:
    meta = meta_from_header({"DATE-OBS": "2026-01-01", "EXPDTST": "2025-01-01", "MJD-OBS": 50000.0}, HERE)
    assert meta.start_time == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cards", "truth"),
    [
        ({"TIME-OBS": "03:04:05.5"}, datetime(2026, 1, 2, 3, 4, 5, 500_000)),
        ({"MJD-OBS": 61042.25}, datetime(2026, 1, 2, 6)),
        ({"MJD-OBS": 61043.25}, datetime(2026, 1, 2)),
        ({"TIME-OBS": "03:04:05", "MJD-OBS": 61042.25}, datetime(2026, 1, 2, 3, 4, 5)),
        ({}, datetime(2026, 1, 2)),
    ],
    ids=["TIME-OBS", "MJD-OBS of that day", "MJD-OBS of another day", "both", "neither"],
)
def test_a_date_without_a_time_of_day_takes_it_from_the_keyword_that_has_it(
    cards: dict[str, Any], truth: datetime
) -> None:
    """DATE-OBS alone would choose references at midnight."""
    meta = meta_from_header({"DATE-OBS": "2026-01-02", **cards}, HERE)
    assert meta.start_time == truth.replace(tzinfo=UTC)
    assert meta_from_header({"DATE-OBS": "2026-01-02T01:00", **cards}, HERE).start_time == datetime(
        2026, 1, 2, 1, tzinfo=UTC
    )


def test_the_primary_header_goes_before_that_of_the_science_extension() -> None:
    primary, science = Header([("FILTER", "Kbb")]), Header([("FILTER", "J"), ("OBJECT", "M31")])
    meta = meta_of_headers(primary, science, HERE)
    assert (meta.filter, meta.target, meta.path) == ("Kbb", "M31", HERE)


@pytest.mark.parametrize(("one", "other"), [("Kbb", "KBB "), ("Kbb", ""), ("", ""), ("ANY", "Kbb"), (" n/a", "Kbb")])
def test_keywords_that_agree(one: str, other: str) -> None:
    assert agree(one, other)
    assert agree(other, one)


@pytest.mark.parametrize(("one", "other"), [("Kbb", "K"), ("J", "H"), ("ANYTHING", "J"), ("N", "J")])
def test_keywords_that_disagree(one: str, other: str) -> None:
    assert not agree(one, other)
    assert not agree(other, one)


@pytest.mark.parametrize(
    ("stated", "value", "fits"),
    [
        ("Kbb", "kbb", True), ("Kbb", "J", False), ("Kbb", "ANY", True),
        ("Kbb", "", False), ("Kbb", " ", False), ("", "", True), ("ANY", "", True), ("N/A", "", True),
    ],
)  # fmt: skip
def test_a_file_for_one_filter_does_not_fit_an_exposure_that_names_none(stated: str, value: str, fits: bool) -> None:
    assert selects(stated, value) is fits


def test_a_window_counts_from_one() -> None:
    meta = read(SUBSTRT1=11, SUBSTRT2=21, SUBSIZE1=4, SUBSIZE2=5)
    assert meta.window == Window(11, 21, 4, 5)
    assert meta.window.shape == (5, 4)


@pytest.mark.parametrize(
    "cards",
    [
        {"SUBSTRT1": 1},
        {"SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": 4},
        {"SUBSTRT1": 0, "SUBSTRT2": 1, "SUBSIZE1": 4, "SUBSIZE2": 4},
        {"SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": 0, "SUBSIZE2": 4},
        {"SUBSTRT1": 1.5, "SUBSTRT2": 1, "SUBSIZE1": 4, "SUBSIZE2": 4},
        {"SUBSTRT1": float("inf"), "SUBSTRT2": 1, "SUBSIZE1": 4, "SUBSIZE2": 4},
        {"SUBSTRT1": "a", "SUBSTRT2": 1, "SUBSIZE1": 4, "SUBSIZE2": 4},
    ],
)
def test_half_a_window_is_an_error(cards: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"x_rate\.fits: .*SUBSTRT1"):
        meta_from_header(cards, HERE)


@pytest.mark.parametrize(
    "text",
    ["electron/s", "ELECTRONS/S", "e-/s", "electron / s", "electron s-1", "e/sec", "electrons/second", " electron/s "],
)
def test_the_ways_to_write_electrons_per_second(text: str) -> None:
    assert parse_unit(text) == u.electron / u.s


@pytest.mark.parametrize("text", ["DN/s", "dn/s", "ADU/s", "counts/s", "count / S", "DN s-1"])
def test_counts_and_adu_mean_dn(text: str) -> None:
    assert parse_unit(text) == u.DN / u.s


@pytest.mark.parametrize("text", ["furlongs per fortnight", "electron/", "1 +", "MJy//sr", "(", "e-/s/"])
def test_what_is_no_unit_is_an_error_that_names_units_that_are(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_unit(text)
    assert all(part in str(caught.value) for part in (repr(text), "electron/s", "DN/s", "MJy/sr"))


@given(st.one_of(st.text(), st.text(alphabet="eDNMJysr/ *()-+.0123456789")))
@example("")
@example("s/" * 5000)
@example("(" * 5000)
def test_any_text_is_a_unit_or_an_iris_error(text: str) -> None:
    said = ""
    try:
        parse_unit(text)
    except IrisError as error:
        said = str(error)
    assert "\n" not in said


UNITS = [
    u.electron / u.s,
    u.DN / u.s,
    u.MJy / u.sr,
    u.Jy,
    u.electron,
    u.DN,
    u.erg / u.s / u.cm**2 / u.AA,
    u.DN * u.m / u.s,
]


@given(st.sampled_from(UNITS), st.sampled_from([1, 2, -1]))
def test_a_unit_survives_being_written_and_read(unit: u.UnitBase, power: int) -> None:
    assert parse_unit(unit_string(unit**power)) == unit**power


def test_units_are_written_as_the_field_writes_them() -> None:
    assert unit_string(u.electron / u.s) == "electron/s"
    assert unit_string(u.MJy / u.sr) == "MJy/sr"


@given(st.text())
def test_any_text_can_stand_in_a_header(text: str) -> None:
    header = Header()
    header["RECIPE"] = header_text(text)
    header.add_history(header_text(text))
    assert header["RECIPE"].split() == header_text(text).split()


@pytest.mark.filterwarnings("error")
@given(st.text(st.sampled_from("ab '&\u00f6"), max_size=90), st.sampled_from(["name of this file", ""]))
def test_a_card_has_its_comment_whole_or_none(text: str, comment: str) -> None:
    """Of a longer one astropy would cut the end, and warn of it in every run."""
    header = Header([("FILENAME", "x" * 40, "a longer comment than ours")])
    header["FILENAME"] = text_card(text, comment)
    written = Header.fromstring(header.tostring())
    assert written["FILENAME"] == header_text(text).rstrip()
    assert written.comments["FILENAME"] in (comment, "")


@pytest.mark.parametrize(("length", "comment"), [(48, "name of this file"), (49, "")])
def test_a_card_has_its_comment_where_there_is_room(length: int, comment: str) -> None:
    assert text_card("x" * length, "name of this file") == ("x" * length, comment)


def test_header_text_keeps_plain_words() -> None:
    assert header_text("not needed: 3 dithers") == "not needed: 3 dithers"
    assert header_text("nicht\n nötig") == "nicht n?tig"
