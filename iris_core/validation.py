"""What is wrong with a reference file: looked at when it is added to a store, not when the night is reduced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iris_core.dq import DQ
from iris_core.errors import InputError, choices, did_you_mean, one_line
from iris_core.instruments import InstrumentMode
from iris_core.keywords import parse_unit
from iris_core.model import Exposure
from iris_core.plugins import Plugins
from iris_core.providers import read_reference_header
from iris_core.references import Reference
from iris_core.selection import MATCH_ALL, not_stated, useafter

__all__ = ["Verdict", "judge_reference", "known_types"]

_DOCUMENTED = ("PEDIGREE", "DESCRIP", "AUTHOR")
_RATES = ("electron/s", "DN/s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found: `faults` keep a file out of a store, `remarks` do not."""

    path: Path
    header: Mapping[str, Any]
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def known_types(plugins: Plugins) -> set[str]:
    """Return the types of reference files that an installed stage declares."""
    declared = [one.declared for stage in plugins.stages() for one in plugins.implementations(stage)]
    return {reftype for one in declared for reftype in (*one.references, *one.optional)}


def judge_reference(path: Path, plugins: Plugins) -> Verdict:
    """Return what is wrong with a reference file: keywords, shape, unit, values, errors, and what plugins say.

    Parameters
    ----------
    path
        The file.
    plugins
        Whose stages declare the types that there are, whose readers read it, and whose `check_reference` is asked.
    """
    try:
        header = read_reference_header(path)
    except InputError as error:
        return Verdict(path=path, header={}, faults=(str(error),))
    faults = list(_keyword_faults(header, known_types(plugins)))
    remarks = [f"{name} is not given" for name in _DOCUMENTED if not _said(header, name)]
    if not faults:
        more, further = _look_inside(path, header, plugins)
        faults += more
        remarks += further
    return Verdict(
        path=path,
        header=header,
        faults=tuple(words if words.startswith(str(path)) else f"{path}: {words}" for words in faults),
        remarks=tuple(f"{path}: {words}" for words in remarks),
    )


def _said(header: Mapping[str, Any], name: str) -> str:
    return str(header.get(name, "")).strip()


def _keyword_faults(header: Mapping[str, Any], types: set[str]) -> Iterator[str]:
    reftype = _said(header, "REFTYPE").casefold()
    if not reftype:
        yield f"it does not say its REFTYPE; types: {choices(types)}"
    elif reftype not in types:
        yield f"no installed stage uses a '{reftype}' reference{did_you_mean(reftype, types)} Types: {choices(types)}"
    yield from (f"it does not say its {name} (ANY where it fits all)" for name in not_stated(reftype, header))
    if not _said(header, "USEAFTER"):
        yield "it does not say its USEAFTER, the time from which on it applies"
        return
    try:
        useafter(header)
    except ValueError:
        yield f"USEAFTER {header['USEAFTER']!r} is not a time like 2026-11-26T00:00:00"


def _look_inside(path: Path, header: Mapping[str, Any], plugins: Plugins) -> tuple[list[str], list[str]]:
    """Return faults and remarks of the content."""
    reftype = _said(header, "REFTYPE").casefold()
    reference = Reference(reftype=reftype, path=path, provider="the file that is added", read=_reader(plugins))
    faults: list[str] = []
    remarks: list[str] = []
    modes = [mode for mode in plugins.modes().values() if _is_of(mode, header)]
    if reftype in _UNITS:
        try:
            image = plugins.read_exposure(path, True, reftype)
        except InputError as error:
            return [str(error)], []
        faults += _shape_faults(image, header, modes)
        faults += _UNITS[reftype](image)
        faults += _value_faults(image)
        remarks += [] if image.variance or reftype in _EXACT else ["it has no errors (ERR); they are taken to be 0"]
    for mode in modes:
        faults += _ask_plugins(reference, mode, plugins)
    return list(dict.fromkeys(faults)), remarks


