"""What the index shows: what needs attention, the night in a line, trends, targets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iris_core import total_time
from iris_report._examine import Entry
from iris_report._figures import FIGURES, figure_of
from iris_report._gallery import Picture
from iris_report._limits import Limits, breaches
from iris_report._night import Night, Product
from iris_report._plots import Dithers, Trend, dither_map, trend

__all__ = [
    "Attention",
    "Target",
    "attention",
    "deepest_stacks",
    "excess_of_bad",
    "night_line",
    "targets",
    "trends",
    "versions",
]


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that needs attention.

    Parameters
    ----------
    kind
        ``failed``, ``damaged``, ``limit`` or ``incomplete``.
    name, page
        What it is about, and its page; ``""`` where it has none.
    words, advice
        What is wrong, and what to do.
    figure, value, low, high
        The number, and its limits; None where it is none.
    """

    kind: str
    name: str
    page: str
    words: str
    advice: str
    figure: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_failure(self) -> bool:
        """Whether there is no product, rather than one that is doubtful."""
        return self.kind in ("failed", "damaged")


@dataclass(frozen=True, slots=True)
class Target:
    """What was observed, in one filter."""

    name: str
    filter: str
    exposures: int
    seconds: float
    dithers: Dithers | None
    stack: str
    picture: Picture | None
    facts: tuple[tuple[str, str], ...]
    catalogue: str


def attention(night: Night, entries: Sequence[Entry], limits: Mapping[str, Limits]) -> list[Attention]:
    """Return what needs attention, what is worst first.

    Parameters
    ----------
    night, entries
        What was found and measured.
    limits
        By instrument mode.
    """
    found = [*_failed(night)]
    for entry in entries:
        for one in entry.breaches:
            numbers = one.figure, one.value, one.low, one.high
            found.append(Attention("limit", entry.name, entry.page, one.words, one.advice, *numbers))
    for stack in night.stacks:
        found += _of_stack(stack, limits.get(stack.mode, {}))
    return found


def _failed(night: Night) -> Iterator[Attention]:
    for one in night.failures:
        advice = f"mend or remove what the message names, then run {one.recipe or 'it'} again with --resume"
        yield Attention("failed", one.label, "", one.error, advice)
    for path, words in night.damaged.items():
        advice = "make it again with --overwrite, or remove it; iris verify says what else is damaged"
        yield Attention("damaged", path.name, "", words, advice)
    for path, words in night.unreadable.items():
        advice = "copy it again from where it was taken, then run the recipe again"
        yield Attention("damaged", path.name, "", f"{words}; no product is made of it", advice)


def _of_stack(stack: Product, limits: Limits) -> Iterator[Attention]:
    cards = stack.cards
    figures = {name: cards[name] for name in limits if isinstance(cards.get(name), int | float)}
    for one in breaches(figures, limits):
        numbers = one.figure, one.value, one.low, one.high
        yield Attention("limit", stack.path.name, "", one.words, "look at the exposures it is made of", *numbers)
    left_out = [str(one["file"]) for one in stack.record.provenance.get("left_out", ())]
    if left_out:
        words = f"made without {', '.join(left_out)}"
        yield Attention("incomplete", stack.path.name, "", words, "see why they failed; the stack is less deep")


def night_line(night: Night, entries: Sequence[Entry]) -> str:
    """Return the night in a line."""
    if not (entries or night.stacks or night.calibrations or night.failures):
        return f"No products, {night.others} other files."
    failed = sum(one.exposures for one in night.failures)
    broken = len(night.damaged) + len(night.unreadable)
    warned = sum(one.is_warned for one in entries)
    names = list(dict.fromkeys(one.target or "no target" for one in entries))
    filters = list(dict.fromkeys(one.filter for one in entries if one.filter))
    seconds = time_of(entries)
    parts = [
        f"{_number(len(entries), 'exposure')} calibrated" if entries else "No exposure calibrated",
        f"{warned} of them with a warning" if warned else "",
        f"{failed} failed" if failed else "none failed",
        f"{_number(broken, 'file')} that cannot be read" if broken else "",
        f"{_number(len(names), 'target')} ({_some(names)}) in {', '.join(filters)}" if filters else "",
        f"{seconds / 3600:.2f} h of exposure{_span(entries)}" if seconds else "",
        _number(len(night.stacks), "stack") if night.stacks else "",
        f"{_number(len(night.calibrations), 'reference file')} made" if night.calibrations else "",
        f"{night.others} files that are no products" if night.others else "",
    ]
    return f"{', '.join(part for part in parts if part)}."


