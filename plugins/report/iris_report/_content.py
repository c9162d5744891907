"""What is known so far, and the pages that show it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from iris_core import InputError, Plugins
from iris_report._examine import Entry, Examined
from iris_report._figures import FIGURES, figure_of
from iris_report._gallery import Picture, stack_picture
from iris_report._index import (
    Attention,
    Target,
    attention,
    deepest_stacks,
    excess_of_bad,
    night_line,
    targets,
    trends,
    versions,
)
from iris_report._limits import Limits
from iris_report._night import Night, Product
from iris_report._page import changed_parameters, commands_to_look, commands_to_repeat, numbers_of, residuals
from iris_report._pictures import data_uri
from iris_report._render import Pages

__all__ = ["Content"]

SCHEMA = 1
# Up to so many exposures, side [pixel] and bytes of their small pictures: an index has to stay below 2 MB.
_SMALL = ((150, 96, 4000), (300, 64, 2200), (600, 48, 1300))
_NIGHT = timedelta(hours=18)
_STACKS = 600_000  # bytes of the pictures of all stacks


class Content:
    """The content of a report, exposure by exposure.

    Parameters
    ----------
    night
        What was found.
    limits, default
        Limits by instrument mode, and where no mode is known.
    plugins
        Tell the defaults of parameters.
    address
        Returns the address of a file from the index.
    is_one_file
        Whether the pages of the exposures are parts of the index.
    """

    def __init__(
        self,
        night: Night,
        limits: Mapping[str, Limits],
        default: Limits,
        plugins: Plugins,
        address: Callable[[Path], str],
        is_one_file: bool,
    ) -> None:
        self.night, self._limits, self._default = night, limits, default
        self._plugins, self._address, self._is_one_file = plugins, address, is_one_file
        self._render = Pages()
        self._anchors = _anchors([one.name for one in night.observations])
        self._entries: list[Entry] = []
        self._small: dict[str, str] = {}
        self._parts: list[str] = []
        self._stacks = deepest_stacks(night.stacks)
        budget = _STACKS // max(1, len(self._stacks)) * 3 // 4
        self._pictures = dict(self._pictures_of_stacks(min(60_000, budget)))
        self._is_finished = False

    def _pictures_of_stacks(self, budget: int) -> Iterator[tuple[str, Picture]]:
        for name, stack in self._stacks.items():
            try:
                yield name, stack_picture(stack, budget)
            except InputError as error:
                self.night.damaged[stack.path] = str(error).removeprefix(f"{stack.path}: ")

    @property
    def pages(self) -> dict[str, str]:
        """The page of each exposure, as an address from the index."""
        form = "#{}" if self._is_one_file else "exposures/{}.html"
        return {name: form.format(anchor) for name, anchor in self._anchors.items()}

    @property
    def small(self) -> tuple[int, int]:
        """Side and bytes of the small pictures; 0 where there are too many exposures for any."""
        number = len(self.night.observations)
        return next(((side, size) for most, side, size in _SMALL if number <= most), (0, 0))

    @property
    def attention(self) -> list[Attention]:
        """What needs attention."""
        return attention(self.night, self._entries, {name: self.limits_of(name) for name in self._limits})

    @property
    def line(self) -> str:
        """The night in a line."""
        return night_line(self.night, self._entries)

    def limits_of(self, mode: str) -> Limits:
        """Return the limits for an instrument mode."""
        return self._limits.get(mode, self._default)

    def finish(self) -> None:
        """Say that all exposures were added."""
        self._is_finished = True

    def add(self, examined: Examined) -> str:
        """Add an exposure, and return its page."""
        entry, product = examined.entry, examined.observation.main
        self._entries.append(entry)
        if examined.small:
            self._small[entry.name] = data_uri(examined.small)
        up = "" if self._is_one_file else "../"
        content: dict[str, Any] = {
            "title": entry.name,
            "back": self._title,
            "anchor": self._anchors[entry.name],
            "entry": entry,
            "links": {suffix: f"{up}{address}" for suffix, address in entry.products.items()},
            "pictures": examined.pictures,
            "numbers": list(numbers_of(examined, self.limits_of(entry.mode))),
            "residuals": residuals(examined),
            "is_subtracted": examined.is_subtracted,
            "changed": changed_parameters(product, self._plugins),
            "history": product.record.history,
            "repeats": commands_to_repeat(product, self._plugins),
            "looks": commands_to_look(product),
        }
        if self._is_one_file:
            self._parts.append(self._render.part(**content))
            return ""
        return self._render.exposure(**content)

    @property
    def _title(self) -> str:
        times = (one.main.outline.meta.start_time for one in self.night.observations)
        starts = sorted(one for one in times if one is not None)
        if not starts:
            return f"Products in {self.night.folder.absolute().name}"
        first, last = f"{starts[0]:%Y-%m-%d}", f"{starts[-1]:%Y-%m-%d}"
        return f"Night of {first}" if starts[-1] - starts[0] < _NIGHT else f"Nights of {first} to {last}"

    def index(self) -> str:
        """Return the index, of what is known so far."""
        entries, total = self._entries, len(self.night.observations)
        drawn, undrawn = trends(entries, self._common_limits())
        products = [one for each in self.night.observations for one in each.products]
        return self._render.index(
            title=self._title,
            running="" if self._is_finished else f"{len(entries)} of {total} exposures so far",
            attention=self.attention,
            line=self.line,
            versions=versions([*products, *self.night.stacks, *self.night.calibrations]),
            entries=entries,
            drawn=drawn,
            undrawn=undrawn,
            targets=self._targets(),
            pictures=self._small,
            excess=excess_of_bad(entries),
            calibrations=[_calibration(one) for one in self.night.calibrations],
            meanings=self._meanings(),
            parts=self._parts,
        )

    def _common_limits(self) -> Limits:
        """Return the limits that are the same for all instrument modes that occur."""
        first, *others = list(self._limits.values()) or [self._default]
        return {name: edges for name, edges in first.items() if all(one.get(name) == edges for one in others)}

    def _targets(self) -> list[Target]:
        tables = {key: self._address(path) for key, path in self.night.tables.items()}
        return targets(self._entries, self._stacks, self._pictures, tables)

    def _meanings(self) -> list[dict[str, str]]:
        """Return label, limits and definition of each number, of the modes that occur."""
        shown = self._limits or {"": self._default}
        names = dict.fromkeys([*FIGURES, *(name for one in shown.values() for name in one)])
        return [
            {
                "label": figure_of(name).label,
                "limits": "; ".join(
                    dict.fromkeys(figure_of(name).edges(*one[name]) for one in shown.values() if name in one)
                ),
                "meaning": figure_of(name).meaning,
            }
            for name in names
        ]

    def plain(self) -> dict[str, Any]:
        """Return all of it as data that can be written as JSON."""
        return {
            "schema": SCHEMA,
            "title": self._title,
            "line": self.line,
            "attention": [asdict(one) for one in self.attention],
            "limits": {name or "default": dict(one) for name, one in (self._limits or {"": self._default}).items()},
            "stacks": [_stack(one) for one in self.night.stacks],
            "calibrations": [_calibration(one) for one in self.night.calibrations],
            "failures": [asdict(one) for one in self.night.failures],
            "damaged": _named(self.night.damaged),
            "unreadable": _named(self.night.unreadable),
            "bad_over_group": excess_of_bad(self._entries),
            "exposures": [asdict(one) for one in self._entries],
        }


def _anchors(names: list[str]) -> dict[str, str]:
    """Return for each exposure a name that a file and an address can have, no two alike."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", name).strip(".") or "exposure"
        taken, unique, number = set(found.values()), plain, 2
        while unique in taken:
            unique, number = f"{plain}-{number}", number + 1
        found[name] = unique
    return found


def _named(said: Mapping[Path, str]) -> dict[str, str]:
    """Return what is said of files by their names, with folders where two have one name."""
    counts = Counter(path.name for path in said)
    return {path.name if counts[path.name] == 1 else str(path): words for path, words in said.items()}


def _calibration(product: Product) -> dict[str, Any]:
    header, meta = product.outline.header, product.outline.meta
    return {
        "file": product.path.name,
        "type": str(header.get("REFTYPE", "")),
        "exposures": header.get("NEXP", 1),
        "detector": meta.detector,
        "filter": meta.filter,
        "date": str(header.get("DATE-OBS", "")),
        "what": str(header.get("DESCRIP", "")),
    }


def _stack(product: Product) -> dict[str, Any]:
    keywords = (
        "NEXP",
        "TOTEXP",
        "MAGLIM",
        "FLUXLIM",
        "MAGLIMAP",
        "MAGRAT",
        "CORRFAC",
        "FWHM",
        "ELLIPT",
        "STREHL",
        "NSTARS",
    )
    meta, cards = product.outline.meta, product.cards
    what = {"file": product.path.name, "target": meta.target, "filter": meta.filter}
    return what | {name: cards[name] for name in keywords if isinstance(cards.get(name), int | float)}
