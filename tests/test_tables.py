"""Lists are text for people and JSON for scripts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iris_core import print_json, print_rows, printable
from iris_core.cli.tables import present


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def printed(capsys: pytest.CaptureFixture[str], rows: list[dict[str, Any]], title: str = "stars") -> list[str]:
    print_rows(title, rows)
    return capsys.readouterr().out.splitlines()


def test_rows_are_a_table_without_the_columns_that_are_empty_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": "[a]", "mag": 1.0, "note": ""}, {"name": "bcd", "mag": 0.1234567891, "note": None}]
    assert printed(capsys, rows) == ["stars", "name  mag", "[a]   1", "bcd   0.123457", ""]


def test_no_rows_are_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, []) == []


def test_the_last_column_is_wrapped_at_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": "x" * 30, "words": "several-words " * 8}]
    lines = printed(capsys, rows)
    assert max(map(len, lines)) <= 80
    assert lines[3] == " " * 32 + "several-words several-words several-words"


def test_a_table_that_does_not_fit_is_a_block_of_lines_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/a/long/path/" + "x" * 70
    rows = [{"name": "first star", "file": path, "mag": 1}, {"name": "b", "file": "c", "mag": 2}]
    lines = printed(capsys, rows)
    assert lines == [
        "stars",
        "name: first star",
        "  file:",
        f"      {path}",
        "  mag: 1",
        "name: b",
        "  file: c",
        "  mag: 2",
        "",
    ]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_words_are_never_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    words = ["background", "iris-background", "wavelength", "/data/2026-01-02/x_rate.fits"]
    rows = [{"a": " ".join(words[:number]), "b": words, "c": words[number]} for number in range(4)]
    text = "\n".join(printed(capsys, rows))
    assert all(text.count(word) >= 4 for word in words)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.1234567891, "0.123457"),
        (("a", "b"), "a, b"),
        ({"k": 1.5, "m": None, "n": True}, "k=1.5, m=none, n=true"),
        (False, "false"),
        (3, "3"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value: object, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, [{"it": value}])[2] == words


def test_a_mapping_is_one_fact_a_line_and_what_is_empty_is_omitted(capsys: pytest.CaptureFixture[str]) -> None:
    present({"camera": {"name": "CAM", "filter": "", "scale": 0.5}, "text": "two\nlines", "none": []}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "camera",
        "  name: CAM",
        "  scale: 0.5",
        "",
        "text",
        "two",
        "lines",
        "",
    ]


def test_json_holds_the_values_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1.0, None], "b": "\x7f\x1b"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"a": [1.0, None], "b": "\x7f\x1b"}
    assert not set(text) & {"\x7f", "\x1b"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x_rate.fits, 5 µm é 星", "x_rate.fits, 5 µm é 星"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\rb\tc\x7f", "a\\rb\\tc\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\udcff.fits", "\\udcff.fits"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printable(text) == shown
    assert (
        shown.splitlines()[0]
        in "\n".join(printed(capsys, [{"file": text.replace("\n", " ")}], text.replace("\n", " ")))
        or "\n" in text
    )