def time_of(entries: Sequence[Entry]) -> float:
    """Return the exposure time of all [s]; detectors that were read out together, at one start, count once."""
    return total_time(
        ((one.instrument, one.start) if one.start else None, one.detector, one.exposure_time) for one in entries
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _span(entries: Sequence[Entry]) -> str:
    starts = sorted(one.start.replace("T", " ") for one in entries if one.start)
    if not starts:
        return ""
    return f" from {starts[0]} to {starts[-1]} UTC" if starts[0] != starts[-1] else f" at {starts[0]} UTC"


def trends(entries: Sequence[Entry], limits: Limits) -> tuple[list[Trend], list[str]]:
    """Return the diagrams of numbers against time, and the names of those that no exposure has."""
    names = [name for name, one in FIGURES.items() if one.is_trend]
    drawn = {name: trend(name, entries, limits) for name in names}
    without = [figure_of(name).label for name, one in drawn.items() if one is None]
    return [one for one in drawn.values() if one is not None], without


def excess_of_bad(entries: Iterable[Entry]) -> dict[str, float]:
    """Return by name how many more bad pixels an exposure has than the median of its detector, as a fraction."""
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.instrument, entry.detector].append(entry)
    found: dict[str, float] = {}
    for group in groups.values():
        middle = float(np.median([one.figures["bad_fraction"] for one in group]))
        found |= {one.name: one.figures["bad_fraction"] - middle for one in group}
    return found


def deepest_stacks(stacks: Iterable[Product]) -> dict[str, Product]:
    """Return of each target and filter, ``target / filter``, the stack of the longest exposure."""
    found: dict[str, Product] = {}
    for stack in sorted(stacks, key=lambda one: (_depth(one), one.path.name)):
        found[_label(stack.outline.meta.target, stack.outline.meta.filter)] = stack
    return found


def _depth(stack: Product) -> float:
    value = stack.cards.get("TOTEXP", stack.cards.get("EXPTIME", 0.0))
    return float(value) if isinstance(value, int | float) else 0.0


def _label(target: str, filter_name: str) -> str:
    return f"{target or 'no target'} / {filter_name or 'no filter'}"


def targets(
    entries: Sequence[Entry], stacks: Mapping[str, Product], pictures: Mapping[str, Picture], tables: Mapping[str, str]
) -> list[Target]:
    """Return what was observed, by target and filter.

    Parameters
    ----------
    entries
        The exposures.
    stacks, pictures
        The deepest stack of each, as `deepest_stacks` names them.
    tables
        Addresses of catalogues by the key of their stack.
    """
    groups: dict[str, list[Entry]] = {label: [] for label in stacks}
    for entry in entries:
        groups.setdefault(_label(entry.target, entry.filter), []).append(entry)
    return [_target(label, group, stacks.get(label), pictures.get(label), tables) for label, group in groups.items()]


def _target(
    label: str, group: Sequence[Entry], stack: Product | None, picture: Picture | None, tables: Mapping[str, str]
) -> Target:
    name, _, filter_name = label.rpartition(" / ")
    return Target(
        name=name,
        filter=filter_name,
        exposures=len(group),
        seconds=time_of(group),
        dithers=dither_map(group),
        stack="" if stack is None else stack.path.name,
        picture=picture,
        facts=() if stack is None else tuple(_facts(stack.cards)),
        catalogue="" if stack is None else tables.get(stack.record.key, ""),
    )


_FACTS = (
    ("exposures", "NEXP", "d", ""),
    ("exposure time", "TOTEXP", ".6g", "s"),
    ("depth: 5 sigma, all light of a star", "MAGLIM", ".2f", "mag AB"),
    ("depth as a flux: 5 sigma, unit of the catalogue", "FLUXLIM", ".4g", ""),
    ("radius of the aperture of the depth", "MAGLIMAP", ".4f", "arcsec"),
    ("noise of empty apertures over their errors", "MAGRAT", ".3f", ""),
    ("correlation of neighbours, CORRFAC", "CORRFAC", ".3f", ""),
    ("FWHM of stars", "FWHM", ".4f", "arcsec"),
    ("ellipticity of stars", "ELLIPT", ".3f", ""),
    ("Strehl ratio", "STREHL", ".3f", ""),
    ("stars in the catalogue", "NSTARS", "d", ""),
    ("rejected as outliers, mean", "FRACREJ", ".3%", ""),
)


def _facts(cards: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for label, keyword, form, unit in _FACTS:
        value = cards.get(keyword)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield label, f"{int(value) if form == 'd' else value:{form}} {unit}".strip()
    if "NSTARS" not in cards:
        yield "depth, PSF and catalogue", "not known: no catalogue was made of it (source_catalog)"
    elif not {"MAGLIM", "FLUXLIM"} & set(cards):
        yield "depth", "not known: the noise between the sources was not measured"


def versions(products: Iterable[Product]) -> list[tuple[str, int]]:
    """Return the versions of the packages that made products, with how many each has made."""
    counts: Counter[str] = Counter()
    for product in products:
        code = product.record.provenance.get("key", {}).get("code", {})
        counts.update(f"{name} {str(version).partition(' ')[0]}" for name, version in code.items())
    return sorted(counts.items())
