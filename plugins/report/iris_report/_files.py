"""The files of a report: pages that replace each other whole, and lines that are added one by one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from iris_core import InputError, atomic, locked_folder
from iris_report._examine import Entry

__all__ = ["Folder"]

_MOST = 25_000_000  # bytes of a report in one file: browsers take seconds to show more
_INDEX, _LINES, _NIGHT, _PAGES = "index.html", "exposures.jsonl", "night.json", "exposures"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # equal reports are equal archives


class Folder:
    """The folder of a report.

    Parameters
    ----------
    path
        The folder.
    is_one_file
        Whether there are no pages beside the index.
    """

    def __init__(self, path: Path, is_one_file: bool) -> None:
        self.path, self.is_one_file = path, is_one_file
        self.index = path / _INDEX
        self._lines: IO[str] | None = None
        self._written: list[Path] = []

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Make the folder and keep others out of it; what an earlier report has left is replaced."""
        self.path.mkdir(parents=True, exist_ok=True)
        with locked_folder(self.path):
            (self.path / _NIGHT).unlink(missing_ok=True)
            with (self.path / _LINES).open("w", encoding="utf-8") as self._lines:
                yield
            self._remove_old()

    def refuse_others(self) -> None:
        """Refuse a folder that holds something else than a report.

        Raises
        ------
        InputError
            When it does, or is a file.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is a file; a report is a folder: name another with --out")
        if self.path.is_dir() and any(self.path.iterdir()) and not (self.path / _LINES).is_file():
            raise InputError(f"{self.path} holds something else than a report ({_LINES}); name another with --out")

    def _remove_old(self) -> None:
        """Remove the pages of exposures that an earlier report had."""
        for page in (self.path / _PAGES).glob("*.html"):
            if page not in self._written:
                page.unlink()

    def address(self, path: Path) -> str:
        """Return the address of a file from the index."""
        return quote(os.path.relpath(path.absolute(), self.path.absolute()).replace(os.sep, "/"))

    def write_index(self, text: str) -> None:
        """Replace the index."""
        size = len(text.encode("utf-8", "replace"))
        if self.is_one_file and size > _MOST:
            raise InputError(
                f"{self.index} would have {size / 1e6:.0f} MB, and browsers are slow beyond {_MOST / 1e6:.0f}; "
                f"leave --one-file out: the pages then stand beside it, and --zip puts them together"
            )
        self._write(self.index, text)

    def write_page(self, name: str, text: str) -> None:
        """Write the page of an exposure; nothing for a report in one file."""
        if not self.is_one_file:
            self._write(self.path / name, text)

    def write_line(self, entry: Entry) -> None:
        """Add a line to exposures.jsonl, which is there at once."""
        assert self._lines is not None
        self._lines.write(json.dumps(asdict(entry)) + "\n")
        self._lines.flush()

    def write_json(self, content: Mapping[str, Any]) -> None:
        """Write night.json."""
        self._write(self.path / _NIGHT, json.dumps(content, indent=1) + "\n")

    def _write(self, path: Path, text: str) -> None:
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="replace")
        if path not in self._written:
            self._written.append(path)

    def zip(self) -> Path:
        """Put the report into an archive beside its folder, and return it."""
        from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

        target = self.path.with_name(f"{self.path.name}.zip")
        with atomic(target) as temporary, ZipFile(temporary, "w", ZIP_DEFLATED) as archive:
            for path in sorted([*self._written, self.path / _LINES]):
                name = f"{self.path.name}/{path.relative_to(self.path).as_posix()}"
                archive.writestr(ZipInfo(name, _LONG_AGO), path.read_bytes(), ZIP_DEFLATED)
        return target
