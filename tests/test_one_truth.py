"""`meta` and the headers of an exposure always agree, whichever of them is changed, and in files too."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_testkit import make_exposure

from iris_core import (
    KEYWORDS,
    Exposure,
    InputError,
    Meta,
    Window,
    read_asdf,
    read_fits,
    write_asdf,
    write_fits,
)
from iris_core.keywords import meta_of_headers

HERE = Path("x_rate.fits")
SHAPE = (2, 3)
WINDOW = {"SUBSTRT1": 11, "SUBSTRT2": 21, "SUBSIZE1": 3, "SUBSIZE2": 2}
FIELDS = {field.name for field in fields(Meta)} - {"mode", "path"}

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90).map(str.strip)
texts = texts.filter(lambda text: "'/" not in text)  # which astropy 8.0 does not read as it has written it
numbers = st.integers(-(10**9), 10**9).map(lambda number: number / 1000)  # a card has 20 characters for a number
times = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
starts = st.integers(1, 4096)
BY_FIELD: dict[str, st.SearchStrategy[Any]] = {
    **{key.field: texts for key in KEYWORDS if isinstance(getattr(Meta(), key.field), str)},
    "exposure_time": st.none() | numbers.filter(lambda number: number > 0),
    "ra": st.none() | numbers.map(lambda number: number % 360),
    "dec": st.none() | numbers.map(lambda number: number % 180 - 90),
    "start_time": st.none() | times,
    "subarray_id": st.integers(0, 10),
    "window": st.none() | st.builds(Window, starts, starts, st.just(SHAPE[1]), st.just(SHAPE[0])),
}
metas = st.builds(Meta, path=st.just(HERE), **BY_FIELD)


@st.composite
def headers(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return cards of both headers in all ways that are understood: aliases, numbers as text, a window."""
    ways: dict[str, st.SearchStrategy[Any]] = {
        "OBJECT": texts,
        "FILTER": texts,
        "EXPTIME": numbers | numbers.map(str),
        "RA": st.sampled_from(["10:00:00", 150.0, "150.25"]),
        "DATE-OBS": st.sampled_from(["2026-01-02", "2026-01-02T03:04:05.678"]),
        "TIME-OBS": st.just("05:06:07"),
        "EXPDTST": st.just("2025-05-05T05:05:05"),
        "MJD-OBS": st.floats(50000, 70000),
        "SUBARRID": st.integers(0, 10),
    }
    halves = [{name: draw(ways[name]) for name in draw(st.sets(st.sampled_from(sorted(ways))))} for _ in range(2)]
    halves[draw(st.integers(0, 1))] |= WINDOW if draw(st.booleans()) else {}
    return halves[0], halves[1]


def stated(exposure: Exposure) -> Meta:
    """Return what the headers of an exposure give."""
    return replace(meta_of_headers(exposure.header, exposure.sci_header, exposure.meta.path), mode=exposure.meta.mode)


def test_every_field_has_its_keyword_and_no_keyword_has_two_fields() -> None:
    assert set(BY_FIELD) == {key.field for key in KEYWORDS} | {"window"} == FIELDS
    names = [name for key in KEYWORDS for name in (key.name, *key.aliases)]
    assert sorted(set(names)) == sorted(names)
    assert all(len(name) <= 8 for name in names)


@given(headers(), metas)
def test_what_changes_meta_changes_the_headers(cards: tuple[dict[str, Any], dict[str, Any]], meta: Meta) -> None:
    exposure = make_exposure(SHAPE, header=cards[0], sci_header=cards[1])
    assert stated(exposure) == exposure.meta
    changed = exposure.replace(meta=meta)
    assert changed.meta == stated(changed) == meta
    again = changed.replace(data=changed.data + 1)
    assert again.header is changed.header
    assert again.sci_header is changed.sci_header


