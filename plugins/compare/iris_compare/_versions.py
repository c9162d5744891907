"""Whether the code and the libraries that made a product are those that are installed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

from iris_core import Plugins

__all__ = ["OtherVersion", "file_plugins", "install_line", "other_python", "other_versions"]

_OF_PROCESS = "of process "
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class OtherVersion:
    """A distribution that is installed in another version than a product was made with.

    Parameters
    ----------
    name
        The distribution.
    before, now
        The versions; `now` is ``""`` where it is not installed.
    """

    name: str
    before: str
    now: str

    def __str__(self) -> str:
        return f"{self.name} {self.before} -> {self.now or 'not installed'}"


def file_plugins(key: Mapping[str, Any]) -> dict[str, str]:
    """Return name and SHA-256 of the single-file plugins that a product was made with."""
    return {name: text for name, text in key.get("code", {}).items() if _DIGEST.fullmatch(text)}


def other_versions(key: Mapping[str, Any], plugins: Plugins) -> tuple[OtherVersion, ...]:
    """Return the plugins and libraries that are installed in another version, or not at all.

    Parameters
    ----------
    key
        The components of the key of a product.
    plugins
        Those that are installed: a plugin may have another name than its distribution.
    """
    files = file_plugins(key)
    sources = {name: origin.source for name, origin in plugins.origins.items()}
    code = {sources.get(name) or name: text for name, text in key.get("code", {}).items() if name not in files}
    every = {**key.get("libraries", {}), **code}
    # What was added in a process has no version; the key of the run tells whether it is there.
    recorded = {name: text.partition(" ")[0] for name, text in every.items() if not text.startswith(_OF_PROCESS)}
    found = (OtherVersion(name, before, _installed(name)) for name, before in sorted(recorded.items()))
    return tuple(one for one in found if one.before != one.now)


def other_python(before: str) -> Iterator[str]:
    """Yield how this Python differs from the one with a version; a product names it, and its key does not."""
    now = python_version()
    if before and before != now:
        yield f"Python {before} -> {now}"


def install_line(changes: Iterable[OtherVersion]) -> str:
    """Return the command that installs the versions that a product was made with; ``""`` for none."""
    pins = [f"{one.name}=={one.before}" for one in changes]
    return shlex.join(["pip", "install", *pins]) if pins else ""


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
