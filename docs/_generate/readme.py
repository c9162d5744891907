"""The README of a package in this repository, as a part of a page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PLUGINS = Path(__file__).parents[2] / "plugins"

# What the code itself says about parameters, with types and limits, stands on the page already.
PARAMETERS = re.compile(r"^\| parameter \|.*\n(?:\|.*\n)+\n?", flags=re.MULTILINE)
EMPTY_SECTION = re.compile(r"^#+ .*\n+(?=#|\Z)", flags=re.MULTILINE)
FENCE = re.compile(r"^ *```.*?^ *```$", flags=re.MULTILINE | re.DOTALL)


def section_of(plugin: str, stage: str) -> str:
    """Return what the README of a plugin says about a stage, below a heading of level 2; empty where there is none.

    It is the section that bears the name of the stage, or everything without the title.
    """
    path = readme_of(plugin)
    if path is None:
        return ""
    text = path.read_text(encoding="utf-8")
    own = re.search(rf"^## `{stage}`\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    body = own[1] if own else text.partition("\n")[2]
    kept = EMPTY_SECTION.sub("", PARAMETERS.sub("", body.strip() + "\n"))
    return (kept if own else deeper(kept)).strip() + "\n"


def readme_of(plugin: str) -> Path | None:
    """Return the README of the package that brings a plugin."""
    for path in sorted(PLUGINS.glob("*/pyproject.toml")):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        if plugin in project.get("entry-points", {}).get("iris_core", {}):
            return path.with_name("README.md")
    return None


def deeper(text: str) -> str:
    """Return Markdown with every heading one level down; ``#`` in code is no heading."""
    fences = iter(FENCE.findall(text))
    prose = re.sub(r"^(#+ )", r"#\1", FENCE.sub("\0", text), flags=re.MULTILINE)
    return re.sub("\0", lambda _: str(next(fences)), prose)
