"""How a stage is declared (`stage_spec`), implemented (`stage`) and configured (`Params`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import pluggy
from pydantic import BaseModel, ConfigDict, Field

from iris_core.dq import DQ
from iris_core.model import Exposure

__all__ = [
    "API_VERSION",
    "PROJECT",
    "Params",
    "StageImplementation",
    "StageSpec",
    "hookimpl",
    "hookspec",
    "parameter",
    "stage",
    "stage_spec",
    "stand_in",
]

PROJECT = "iris_core"
# Of the hooks: a plugin built for another first number is refused; the second grows with what is added.
API_VERSION = (1, 0)

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Function = TypeVar("Function", bound=Callable[..., Any])


class Params(BaseModel):
    """Base of every stage's parameters: frozen, and an unknown key is an error."""

    # Built when the first parameters are validated: who only looks at a plugin does not wait for it.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def parameter(default: Any, description: str, unit: str = "", **limits: Any) -> Any:
    """Declare one parameter of a stage.

    Parameters
    ----------
    default
        Its default; ``...`` where it must be given.
    description
        One sentence, shown by ``iris show``.
    unit
        Its unit, where it has one.
    **limits
        What pydantic's ``Field`` takes: ``gt``, ``ge``, ``lt``, ``le``, ``min_length`` ...
    """
    return Field(default, description=description, json_schema_extra={"unit": unit} if unit else None, **limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """What the framework has to know of a stage, whoever implements it.

    Parameters
    ----------
    name
        Name of the hook, and of the step in a recipe.
    status
        The ``S_*`` keyword that says it was done.
    aliases
        Other keywords that say the same in other pipelines' files.
    product
        Suffix of the product that only this stage makes (``bsub``, ``i2d``); None where there is none.
    consumes_backgrounds
        Whether the background exposures end here.
    reshapes
        Whether the result may have another shape.
    unit
        Unit of the result, ``"MJy / sr"``; ``""`` where the stage keeps that of the exposure.
    dq
        The bits it may add, besides DO_NOT_USE and those of its reference files.
    """

    name: str
    status: str
    aliases: tuple[str, ...] = ()
    product: str | None = None
    consumes_backgrounds: bool = False
    reshapes: bool = False
    unit: str = ""
    dq: DQ = DQ.GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class StageImplementation:
    """What a plugin says of the stage it implements; `stage` puts it on the function.

    Parameters
    ----------
    stage
        Name of the hook.
    params
        Class of its parameters.
    references, optional
        Types of the reference files it needs, and of those it uses where there are any.
    dq
        Bits it may add besides those that the stage may.
    check, by_integration, only_by_name
        See `stage`.
    """

    stage: str
    params: type[Params] = Params
    references: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    dq: DQ = DQ.GOOD
    check: Callable[..., Exposure | None] | None = field(default=None)
    by_integration: bool | Callable[[Any], bool] = False
    only_by_name: bool = False


def stage_spec(
    *,
    status: str,
    aliases: tuple[str, ...] = (),
    product: str | None = None,
    consumes_backgrounds: bool = False,
    reshapes: bool = False,
    unit: str = "",
    dq: DQ = DQ.GOOD,
    deprecated: Mapping[str, str] | None = None,
) -> Callable[[Function], Function]:
    """Declare a hook that is a calibration stage.

    A plugin whose module holds the declared function declares the stage; its name is that of the step in a recipe.

    Parameters
    ----------
    status
        The ``S_*`` keyword that says it was done.
    aliases
        Other keywords that say the same in other pipelines' files.
    product
        Suffix of the product that only this stage makes (``bsub``, ``i2d``); None where there is none.
    consumes_backgrounds
        Whether the background exposures end here.
    reshapes
        Whether the result may have another shape.
    unit
        Unit of the result, ``"MJy / sr"``; ``""`` where the stage keeps that of the exposure.
    dq
        The bits it may add, besides DO_NOT_USE and those of its reference files.
    deprecated
        By argument of the hook that will go, what to use in its place: who still names it is warned when
        the plugin is loaded.

    Examples
    --------
    >>> from iris_core import stage_spec
    >>> @stage_spec(status="S_GHOST")
    ... def remove_ghosts(exposure, params, references, background_exposures, instrument):
    ...     "Remove the ghosts of bright stars. Units: unchanged."
    """

    def declare(function: Function) -> Function:
        spec = StageSpec(
            name=function.__name__,
            status=status,
            aliases=aliases,
            product=product,
            consumes_backgrounds=consumes_backgrounds,
            reshapes=reshapes,
            unit=unit,
            dq=dq,
        )
        function.__dict__["iris_spec"] = spec
        warnings = {
            name: DeprecationWarning(f"the argument '{name}' of the stage '{spec.name}' will go: {instead}")
            for name, instead in (deprecated or {}).items()
        }
        return hookspec(firstresult=True, warn_on_impl_args=warnings)(function)

    return declare


def stage(
    name: str,
    *,
    params: type[Params] = Params,
    references: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    dq: DQ = DQ.GOOD,
    check: Callable[..., Exposure | None] | None = None,
    by_integration: bool | Callable[[Any], bool] = False,
    only_by_name: bool = False,
) -> Callable[[Function], Function]:
    """Make a function the implementation of a stage.

    The function takes those of the hook's arguments it needs (``exposure``, ``params``, ``references``,
    ``background_exposures``, ``instrument``), by these names, and returns the calibrated `Exposure`.
    It does no I/O, changes nothing of what it is given, and raises where it cannot calibrate.

    Parameters
    ----------
    name
        The stage's hook, for example ``"flat_field"``.
    params
        Its parameters, a subclass of `Params`; every field has a default.
    references
        Types of the reference files without which it cannot run.
    optional
        Types of reference files it uses where one is found.
    dq
        The bits it may add besides those that the stage may, DO_NOT_USE and those of its reference files.
    check
        A function of the same arguments, called before any pixel is read. Its exposures are outlines: headers, unit
        and shape are true, pixels are not there. It raises what the stage would raise, and may return
        the outline as the stage will leave it (another unit, say).
    by_integration
        Whether it treats each integration of a cube as if it were alone, or a function of the parameters that tells.
        The runner then gives it a large cube some integrations at a time, which bounds memory.
    only_by_name
        Whether it is another way to do what one plugin does for everybody: it then runs only where recipe, instrument
        mode or command line name its plugin, and to install it changes no run.

    Examples
    --------
    >>> from iris_core import Exposure, Params, parameter, stage
    >>> class GainParams(Params):
    ...     gain: float = parameter(1.0, "Factor on the data.", gt=0)
    >>> @stage("flat_field", params=GainParams)
    ... def multiply(exposure: Exposure, params: GainParams) -> Exposure:
    ...     return exposure.scale(params.gain)
    """

    def implement(function: Function) -> Function:
        function.__dict__["iris_stage"] = StageImplementation(
            stage=name,
            params=params,
            references=references,
            optional=optional,
            dq=dq,
            check=check,
            by_integration=by_integration,
            only_by_name=only_by_name,
        )
        return hookimpl(specname=name)(function)

    return implement


class _AnyParams(Params):
    """Parameters of a function that takes none: what the recipe says to another implementation is not its business."""

    model_config = ConfigDict(extra="ignore")


def stand_in(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as an implementation of a stage; one that is not declared as such stays so itself."""
    if hasattr(function, "iris_stage"):
        return function

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return stage(name, params=_AnyParams)(call)


def describe_params(params: type[Params]) -> list[Mapping[str, Any]]:
    """Return name, type, default, unit and description of each parameter, in order."""
    return [_describe(name, field_info) for name, field_info in params.model_fields.items()]


def _describe(name: str, info: Any) -> Mapping[str, Any]:
    extra = info.json_schema_extra or {}
    return {
        "name": name,
        "type": _type_name(info.annotation),
        "default": None if info.is_required() else info.default,
        "unit": extra.get("unit", ""),
        "description": info.description or "",
    }


def _type_name(annotation: Any) -> str:
    """Return a type as a user would say it: ``square | point``, ``number``, ``text``."""
    named = {float: "number", int: "whole number", str: "text", bool: "true | false", type(None): "none"}
    if get_origin(annotation) is Literal:
        return " | ".join(str(value) for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join(_type_name(item) for item in get_args(annotation))
    return named.get(
        annotation, getattr(annotation, "__name__", "") if isinstance(annotation, type) else str(annotation)
    )
