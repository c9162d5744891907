"""Lead every mention of a public name to its page.

A public name lives in a private module (``iris_core.exposure.Exposure`` is ``iris_core.Exposure``), and docstrings put
single backticks around names and parameters alike.
"""

from __future__ import annotations

import pkgutil
from types import GenericAlias
from typing import Any

import iris_testkit
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import iris_core


def public_name(target: str) -> str | None:
    """Return the name under which something of the core is documented; names of arrays have no page."""
    name = target.rpartition(".")[2]
    for module in (iris_core, iris_testkit):
        if name in module.__all__ and not isinstance(getattr(module, name), GenericAlias):
            return f"{module.__name__}.{name}"
    return None


def is_text(node: pending_xref) -> bool:
    """Whether a mention leads nowhere by intent: a parameter, another package's name, an inner type of the core."""
    target = node["reftarget"]
    if node.get("reftype") == "obj" or not target.startswith("iris_"):
        return True
    try:
        pkgutil.resolve_name(target)
    except (ImportError, AttributeError):
        return False
    return True


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement) -> nodes.Element | None:
    """Return a link to the public name, the text alone, or None for a mistake."""
    if node.get("refdomain") != "py":
        return None
    name = public_name(node["reftarget"])
    if name is not None and name != node["reftarget"]:
        found = env.domains["py"].resolve_any_xref(env, node["refdoc"], app.builder, name, node, content)
        return found[0][1] if found else None
    return content if is_text(node) else None


def shorten(
    _app: Sphinx, _kind: str, _name: str, _item: Any, _options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Return a signature in which the default of a dataclass's field is Python, so that it can be wrapped."""
    return signature and signature.replace("<factory>", "..."), returned


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the resolver."""
    app.connect("autodoc-process-signature", shorten)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
