"""The filter of an instrument with several filter wheels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["with_filter"]

_WHEEL = re.compile(r"FILTER\d")
_NO_FILTER = re.compile(r"(clear|open|empty|blank|none|n/a).*|", re.IGNORECASE)


def with_filter(primary: Header, science: Header) -> Header:
    """Return the primary header, with a FILTER that is made of FILTER1, FILTER2 ... where neither header has one.

    Parameters
    ----------
    primary
        Of the file; it is not changed.
    science
        Of its science extension.

    Returns
    -------
    Header
        FILTER is what is in the light: ``F606W`` of ``F606W`` and ``CLEAR2L``, ``F606W + POL0V`` of two, ``clear`` of
        none.
    """
    wheels = {
        keyword: header[keyword] for header in (science, primary) for keyword in header if _WHEEL.fullmatch(keyword)
    }
    if not wheels or "FILTER" in primary or "FILTER" in science:
        return primary
    names = [str(wheels[keyword]).strip() for keyword in sorted(wheels)]
    named = primary.copy()
    in_light = [name for name in names if not _NO_FILTER.fullmatch(name)]
    named["FILTER"] = (" + ".join(in_light) or "clear", f"from {', '.join(sorted(wheels))}")
    return named
