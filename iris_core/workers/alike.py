"""What is said of many exposures alike is said once, with their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from iris_core.errors import some_of

__all__ = ["by_text", "with_others"]

_TIME = re.compile(r"\(\d{4}-\d\d-\d\dT[\d:]+\)")  # that of an exposure, in a reason


def by_text(texts: Iterable[tuple[Sequence[Path], str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield each text once, with the names of its files: those that differ in the name and the time of it only are one.

    Parameters
    ----------
    texts
        Each with the files that it may be of: it is that which it names, or the first.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    for paths, text in texts:
        path = next((one for one in paths if one.name in text and _naming(one).search(text)), paths[0])
        found.setdefault(_TIME.sub("", _naming(path).sub("", text)), (text, []))[1].append(path.name)
    yield from found.values()


def _naming(path: Path) -> re.Pattern[str]:
    """Return what finds a file in a text; ``a.fits`` is not in ``data.fits``."""
    return re.compile(rf"{re.escape(str(path))}|(?<![\w.-]){re.escape(path.name)}")


def with_others(text: str, names: Sequence[str]) -> str:
    """Return a message that names the first of some exposures with the others it holds for."""
    return f"{text} (the same for {some_of(names[1:])})" if names[1:] else text