def _reader(plugins: Plugins) -> Callable[[Path, str, bool], Exposure]:
    return lambda path, reftype, pixels: plugins.read_exposure(path, pixels, reftype)


def _is_of(mode: InstrumentMode, header: Mapping[str, Any]) -> bool:
    said = _said(header, "INSTRUME")
    return said.upper() in MATCH_ALL or said.casefold() == mode.instrument.casefold()


def _ask_plugins(reference: Reference, mode: InstrumentMode, plugins: Plugins) -> list[str]:
    try:
        return plugins.check_reference(reference, mode)
    except InputError as error:
        return [str(error)]
    except Exception as error:
        return [f"a plugin failed to check it: {one_line(error)}"]


def _shape_faults(image: Exposure, header: Mapping[str, Any], modes: list[InstrumentMode]) -> Iterator[str]:
    if image.is_integrations:
        yield f"it has shape {image.data.shape}; one image (ny, nx) is needed"
        return
    if image.meta.window is not None:
        return
    shapes = _detector_shapes(header, modes)
    if shapes and image.shape not in shapes:
        yield (
            f"it has shape {image.shape} but {_said(header, 'DETECTOR')} has {' or '.join(map(str, sorted(shapes)))}; "
            f"a window says where it lies with SUBSTRT1/2 and SUBSIZE1/2, another detector its DETYSIZE and DETXSIZE"
        )


def _detector_shapes(header: Mapping[str, Any], modes: list[InstrumentMode]) -> set[tuple[int, int]]:
    """Return which shapes a full frame may have: what the file says of its detector, or what the modes say."""
    rows, columns = header.get("DETYSIZE"), header.get("DETXSIZE")
    if isinstance(rows, int) and isinstance(columns, int):
        return {(rows, columns)}
    chip = _said(header, "DETECTOR")
    return {mode.detectors[chip].shape for mode in modes if chip in mode.detectors}


def _rate_faults(image: Exposure) -> Iterator[str]:
    if image.unit is None:
        yield f"it has no BUNIT; it is a rate: {' or '.join(_RATES)}"
    elif image.unit not in [parse_unit(rate) for rate in _RATES]:
        yield f"it is in {image.unit}; it is a rate: {' or '.join(_RATES)}"


def _ratio_faults(image: Exposure) -> Iterator[str]:
    if image.unit is not None and image.unit != parse_unit(""):
        yield f"it is in {image.unit}; it is relative: divide it by its mean and leave BUNIT out"
    good = image.data[(image.dq & DQ.DO_NOT_USE) == 0]
    good = good[np.isfinite(good)]
    if good.size and not 0.1 < np.median(good) < 10:
        yield f"its median is {np.median(good):.4g}; it is relative, so it has to be near 1"


def _no_faults(image: Exposure) -> Iterator[str]:
    yield from ()


# The images that the framework itself knows; what else a type has to be its plugin says (check_reference).
_UNITS: Mapping[str, Callable[[Exposure], Iterator[str]]] = {
    "dark": _rate_faults,
    "flat": _ratio_faults,
    "area": _ratio_faults,
    "mask": _no_faults,
}
_EXACT = ("area", "mask")


def _value_faults(image: Exposure) -> Iterator[str]:
    used = (image.dq & DQ.DO_NOT_USE) == 0
    infinite = np.isinf(image.data)
    if infinite.any():
        yield f"{infinite.sum()} values are infinite, the first at {_first(infinite)}; NaN says that there is no value"
    if not (used & np.isfinite(image.data)).any():
        yield "not one pixel has a value that may be used"
    err = image.err
    if err is not None:
        wrong = used & np.isfinite(image.data) & ~np.isfinite(err)
        if wrong.any():
            yield f"{wrong.sum()} good pixels have no finite error, the first at {_first(wrong)}"


def _first(where: Any) -> str:
    row, column = np.argwhere(where)[0][-2:]
    return f"column {column + 1}, row {row + 1} (1-based)"
