"""A folder of reference files: each file is chosen, or rejected, by its header."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from iris_testkit import make_exposure, make_reference

from iris_core import (
    Entry,
    Exposure,
    InputError,
    Plugins,
    Problems,
    ReferenceNotFound,
    ReferenceType,
    calibrate,
    rank,
    read_reference_header,
    reference_files,
)
from iris_core.references.folder import INDEX, ReferenceFolder

START = datetime(2026, 6, 1, tzinfo=UTC)
ALWAYS = ("INSTRUME", "DETECTOR")
TYPES = {
    "flat": ReferenceType(name="flat", stated=(*ALWAYS, "FILTER")),
    "dark": ReferenceType(name="dark", selectors=(*ALWAYS, "READMODE"), stated=(*ALWAYS, "READMODE")),
    "glow": ReferenceType(name="glow", preferred=("EXPTIME", "COADDS")),
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


def find_type(name: str) -> ReferenceType:
    return TYPES.get(name, ReferenceType(name=name))


def put(folder: Path, name: str, reftype: str = "flat", **keywords: Any) -> Path:
    """Write a reference file that fits `exposure()` but for `keywords`."""
    cards = {"FILTER": "Kbb", "PUPIL": "open", "READMODE": "DEFAULT", **keywords}
    return make_reference(folder / name, reftype, np.ones((2, 2)), **cards).path


def found_in(folder: Path, reftype: str = "flat", **meta: Any) -> Path | None:
    found = ReferenceFolder(folder, find_type).find_reference(reftype, exposure(**meta))
    return None if found is None else found.path


def rejected_in(folder: Path, reftype: str = "flat", **meta: Any) -> dict[str, str]:
    rejected = ReferenceFolder(folder, find_type).explain_reference(reftype, exposure(**meta))
    return {candidate.path.name: candidate.reason for candidate in rejected}


def test_the_file_whose_selectors_all_match_is_chosen(tmp_path: Path) -> None:
    right = put(tmp_path, "right.fits")
    put(tmp_path, "filter.fits", FILTER="J")
    put(tmp_path, "detector.fits", DETECTOR="IMG2")
    put(tmp_path, "type.fits", "dark")
    found = ReferenceFolder(tmp_path, find_type).find_reference("flat", exposure())
    assert found is not None
    assert (found.path, found.provider, found.notes) == (right, "folder", ())


def test_every_other_file_of_the_type_is_rejected_with_a_reason(tmp_path: Path) -> None:
    put(tmp_path, "right.fits")
    put(tmp_path, "filter.fits", FILTER="J")
    put(tmp_path, "type.fits", "dark")
    put(tmp_path, "old.fits", USEAFTER="2019-01-01")
    put(tmp_path, "timeless.fits", USEAFTER="")
    assert rejected_in(tmp_path) == {
        "filter.fits": "FILTER is J, not Kbb",
        "old.fits": "its USEAFTER 2019-01-01 is earlier than that of right.fits",
        "timeless.fits": "its USEAFTER (none) is earlier than that of right.fits",
    }


def test_a_type_that_no_package_declares_is_chosen_by_all_selectors(tmp_path: Path) -> None:
    put(tmp_path, "ghosts.fits", "ghosts", READMODE="CDS")
    assert found_in(tmp_path, "ghosts") is None
    assert rejected_in(tmp_path, "ghosts") == {"ghosts.fits": "READMODE is CDS, not DEFAULT"}


@pytest.mark.parametrize("written", ["FLAT", "Flat"])
def test_the_case_of_a_type_does_not_count(tmp_path: Path, written: str) -> None:
    assert found_in(tmp_path) is None
    right = put(tmp_path, "flat.fits", written)
    assert found_in(tmp_path) == right


def test_the_latest_that_applies_is_chosen(tmp_path: Path) -> None:
    put(tmp_path, "old.fits", USEAFTER="2024-01-01")
    right = put(tmp_path, "right.fits", USEAFTER="2026-06-01T00:00:00")
    put(tmp_path, "future.fits", USEAFTER="2026-06-02")
    assert found_in(tmp_path) == right


def test_two_equally_good_files_are_an_error_that_names_both(tmp_path: Path) -> None:
    first, second = put(tmp_path, "a.fits"), put(tmp_path, "b.fits")
    with pytest.raises(ReferenceNotFound) as caught:
        found_in(tmp_path)
    for fact in ("x_rate.fits", str(first), str(second), "--reference flat=FILE"):
        assert fact in str(caught.value)


def test_folders_inside_the_folder_are_searched_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    right = put(tmp_path / "deep" / "er", "flat.fits")
    (tmp_path / "notes.txt").write_text("no reference")
    assert found_in(tmp_path) == right


def test_hidden_files_and_what_is_in_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    """A file server keeps old versions in such folders; an interrupted copy leaves such a file."""
    (tmp_path / ".snapshot" / "yesterday").mkdir(parents=True)
    put(tmp_path / ".snapshot" / "yesterday", "flat.fits")
    put(tmp_path, ".flat.1234.part.fits")
    right = put(tmp_path, "flat.fits")
    assert list(reference_files(tmp_path)) == [right]
    assert list(reference_files(tmp_path / ".snapshot")) == [tmp_path / ".snapshot" / "yesterday" / "flat.fits"]
    assert found_in(tmp_path) == right


def test_a_file_that_cannot_be_read_is_no_obstacle_and_is_named_among_the_rejected(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    right = put(tmp_path, "flat.fits")
    (tmp_path / "broken.fits").write_bytes(b"no fits at all")
    assert found_in(tmp_path) == right
    assert rejected_in(tmp_path) == {"broken.fits": "cannot be read"}
    assert "broken.fits" in caplog.text


def test_files_that_do_not_say_of_which_type_they_are_are_named_once(tmp_path: Path) -> None:
    """A dark that another program wrote lies in the folder, and none is found."""
    for name in ("mine.fits", "other.fits"):
        fits.PrimaryHDU(np.ones((2, 2))).writeto(tmp_path / name)
    (reason,) = rejected_in(tmp_path).values()
    assert "mine.fits and 1 other" in reason
    assert "REFTYPE" in reason


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReferenceNotFound, match="missing"):
        ReferenceFolder(tmp_path / "missing", find_type)
    with pytest.raises(ReferenceNotFound, match=r"flat\.fits"):
        ReferenceFolder(put(tmp_path, "flat.fits"), find_type)


def test_a_folder_with_an_index_is_refused_with_the_package_that_reads_it(tmp_path: Path, bare: Plugins) -> None:
    """Without the package, files would be chosen that are not in the index, or have changed since they were added."""
    put(tmp_path, "flat.fits")
    (tmp_path / INDEX).write_bytes(b"SQLite")
    with pytest.raises(ReferenceNotFound, match=rf"{tmp_path} .*references\.sqlite.* iris-references"):
        ReferenceFolder(tmp_path, find_type)
    with pytest.raises(Problems, match=r"iris-references"):
        calibrate(exposure(), "image2", references={"store": tmp_path}, plugins=bare)


def test_an_empty_file_is_no_index(tmp_path: Path) -> None:
    right = put(tmp_path, "flat.fits")
    (tmp_path / INDEX).touch()
    assert found_in(tmp_path) == right


def test_headers_of_asdf_and_ecsv_are_read_from_their_meta(tmp_path: Path) -> None:
    meta = {"reftype": "distortion", "instrume": "IRIS", "detector": "IMG1", "filter": "ANY", "useafter": "2020-01-01"}
    asdf.AsdfFile({"meta": meta}).write_to(tmp_path / "d.asdf")
    table = Table({"filter": ["Kbb"]}, meta={**meta, "reftype": " photom "})
    table.write(tmp_path / "p.ecsv", format="ascii.ecsv")
    assert found_in(tmp_path, "distortion") == tmp_path / "d.asdf"
    assert found_in(tmp_path, "photom") == tmp_path / "p.ecsv"


def test_the_keywords_of_a_table_may_be_in_its_own_header(tmp_path: Path) -> None:
    fits.HDUList(
        [fits.PrimaryHDU(), fits.BinTableHDU(Table({"x": [1.0]}, meta={"REFTYPE": "photom", "DETECTOR": "IMG1"}))]
    ).writeto(tmp_path / "p.fits")
    assert {"REFTYPE": "photom", "DETECTOR": "IMG1"}.items() <= read_reference_header(tmp_path / "p.fits").items()


@pytest.mark.parametrize("name", ["x.fits", "x.asdf", "x.ecsv"])
def test_a_header_that_cannot_be_read_is_an_input_error_on_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"#ASDF or what?\n\x00\n")
    with pytest.raises(InputError, match=name) as caught:
        read_reference_header(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_card_without_a_value_selects_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, "flat.fits")
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["PUPIL"] = fits.card.Undefined()
    assert found_in(tmp_path) == path


def test_an_exposure_without_a_filter_gets_no_flat_of_one(tmp_path: Path) -> None:
    put(tmp_path, "flat.fits")
    assert found_in(tmp_path, filter="") is None
    assert rejected_in(tmp_path, filter="") == {"flat.fits": "FILTER is Kbb, and the exposure does not give it"}


def test_an_exposure_without_a_time_gets_the_latest_and_a_note(tmp_path: Path) -> None:
    put(tmp_path, "old.fits", USEAFTER="2024-01-01")
    right = put(tmp_path, "new.fits", USEAFTER="2025-01-01")
    found = ReferenceFolder(tmp_path, find_type).find_reference("flat", exposure(start_time=None))
    assert found is not None
    assert found.path == right
    (note,) = found.notes
    assert [fact for fact in ("x_rate.fits", "time", "latest flat") if fact not in note] == []


def test_there_is_no_note_where_one_file_only_fits(tmp_path: Path) -> None:
    put(tmp_path, "new.fits")
    put(tmp_path, "filter.fits", FILTER="J", USEAFTER="2024-01-01")
    found = ReferenceFolder(tmp_path, find_type).find_reference("flat", exposure(start_time=None))
    assert found is not None
    assert found.notes == ()


def test_the_hash_that_an_entry_has_goes_into_the_reference() -> None:
    header = {"INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb"}
    ranking = rank(Path("calib"), TYPES["flat"], [Entry(name="a.fits", header=header, sha256="abc")], exposure())
    found = ranking.choose()
    assert found is not None
    assert (found.path, found.sha256, ranking.rejected()) == (Path("calib/a.fits"), "abc", [])


def test_a_file_whose_time_cannot_be_read_is_a_warning_and_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it is better than the one that is used, nobody knows."""
    right, strange = put(tmp_path, "old.fits"), put(tmp_path, "new.fits", USEAFTER="last Monday")
    put(tmp_path, "filter.fits", FILTER="J", USEAFTER="last Tuesday")
    found = ReferenceFolder(tmp_path, find_type).find_reference("flat", exposure())
    assert found is not None
    assert found.path == right
    (note,) = found.notes
    assert [fact for fact in (strange.name, "USEAFTER", "last Monday") if fact not in note] == []
    assert str(tmp_path) not in note  # products have no paths
    assert [fact for fact in (str(strange), "last Monday", "last Tuesday") if fact not in caplog.text] == []
    assert set(rejected_in(tmp_path)) == {"new.fits", "filter.fits"}


