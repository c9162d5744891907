"""Prints the lowest versions that pyproject.toml files declare, ``name==version`` a line: constraints for pip."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def requirements(project: Path) -> Iterator[Requirement]:
    """Yield what a pyproject.toml asks for to build, to run and to develop, with all extras and groups."""
    content = tomllib.loads(project.read_text(encoding="utf-8"))
    table = content["project"]
    extras = table.get("optional-dependencies", {}).values()
    groups = content.get("dependency-groups", {}).values()
    for text in chain(content["build-system"]["requires"], table.get("dependencies", ()), *extras, *groups):
        yield Requirement(text)


def minimum(requirement: Requirement) -> str:
    """Return the version after ``>=``, or nothing where there is none."""
    return next((one.version for one in requirement.specifier if one.operator == ">="), "")


def pins(projects: Iterable[Path]) -> dict[str, str]:
    """Return the minimum of every dependency of these pyproject.toml files; their own packages are left out.

    Raises
    ------
    ValueError
        A dependency has no minimum, or another one in another file.
    """
    projects = list(projects)
    own = {canonicalize_name(tomllib.loads(path.read_text(encoding="utf-8"))["project"]["name"]) for path in projects}
    found: dict[str, str] = {}
    for path in projects:
        for requirement in requirements(path):
            name, lowest = canonicalize_name(requirement.name), minimum(requirement)
            if not lowest:
                raise ValueError(f"{path}: {requirement} has no minimum; write {name}>=VERSION")
            if found.setdefault(name, lowest) != lowest:
                raise ValueError(f"{path}: {requirement}, but another pyproject.toml says {name}>={found[name]}")
    return {name: found[name] for name in sorted(found.keys() - own)}


if __name__ == "__main__":
    for name, version in pins(map(Path, sys.argv[1:])).items():
        sys.stdout.write(f"{name}=={version}\n")
