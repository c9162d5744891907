"""YAML in which every value knows its line, so that an error can name it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from iris_core.errors import Problems, RecipeError, choices, did_you_mean

__all__ = ["Document", "explain", "parse_document"]

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed YAML text: plain `data`, and the line of each value by its path in the data."""

    label: str
    data: Any
    lines: Mapping[Path, int]

    def place(self, path: Path) -> str:
        """Return ``recipe x.yaml, line 7`` for a value, or for the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        line = self.lines.get(path)
        return f"recipe {self.label}, line {line}" if line else f"recipe {self.label}"


def parse_document(text: str, label: str) -> Document:
    """Parse YAML.

    Parameters
    ----------
    text
        One YAML document.
    label
        What to call it in errors.

    Raises
    ------
    Problems
        When it is no YAML, or has a key twice.
    """
    lines: dict[Path, int] = {}
    problems: list[RecipeError] = []
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = None if node is None else _build(node, (), lines, problems, label, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise Problems([RecipeError(f"recipe {label}{line}: not YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise Problems([RecipeError(f"recipe {label}: not YAML: {error}")]) from None
    if problems:
        raise Problems(problems)
    return Document(label, data, lines)


def _build(
    node: yaml.Node, path: Path, lines: dict[Path, int], problems: list[RecipeError], label: str, above: tuple[int, ...]
) -> Any:
    """Return the plain value of a node; `above` are the nodes around it, to refuse one that holds itself."""
    lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in above:
        problems.append(RecipeError(f"recipe {label}, line {node.start_mark.line + 1}: a value contains itself"))
        return None
    inside = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        built: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node)
            line = key_node.start_mark.line + 1
            if key in built:
                problems.append(RecipeError(f"recipe {label}, line {line}: the key '{key}' stands here a second time"))
            lines[(*path, key)] = line
            built[key] = _build(value_node, (*path, key), lines, problems, label, inside)
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), lines, problems, label, inside) for index, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        return str(node.value)
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    finally:
        loader.dispose()


def explain(error: ValidationError, model: type[BaseModel], place: Any, prefix: Path = ()) -> Iterator[RecipeError]:
    """Turn pydantic's findings into errors that name the place, the value and what would be right.

    Parameters
    ----------
    error
        What pydantic raised.
    model
        The class that was validated.
    place
        Function from a path to the words that say where it is.
    prefix
        Path of the validated value.
    """
    for item in error.errors(include_url=False):
        path = (*prefix, *item["loc"])
        name = ".".join(str(part) for part in path if part != "steps" and not isinstance(part, int))
        if item["type"] == "extra_forbidden":
            known = _keys(model, item["loc"])
            message = f"unknown key '{name}'{did_you_mean(item['loc'][-1], known)} Keys: {choices(known)}"
            message = message.replace("' Keys", "'; keys")
        elif item["type"] == "missing":
            message = f"'{name}' is missing"
        else:
            message = f"{name}: {_lowered(item['msg'])}, not {item['input']!r}"
        yield RecipeError(f"{place(path)}: {message}")


def _keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Return the keys allowed beside an unknown one."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        inner = None if field is None else field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]
