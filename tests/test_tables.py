"""Lists are tables for people and JSON for scripts."""

from __future__ import annotations

import json

import pytest

from iris_core.tables import in_words, make_table, print_json, print_rows


def test_a_table_has_its_columns() -> None:
    assert [column.header for column in make_table("title", "a", "b").columns] == ["a", "b"]


def test_columns_that_are_empty_everywhere_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows("stars", [{"name": "[a]", "mag": 1.0, "note": ""}, {"name": "b", "mag": 2.5, "note": None}])
    assert capsys.readouterr().out.split() == ["stars", "name", "mag", "[a]", "1", "b", "2.5"]


def test_no_rows_are_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows("nothing", [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        (0.1234567891, "0.123457"),
        (("a", "b"), "a\nb"),
        ({"k": 1.5, "m": None}, "k: 1.5\nm: none"),
        (3, "3"),
    ],
)
def test_a_value_is_said_in_words(value: object, words: str) -> None:
    assert in_words(value) == words


def test_json_holds_the_values_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": 0.1234567891})
    assert json.loads(capsys.readouterr().out) == {"a": 0.1234567891}
