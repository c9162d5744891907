"""YAML with the line of every value, so that an error can name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from iris_core.errors import Problems, RecipeError

__all__ = ["Document", "parse_document"]

Path = tuple[str | int, ...]
_MOST_VALUES = 10_000


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
        When it is not YAML, or has a duplicate key.
    """
    builder = _Builder(label)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = None if node is None else builder.build(node, (), ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise Problems([RecipeError(f"recipe {label}{line}: not YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise Problems([RecipeError(f"recipe {label}: not YAML: {' '.join(str(error).split())}")]) from None
    except RecursionError:
        raise Problems([RecipeError(f"recipe {label}: its values are nested too deeply")]) from None
    if builder.problems:
        raise Problems(builder.problems)
    return Document(label, data, builder.lines)


class _Builder:
    """Turns YAML nodes into plain values; the line of each goes into `lines`, errors go into `problems`."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.lines: dict[Path, int] = {}
        self.problems: list[RecipeError] = []

    def build(self, node: yaml.Node, path: Path, above: tuple[int, ...]) -> Any:
        """Return the plain value of a node; `above` are the nodes around it, to refuse one that holds itself."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in above:
            return self._refuse(node, "a value contains itself")
        if len(self.lines) > _MOST_VALUES:
            # Aliases of aliases multiply: a text of ten lines can stand for more values than there is memory.
            self._refuse(node, f"more than {_MOST_VALUES} values")
            raise Problems(self.problems)
        inside = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index), inside) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path, inside: tuple[int, ...]) -> dict[Any, Any]:
        built: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node)
            if key in built:
                self._refuse(key_node, f"duplicate key {key!r}")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            built[key] = self.build(value_node, (*path, key), inside)
        return built

    def _scalar(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return self._refuse(node, "keys must be plain strings")
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node, deep=True)
        except yaml.MarkedYAMLError as error:
            return self._refuse(node, f"{error.problem}")
        except Exception:
            # PyYAML passes on Python's own errors for `2026-13-45`, `!!int x` and the like.
            return self._refuse(node, f"{node.value!r:.60} is not a valid YAML value (quote strings)")
        finally:
            loader.dispose()

    def _refuse(self, node: yaml.Node, words: str) -> None:
        self.problems.append(RecipeError(f"recipe {self.label}, line {node.start_mark.line + 1}: {words}"))
