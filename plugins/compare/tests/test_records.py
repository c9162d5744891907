"""Headers and histories: what is told of them, and in which order."""

from __future__ import annotations

import pytest
from astropy.io.fits import Header
from iris_compare._records import Card, compare_headers, compare_histories, compare_values
from iris_testkit import add_wcs, make_exposure

from iris_core import Exposure, ReferenceUse, StageRecord


def with_history(**changes: object) -> Exposure:
    fields = {"stage": "flat_field", "status": "COMPLETE", "plugin": "iris-flat", "version": "0.2.0", **changes}
    return make_exposure((4, 4)).replace(history=(StageRecord(**fields),))  # type: ignore[arg-type]


def flat(digest: str) -> tuple[ReferenceUse, ...]:
    return (ReferenceUse(reftype="flat", path="flat.fits", sha256=digest * 64, provider="by hand"),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"seconds": 3.0}, []),
        ({"version": "0.2.1"}, ["flat_field: iris-flat 0.2.0 -> iris-flat 0.2.1"]),
        ({"status": "SKIPPED"}, ["flat_field: COMPLETE -> SKIPPED"]),
        ({"params": {"inverse": True}}, ["flat_field: inverse None -> True"]),
        ({"references": flat("b")}, ["flat_field: flat none -> flat.fits (bbbbbb)"]),
        ({"backgrounds": ("a.fits",)}, ["flat_field: backgrounds none -> a.fits"]),
        ({"notes": ("no errors",)}, ["flat_field: note of the other: no errors"]),
    ],
)
def test_what_a_stage_did_otherwise_is_named(changes: dict[str, object], words: list[str]) -> None:
    assert list(compare_histories(with_history(), with_history(**changes))) == words


def test_stages_that_one_alone_has_and_their_order() -> None:
    one, two = (with_history(stage=name).history[0] for name in ("dark_current", "flat_field"))
    first = make_exposure((4, 4)).replace(history=(one, two))
    assert list(compare_histories(first, first.replace(history=(one,)))) == ["flat_field: in the first only"]
    assert list(compare_histories(first, first.replace(history=(two, one)))) == ["the stages were run in another order"]


def test_cards_of_the_run_are_last() -> None:
    found = compare_values({"DATE": "a", "SKY": 1.0, "SAME": 2}, {"DATE": "b", "SKY": 2.0, "SAME": 2, "NEW": True})
    assert found == (Card("SKY", 1.0, 2.0), Card("NEW", None, True), Card("DATE", "a", "b", "run"))


def test_cards_of_the_wcs_are_told_from_others() -> None:
    first = add_wcs(make_exposure((8, 8)))
    other = add_wcs(make_exposure((8, 8)), 0.008).with_keywords({"OBSERVER": ("Herschel", "")})
    kinds = {card.keyword: card.kind for card in compare_headers(first, other)}
    assert kinds == {"OBSERVER": "", "CDELT1": "wcs", "CDELT2": "wcs"}


def test_comments_are_compared_as_a_text() -> None:
    first, other = (make_exposure((4, 4)), make_exposure((4, 4)))
    header = Header(other.header.copy(), copy=True)
    header["HISTORY"] = "seen"
    header["HISTORY"] = "twice"
    (card,) = compare_headers(first, other.replace(header=header))
    assert card == Card("HISTORY", None, "seen\ntwice")
