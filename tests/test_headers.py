"""The headers of an exposure are read-only in every way there is to write to one; their copies are not."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from astropy.io import fits
from astropy.io.fits import Header

from iris_core.headers import FrozenHeader, freeze, is_wcs_keyword, with_wcs

CARDS: list[tuple[Any, ...]] = [
    ("OBJECT", "M31", "target"),
    ("EXPTIME", 100.0, "s"),
    ("HIERARCH ESO DET WIN1", 17, "as others write them"),
    ("HISTORY", "flown home"),
    ("COMMENT", "a comment"),
    ("LONGTEXT", "ten letters" * 20, "continued on further cards"),
]
WRITES: dict[str, Callable[[Any], Any]] = {
    "item": lambda header: header.__setitem__("OBJECT", "M33"),
    "new item": lambda header: header.__setitem__("NEW", 1),
    "item by number": lambda header: header.__setitem__(0, "M33"),
    "slice": lambda header: header.__setitem__(slice(0, 2), 5),
    "wildcard": lambda header: header.__setitem__("OBJ*", "M33"),
    "comment": lambda header: header.comments.__setitem__("OBJECT", "other"),
    "commentary": lambda header: header["HISTORY"].__setitem__(0, "other"),
    "del": lambda header: header.__delitem__("OBJECT"),
    "update": lambda header: header.update({"OBJECT": "M33"}),
    "update by keyword": lambda header: header.update(OBJECT="M33"),
    "set": lambda header: header.set("OBJECT", "M33"),
    "setdefault": lambda header: header.setdefault("NEW", 1),
    "append": lambda header: header.append(("NEW", 1)),
    "insert": lambda header: header.insert(0, ("NEW", 1)),
    "extend": lambda header: header.extend([("NEW", 1)]),
    "+=": lambda header: header.__iadd__([("NEW", 1)]),
    "add_history": lambda header: header.add_history("done"),
    "add_comment": lambda header: header.add_comment("done"),
    "add_blank": lambda header: header.add_blank(),
    "remove": lambda header: header.remove("OBJECT"),
    "remove what is not there": lambda header: header.remove("NEW", ignore_missing=True),
    "rename_keyword": lambda header: header.rename_keyword("OBJECT", "TARGET"),
    "strip": lambda header: header.strip(),
    "clear": lambda header: header.clear(),
    "pop": lambda header: header.pop("OBJECT"),
    "popitem": lambda header: header.popitem(),
}


def frozen() -> FrozenHeader:
    return freeze(Header(CARDS))


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_every_way_of_writing_is_refused_with_a_type_error_and_changes_nothing(write: Callable[[Any], Any]) -> None:
    header, before = frozen(), Header(CARDS).tostring()
    with pytest.raises(TypeError, match="read-only"):
        write(header)
    assert header.tostring() == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(
    "copied", [lambda header: header.copy(), copy.copy, copy.deepcopy, Header, lambda header: Header(header, copy=True)]
)
def test_a_copy_can_be_written_to_and_the_original_does_not_change(copied: Any, write: Callable[[Any], Any]) -> None:
    header = frozen()
    before = header.tostring()
    mine = copied(header)
    assert type(mine) is Header
    assert mine.tostring() == before
    write(mine)
    assert header.tostring() == before


def test_every_method_of_astropy_that_writes_is_refused() -> None:
    """One that a later version brings shows up here: what is public reads, or is refused."""
    reads = {"cards", "comments", "copy", "count", "data_size", "data_size_padded", "get", "index", "items", "keys"}
    reads |= {"tofile", "tostring", "totextfile", "values", "fromfile", "fromkeys", "fromstring", "fromtextfile"}
    public = {name for name in dir(Header) if not name.startswith("_")} - reads
    assert public == {name for name in public if getattr(FrozenHeader, name) is not getattr(Header, name)}


def test_writing_to_the_cards_changes_copies() -> None:
    header = frozen()
    before = header.tostring()
    header.cards["OBJECT"].value = "M33"
    header.cards[0].comment = "other"
    for card in header.cards:
        card.comment = ""
    assert header.tostring() == before


def test_what_is_cut_from_a_header_can_be_written_to() -> None:
    header = frozen()
    part = header[:2]
    part["OBJECT"] = "M33"
    assert header["OBJECT"] == "M31"


def test_the_class_of_a_header_makes_one_that_can_be_written_to() -> None:
    """Plugins make headers by ``type(exposure.header)()``, to import no astropy."""
    made = type(frozen())([("A", 1)])
    made["B"] = 2
    assert dict(made) == {"A": 1, "B": 2}


def test_a_frozen_header_reads_like_any_other() -> None:
    header, plain = frozen(), Header(CARDS)
    assert (header["OBJECT"], header.comments["OBJECT"], header.get("NEW", 3)) == ("M31", "target", 3)
    assert (header["HISTORY"][0], header["ESO DET WIN1"]) == ("flown home", 17)
    assert list(header.items()) == list(plain.items())
    assert (header.tostring(), len(header), "OBJECT" in header) == (plain.tostring(), len(plain), True)


def test_freezing_copies_what_its_owner_can_still_write_to() -> None:
    mine = Header(CARDS)
    header = freeze(mine)
    mine["OBJECT"] = "M33"
    assert header["OBJECT"] == "M31"


def test_what_is_frozen_already_is_not_copied_again() -> None:
    header = frozen()
    assert freeze(header) is header


def test_a_header_stays_read_only_on_its_way_between_processes() -> None:
    header = pickle.loads(pickle.dumps(frozen()))
    assert header.tostring() == frozen().tostring()
    with pytest.raises(TypeError, match="read-only"):
        header["OBJECT"] = "M33"


def test_a_copy_without_structure_keeps_the_rest() -> None:
    header = freeze(Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("OBJECT", "M31")]))
    assert dict(header.copy(strip=True)) == {"OBJECT": "M31"}


def test_hdus_take_a_frozen_header() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        assert fits.ImageHDU(header=frozen()).header["OBJECT"] == "M31"


@pytest.mark.parametrize(
    "name",
    ["CRPIX1", "CD1_2", "PC2_1", "A_ORDER", "BP_0_1", "PV2_1", "WAT1_002", "RADESYS", "LONPOLE", "S_REGION", "WCSERR"],
)
def test_wcs_keywords_are_known(name: str) -> None:
    assert is_wcs_keyword(name)


@pytest.mark.parametrize("name", ["EQUINOX", "RA", "DEC", "A_FILTER", "CRPIX", "BUNIT", "OBJECT", "S_WCS"])
def test_what_describes_the_target_is_no_wcs_keyword(name: str) -> None:
    assert not is_wcs_keyword(name)


OLD = [("OBJECT", "M31"), ("CTYPE1", "RA---TAN-SIP"), ("A_ORDER", 2), ("A_0_2", 1e-4), ("EQUINOX", 1975.0), ("Z", 1)]


def test_cards_of_another_wcs_take_the_place_of_all_old_ones() -> None:
    new = Header([("WCSAXES", 2), ("CTYPE1", "RA---TAN"), ("CRVAL1", 150.0)])
    for header in (Header(OLD), freeze(Header(OLD))):
        changed = with_wcs(header, new)
        assert dict(changed) == {"OBJECT": "M31", "Z": 1, **new}
        assert list(changed) == ["OBJECT", "Z", *new]


def test_of_a_keyword_that_a_wcs_gives_twice_the_last_counts() -> None:
    new = Header([("CRVAL1", 10.0), ("CTYPE1", "RA---TAN")])
    new.append(("CRVAL1", 11.0), end=True)
    assert list(with_wcs(Header(OLD), new).items())[2:] == [("CRVAL1", 11.0), ("CTYPE1", "RA---TAN")]


def test_cards_of_a_wcs_come_before_comments_and_take_the_place_of_those_of_their_names() -> None:
    header = Header([("COMMENT", "above"), *OLD, ("MJDREF", 1.0), ("COMMENT", "a"), ("HISTORY", "b"), ("", "c")])
    new = Header([("WCSAXES", 2), ("MJDREF", 0.0), ("COMMENT", "of the WCS")])
    changed = with_wcs(header, new)
    own = [("COMMENT", "above"), ("OBJECT", "M31"), ("Z", 1)]
    assert list(changed.items()) == [*own, *new.items(), ("COMMENT", "a"), ("HISTORY", "b"), ("", "c")]


def test_without_another_wcs_the_old_one_is_gone_and_the_equinox_of_the_target_stays() -> None:
    twice = Header(OLD)
    twice.append(("CTYPE1", "a second card of that name"), end=True)
    assert list(with_wcs(twice)) == ["OBJECT", "EQUINOX", "Z"]
    assert "CTYPE1" in twice
