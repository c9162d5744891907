"""Which reference file is chosen, and why the others were not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from iris_core import Exposure, InputError, ReferenceNotFound
from iris_core.index import Entry, ReferenceIndex, drop, read
from iris_core.index import put as put_entries
from iris_core.loading import load_plugins
from iris_core.providers import NamedReferences, ReferenceFolder, read_reference_header
from iris_core.testing import make_exposure, make_reference

START = datetime(2026, 6, 1, tzinfo=UTC)
SELECTORS = {
    "dark": ("INSTRUME", "DETECTOR", "READMODE"),
    "flat": ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "READMODE"),
    "photom": ("INSTRUME", "DETECTOR"),
    "distortion": ("INSTRUME", "DETECTOR", "FILTER"),
}
FIELDS = {
    "INSTRUME": "instrument",
    "DETECTOR": "detector",
    "FILTER": "filter",
    "PUPIL": "pupil",
    "READMODE": "read_mode",
}


def exposure(**meta: Any) -> Exposure:
    return make_exposure(**{"pupil": "open", "start_time": START, **meta})


def put(folder: Path, name: str, reftype: str = "flat", **keywords: Any) -> Path:
    """Write a reference file that fits `exposure()` but for `keywords`."""
    cards = {"FILTER": "Kbb", "PUPIL": "open", "READMODE": "DEFAULT", **keywords}
    return make_reference(folder / name, reftype, np.ones((2, 2)), **cards).path


def by_hand(reftype: str, path: Path) -> NamedReferences:
    return NamedReferences({reftype: path}, load_plugins(only=()).read_exposure)


def reasons(folder: Path, reftype: str = "flat", **meta: Any) -> list[str]:
    return [one.reason for one in ReferenceFolder(folder).explain_reference(reftype, exposure(**meta))]


def test_the_file_whose_selectors_all_match_is_chosen(tmp_path: Path) -> None:
    right = put(tmp_path, "right.fits")
    put(tmp_path, "filter.fits", FILTER="J")
    put(tmp_path, "detector.fits", DETECTOR="IMG2")
    put(tmp_path, "type.fits", "dark")
    found = ReferenceFolder(tmp_path).find_reference("flat", exposure())
    assert found is not None
    assert (found.path, found.provider, found.notes) == (right, f"folder {tmp_path}", ())


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"FILTER": "J"}, "FILTER is J, not Kbb"),
        ({"DETECTOR": "IMG2"}, "DETECTOR is IMG2, not IMG1"),
        ({"INSTRUME": "Liger"}, "INSTRUME is Liger, not IRIS"),
        ({"READMODE": "CDS", "FILTER": "J"}, "FILTER is J, not Kbb; READMODE is CDS, not DEFAULT"),
        ({"DETECTOR": ""}, "it does not say its DETECTOR"),
        ({"INSTRUME": ""}, "it does not say its INSTRUME"),
        ({"FILTER": ""}, "it does not say its FILTER"),
        (
            {"USEAFTER": "2026-06-01T00:00:01"},
            "USEAFTER 2026-06-01T00:00:01 is after the exposure (2026-06-01T00:00:00)",
        ),
        ({"USEAFTER": "whenever"}, "USEAFTER 'whenever' is not a time"),
    ],
)
def test_a_candidate_says_why_it_lost(tmp_path: Path, keywords: dict[str, Any], reason: str) -> None:
    put(tmp_path, "flat.fits", **keywords)
    assert ReferenceFolder(tmp_path).find_reference("flat", exposure()) is None
    assert reasons(tmp_path) == [reason]


@pytest.mark.parametrize("word", ["ANY", "N/A", "any"])
def test_any_matches_all(tmp_path: Path, word: str) -> None:
    put(tmp_path, "flat.fits", FILTER=word, DETECTOR=word, INSTRUME=word)
    assert ReferenceFolder(tmp_path).find_reference("flat", exposure()) is not None


@pytest.mark.parametrize("keyword", ["FILTER", "READMODE"])
def test_a_selector_counts_only_for_the_types_it_belongs_to(tmp_path: Path, keyword: str) -> None:
    for reftype, names in SELECTORS.items():
        folder = tmp_path / reftype
        folder.mkdir()
        put(folder, "x.fits", reftype, **{keyword: "other"})
        found = ReferenceFolder(folder).find_reference(reftype, exposure())
        assert (found is None) == (keyword in names)


def test_the_latest_that_applies_is_chosen(tmp_path: Path) -> None:
    put(tmp_path, "old.fits", USEAFTER="2024-01-01")
    right = put(tmp_path, "right.fits", USEAFTER="2026-06-01T00:00:00")
    put(tmp_path, "future.fits", USEAFTER="2026-06-02")
    found = ReferenceFolder(tmp_path).find_reference("flat", exposure())
    assert found is not None
    assert found.path == right


def test_two_equally_good_are_an_error_that_names_both(tmp_path: Path) -> None:
    first, second = put(tmp_path, "a.fits"), put(tmp_path, "b.fits")
    with pytest.raises(ReferenceNotFound) as caught:
        ReferenceFolder(tmp_path).find_reference("flat", exposure())
    assert f"x_rate.fits: these flat references are equally good: {first}, {second}; remove one" in str(caught.value)


def test_folders_inside_the_folder_are_searched_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    right = put(tmp_path / "deep" / "er", "flat.fits")
    (tmp_path / "notes.txt").write_text("no reference")
    found = ReferenceFolder(tmp_path).find_reference("flat", exposure())
    assert found is not None
    assert found.path == right


def test_a_file_that_cannot_be_read_stops_nobody_and_is_named_where_one_is_missed(tmp_path: Path) -> None:
    right = put(tmp_path, "flat.fits")
    (tmp_path / "broken.fits").write_bytes(b"no fits at all")
    folder = ReferenceFolder(tmp_path)
    found = folder.find_reference("flat", exposure())
    assert found is not None
    assert found.path == right
    assert "it cannot be read" in reasons(tmp_path)


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReferenceNotFound, match="no folder of reference files"):
        ReferenceFolder(tmp_path / "missing")


def test_headers_of_asdf_and_ecsv_are_read_from_their_meta(tmp_path: Path) -> None:
    meta = {"reftype": "distortion", "instrume": "IRIS", "detector": "IMG1", "filter": "ANY", "useafter": "2020-01-01"}
    asdf.AsdfFile({"meta": meta}).write_to(tmp_path / "d.asdf")
    table = Table({"filter": ["Kbb"]}, meta={**meta, "reftype": "photom"})
    table.write(tmp_path / "p.ecsv", format="ascii.ecsv")
    folder = ReferenceFolder(tmp_path)
    for reftype, name in (("distortion", "d.asdf"), ("photom", "p.ecsv")):
        found = folder.find_reference(reftype, exposure())
        assert found is not None
        assert found.path.name == name


@pytest.mark.parametrize("name", ["x.fits", "x.asdf", "x.ecsv"])
def test_a_header_that_cannot_be_read_is_an_input_error_on_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"#ASDF or what?\n\x00\n")
    with pytest.raises(InputError) as caught:
        read_reference_header(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_without_a_value_selects_nothing(tmp_path: Path) -> None:
    from astropy.io import fits

    path = put(tmp_path, "flat.fits")
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["PUPIL"] = fits.card.Undefined()
    assert ReferenceFolder(tmp_path).find_reference("flat", exposure()) is not None


def test_a_file_named_by_hand_is_taken_and_differences_are_noted(tmp_path: Path) -> None:
    path = put(tmp_path, "flat.fits", FILTER="J", USEAFTER="2030-01-01")
    found = by_hand("flat", path).find_reference("flat", exposure())
    assert found is not None
    assert (found.path, found.provider) == (path, "by hand")
    assert found.notes == ("the flat flat.fits was named by hand although FILTER is J, not Kbb",)
    assert by_hand("flat", path).find_reference("dark", exposure()) is None


def test_a_file_by_hand_may_be_used_for_an_exposure_that_says_nothing_of_itself(tmp_path: Path) -> None:
    found = by_hand("flat", put(tmp_path, "flat.fits")).find_reference("flat", exposure(detector="", filter=""))
    assert found is not None
    assert [note.split("although ")[1] for note in found.notes] == [
        "DETECTOR is IMG1, and the exposure does not say its own",
        "FILTER is Kbb, and the exposure does not say its own",
    ]


def test_a_dark_of_another_read_mode_is_refused_even_by_hand(tmp_path: Path) -> None:
    path = put(tmp_path, "dark.fits", "dark", READMODE="CDS")
    with pytest.raises(ReferenceNotFound, match="READMODE is CDS, not DEFAULT"):
        by_hand("dark", path).find_reference("dark", exposure())


def test_an_exposure_that_does_not_say_its_filter_is_given_no_flat_of_one(tmp_path: Path) -> None:
    put(tmp_path, "flat.fits")
    assert ReferenceFolder(tmp_path).find_reference("flat", exposure(filter="")) is None
    assert reasons(tmp_path, filter="") == ["FILTER is Kbb, and the exposure does not say its own"]


def test_an_exposure_that_does_not_say_when_it_was_taken_is_given_the_latest_and_a_note(tmp_path: Path) -> None:
    put(tmp_path, "old.fits", USEAFTER="2024-01-01")
    right = put(tmp_path, "new.fits", USEAFTER="2025-01-01")
    found = ReferenceFolder(tmp_path).find_reference("flat", exposure(start_time=None))
    assert found is not None
    assert found.path == right
    assert found.notes == ("x_rate.fits does not say when it was taken; of the flat references the latest was used",)


@pytest.mark.parametrize(("keyword", "other"), [("DETECTOR", "IMG2"), ("INSTRUME", "Liger")])
def test_a_file_of_another_camera_is_refused_even_by_hand(tmp_path: Path, keyword: str, other: str) -> None:
    path = put(tmp_path, "flat.fits", **{keyword: other})
    with pytest.raises(ReferenceNotFound, match=f"the flat {path} is not for x_rate.fits: {keyword} is {other}, not"):
        by_hand("flat", path).find_reference("flat", exposure())


words = st.sampled_from(["IRIS", "IMG1", "IMG2", "Kbb", "kbb", "J", "ANY", "N/A", ""])
headers = st.fixed_dictionaries(
    {
        "REFTYPE": st.sampled_from(["flat", "FLAT", "dark"]),
        "INSTRUME": st.sampled_from(["IRIS", "iris", "Liger", "ANY"]),
    },
    optional={
        "DETECTOR": st.sampled_from(["IMG1", "IMG2", "ANY"]),
        "FILTER": words,
        "PUPIL": words,
        "READMODE": words,
        "USEAFTER": st.integers(-3, 3).map(lambda days: f"{START + timedelta(days=days):%Y-%m-%d}"),
    },
)


def fits_by_the_rules(reftype: str, header: Mapping[str, str], one: Exposure) -> bool:
    """Say in plain words what ALGORITHMS says of the selection."""
    stated = {"dark": "READMODE", "flat": "FILTER"}[reftype]
    if header["REFTYPE"].lower() != reftype or not header.get("DETECTOR") or not header.get(stated):
        return False
    for name in SELECTORS[reftype]:
        said, wanted = header.get(name, "").lower(), getattr(one.meta, FIELDS[name]).lower()
        if said not in ("", "any", "n/a", wanted) and wanted not in ("any", "n/a"):
            return False
    return datetime.fromisoformat(header.get("USEAFTER", "2000-01-01") + "T00:00:00+00:00") <= START


def indexed_folder(path: Path, entries: list[Entry]) -> ReferenceFolder:
    path.mkdir(exist_ok=True)
    index = ReferenceIndex(path)
    with index.changing() as connection:
        drop(connection, [one.name for one in read(connection)])
        put_entries(connection, entries)
    return ReferenceFolder(path)


@pytest.mark.parametrize("indexed", [False, True])
@given(st.sampled_from(["flat", "dark"]), st.lists(headers, max_size=6), st.sampled_from(["Kbb", "J", "ANY"]))
def test_the_choice_among_any_files_follows_the_rules(
    tmp_path: Path, indexed: bool, reftype: str, written: list[dict[str, str]], filter_name: str
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir(exist_ok=True)
    one = exposure(filter=filter_name, pupil="J")
    entries = [Entry.make(f"{number}.fits", header) for number, header in enumerate(written)]
    folder = ReferenceFolder(empty, entries) if not indexed else indexed_folder(tmp_path / "indexed", entries)
    empty = folder.folder
    fitting = [number for number, header in enumerate(written) if fits_by_the_rules(reftype, header, one)]
    latest = max((written[number].get("USEAFTER", "") for number in fitting), default="")
    best = [empty / f"{number}.fits" for number in fitting if written[number].get("USEAFTER", "") == latest]
    if len(best) > 1:
        with pytest.raises(ReferenceNotFound, match="equally good"):
            folder.find_reference(reftype, one)
    else:
        found = folder.find_reference(reftype, one)
        assert ([] if found is None else [found.path]) == best
    of_type = [number for number, header in enumerate(written) if header["REFTYPE"].lower() == reftype]
    lost = {candidate.path for candidate in folder.explain_reference(reftype, one)}
    assert lost == {empty / f"{number}.fits" for number in of_type} - set(best)
