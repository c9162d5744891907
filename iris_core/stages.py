"""How a stage is specified (`stage_spec`), implemented (`stage`) and configured (`Params`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import wraps
from types import ModuleType
from typing import Any, Literal, TypeVar

import pluggy
from pydantic import BaseModel, ConfigDict, Field

from iris_core.dq import DQ
from iris_core.exposure import Exposure
from iris_core.installed import PROJECT
from iris_core.meta import Removal

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Function = TypeVar("Function", bound=Callable[..., Any])
Removes = Mapping[str, Removal]


class Params(BaseModel):
    """Base of every stage's parameters: frozen, and an unknown key is an error."""

    # The validator is built when parameters are first validated, not when a plugin is imported.
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
    """Declare a hook that is a calibration stage, whichever plugin implements it.

    A plugin whose module holds the decorated function declares the stage; the name of the function is that of the
    step in a recipe.

    Parameters
    ----------
    status
        The ``S_*`` keyword that records it.
    aliases
        Keywords with which other pipelines record the same.
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
    removes
        What it takes out of the pixels (``"flat"``).
    may_remove
        What its implementations may take out as well; each declares it with ``stage(removes=...)``.
    group
        Whether it is a stage of many exposures: its hook has ``exposures`` in place of ``exposure``.
    makes
        Of a group: ``"many"``, the exposures it is given, changed, or ``"one"``, one exposure of them all.
    tables, images
        Suffixes of the tables (``cat``) and images (``segm``) that it makes beside the exposure, in a `Result`.
    deprecated
        By argument of the hook that will be dropped, what to use instead: an implementation that names the argument
        gets a DeprecationWarning.
    name
        Set by the decorator.

    Examples
    --------
    >>> from iris_core import stage_spec
    >>> @stage_spec(status="S_GHOST")
    ... def remove_ghosts(exposure, params, references, background_exposures, instrument):
    ...     "Remove the ghosts of bright stars. Units: unchanged."
    """

    status: str
    aliases: tuple[str, ...] = ()
    product: str | None = None
    consumes_backgrounds: bool = False
    reshapes: bool = False
    unit: str = ""
    dq: DQ = DQ.GOOD
    removes: str = ""
    may_remove: tuple[str, ...] = ()
    group: bool = False
    makes: Literal["many", "one"] = "many"
    tables: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    deprecated: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    def records_as(self, other: StageSpec) -> bool:
        """Whether it is another stage with a keyword of `other`."""
        return self.name != other.name and bool({self.status, *self.aliases} & {other.status, *other.aliases})

    def __call__(self, function: Function) -> Function:
        """Declare the stage that a function specifies."""
        spec = replace(self, name=function.__name__)
        function.__dict__["iris_spec"] = spec
        warnings = {
            name: DeprecationWarning(f"the argument '{name}' of the stage '{spec.name}' will be dropped: {instead}")
            for name, instead in self.deprecated.items()
        }
        return hookspec(firstresult=True, warn_on_impl_args=warnings)(function)


@dataclass(frozen=True, slots=True)
class StageImplementation:
    """Make a function the implementation of a stage.

    The function takes those of the hook's arguments it needs (``exposure``, ``params``, ``references``,
    ``background_exposures``, ``instrument``), by these names, and returns the calibrated `Exposure`.
    It does no I/O, changes nothing of what it is given, and raises where it cannot calibrate.

    Parameters
    ----------
    stage
        The stage's hook, for example ``"flat_field"``.
    params
        Class of its parameters, derived from `Params`; every field has a default.
    references
        Types of the reference files without which it cannot run.
    optional
        Types of reference files it uses where one is found.
    dq
        Bits it may add besides those that the stage may, DO_NOT_USE and those of its reference files.
    check
        A function of the same arguments that raises where the stage could not calibrate. It is called on an outline
        (headers, unit and shape are true, there are no pixels) before the run, and on the exposure right before the
        stage. It may return the outline as the stage will leave it, in another unit, say. See `headers_only`.
    headers_only
        Whether the stage looks at headers only and touches no pixel: it then is its own check, where it has no
        `check` that takes less time; either is called before the run only.
    by_integration
        Whether it treats each integration of a cube as if it were alone, or a function of the parameters that tells.
        The runner then gives it a large cube some integrations at a time, which bounds memory.
    only_by_name
        If true, this implementation is never chosen by default; it runs only if the recipe, the instrument mode or
        the command line names its plugin.
    removes
        How much it takes out of what its stage may remove, by name, or a function of the parameters that tells:
        ``{"dark": Removal.WHOLE}`` of a background. What is not declared counts as unknown.

    Examples
    --------
    >>> from iris_core import Exposure, Params, parameter, stage
    >>> class GainParams(Params):
    ...     gain: float = parameter(1.0, "Factor on the data.", gt=0)
    >>> @stage("flat_field", params=GainParams)
    ... def multiply(exposure: Exposure, params: GainParams) -> Exposure:
    ...     return exposure.scale(params.gain)
    """

    stage: str
    _: KW_ONLY
    params: type[Params] = Params
    references: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    dq: DQ = DQ.GOOD
    check: Callable[..., Exposure | None] | None = None
    headers_only: bool = False
    by_integration: bool | Callable[[Any], bool] = False
    only_by_name: bool = False
    removes: Removes | Callable[[Any], Removes] = field(default_factory=dict)

    def __call__(self, function: Function) -> Function:
        """Make `function` the implementation."""
        function.__dict__["iris_stage"] = self
        return hookimpl(specname=self.stage)(function)


stage_spec = StageSpec
stage = StageImplementation


class _AnyParams(Params):
    """Parameters of a plain function: what the recipe sets for another implementation is ignored."""

    model_config = ConfigDict(extra="ignore")


def as_plugin(name: str, function: Callable[..., Any], module: str) -> ModuleType:
    """Return a plugin that holds one function as the implementation of a stage; the function is not changed."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    plugin = ModuleType(module)
    plugin.__dict__[name] = function if hasattr(function, "iris_stage") else stage(name, params=_AnyParams)(call)
    return plugin


def call_with_named(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function with those of the arguments that it names, as pluggy calls implementations of hooks."""
    named = inspect.signature(function).parameters
    return function(**{name: value for name, value in arguments.items() if name in named})
