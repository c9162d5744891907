"""Write equations as MathML when the pages are built: no script reads them later, and nothing comes from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging

LOG = logging.getLogger(__name__)


def to_mathml(node: nodes.Element, *, displaystyle: bool) -> str:
    """Return the equation of a node; one that cannot be understood is a warning, and stands there as it was written."""
    latex = node.astext()
    converter = LatexToMathML(annotation=True, fancy_error=False)
    try:
        return str(converter.convert_with_local_state(latex, displaystyle=displaystyle))
    except LatexError as error:
        LOG.warning("equation '%s': %s", latex, error, location=node, type="math")
        return f"<code>{escape(latex)}</code>"


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write an equation in a line of text."""
    translator.body.append(to_mathml(node, displaystyle=False))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write an equation that stands alone."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(to_mathml(node, displaystyle=True))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
