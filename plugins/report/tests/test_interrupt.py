"""A report that is killed leaves whole pages and whole lines (E6)."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace

import pytest

PROGRAM = """\
import sys, time
import iris_report._report as module
module._PAUSE = 0.0
from iris_report import make_report
def tell(name):
    time.sleep(0.2)
make_report(sys.argv[1], tell=tell)
"""


class Balance(HTMLParser):
    """Follows the elements of a page to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += 1
        if tag not in {"meta", "img", "br", "wbr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_whole(page: Path) -> None:
    parser = Balance()
    parser.feed(page.read_text())
    parser.close()
    assert parser.open == []
    assert parser.seen > 20
    assert page.read_text().rstrip().endswith("</html>")


def test_pages_are_whole(copied: Path) -> None:
    from iris_report import make_report

    made = make_report(copied)
    for page in (made.index, *(copied / "report" / "exposures").iterdir()):
        assert_whole(page)


@pytest.mark.slow
def test_what_a_killed_report_leaves_is_whole_and_says_that_it_is_not_all(copied: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(copied)])
    lines, end = copied / "report" / "exposures.jsonl", monotonic() + 60
    while monotonic() < end and not (lines.is_file() and lines.read_text().count("\n") >= 2):
        sleep(0.02)
    sleep(0.1)
    process.kill()
    process.wait()
    entries = [json.loads(line) for line in lines.read_text().splitlines()]
    assert 2 <= len(entries) < 4
    index = copied / "report" / "index.html"
    assert_whole(index)
    assert "Still being made" in index.read_text()
    assert "of 4 exposures so far" in index.read_text()
    for entry in entries:
        assert_whole(copied / "report" / entry["page"])
    assert not (copied / "report" / "night.json").exists()


def test_a_report_after_one_that_was_killed_is_like_any_other(copied: Path, tmp_path: Path) -> None:
    from iris_report import make_report

    (copied / "report" / "exposures").mkdir(parents=True)
    (copied / "report" / "exposures.jsonl").write_text('{"name": "hal')
    (copied / "report" / "exposures" / "gone.html").write_text("<html>")
    made = make_report(copied)
    assert not (copied / "report" / "exposures" / "gone.html").exists()
    assert "Still being made" not in made.index.read_text()


def test_an_index_is_written_while_exposures_are_looked_at(
    copied: Path, monkeypatch: pytest.MonkeyPatch, lab: SimpleNamespace
) -> None:
    from iris_report import make_report

    monkeypatch.setattr("iris_report._report._PAUSE", 0.0)
    states: list[str] = []
    make_report(copied, tell=lambda _name: states.append((copied / "report" / "index.html").read_text()))
    assert [f"{number} of 4 exposures so far" in state for number, state in enumerate(states)] == [True] * 4
