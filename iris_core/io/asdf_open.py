"""Open ASDF files: what they hold is in the file itself, and unfolds to something finite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.errors import InputError

if TYPE_CHECKING:
    from asdf import AsdfFile

__all__ = ["load_asdf", "open_asdf", "refuse_bomb"]

# A tree of so many nodes takes a minute to build; the largest gWCS that we have seen has some thousand.
_MOST_NODES = 1_000_000


def load_asdf() -> Any:
    """Return the module asdf with its extensions.

    It reads their manifests with `yaml.safe_load`, which leaves libyaml unused: that takes ten times as long, and is
    a tenth of a run.
    """
    import asdf
    import yaml

    python = yaml.SafeLoader
    vars(yaml)["SafeLoader"] = getattr(yaml, "CSafeLoader", python)
    try:
        asdf.get_config().extensions  # noqa: B018 - it keeps what it has read
    finally:
        vars(yaml)["SafeLoader"] = python
    return asdf


@contextmanager
def open_asdf(path: Path, *, lazy: bool = False) -> Iterator[AsdfFile]:
    """Open an ASDF file that is whole in itself: its SHA-256 then covers all that is read.

    Parameters
    ----------
    path
        The file.
    lazy
        Whether arrays are read where they are asked for.

    Raises
    ------
    InputError
        When it takes arrays or parts of its tree from other files, or its aliases unfold without end; a block whose
        checksum does not fit raises `ValueError` where it is read.
    """
    from asdf.util import load_yaml

    asdf = load_asdf()
    with path.open("rb") as file:
        tree = load_yaml(file, tagged=True)
        refuse_bomb(tree, str(path))
        elsewhere = next(_elsewhere(tree, set()), None)
        if elsewhere is not None:
            raise InputError(
                f"{path} takes a part from another file, {elsewhere!r}, which its SHA-256 does not cover; write it as "
                f"one file: asdf.open(...).write_to(..., all_array_storage='internal')"
            )
        file.seek(0)
        with asdf.open(file, lazy_load=lazy, memmap=False, validate_checksums=True) as opened:
            yield opened


def _elsewhere(node: Any, seen: set[int]) -> Iterator[str]:
    """Yield each name of another file in a tree as it was written, before anything is read from there."""
    if not isinstance(node, dict | list) or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, dict):
        named = (node.get("$ref"), node.get("fileuri"), node.get("source") if _is_array(node) else None)
        yield from (str(name) for name in named if isinstance(name, str) and not name.startswith("#"))
    for child in _children(node):
        yield from _elsewhere(child, seen)


def _is_array(node: Any) -> bool:
    return "/ndarray-" in str(getattr(node, "_tag", ""))


def _children(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, Mapping) else list(node)


def refuse_bomb(tree: Any, name: str) -> None:
    """Raise `InputError` where the aliases of a YAML tree unfold to more than a million nodes, or without end."""
    if _unfolded(tree, {}) > _MOST_NODES:
        raise InputError(f"{name} is not read: the aliases in its YAML tree unfold to more than {_MOST_NODES} nodes")


def _unfolded(node: Any, sizes: dict[int, float]) -> float:
    """Return the number of nodes of a tree in which each alias is a copy; infinite where a node contains itself."""
    if not isinstance(node, dict | list):
        return 1
    if id(node) not in sizes:
        sizes[id(node)] = float("inf")  # what is met again before it is counted contains itself
        sizes[id(node)] = 1 + sum(_unfolded(child, sizes) for child in _children(node))
    return sizes[id(node)]
