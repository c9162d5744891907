"""From templates to the files of a package.

The templates are those of Jinja with delimiters that occur neither in Python nor in YAML: ``<< value >>``,
``<% if %>``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render"]

_ENDING = ".jinja"
_PACKAGE = "package"


def render(layers: Iterable[str], values: Mapping[str, Any]) -> dict[PurePosixPath, str]:
    """Return the text of each file of a package, by its path in the package's folder.

    Parameters
    ----------
    layers
        Folders of templates; where two have a file of the same path, that of the later one is taken.
    values
        What the templates are given; the folder ``package`` of a layer becomes that of the module ``values["module"]``.
    """
    environment = _environment()
    templates = {
        _path(PurePosixPath(name).relative_to(layer), str(values["module"])): name
        for layer in layers
        for name in environment.list_templates()
        if name.startswith(f"{layer}/")
    }
    return {path: environment.get_template(name).render(values) for path, name in sorted(templates.items())}


def _path(path: PurePosixPath, module: str) -> PurePosixPath:
    parts = [module if part == _PACKAGE else part for part in path.parent.parts]
    return PurePosixPath(*parts, path.name.removesuffix(_ENDING))


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("iris_new_plugin"),
        undefined=StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the files are text, not HTML
    )
    environment.filters["toml"] = lambda text: json.dumps(text, ensure_ascii=False)
    environment.filters["imports"] = lambda names: "\n".join(f"import {name}" for name in sorted(filter(None, names)))
    return environment