@pytest.mark.parametrize(
    ("ours", "best"),
    [
        ({"exposure_time": 100.0}, "long.fits"),
        ({"exposure_time": 10.0}, "short.fits"),
        ({"exposure_time": 10.0, "COADDS": 4}, "coadds.fits"),
        ({"exposure_time": 30.0}, "unknown.fits"),
    ],
)
def test_a_file_that_is_like_the_exposure_is_preferred_to_a_later_one(
    tmp_path: Path, ours: dict[str, Any], best: str
) -> None:
    put(tmp_path, "long.fits", "glow", EXPTIME=100.0, USEAFTER="2024-01-01")
    put(tmp_path, "short.fits", "glow", EXPTIME=10.0, USEAFTER="2025-01-01")
    put(tmp_path, "coadds.fits", "glow", EXPTIME=10.0, COADDS=4, USEAFTER="2025-02-01")
    put(tmp_path, "unknown.fits", "glow", USEAFTER="2023-01-01")
    one = exposure(exposure_time=ours.pop("exposure_time"))
    header = one.header.copy()
    header.update({"COADDS": 1, **ours})
    folder = ReferenceFolder(tmp_path, find_type)
    found = folder.find_reference("glow", one.replace(header=header))
    assert found is not None
    assert found.path.name == best
    reasons = {one.path.name: one.reason for one in folder.explain_reference("glow", one.replace(header=header))}
    assert set(reasons) == {"long.fits", "short.fits", "coadds.fits", "unknown.fits"} - {best}
    assert all(best in reason for reason in reasons.values())


