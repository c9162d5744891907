"""Pages from templates: everything that comes from files is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Pages"]


class Pages:
    """Renders the pages."""

    def __init__(self) -> None:
        self._environment = _environment()

    def index(self, **content: Any) -> str:
        """Return the index."""
        return self._environment.get_template("index.html").render(content)

    def exposure(self, **content: Any) -> str:
        """Return the page of one exposure."""
        return self._environment.get_template("page.html").render(content)

    def part(self, **content: Any) -> str:
        """Return the same as a part of the index, for a report in one file."""
        return self._environment.get_template("exposure.html").render(content)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("iris_report")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.globals["series"] = ("circle", "square", "diamond", "triangle")
    return made
