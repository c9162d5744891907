"""What is said of many exposures alike is said once, with their names."""

from __future__ import annotations

from pathlib import Path

from iris_core.workers.alike import by_text, with_others

FOLDER = Path("night")


def test_texts_that_differ_in_the_name_of_their_file_are_one() -> None:
    paths = [FOLDER / f"{name}.fits" for name in "abc"]
    texts = [*(f"no dark for {path.name} in night/{path.name}" for path in paths), "b.fits is damaged"]
    found = dict(by_text((paths, text) for text in texts))
    assert found == {texts[0]: ["a.fits", "b.fits", "c.fits"], texts[3]: ["b.fits"]}


def test_the_name_of_one_file_in_that_of_another_is_none() -> None:
    """Nor is that of a candidate the name of an exposure."""
    paths = [FOLDER / name for name in ("e.fits", "late.fits", "b.fits")]
    texts = ["no dark for late.fits", "no dark for b.fits: store/some-e.fits is too late"]
    assert [names for _, names in by_text((paths, text) for text in texts)] == [["late.fits"], ["b.fits"]]


def test_the_start_of_an_exposure_is_its_own() -> None:
    texts = [f"{name}.fits: after the exposure (2026-03-2{at}T08:00:00)" for at, name in enumerate("ab")]
    paths = [FOLDER / "a.fits", FOLDER / "b.fits"]
    assert dict(by_text((paths, text) for text in texts)) == {texts[0]: ["a.fits", "b.fits"]}
    others = [f"{name}.fits: not before 2026-03-2{at}T08:00:00" for at, name in enumerate("ab")]
    assert len(dict(by_text((paths, text) for text in others))) == 2


def test_a_text_that_names_no_file_is_that_of_the_first() -> None:
    assert dict(by_text([([FOLDER / "a.fits", FOLDER / "b.fits"], "too little memory")])) == {
        "too little memory": ["a.fits"]
    }


def test_the_others_are_named_behind_the_message() -> None:
    assert with_others("a.fits is odd", ["a.fits"]) == "a.fits is odd"
    assert with_others("a.fits is odd", ["a.fits", "b.fits"]) == "a.fits is odd (the same for b.fits)"
    many = [f"{name}.fits" for name in "abcdef"]
    assert with_others("odd", many) == "odd (the same for b.fits ... f.fits (5 exposures))"
