"""FITS headers that cannot be written to, and the cards in them that describe the sky."""

from __future__ import annotations

import re
from copy import copy
from typing import Any

from astropy.io.fits import Header

# A keyword belongs to a FITS WCS where this matches (EQUINOX apart, which also describes the target).
is_wcs_keyword = re.compile(
    r"((WCSAXES|WCSNAME|(CRPIX|CRVAL|CTYPE|CUNIT|CDELT|CROTA|CNAME)\d|(PC|CD)\d_\d|P[VS]\d_\d+"
    r"|LONPOLE|LATPOLE|RADESYS)[A-Z]?|LTV\d|LTM\d_\d|RADECSYS|EPOCH|[AB]P?_(ORDER|DMAX|\d_\d)|WAT\d_\d{3}|S_REGION|WCSERR"
    r"|(PC|CD)0\d{2}0\d{2}|(CPDIS|CQDIS|D2IMDIS|DP|DQ|CPERR|CQERR|D2IMERR)\d|D2IMARR|D2IMEXT|AXISCORR)"
).fullmatch


_TEXT = {"COMMENT", "HISTORY", ""}


class FrozenHeader(Header):  # type: ignore[misc]  # astropy is not typed
    """A header that is read-only once it is frozen; its `copy` is an ordinary `astropy.io.fits.Header`."""

    frozen = False
    # With which header of the science extension, and which meta, it has been found to agree.
    agreed: tuple[Any, Any] = (None, None)

    def copy(self, strip: bool = False) -> Header:
        """Return a header that can be written to; `strip` leaves out the cards that describe the HDU itself."""
        copied = Header([copy(card) for card in super().cards])
        if strip:
            copied.strip()
        return copied

    @property
    def cards(self) -> Any:
        """Copies of the cards: to change one of them changes no header."""
        return self.copy().cards


def _refuse_to_write(name: str) -> Any:
    write = getattr(Header, name)

    def refuse(self: FrozenHeader, *args: Any, **kwargs: Any) -> Any:
        if self.frozen:
            raise TypeError(
                "the header of an exposure is read-only; return exposure.with_keywords({...}), or change "
                "exposure.header.copy() and return exposure.replace(header=...)"
            )
        return write(self, *args, **kwargs)

    return refuse


_WRITERS = (
    "__setitem__ __delitem__ __iadd__ add_blank add_comment add_history append clear extend insert pop popitem remove "
    "rename_keyword set setdefault strip update"
)
for _name in _WRITERS.split():
    setattr(FrozenHeader, _name, _refuse_to_write(_name))


def freeze(header: Header) -> FrozenHeader:
    """Return a read-only copy of a header; one that is read-only already is returned as it is."""
    if isinstance(header, FrozenHeader) and header.frozen:
        return header
    frozen = FrozenHeader(header, copy=True)
    frozen.frozen = True
    return frozen


def agreeing(primary: Header, science: Header, meta: Any) -> dict[str, Any]:
    """Return the read-only headers of an exposure, and its `meta`, with which they agree: nobody has to look again."""
    header, sci_header = freeze(primary), freeze(science)
    header.agreed = sci_header, meta
    return {"header": header, "sci_header": sci_header, "meta": meta}


def with_wcs(header: Header, cards: Header | None = None) -> Header:
    """Return a copy of a header with the `cards` of a WCS in place of its own, or with none."""
    # As astropy's update, which takes much longer: the last of a name counts. FITS wants WCSAXES before EQUINOX.
    new = {at if one.keyword in _TEXT else one.keyword: one for at, one in enumerate((cards or Header()).copy().cards)}
    gone = {"EQUINOX", *new} if new else set()
    kept = [card for card in header.copy().cards if not is_wcs_keyword(card.keyword) and card.keyword not in gone]
    end = max((at for at, card in enumerate(kept, 1) if card.keyword not in _TEXT), default=0)
    return Header([*kept[:end], *new.values(), *kept[end:]])
