"""The page of FITS keywords, status keywords and DQ bits."""

from __future__ import annotations

from collections.abc import Iterable

from _generate.markdown import table
from iris_core import DQ
from iris_core.keyword_table import KEYWORDS, REFERENCE_KEYWORDS, WCS_KEYWORDS, Keyword
from iris_core.stages import StageSpec


def page(specs: Iterable[StageSpec]) -> str:
    """Return the page."""
    stages = [(f"`{spec.status}`", f"[{spec.name}]({spec.name}.md)", ", ".join(spec.aliases)) for spec in specs]
    bits = [(bit.value.bit_length() - 1, bit.value, f"`{bit.name}`") for bit in DQ if bit.value]
    return "\n".join(
        [
            "# Keywords and bits\n",
            "## FITS keywords\n",
            _table(KEYWORDS),
            "## Keywords of a WCS\n",
            "Read as FITS says, and written for tools without gwcs; one axis stands for the other, too.\n",
            _table(WCS_KEYWORDS),
            "## Keywords of reference files\n",
            "Beside INSTRUME, DETECTOR, FILTER, PUPIL and READMODE, of which ANY and N/A match all.\n",
            _table(REFERENCE_KEYWORDS),
            "## Status of the stages\n",
            table(stages, "keyword", "stage", "understood too"),
            "## DQ bits\n",
            table(bits, "bit", "value", "name"),
        ]
    )


def _table(keywords: Iterable[Keyword]) -> str:
    rows = [(f"`{one.name}`", one.meaning, one.unit, one.field, ", ".join(one.aliases)) for one in keywords]
    return table(rows, "keyword", "meaning", "unit", "field of `Meta`", "understood too")
