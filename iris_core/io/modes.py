"""Instrument modes in YAML."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from iris_core.errors import InputError, Problems, choices, did_you_mean
from iris_core.instruments import SELECTORS, Detector, Filter, InstrumentMode
from iris_core.keywords import parse_unit
from iris_core.recipe import explain

__all__ = ["get_fact", "load_mode"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Detector(_Model):
    shape: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
    offset: tuple[float, float] = (0.0, 0.0)


def _complete(fact: dict[str, Any]) -> dict[str, Any]:
    missing = [key for key in ("value", "unit", "source") if key not in fact]
    if missing:
        raise ValueError(f"no {missing[0]}: a fact has value, unit and source")
    return fact


def _selector(name: str) -> str:
    if name not in SELECTORS:
        raise ValueError(f"not a keyword that selects{did_you_mean(name, SELECTORS)} Keywords: {choices(SELECTORS)}")
    return name


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError("the lowest value comes first")
    return limits


class _Mode(_Model):
    name: str
    telescope: str
    instrument: str
    unit: str
    pixel_scale: Annotated[float, Field(ge=0)]
    detectors: dict[str, _Detector]
    filters: dict[str, Annotated[list[float], Field(min_length=3, max_length=4)]] = {}
    facts: dict[str, Annotated[dict[str, Any], AfterValidator(_complete)]] = {}
    use: dict[str, str] = {}
    params: dict[str, dict[str, Any]] = {}
    selectors: tuple[Annotated[str, AfterValidator(_selector)], ...] = SELECTORS
    quality: dict[str, Annotated[tuple[float, float], AfterValidator(_ordered)]] = {}


def load_mode(path: str | Path) -> InstrumentMode:
    """Read a mode from YAML whose keys are the fields of `InstrumentMode`.

    ``filters`` are ``[minimum, centre, maximum]`` or ``[minimum, centre, maximum, sky]``.

    Raises
    ------
    Problems
        When it is not YAML, or its keys are missing, unknown or wrong: an error for each, with file and key.
    """
    import yaml

    # The C parser, where PyYAML was built with it, is ten times quicker.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        raw = _Mode.model_validate(yaml.load(Path(path).read_text(encoding="utf-8"), Loader=loader))
    except yaml.YAMLError as error:
        raise Problems([InputError(f"{path}: not YAML: {' '.join(str(error).split())}")]) from None
    except ValidationError as error:
        raise Problems(list(explain(error, _Mode, lambda location: str(path)))) from None
    return InstrumentMode(
        **raw.model_dump(exclude={"detectors", "filters"}),
        detectors={name: Detector(**detector.model_dump()) for name, detector in raw.detectors.items()},
        filters={name: _filter(*numbers) for name, numbers in raw.filters.items()},
    )


def _filter(minimum: float, centre: float, maximum: float, sky: float | None = None) -> Filter:
    return Filter(minimum=minimum, centre=centre, maximum=maximum, sky=sky)


def get_fact(mode: InstrumentMode, name: str, unit: str) -> float:
    """Return a number among the facts of a mode, converted to a unit.

    Parameters
    ----------
    mode
        The mode.
    name
        ``"gain"``, ``"read_noise"`` ...
    unit
        The unit to have it in: ``"electron/DN"``; ``""`` for a number without one.

    Raises
    ------
    InputError
        When the mode has no such fact, or it is not a number above 0 that can be converted to `unit`.
    """
    from astropy.units import Quantity, UnitConversionError

    if name not in mode.facts:
        known = f"{did_you_mean(name, mode.facts)} Its facts are: {choices(mode.facts)}"
        raise InputError(f"the instrument mode {mode.name} has no fact '{name}'{known}")
    given = mode.facts[name]
    try:
        value = float(Quantity(given["value"], parse_unit(given["unit"])).to_value(parse_unit(unit)))
    except (TypeError, ValueError, UnitConversionError, InputError):
        value = 0.0
    if not (isfinite(value) and value > 0):
        words = f"{name} is {given['value']} {given['unit']}".rstrip()
        raise InputError(f"instrument mode {mode.name}: {words}; it has to be a number above 0 in {unit or 'no unit'}")
    return value
