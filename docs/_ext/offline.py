"""Refuse a page that would fetch anything from elsewhere when it is read: scripts, styles, fonts, pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

LOG = logging.getLogger(__name__)

FETCHED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(?:https?:)?//[^\"]*\""
    r"|<link\b(?=[^>]*\brel=\"(?:stylesheet|preload|preconnect|icon)\")[^>]*\bhref=\"(?:https?:)?//[^\"]*\""
    r"|(?:url\(|@import )[\"']?(?:https?:)?//[^)\"']*"
)


def check(app: Sphinx, exception: Exception | None) -> None:
    """Warn of everything fetched, in each page and style sheet."""
    if exception is not None or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*")):
        if path.suffix in (".html", ".css"):
            for found in FETCHED.findall(path.read_text(encoding="utf-8")):
                LOG.warning("%s fetches %s: pages have to work offline", path.relative_to(app.outdir), found)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the check."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
