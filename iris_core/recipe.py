"""A recipe: which stages, in which order, by which plugins, with what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from iris_core.errors import IrisError, Problems, RecipeError, choices, did_you_mean


class Options(BaseModel):
    """Base of the parts of a recipe: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class StepOptions(Options):
    """The options of one step."""

    use: str | None = Field(None, description="Name of the plugin that implements the stage.")
    params: dict[str, Any] = Field({}, description="Parameters of the implementation.")
    save: bool | str | None = Field(None, description="Write a product after this step; a text is its suffix.")
    skip: str | Literal[False] | None = Field(None, description="Why to skip it; false: run what 'extends' skips.")
    again: bool = Field(False, description="Run it although the exposure has been through this stage.")
    after: str | None = Field(None, description="With 'extends': put this new step after the named one.")
    before: str | None = Field(None, description="With 'extends': put this new step before the named one.")

    @field_validator("skip")
    @classmethod
    def _has_a_reason(cls, skip: str | bool | None) -> str | bool | None:
        if isinstance(skip, str) and not skip.strip():
            raise ValueError("a skip needs a reason")
        return skip

    @field_validator("save")
    @classmethod
    def _is_a_suffix(cls, save: bool | str | None) -> bool | str | None:
        if isinstance(save, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", save):
            raise ValueError("a suffix is letters, digits, '-' and '_'")
        return save


class OutputOptions(Options):
    """Where products go."""

    directory: str | None = Field(None, description="Folder of the products; by default that of the input.")
    format: Literal["fits", "asdf"] | None = Field(None, description="Their format; by default that of the input.")
    overwrite: bool = Field(False, description="Replace products that exist.")
    resume: bool = Field(False, description="Keep those that are whole and would be made the same, replace others.")
    accept: tuple[str, ...] = Field((), description="What may differ in a product that is kept: parts of the key.")


def parse_size(text: object) -> object:
    """Return the bytes that ``4G``, ``1.5 GiB`` or ``500M`` are; what is no text stays as it is."""
    if not isinstance(text, str):
        return text
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise ValueError(f"a size is like 500M or 4G, not {text!r}")
    return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))


class ExecutorOptions(Options):
    """How several exposures are calibrated; other keys are those of the executor's own."""

    model_config = ConfigDict(extra="allow")

    name: str = Field("serial", description="serial, processes, or an executor that a plugin brings.")
    scratch: str | None = Field(None, description="Folder for what is between stages; by default that of products.")
    memory: Annotated[int, BeforeValidator(parse_size)] | None = Field(
        None, description="What the whole run may take, like 4G; by default half of what there is.", ge=1 << 26
    )
    workers: int | None = Field(None, description="Exposures at a time, by default 2; not with serial.", ge=1)


