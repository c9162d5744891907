"""Limits beyond which a number needs attention: those of the package, of the instrument mode, and of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from iris_core import InputError, InstrumentMode, did_you_mean
from iris_report._figures import FIGURES, figure_of, is_name

__all__ = ["Breach", "Limits", "breaches", "limits_of", "read_limits"]

Limits = Mapping[str, tuple[float, float]]
_DEFAULTS = Path(__file__).with_name("limits.yaml")


@dataclass(frozen=True, slots=True)
class Breach:
    """A number beyond its limits.

    Parameters
    ----------
    figure
        Its name.
    value, low, high
        The number, and its limits.
    words, advice
        What is wrong, and what to do.
    """

    figure: str
    value: float
    low: float
    high: float
    words: str
    advice: str


def read_limits(path: Path = _DEFAULTS) -> Limits:
    """Read limits: YAML with ``name: [lowest, highest]``; by default those of the package.

    Raises
    ------
    InputError
        When the file cannot be read, or has a name or a limit that makes no sense.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: limits are lines like 'noise_ratio: [0.9, 1.1]'")
    return _checked(content, str(path))


def limits_of(mode: InstrumentMode | None, given: Limits) -> Limits:
    """Return the limits for an instrument mode: `given`, then those of its ``quality``, then the package's."""
    own = _checked(mode.quality, f"quality of the instrument mode {mode.name}") if mode else {}
    return {**read_limits(), **own, **given}


def _checked(content: Mapping[Any, Any], where: str) -> Limits:
    for name, limits in content.items():
        if not is_name(str(name)):
            raise InputError(f"{where}: no number is called '{name}'{did_you_mean(str(name), FIGURES)}")
        if not _is_pair(limits):
            raise InputError(f"{where}: {name} is {limits}; [lowest, highest] is needed, two numbers in this order")
    return {str(name): (float(low), float(high)) for name, (low, high) in content.items()}


def _is_pair(limits: Any) -> bool:
    if not isinstance(limits, list | tuple) or len(limits) != 2:
        return False
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) and isfinite(one) for one in limits)
    return numbers and limits[0] <= limits[1]


def breaches(figures: Mapping[str, float], limits: Limits) -> Iterator[Breach]:
    """Yield the numbers that are beyond their limits."""
    for name, (low, high) in limits.items():
        value = figures.get(name)
        if value is not None and not low <= value <= high:
            figure = figure_of(name)
            words = f"{figure.label}: {figure.exactly(value, low, high)}, usual is {figure.edges(low, high)}"
            yield Breach(name, value, low, high, words, figure.advice)
