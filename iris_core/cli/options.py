"""Options that several commands share, their completion in the shell, and helpers for commands of other packages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from iris_core.plugins import Plugins
    from iris_core.step import Implementation


Command = TypeVar("Command", bound=Callable[..., Any])


def complete(_ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what can be given for a parameter of a command: an argument or option with ``shell_complete=complete``."""
    from click.shell_completion import CompletionItem

    from iris_core.loading import load_plugins

    name = parameter.name or ""
    values = sorted({value for value in _VALUES[name](load_plugins()) if value.startswith(incomplete)})
    # Files come first: bash forgets what it was told before.
    files = [CompletionItem(incomplete, type="file")] if name in ("recipe", "what") else []
    return [*files, *map(CompletionItem, values)]


def _of_stages(values: Callable[[str, Implementation], Iterable[str]], plugins: Plugins) -> list[str]:
    found = ((stage, one) for stage in plugins.stages() for one in plugins.implementations(stage).values())
    return [value for stage, one in found for value in values(stage, one)]


_VALUES: Mapping[str, Callable[[Plugins], Iterable[str]]] = {
    "recipe": lambda plugins: plugins.recipes(),
    "what": lambda plugins: {*plugins.stages(), *plugins.recipes(), *plugins.modes()},
    "params": partial(_of_stages, lambda stage, one: [f"{stage}.{key}=" for key in one.declared.params.model_fields]),
    "use": partial(_of_stages, lambda stage, one: [f"{stage}={one.plugin}"]),
    "references": lambda plugins: [f"{name}=" for name in ("store", *plugins.reference_types())],
    "skip": lambda plugins: [f"{name}=" for name in plugins.stages()],
    "unskip": lambda plugins: plugins.stages(),
    "save": lambda plugins: plugins.stages(),
    "instrument": lambda plugins: plugins.modes(),
    "executor": lambda plugins: ["serial", *plugins.executors()],
}


def pairs(_ctx: click.Context, option: click.Parameter, values: Iterable[str]) -> dict[str, str]:
    """Return NAME=VALUE options as a dictionary: the callback of an option that may be given several times."""
    found = {}
    for item in values:
        name, equals, value = item.partition("=")
        if not (equals and name.strip() and value):
            raise click.BadParameter(f"{item!r} is not {option.metavar}")
        found[name.strip()] = value
    return found


def yaml_pairs(ctx: click.Context, option: click.Parameter, values: Iterable[str]) -> dict[str, Any]:
    """Return NAME=VALUE options as a dictionary, each value as it would be in a recipe: a callback like `pairs`."""
    return {name: _yaml_value(name, value) for name, value in pairs(ctx, option, values).items()}


def _yaml_value(name: str, value: str) -> Any:
    from iris_core.errors import Problems
    from iris_core.recipes.yaml_lines import parse_document

    try:
        return parse_document(value, "").data
    except Problems:
        raise click.BadParameter(f"{f'{name}={value}'!r}: not a valid YAML value (quote strings)") from None


