"""A recipe: which stages, in which order, by whom, with what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from iris_core.errors import IrisError, Problems

__all__ = [
    "ExecutorOptions",
    "Options",
    "OutputOptions",
    "PartialRecipe",
    "Recipe",
    "StepOptions",
    "StepRequest",
    "merge_step",
]


class Options(BaseModel):
    """Base of what a recipe can say: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class StepOptions(Options):
    """What a recipe can say of one step."""

    use: str | None = Field(None, description="Name of the plugin that implements the stage.")
    params: dict[str, Any] = Field({}, description="Parameters of the implementation.")
    save: bool | str | None = Field(None, description="Write a product after this step; a text is its suffix.")
    skip: str | None = Field(None, description="Leave the step out, for this reason.", min_length=1)
    again: bool = Field(False, description="Run it although the exposure has been through this stage.")
    after: str | None = Field(None, description="With 'extends': put this new step after the named one.")

    @field_validator("save")
    @classmethod
    def _is_a_suffix(cls, save: bool | str | None) -> bool | str | None:
        if isinstance(save, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", save):
            raise ValueError("a suffix is letters, digits, '-' and '_'")
        return save


class OutputOptions(Options):
    """Where products go."""

    directory: str | None = Field(None, description="Folder of the products; by default that of the input.")
    format: Literal["fits", "asdf"] | None = Field(
        None, description="Format of the products; that of the input if not said."
    )
    overwrite: bool = Field(False, description="Replace products that exist.")


class ExecutorOptions(Options):
    """How several exposures are worked on."""

    name: str = Field("serial", description="serial, processes, or an executor that a plugin brings.")
    workers: int = Field(2, description="How many at a time.", ge=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest:
    """One step as asked for: `places` says, for each thing asked, where it was said."""

    stage: str
    options: StepOptions
    place: str
    places: Mapping[str, str] = field(default_factory=dict)

    def where(self, key: str) -> str:
        """Return where `key` (``use``, ``params.sigma`` ...) was said, or where the step is."""
        return self.places.get(key, self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe, read and valid in itself; whether its plugins and references exist is not known yet."""

    name: str
    steps: tuple[StepRequest, ...]
    label: str = ""
    instrument: str = ""
    references: Mapping[str, Path] = field(default_factory=dict)
    reference_places: Mapping[str, str] = field(default_factory=dict)
    backgrounds: str = "members"
    plugins: tuple[str, ...] = ()
    output: OutputOptions = field(default_factory=OutputOptions)
    executor: ExecutorOptions = field(default_factory=ExecutorOptions)


class PartialRecipe(Problems):
    """Mistakes in a recipe, with what could be understood of it: later checks go on, and all is reported at once."""

    def __init__(self, problems: Iterable[IrisError], recipe: Recipe) -> None:
        super().__init__(problems)
        self.recipe = recipe


def merge_step(step: StepRequest, said: Mapping[str, Any], places: Mapping[str, str], place: str) -> StepRequest:
    """Return a step with what was said later put over what was said before; `params` are merged key by key."""
    options = step.options.model_dump(exclude_unset=True)
    params = {**options.get("params", {}), **said.get("params", {})}
    if said.get("save") is True and options.get("save"):
        said = {**said, "save": options["save"]}  # it is saved already, under a suffix that was chosen
    merged = StepOptions.model_validate({**options, **said, "params": params})
    return replace(step, options=merged, places={**step.places, **places}, place=place)
