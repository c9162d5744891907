"""The page of FITS keywords, status keywords and DQ bits."""

from __future__ import annotations

from collections.abc import Iterable

from _generate.markdown import table
from iris_core import DQ
from iris_core.keywords import KEYWORDS
from iris_core.stages import StageSpec


def page(specs: Iterable[StageSpec]) -> str:
    """Return the page."""
    rows = [(f"`{one.name}`", one.meaning, one.unit, one.field, ", ".join(one.aliases)) for one in KEYWORDS]
    stages = [(f"`{spec.status}`", f"[{spec.name}]({spec.name}.md)", ", ".join(spec.aliases)) for spec in specs]
    bits = [(bit.value.bit_length() - 1, bit.value, f"`{bit.name}`") for bit in DQ if bit.value]
    return "\n".join(
        [
            "# Keywords and bits\n",
            "## FITS keywords\n",
            table(rows, "keyword", "meaning", "unit", "field of `Meta`", "understood too"),
            "## Status of the stages\n",
            table(stages, "keyword", "stage", "understood too"),
            "## DQ bits\n",
            table(bits, "bit", "value", "name"),
        ]
    )
