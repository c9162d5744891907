"""Read a recipe from YAML, and report every error in it with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os.path import isfile
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from iris_core.errors import IrisError, Problems, RecipeError, choices, did_you_mean
from iris_core.recipe import (
    ExecutorOptions,
    Numbers,
    Options,
    OutputOptions,
    PartialRecipe,
    Recipe,
    StepOptions,
    StepRequest,
    explain,
)
from iris_core.recipes.merging import merge_step
from iris_core.recipes.yaml_lines import Document, parse_document

__all__ = ["RecipeFile", "find_recipe", "load_recipe"]

Model = TypeVar("Model", bound=BaseModel)


def _parse_numbers(text: str | int) -> Numbers:
    """Return the least and the greatest number that ``1``, ``1+`` or ``0-1`` allow; None for no limit."""
    found = re.fullmatch(r"(\d+)(?:(\+)|-(\d+))?", str(text).strip())
    if found is None or (found[3] and int(found[3]) < int(found[1])):
        raise ValueError(f"a number of exposures is like 1, 1+ or 0-1, not {text!r}")
    return int(found[1]), None if found[2] else int(found[3] or found[1])


class RecipeFile(Options):
    """The keys of a recipe."""

    recipe: Literal[1] = Field(description="Version of the format.")
    name: str = Field(description="Name of the recipe.", min_length=1)
    extends: str | None = Field(None, description="Recipe, by name or path, of which this one changes steps.")
    instrument: str | None = Field(None, description="Instrument mode; otherwise found from the header.")
    references: dict[str, str | list[str]] = Field(
        {}, description="Reference files by type; 'store' is a folder of them, 'providers' the plugins that are asked."
    )
    reader: str | None = Field(None, description="Plugin that reads the exposures; by default the one that can.")
    members: dict[str, Annotated[Any, AfterValidator(_parse_numbers)]] = Field(
        {}, description="Exposures by role with their number, of a recipe that makes many into one: {dark: 1+}."
    )
    missing: Literal["fail", "leave_out"] | None = Field(
        None, description="'leave_out': where one of many exposures fails, the product is made without it."
    )
    image_types: list[str] | None = Field(
        None, description="Calibration exposures (IMTYPE: SKY, DARK, FLAT ...) that it takes as science exposures."
    )
    backgrounds: Literal["members", "others"] | None = Field(
        None, description="'others': every exposure has the other inputs as its background exposures."
    )
    steps: list[Any] = Field([], description="The stages, in order.")
    with_: list[str] = Field([], alias="with", description="Plugins whose wrappers act in this run.")
    output: OutputOptions = OutputOptions()
    executor: ExecutorOptions = ExecutorOptions()


def find_recipe(name: str, known: Mapping[str, Path], beside: Path = Path()) -> Path:
    """Return the file of a recipe that is given by name, or by a path relative to the folder `beside`.

    Raises
    ------
    RecipeError
        When there is none.
    """
    path = beside / name
    is_path = path.suffix in (".yaml", ".yml")
    if not is_path and name in known:
        return known[name]
    if isfile(path):
        return path
    if is_path:
        raise RecipeError(f"no recipe file {path}; recipes by name: {choices(known)}")
    raise RecipeError(f"no recipe '{name}'{did_you_mean(name, known)} Recipes: {choices(known)}")


def load_recipe(path: Path, known: Mapping[str, Path], above: tuple[Path, ...] = ()) -> Recipe:
    """Read a recipe and those it extends.

    Parameters
    ----------
    path
        The YAML file.
    known
        Recipes that can be extended by name.
    above
        The files that are being read, each extending the next.

    Raises
    ------
    Problems
        Every error in the file, each with its line; `PartialRecipe` where something of it can be used.
    """
    reader = _Reader(path, known, (*above, path.resolve()))
    recipe = reader.read()
    if reader.problems:
        raise PartialRecipe(reader.problems, recipe)
    return recipe


class _Reader:
    """Reads one file; errors are collected in `problems`."""

    def __init__(self, path: Path, known: Mapping[str, Path], above: tuple[Path, ...]) -> None:
        self.path, self.known, self.above = path, known, above
        self.problems: list[IrisError] = []
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Problems([RecipeError(f"recipe {path}: cannot be read: {error}")]) from None
        self.document = parse_document(text, path.name)

    def read(self) -> Recipe:
        """Return the recipe of the file, put over the one it extends."""
        content = self._validate()
        changes = [step for index, item in enumerate(content.steps) if (step := self._step(item, index))]
        base = self._base(content.extends)
        steps = self._plain_steps(changes, content) if base is None else self._merge(base.steps, changes)
        base = base or Recipe(name="", steps=())
        files = dict(content.references)
        providers = self._providers(files.pop("providers", None))
        references = {kind: self._beside(kind, file) for kind, file in files.items()}
        places = {kind: self.document.place(("references", kind)) for kind in references}
        given = content.model_fields_set
        return Recipe(
            name=content.name,
            label=self.document.label,
            steps=tuple(steps),
            instrument=content.instrument or base.instrument,
            references={**base.references, **references},
            reference_places={**base.reference_places, **places},
            providers=providers or base.providers,
            reader=content.reader or base.reader,
            members=dict(content.members) or base.members,
            missing=content.missing or base.missing,
            image_types=base.image_types if content.image_types is None else tuple(content.image_types),
            backgrounds=content.backgrounds or base.backgrounds,
            plugins=tuple(dict.fromkeys((*base.plugins, *content.with_))),
            output=content.output if "output" in given else base.output,
            executor=content.executor if "executor" in given else base.executor,
            executor_place=self.document.place(("executor",)) if "executor" in given else base.executor_place,
        )

    def _validate(self) -> RecipeFile:
        """Return the content without the keys that are wrong."""
        data = self.document.data
        if not isinstance(data, dict):
            raise Problems([RecipeError(f"recipe {self.document.label}: a recipe is a mapping; keys: {_top_keys()}")])
        content, problems = _without_wrong(RecipeFile, data, self.document, (), {"recipe": 1, "name": self.path.stem})
        self.problems += problems
        return content

    def _providers(self, names: str | list[str] | None) -> tuple[str, ...]:
        return (names,) if isinstance(names, str) else tuple(names or ())

    def _beside(self, kind: str, file: str | list[str]) -> Path:
        """Return the path of a reference, which is relative to the recipe's folder."""
        if isinstance(file, list):
            self.problems.append(RecipeError(f"{self.document.place(('references', kind))}: {kind} is one file"))
            return Path()
        try:
            return self.path.parent / Path(file).expanduser()
        except RuntimeError:
            self.problems.append(RecipeError(f"{self.document.place(('references', kind))}: no such user: {file}"))
            return Path(file)

    def _step(self, item: Any, index: int) -> StepRequest | None:
        if isinstance(item, str):
            item = {item: {}}
        if not (isinstance(item, dict) and len(item) == 1):
            place = self.document.place(("steps", index))
            self.problems.append(RecipeError(f"{place}: a step is a stage's name or 'name: {{...}}', not {item!r}"))
            return None
        stage, given = next(iter(item.items()))
        path = ("steps", index, stage)
        options, problems = _without_wrong(StepOptions, given or {}, self.document, path, {})
        self.problems += problems
        inside = [key for key in self.document.lines if key[:3] == path and len(key) > 3]
        places = {".".join(map(str, key[3:])): self.document.place(key) for key in inside}
        return StepRequest(stage=str(stage), options=options, place=self.document.place(path), places=places)

    def _base(self, name: str | None) -> Recipe | None:
        if name is None:
            return None
        place = self.document.place(("extends",))
        try:
            path = find_recipe(name, self.known, self.path.parent)
            if path.resolve() in self.above:
                raise RecipeError(f"{path} extends itself")
            return load_recipe(path, self.known, self.above)
        except PartialRecipe as partial:
            self.problems += partial.problems
            return partial.recipe
        except Problems as error:
            self.problems += error.problems
        except IrisError as error:
            self.problems.append(RecipeError(f"{place}: {error}"))
        return None

    def _plain_steps(self, steps: list[StepRequest], content: RecipeFile) -> list[StepRequest]:
        if content.extends is None:
            self.problems += [
                RecipeError(f"{step.where(key)}: '{key}' needs 'extends'")
                for step in steps
                for key in ("after", "before")
                if getattr(step.options, key)
            ]
            if not content.steps and not self.document.data.get("steps"):
                self.problems.append(RecipeError(f"{self.document.place(('steps',))}: the recipe has no steps"))
        return steps

    def _merge(self, base: tuple[StepRequest, ...], changes: list[StepRequest]) -> list[StepRequest]:
        steps = list(base)
        for change in changes:
            names = [step.stage for step in steps]
            key = "after" if change.options.after else "before" if change.options.before else ""
            if key == "after" and change.options.before:
                self.problems.append(RecipeError(f"{change.where('before')}: give 'after' or 'before', not both"))
            wanted = getattr(change.options, key) if key else change.stage
            if wanted not in names:
                hint = "" if key else "; a new step needs a place, 'after:' or 'before:'"
                self.problems.append(
                    RecipeError(
                        f"{change.where(key)}: the extended recipe has no step '{wanted}'"
                        f"{did_you_mean(wanted, names)} Steps: {', '.join(names)}{hint}"
                    )
                )
            elif key:
                steps.insert(names.index(wanted) + (key == "after"), change)
            else:
                options = change.options.model_dump(exclude_unset=True)
                at = names.index(wanted)
                steps[at] = merge_step(steps[at], options, change.places, change.place)
        return steps


def _top_keys() -> str:
    return choices(item.alias or name for name, item in RecipeFile.model_fields.items())


def _without_wrong(
    model: type[Model], data: Any, document: Document, path: tuple[str | int, ...], required: Mapping[str, Any]
) -> tuple[Model, list[RecipeError]]:
    """Return the model of `data` without those of its keys that are wrong, and the errors."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        wrong = {item["loc"][0] for item in error.errors() if item["loc"]}
        given = data.items() if isinstance(data, dict) else ()
        kept = {key: value for key, value in given if isinstance(key, str) and key not in wrong}
        return model.model_validate({**required, **kept}), list(explain(error, model, document.place, path))