@given(headers(), headers())
def test_what_changes_the_headers_changes_meta(
    before: tuple[dict[str, Any], dict[str, Any]], after: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    exposure = make_exposure(SHAPE, header=before[0], sci_header=before[1])
    primary, science = (fits.Header(list(cards.items())) for cards in after)
    changed = exposure.replace(header=primary, sci_header=science)
    assert (dict(changed.header), dict(changed.sci_header)) == after
    assert changed.meta == replace(meta_of_headers(primary, science, HERE), mode=exposure.meta.mode)
    assert changed.replace(header=exposure.header, sci_header=exposure.sci_header).meta == exposure.meta


@pytest.mark.parametrize("ending", ["fits", "asdf"])
@settings(max_examples=25)
@given(headers(), metas)
def test_a_change_of_meta_survives_writing_and_reading(
    tmp_path: Path, ending: str, cards: tuple[dict[str, Any], dict[str, Any]], meta: Meta
) -> None:
    path = tmp_path / f"x.{ending}"
    path.unlink(missing_ok=True)
    changed = make_exposure(SHAPE, header=cards[0], sci_header=cards[1]).replace(meta=meta)
    write, read = {"fits": (write_fits, read_fits), "asdf": (write_asdf, read_asdf)}[ending]
    write(changed, path)
    for pixels in (True, False):
        back = read(path, pixels)
        assert back.meta == stated(back) == replace(meta, path=path)


def test_the_mode_and_the_path_are_not_in_the_headers() -> None:
    exposure = make_exposure()
    changed = exposure.replace(meta=replace(exposure.meta, mode="lab", path=Path("y.fits")))
    assert changed.header is exposure.header
    assert changed.replace(header=fits.Header()).meta == Meta(mode="lab", path=Path("y.fits"))


def test_a_value_goes_into_the_primary_header_and_where_the_keyword_stands_already() -> None:
    exposure = make_exposure(header={"FILTER": "Kbb"}, sci_header={"FILTER": "Kbb", "PUPIL": "open"})
    changed = exposure.replace(meta=replace(exposure.meta, filter="J", pupil="mask", target="M31"))
    assert (changed.header["FILTER"], changed.header["PUPIL"], changed.header["OBJECT"]) == ("J", "mask", "M31")
    assert dict(changed.sci_header) == {"FILTER": "J", "PUPIL": "mask"}


def test_what_is_changed_keeps_its_place_and_the_other_cards_stay() -> None:
    exposure = make_exposure(header={"FIRST": 1, "OBJECT": "M31", "LAST": 2})
    changed = exposure.replace(meta=replace(exposure.meta, target="M33"))
    assert list(changed.header) == list(exposure.header)
    differing = {key for key in changed.header if changed.header[key] != exposure.header[key]}
    assert differing == {"OBJECT"}


@pytest.mark.parametrize("place", ["header", "sci_header"])
def test_a_window_is_added_changed_and_removed_with_all_its_keywords(place: str) -> None:
    """As resample does, whose pixels are no longer those of the detector."""
    plain = make_exposure(SHAPE)
    given: Any = {place: WINDOW}
    cut = make_exposure(SHAPE, **given)
    assert cut.meta.window == Window(11, 21, 3, 2)
    gone = cut.replace(meta=replace(cut.meta, window=None))
    assert not set(WINDOW) & {*gone.header, *gone.sci_header}
    moved = cut.replace(meta=replace(cut.meta, window=Window(12, 21, 3, 2)))
    assert getattr(moved, place)["SUBSTRT1"] == 12
    added = plain.replace(meta=replace(plain.meta, window=cut.meta.window))
    assert {name: added.header[name] for name in WINDOW} == WINDOW


@pytest.mark.parametrize("alias", [{"MJD-OBS": 60000.5}, {"EXPDTST": "2023-02-25"}, {"EXPJDST": 2460001.0}])
@pytest.mark.parametrize("place", ["header", "sci_header"])
@pytest.mark.parametrize("when", [datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), None])
def test_no_alias_contradicts_a_changed_time(place: str, alias: dict[str, Any], when: datetime | None) -> None:
    given: Any = {place: alias}
    exposure = make_exposure(**given)
    assert exposure.meta.start_time is not None
    changed = exposure.replace(meta=replace(exposure.meta, start_time=when))
    assert changed.meta.start_time == stated(changed).start_time == when
    assert not set(alias) & {*changed.header, *changed.sci_header}
    kept = exposure.replace(meta=replace(exposure.meta, target="M31"))
    assert getattr(kept, place)[next(iter(alias))] == next(iter(alias.values()))
    assert "DATE-OBS" not in kept.header


@pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=-10))])
def test_a_time_is_written_in_utc_and_one_without_a_zone_is_utc(zone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Honolulu")
    local = datetime(2026, 1, 2, 3, 4, 5, tzinfo=zone)
    exposure = make_exposure()
    changed = exposure.replace(meta=replace(exposure.meta, start_time=local))
    truth = local.replace(tzinfo=UTC) if zone is None else local.astimezone(UTC)
    assert changed.header["DATE-OBS"] == truth.replace(tzinfo=None).isoformat()


def test_a_header_that_cannot_be_understood_is_refused_where_it_is_put_in() -> None:
    with pytest.raises(InputError, match=r"x_rate\.fits: SUBARRID = 'one'"):
        make_exposure().replace(header=fits.Header([("SUBARRID", "one")]))