def options_of(start: Callable[..., Any]) -> list[str]:
    """Return the names of the options that the function of an executor takes beside the number of workers."""
    return list(signature(start).parameters)[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest:
    """One step as asked for; `places` gives, for each option, the file and line where it was set."""

    stage: str
    options: StepOptions
    place: str
    places: Mapping[str, str] = field(default_factory=dict)

    def where(self, key: str) -> str:
        """Return where `key` (``use``, ``params.sigma`` ...) was set, or where the step is."""
        return self.places.get(key, self.place)


Numbers = tuple[int, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe, read and valid in itself; whether its plugins and references exist is not known yet.

    Parameters
    ----------
    name, steps, backgrounds, output, executor
        See the keys of a recipe.
    label, executor_place
        What to call it in errors, and where its executor was set.
    instrument
        Name of the instrument mode; `forced` where it counts even against the header.
    references, reference_places
        Files by type (``store``: a folder), and where each was named.
    providers
        Plugins that are asked for references; empty for all.
    reader
        Plugin that reads the exposures; ``""`` for the one that accepts them.
    members
        Of a recipe with stages of many exposures: by role, the least and the greatest number of them.
    missing
        What happens where one of many exposures fails: ``fail`` with it, or ``leave_out``.
    image_types
        Values of IMTYPE of calibration exposures that it takes as science exposures.
    plugins
        Plugins whose wrappers act.
    """

    name: str
    steps: tuple[StepRequest, ...]
    label: str = ""
    instrument: str = ""
    forced: bool = False
    references: Mapping[str, Path] = field(default_factory=dict)
    reference_places: Mapping[str, str] = field(default_factory=dict)
    providers: tuple[str, ...] = ()
    reader: str = ""
    members: Mapping[str, Numbers] = field(default_factory=dict)
    missing: str = "fail"
    image_types: tuple[str, ...] = ()
    backgrounds: str = "members"
    plugins: tuple[str, ...] = ()
    output: OutputOptions = field(default_factory=OutputOptions)
    executor: ExecutorOptions = field(default_factory=ExecutorOptions)
    executor_place: str = ""


class PartialRecipe(Problems):
    """Errors in a recipe, with what could be understood of it: later checks go on, and all are reported at once."""

    def __init__(self, problems: Iterable[IrisError], recipe: Recipe) -> None:
        super().__init__(problems)
        self.recipe = recipe


Item = TypeVar("Item")
# A single name or path stands for a list of one, None for nothing.
Named = Annotated[dict[str, Item], BeforeValidator(lambda items: items or {})]
Several = Annotated[tuple[Item, ...], BeforeValidator(lambda one: (one,) if isinstance(one, str | Path) else one)]


class Overrides(BaseModel):
    """Changes to a recipe for one run; they take precedence over the recipe.

    Parameters
    ----------
    params
        ``{"flat_field.inverse": True}``.
    use
        Implementation by stage.
    references
        File by reference type; ``store`` is a folder of reference files.
    skip
        Reason by stage.
    unskip
        Stages to run although the recipe skips them.
    save
        Stages after which a product is written.
    instrument
        Name of the instrument mode, which then counts even where the header contradicts it.
    directory, format, overwrite
        Where products go, in which format (``fits``, ``asdf``), and whether they may replace files.
    resume, accept
        Whether products that would be made the same are kept, and in what they may differ.
    executor, workers
        How several exposures are calibrated.
    scratch, memory
        Folder for exposures between two stages of many; what the whole run may take.
    plugin_files
        Single-file plugins, which are used for the stages they implement.
    allow_outside
        Whether an association may name files outside its own folder.
    flags
        Whether errors name options as on the command line.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)

    params: Named[Any] = {}
    use: Named[str] = {}
    references: Named[Path] = {}
    skip: Named[str] = {}
    unskip: Several[str] = ()
    save: Several[str] = ()
    instrument: str = ""
    directory: Path | None = None
    format: str | None = None
    overwrite: bool = False
    resume: bool = False
    accept: Several[str] = ()
    executor: str = ""
    workers: int | None = None
    scratch: Path | None = None
    memory: int | str | None = None
    plugin_files: Several[Path] = ()
    allow_outside: bool = False
    flags: bool = False


Location = tuple[str | int, ...]


def explain(
    error: ValidationError, model: type[BaseModel], place: Callable[[Location], str], prefix: Location = ()
) -> Iterator[RecipeError]:
    """Turn a ValidationError into errors that name the place, the value and what would be right.

    Parameters
    ----------
    error
        The error of pydantic.
    model
        The class that was validated.
    place
        Function from a path to the text that gives its place.
    prefix
        Path of the validated value.
    """
    for item in error.errors(include_url=False):
        path = (*prefix, *item["loc"])
        name = _dotted(path)
        if item["type"] == "extra_forbidden":
            known = _keys(model, item["loc"])
            message = f"unknown key '{name}'{did_you_mean(item['loc'][-1], known)} Keys: {choices(known)}"
        elif item["type"] == "missing":
            message = f"'{name}' is missing"
        elif item["type"] == "invalid_key":
            message = f"a key is a string, not {item['input']!r}"
        else:
            message = f"{name}: {item['msg'][:1].lower()}{item['msg'][1:]}, not {item['input']!r}"
        yield RecipeError(" ".join(f"{place(path)}: {message}".split()))


def _dotted(path: Location) -> str:
    """Return the name of a value as on the command line, without the numbers of list items."""
    inner = [str(part) for part in path if part != "steps" and not isinstance(part, int)]
    return ".".join(inner) or ".".join(map(str, path)) or "the recipe"


def _keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Return the keys allowed beside an unknown one."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        inner = None if field is None else field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return [field.alias or name for name, field in model.model_fields.items()]