def test_of_files_that_are_equally_like_the_exposure_the_latest_counts(tmp_path: Path) -> None:
    for name, since in (("old.fits", "2024-01-01"), ("new.fits", "2025-01-01")):
        put(tmp_path, name, "glow", EXPTIME=100.0, USEAFTER=since)
    put(tmp_path, "other.fits", "glow", EXPTIME=10.0, USEAFTER="2025-06-01")
    assert found_in(tmp_path, "glow", exposure_time=100.0) == tmp_path / "new.fits"


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
    """Return what ALGORITHMS says of the selection, in plain words."""
    kind = TYPES[reftype]
    if header["REFTYPE"].lower() != reftype or not all(header.get(name) for name in kind.stated):
        return False
    for name in kind.selectors:
        stated, wanted = header.get(name, "").lower(), getattr(one.meta, FIELDS[name]).lower()
        if stated not in ("", "any", "n/a", wanted) and wanted not in ("any", "n/a"):
            return False
    return datetime.fromisoformat(header.get("USEAFTER", "2000-01-01") + "T00:00:00+00:00") <= START


@given(st.sampled_from(["flat", "dark"]), st.lists(headers, max_size=6), st.sampled_from(["Kbb", "J", "ANY"]))
def test_the_choice_among_any_files_follows_the_rules(
    tmp_path: Path, reftype: str, written: list[dict[str, str]], filter_name: str
) -> None:
    one = exposure(filter=filter_name, pupil="J")
    entries = [Entry(name=f"{number}.fits", header=header) for number, header in enumerate(written)]
    folder = ReferenceFolder(tmp_path, find_type, entries)
    fitting = [number for number, header in enumerate(written) if fits_by_the_rules(reftype, header, one)]
    latest = max((written[number].get("USEAFTER", "") for number in fitting), default="")
    best = [tmp_path / f"{number}.fits" for number in fitting if written[number].get("USEAFTER", "") == latest]
    if len(best) > 1:
        with pytest.raises(ReferenceNotFound, match="equally good"):
            folder.find_reference(reftype, one)
    else:
        found = folder.find_reference(reftype, one)
        assert ([] if found is None else [found.path]) == best
    of_type = [number for number, header in enumerate(written) if header["REFTYPE"].lower() == reftype]
    rejected = {candidate.path for candidate in folder.explain_reference(reftype, one)}
    assert rejected == {tmp_path / f"{number}.fits" for number in of_type} - set(best)
