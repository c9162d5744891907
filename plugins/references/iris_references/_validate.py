"""What is wrong with a reference file: found when it is added to a store, not when a night is calibrated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iris_core import (
    Exposure,
    InputError,
    InstrumentMode,
    IrisError,
    Plugins,
    Reference,
    ReferenceType,
    agree,
    choices,
    did_you_mean,
    image_of,
    not_stated,
    one_line,
    read_reference_header,
    useafter,
)
from iris_references._image import check_image

__all__ = ["Validation", "known_types", "validate_reference"]

_DOCUMENTED = ("PEDIGREE", "DESCRIP", "AUTHOR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What was found in a reference file: with `problems` it is not added to a store; `notes` are for its author."""

    path: Path
    header: Mapping[str, Any]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def known_types(plugins: Plugins) -> set[str]:
    """Return the types of reference files that a package declares, or an installed stage uses."""
    used = [one.declared for stage in plugins.stages() for one in plugins.implementations(stage).values()]
    return {*plugins.reference_types(), *(reftype for one in used for reftype in (*one.references, *one.optional))}


def validate_reference(path: Path, plugins: Plugins) -> Validation:
    """Return what is wrong with a reference file: keywords, shape, unit, values, errors, and what plugins report.

    Parameters
    ----------
    path
        The file.
    plugins
        They declare the types, read the file, and report what is wrong with it (hook ``check_reference``).
    """
    try:
        header = read_reference_header(path)
    except InputError as error:
        return Validation(path=path, header={}, problems=(str(error),))
    reftype = _value(header, "REFTYPE").casefold()
    kind = plugins.reference_type(reftype, path)
    missing, free = _missing(kind, header, plugins)
    problems = [*_type_problems(reftype, known_types(plugins)), *missing, *_time_problems(header)]
    notes = [*free, *(f"{name} is not given" for name in _DOCUMENTED if not _value(header, name))]
    if not problems:
        found, remarks = _check_content(path, header, kind, plugins)
        problems += found
        notes += remarks
    return Validation(
        path=path,
        header=header,
        problems=tuple(words if words.startswith(str(path)) else f"{path}: {words}" for words in problems),
        notes=tuple(f"{path}: {words}" for words in notes),
    )


def _value(header: Mapping[str, Any], name: str) -> str:
    return str(header.get(name, "")).strip()


def _type_problems(reftype: str, known: set[str]) -> Iterator[str]:
    if not reftype:
        yield f"keyword REFTYPE is missing; types: {choices(known)}"
    elif reftype not in known:
        yield f"no installed package uses a '{reftype}' reference{did_you_mean(reftype, known)} Types: {choices(known)}"


def _missing(kind: ReferenceType, header: Mapping[str, Any], plugins: Plugins) -> tuple[list[str], list[str]]:
    """Return problems for the keywords that the camera's instrument mode selects on, and notes for all others.

    A camera without a mode of its own is of those that take any image.
    """
    every = plugins.modes().everything()
    own = [mode for mode in every if mode.detectors and agree(_value(header, "INSTRUME"), mode.instrument)]
    modes = own or [mode for mode in every if not mode.detectors]
    missing = not_stated(kind, header)
    asked = [name for name in missing if not modes or any(name in mode.selectors for mode in modes)]
    problems = [f"keyword {name} is missing (ANY where it fits all)" for name in asked]
    others = (name for name in missing if name not in asked)
    return problems, [f"{name} is not given: it is for exposures that do not give it either" for name in others]


def _time_problems(header: Mapping[str, Any]) -> Iterator[str]:
    if not _value(header, "USEAFTER"):
        yield "keyword USEAFTER is missing: the time from which the file applies, 2026-11-26T00:00:00"
        return
    try:
        useafter(header)
    except ValueError:
        yield f"USEAFTER {header['USEAFTER']!r} is not a time like 2026-11-26T00:00:00"


def _check_content(
    path: Path, header: Mapping[str, Any], kind: ReferenceType, plugins: Plugins
) -> tuple[list[str], list[str]]:
    """Return problems and notes of what the file holds."""
    try:
        content = plugins.read_reference(path, kind.name)
    except IrisError as error:
        return [str(error)], []
    except Exception as error:
        return [f"it cannot be read: {one_line(error)}"], []
    modes = [mode for mode in plugins.modes().everything() if agree(_value(header, "INSTRUME"), mode.instrument)]
    problems, notes = list[str](), list[str]()
    if isinstance(content, Exposure):
        problems += check_image(image_of(content), kind, header, modes)
        if kind.has_errors and not content.variance:
            notes.append("it has no errors (ERR); they are taken to be 0")
    reference = Reference(reftype=kind.name, path=path, provider="the file that is added", content=content)
    for mode in modes:
        problems += _ask_plugins(reference, mode, plugins)
    return list(dict.fromkeys(problems)), notes


def _ask_plugins(reference: Reference, mode: InstrumentMode, plugins: Plugins) -> list[str]:
    try:
        return plugins.check_reference(reference, mode)
    except IrisError as error:
        return [str(error)]
    except Exception as error:
        return [f"a plugin failed to check it: {one_line(error)}"]
