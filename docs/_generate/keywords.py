"""The page of FITS keywords, status keywords and DQ bits."""

from __future__ import annotations

from collections.abc import Iterable

from _generate.markdown import table
from iris_core import DQ, KEYWORDS, StageSpec

FURTHER = """\
Also read: TIME-OBS (the time of day, where DATE-OBS is a date alone), SUBSTRT1/2 and SUBSIZE1/2 (the window of the
detector, 1-based), BUNIT (or UNIT), and the keywords of a celestial FITS WCS.

Written into every product: DATALVL (2), FILENAME, DRSVER and DRSFMT (version of iris, version of the format), RECIPE,
IRISKEY (of all that a product was made of and with), a status keyword for each stage, R_<TYPE> for each
reference file, RM_DARK (how much of the dark current the background subtraction removed), CRPIX to CD, SIP and S_REGION
of the WCS. What a stage writes itself is in the section of its implementation, see [stages](stages.md).

A reference file has REFTYPE, USEAFTER (start of the first exposure it is for, UTC), the keywords that select it
(INSTRUME, DETECTOR, FILTER, PUPIL, READMODE, as its type needs them; ANY and N/A match all), and should have REFVER,
PEDIGREE, DESCRIP and AUTHOR.
"""


def page(specs: Iterable[StageSpec]) -> str:
    """Return the page."""
    stages = [(f"`{spec.status}`", f"[{spec.name}]({spec.name}.md)", ", ".join(spec.aliases)) for spec in specs]
    bits = [(bit.value.bit_length() - 1, bit.value, f"`{bit.name}`") for bit in DQ if bit.value]
    read = [(f"`{one.name}`", one.meaning, one.unit, one.field, ", ".join(one.aliases)) for one in KEYWORDS]
    return "\n".join(
        [
            "# Keywords and bits\n",
            "## FITS keywords\n",
            table(read, "keyword", "meaning", "unit", "field of `Meta`", "also understood"),
            FURTHER,
            "## Status of the stages\n",
            table(stages, "keyword", "stage", "also understood"),
            "## DQ bits\n",
            table(bits, "bit", "value", "name"),
        ]
    )