class ModelCommand(click.Command):
    """A command with an option for each field of a pydantic model, which is imported when they are asked for.

    The function gets what was given as the dictionary ``given``. A ValidationError of the model is a usage error.

    Parameters
    ----------
    model
        The class, ``"lab_simulator.spec:Simulation"``.
    kinds
        click's types of fields that need their own.
    """

    def __init__(self, *args: Any, model: str, kinds: Mapping[str, Any] | None = None, **attributes: Any) -> None:
        self._model, self._kinds, self._is_complete = model, kinds or {}, False
        super().__init__(*args, **attributes)

    @property
    def params(self) -> list[click.Parameter]:
        """The options and arguments, those of the model last."""
        if not self._is_complete:
            self._is_complete = True
            self._params += [self._option(name, field) for name, field in self._import().model_fields.items()]
        return self._params  # the list itself: click appends to it

    @params.setter
    def params(self, params: list[click.Parameter]) -> None:
        self._params = params

    def _import(self) -> Any:
        module, _, name = self._model.partition(":")
        return getattr(import_module(module), name)

    def _option(self, name: str, field: Any) -> click.Option:
        unit = (field.json_schema_extra or {}).get("unit")
        text = f"{field.description or ''} [{unit}]" if unit else field.description or ""
        default = "" if field.is_required() or field.default in (None, "") else f"  [default: {field.default}]"
        flag = f"--{name.replace('_', '-')}"
        kind = self._kinds.get(name) or _kind(field.annotation)
        return click.Option(
            [f"{flag}/--no-{flag[2:]}" if kind is bool else flag, name], type=kind, default=None, help=text + default
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Call the function; an error in the values names their options."""
        from pydantic import ValidationError

        model = self._import()
        values = {name: ctx.params.pop(name) for name in model.model_fields}
        ctx.params["given"] = {name: value for name, value in values.items() if value is not None}
        try:
            return super().invoke(ctx)
        except ValidationError as error:
            if error.title != model.__name__:
                raise
            raise click.UsageError("; ".join(map(_in_words, error.errors()))) from None


def _kind(annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return click.Choice([value for value in get_args(annotation) if value], case_sensitive=False)
    return next((item for item in get_args(annotation) if item is not type(None)), annotation)


def _in_words(error: Mapping[str, Any]) -> str:
    message = error["msg"].removeprefix("Value error, ")
    name = ".".join(map(str, error["loc"])).replace("_", "-")
    return f"--{name}: {message}" if name else message


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_one = partial(click.option, shell_complete=complete)
_each = partial(_one, multiple=True)
_path = partial(click.option, type=click.Path(path_type=Path))
_RECIPE = (
    _each("--set", "params", callback=yaml_pairs, metavar="STAGE.KEY=VALUE", help="Set a parameter of a stage."),
    _each("--use", callback=pairs, metavar="STAGE=PLUGIN", help="Choose the plugin that implements a stage."),
    _path(
        "--plugin",
        "plugin_files",
        multiple=True,
        metavar="FILE.py",
        help="Load a single-file plugin and use it for the stages it implements.",
    ),
    _each("--reference", "references", callback=pairs, metavar="TYPE=FILE", help="Use this file, or store=FOLDER."),
    _each("--skip", callback=pairs, metavar="STAGE=REASON", help="Skip a stage."),
    _each("--no-skip", "unskip", metavar="STAGE", help="Run a stage that the recipe skips."),
    _each("--save", metavar="STAGE", help="Also write the exposure after this stage."),
    click.option("--save-bsub", is_flag=True, help="The same as --save background."),
    _path("--background", "backgrounds", multiple=True, help="A background exposure; one option for each file."),
    click.option("--allow-outside", is_flag=True, help="Let associations name files outside their own folder."),
    _one("--instrument", default="", metavar="MODE", help="Instrument mode, even if the header contradicts it."),
    _path("--output-dir", "directory", help="Folder of the products.  [default: the input's]"),
    click.option("--format", type=click.Choice(["fits", "asdf"]), help="Product format.  [default: the input's]"),
    click.option("--overwrite", is_flag=True, help="Replace products that exist."),
    click.option("--resume", is_flag=True, help="Keep products that would be made the same, and replace the others."),
    _each("--accept", metavar="NAME", help="With --resume: keep products that differ in this component or package."),
    _one("--executor", default="", metavar="NAME", help="serial (default), processes, or a plugin's."),
    click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Exposures at a time, with processes."),
    _one("--memory", metavar="SIZE", help="What the whole run may take, like 4G.  [default: half of what there is]"),
    click.option(
        "--scratch",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder for exposures between two stages of many; by default that of the products.",
    ),
    as_json,
    click.option("--traceback", is_flag=True, help="Show where in the code an error arose."),
)


def recipe_options(command: Command) -> Command:
    """Add the options with which `iris run` and `iris check` change a recipe to a command: a decorator."""
    for option in reversed(_RECIPE):
        command = option(command)
    return command


def run_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that `recipe_options` adds by the names that `run` and `check` have for them.

    Parameters
    ----------
    options
        As click gives them to a command, without ``as_json`` and ``traceback``.
    """
    own = dict(options)
    also = ("background",) if own.pop("save_bsub") else ()
    return {**own, "save": (*own["save"], *also), "flags": True}
