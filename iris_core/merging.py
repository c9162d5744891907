"""The headers of many exposures made into those of one product."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import timedelta
from math import fsum
from operator import add, attrgetter, mul
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core.arrays import Array
from iris_core.exposure import Exposure
from iris_core.headers import with_wcs
from iris_core.keywords import header_text, iso_time, mjd_of

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from iris_core.meta import StageRecord

# Table of what the headers of the inputs were: a row for each.
TABLE = "HDRTAB"
# Said anew of the product, or for each input in the table.
_TIMES = ("EXPTIME", "DATE-OBS", "DATE-END", "MJD-OBS", "MJD-BEG", "MJD-END", "MJD-AVG", "EXPMID")
_KIND = attrgetter("stage", "status")
_COMMENTARY = ("HISTORY", "COMMENT", "", "CHECKSUM", "DATASUM")


def merge_headers(outlines: Sequence[Exposure]) -> Exposure:
    """Return an outline for what is made of many exposures.

    Keywords that are equal in all are kept. EXPTIME is the sum, in which detectors that were read out together count
    once, DATE-OBS the first, DATE-END the last, MJD-AVG the mean of the middles weighted by exposure time, NEXP the
    number. All other keywords leave the header for the table HDRTAB, which has a row for each exposure. Of the history,
    the stages that all have been through are kept, with the reference files of all (those of each detector, say); what
    was noted of the first exposure only has its name.

    Parameters
    ----------
    outlines
        The exposures; one at least.
    """
    first = outlines[0]
    primary, science = (_common([getattr(one, part) for one in outlines]) for part in ("header", "sci_header"))
    primary.update({**_times(outlines), "NEXP": (len(outlines), "number of exposures")})
    done = frozenset.intersection(*(one.done for one in outlines))
    return replace(
        first.replace(wcs=None, area=None, header=with_wcs(primary), sci_header=with_wcs(science)),
        planes={TABLE: _table(outlines)},
        done=done,
        common=frozenset(),
        subarrays=(),
        history=tuple(_history(outlines, done)),
        notes=tuple(dict.fromkeys(note for one in outlines for note in one.notes)),
    )


def _history(outlines: Sequence[Exposure], done: Set[str]) -> Iterator[StageRecord]:
    """Yield the records of the first exposure, with the reference files of all that have the same status.

    Of its notes, those that others do not have get its name.
    """
    first, *others = outlines
    for record in first.history:
        if record.stage in done or record.status == "SKIPPED":
            same = [[their for their in one.history if _KIND(their) == _KIND(record)] for one in others]
            shared = set(record.notes).intersection(*([note for one in their for note in one.notes] for their in same))
            named = (note if note in shared else f"{first.name}: {note}" for note in record.notes)
            uses = dict.fromkeys(use for one in sum(same, [record]) for use in one.references)
            yield replace(record, notes=tuple(named), references=tuple(uses))


def _common(headers: Sequence[Header]) -> Header:
    """Return the cards that are the same in all headers."""
    first, *others = headers
    kept = first.copy()
    for keyword in dict.fromkeys(first):
        same = keyword in _COMMENTARY or all(other.get(keyword) == first[keyword] for other in others)
        if not same or keyword in _TIMES:
            kept.remove(keyword, ignore_missing=True, remove_all=True)
    return kept


def _times(outlines: Sequence[Exposure]) -> dict[str, tuple[Any, str]]:
    """Return the cards of when, and for how long, many exposures were taken; those that all of them have."""
    seconds = [one.meta.exposure_time for one in outlines if one.meta.exposure_time is not None]
    starts = [one.meta.start_time for one in outlines if one.meta.start_time is not None]
    cards: dict[str, tuple[Any, str]] = {}
    if len(seconds) == len(outlines):
        readouts = ((one.meta.start_time, one.meta.detector, one.meta.exposure_time) for one in outlines)
        cards["EXPTIME"] = (total_time(readouts), "[s] sum of the exposure times")
    if len(starts) == len(outlines) == len(seconds):
        lengths = [timedelta(seconds=number) for number in seconds]
        middles = [mjd_of(start + length / 2) for start, length in zip(starts, lengths, strict=True)]
        cards["DATE-END"] = (iso_time(max(map(add, starts, lengths))), "end of the last exposure")
        cards["MJD-AVG"] = (fsum(map(mul, middles, seconds)) / sum(seconds), "[d] mean time, weighted by EXPTIME")
    if len(starts) == len(outlines):
        cards["DATE-OBS"] = (iso_time(min(starts)), "start of the first exposure")
    return cards


def total_time(readouts: Iterable[tuple[Hashable, str, float | None]]) -> float:
    """Return the sum of exposure times [s], in which detectors that were read out together count once.

    Parameters
    ----------
    readouts
        Of each: when it began, which is the same for those that were read out together (nothing where it is not known),
        the detector, and its exposure time [s].
    """
    times: dict[Hashable, dict[str, float]] = {}
    for index, (start, detector, seconds) in enumerate(readouts):
        each = times.setdefault(start or index, {})
        each[detector] = each.get(detector, 0.0) + (seconds or 0.0)
    return fsum(max(each.values()) for each in times.values())


def _table(outlines: Sequence[Exposure]) -> Array:
    """Return a row for each exposure: its file, and the keywords that are not the same in all."""
    from astropy.table import Table

    headers = [{**dict(_cards(one.sci_header)), **dict(_cards(one.header))} for one in outlines]
    names = dict.fromkeys(name for header in headers for name in header)
    wanted = [name for name in names if name in _TIMES or len({repr(header.get(name)) for header in headers}) > 1]
    columns: dict[str, list[Any]] = {"FILE": [one.name for one in outlines]}
    columns |= {name: [header.get(name) for header in headers] for name in wanted if name != "FILE"}
    return np.asarray(Table({name: _column(values) for name, values in columns.items()}).as_array())


def _cards(header: Header) -> Iterable[tuple[str, Any]]:
    return ((card.keyword, card.value) for card in header.cards if card.keyword not in _COMMENTARY)


def _column(values: Sequence[Any]) -> Array:
    """Return values as a column of a FITS table: numbers, or text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {bool}:
        return np.array([bool(value) for value in values])
    if kinds and kinds <= {int, float, bool} and (kinds <= {int} and None not in values):
        return np.array(values, dtype=np.int64)
    if kinds and kinds <= {int, float}:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    texts = ["" if value is None else header_text(str(value)) for value in values]
    return np.array([text.encode("ascii") for text in texts], dtype=f"S{max(1, *map(len, texts))}")
