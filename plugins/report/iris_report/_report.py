"""A report of the products in a folder, made exposure by exposure: what is there of it is whole at any time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
from iris_verify import Hashes, Search

from iris_core import InputError, InstrumentMode, Plugins, load_plugins
from iris_report._content import Content
from iris_report._examine import Examined, examine, rate_level, sky_of
from iris_report._failures import read_run
from iris_report._files import Folder
from iris_report._index import Attention
from iris_report._limits import Limits, limits_of, read_limits
from iris_report._night import Night, Observation, find_night
from iris_report._references import UsedReferences

__all__ = ["ReportFiles", "make_report"]

_PAUSE = 5.0  # seconds between two states of the index


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What was made.

    Parameters
    ----------
    index
        The page to open.
    archive
        The same in one file, None where it was not asked for.
    line
        The night in a line.
    attention
        What needs attention.
    """

    index: Path
    archive: Path | None
    line: str
    attention: tuple[Attention, ...]


def make_report(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    search: Iterable[str | Path] = (),
    limits: str | Path | None = None,
    runs: Iterable[str | Path] = (),
    one_file: bool = False,
    zipped: bool = False,
    plugins: Plugins | None = None,
    tell: Callable[[str], object] | None = None,
) -> ReportFiles:
    """Make a report of the products in a folder and below.

    Parameters
    ----------
    folder
        Of the products.
    out
        Folder of the report; by default ``report`` in `folder`. One of an earlier report is replaced.
    search
        Folders in which reference files are looked for, beside those of the products.
    limits
        A YAML file of limits, which go before those of the instrument mode and of the package.
    runs
        Files with what ``iris run --json`` printed, of which the failures are taken.
    one_file
        Whether the pages of the exposures go into the index.
    zipped
        Whether all of it is put into a zip archive, too.
    plugins
        The plugins to use; by default those that are installed.
    tell
        Called with the name of each exposure that was looked at.

    Raises
    ------
    InputError
        When there is no such folder, `out` holds something else, limits make no sense, or a report in one file
        would be too large.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; a report is made of a folder of products")
    folders = [Path(one) for one in search]
    for one in folders:
        if not one.is_dir():
            raise InputError(f"{one}: no such folder to search")
    given = read_limits(Path(limits)) if limits is not None else {}
    failures = [failure for path in runs for failure in read_run(Path(path))]
    target = Folder(Path(out) if out is not None else folder / "report", one_file)
    target.refuse_others()
    night = find_night(folder, target.path, failures, folders)
    with Hashes() as hashes:
        references = UsedReferences(Search(folders, hashes))
        maker = _Maker(night, target, given, plugins or load_plugins(), references)
        with target.begun():
            found = maker.make(tell or (lambda _name: None))
        return ReportFiles(target.index, target.zip() if zipped else None, maker.content.line, found)


class _Maker:
    """Looks at exposures one by one, and writes what is known so far."""

    def __init__(
        self,
        night: Night,
        target: Folder,
        given: Limits,
        plugins: Plugins,
        references: UsedReferences,
    ) -> None:
        self.night = night
        self.target, self.references = target, references
        modes = plugins.modes()
        names = {one.mode for one in (*(each.main for each in self.night.observations), *self.night.stacks)}
        found: dict[str, InstrumentMode | None] = {name: modes.get(name) for name in names}
        limits = {name: limits_of(mode, given) for name, mode in found.items()}
        address = target.address
        self.content = Content(self.night, limits, limits_of(None, given), plugins, address, target.is_one_file)

    def make(self, tell: Callable[[str], object]) -> tuple[Attention, ...]:
        """Make all pages, and return what needs attention."""
        skies, pages = _skies(self.night), self.content.pages
        last = self._write_index()
        for observation in self.night.observations:
            try:
                self._add(observation, pages[observation.name], skies[observation.name])
            except InputError as error:
                path = observation.main.path
                self.night.damaged[path] = str(error).removeprefix(f"{path}: ")
            tell(observation.name)
            if monotonic() - last > _PAUSE:
                last = self._write_index()
        self.content.finish()
        self._write_index()
        self.target.write_json(self.content.plain())
        return tuple(self.content.attention)

    def _add(self, observation: Observation, page: str, sky: tuple[float | None, float | None]) -> None:
        examined: Examined = examine(
            observation,
            page=page,
            files=self._files(observation),
            sky=sky,
            limits=self.content.limits_of(observation.main.mode),
            references=self.references,
            small=self.content.small,
        )
        self.target.write_page(page, self.content.add(examined))
        self.target.write_line(examined.entry)

    def _files(self, observation: Observation) -> dict[str, str]:
        """Return the addresses of products, by suffix, or by name where two formats share that."""
        suffixes = [one.suffix for one in observation.products]
        return {
            one.suffix if suffixes.count(one.suffix) == 1 else one.path.name: self.target.address(one.path)
            for one in observation.products
        }

    def _write_index(self) -> float:
        self.target.write_index(self.content.index())
        return monotonic()


def _skies(night: Night) -> dict[str, tuple[float | None, float | None]]:
    """Return by exposure the level of its sky, and this over the median of its group where there are three."""
    levels = {one.name: _level(one) for one in night.observations}
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for one in night.observations:
        if (value := levels[one.name]) is not None:
            groups[one.group].append(value)
    middles = {group: float(np.median(values)) for group, values in groups.items() if len(values) >= 3}
    return {one.name: (levels[one.name], _over(levels[one.name], middles.get(one.group))) for one in night.observations}


def _level(observation: Observation) -> float | None:
    subtracted = sky_of(observation.main)
    if subtracted is not None:
        return subtracted
    with suppress(InputError):  # what is damaged is said when the exposure is looked at
        return rate_level(observation.main)
    return None


def _over(value: float | None, middle: float | None) -> float | None:
    return value / middle if value is not None and middle is not None and middle > 0 else None
