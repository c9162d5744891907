"""Names of products."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["product_name"]

_RATE = re.compile(r"_rate(ints)?$")
_LEVEL = re.compile(r"_LVL1_(\d+(?:-\d+)?)$")  # Liger's own pipeline leaves the subarray out
_FITS_ENDINGS = (".fits.gz", ".fits.fz", ".fits.bz2", ".fits.Z", ".fits", ".fit", ".asdf")


def product_name(source: Path | str, suffix: str, is_integrations: bool, ending: str = ".fits") -> str:
    """Return the file name of a product.

    Parameters
    ----------
    source
        The exposure's file, or the name of an association's product.
    suffix
        ``cal``, ``i2d``, ``bsub`` ...
    is_integrations
        Whether it is a cube: ``calints``.
    ending
        ``.fits`` or ``.asdf``.

    Examples
    --------
    >>> product_name("x_rateints.fits", "cal", True)
    'x_calints.fits'
    >>> product_name("2024B-P123-008_IRIS_IMG1_SCI_LVL1_0001-00.fits", "cal", False)
    '2024B-P123-008_IRIS_IMG1_SCI_LVL2_0001-00.fits'
    >>> product_name("n0031.fits.gz", "i2d", False)
    'n0031_i2d.fits'
    """
    stem = exposure_stem(source)
    full = f"{suffix}ints" if is_integrations else suffix
    if _LEVEL.search(stem):
        # Level 2 is the calibrated exposure; what else is made of it says what it is.
        leveled = _LEVEL.sub(r"_LVL2_\1", stem)
        return f"{leveled}{ending}" if full == "cal" else f"{leveled}_{full}{ending}"
    return f"{_RATE.sub('', stem)}_{full}{ending}"


def exposure_stem(source: Path | str) -> str:
    """Return a file name without its ending, ``.fits.gz`` and the like included."""
    name = Path(source).name
    for ending in _FITS_ENDINGS:
        if name.lower().endswith(ending.lower()):
            return name[: -len(ending)]
    return name
