"""The key of a product: of all that makes it what it is."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["KEY", "key_of"]

# The keyword of the key: 64 hexadecimal digits.
KEY = "IRISKEY"
# FITS, ASDF and ECSV have their headers at the start, and in each the key follows its name.
_WRITTEN, _HEAD = re.compile(rb"IRISKEY\W+([0-9a-f]{64})\b"), 1 << 20


def key_of(path: Path) -> str:
    """Return the key of a product, ``""`` where the file has none, or is none."""
    try:
        with path.open("rb") as file:
            found = _WRITTEN.search(file.read(_HEAD))
    except OSError:
        return ""
    return found[1].decode() if found else ""
