"""Which extension of a FITS file is the science image, and which are its errors, its flags, and its pixel areas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.errors import InputError
from iris_core.merging import TABLE

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

__all__ = ["Layout", "find_layout", "name_of"]

SCIENCE = ("SCI", "DATA")
INT_TIMES = "INT_TIMES"
# What the pixels of an extension are: a standard deviation, a variance, or the inverse of one.
_ERRORS = {"ERR": "err", "UNCERT": "err", "VAR": "variance", "VARIANCE": "variance", "IVAR": "inverse"}
_UTYPES = {"STDDEVUNCERTAINTY": "err", "VARIANCEUNCERTAINTY": "variance", "INVERSEVARIANCE": "inverse"}
_FLAGS = ("DQ", "MASK")
_LOOKUP_TABLES = ("D2IMARR", "WCSDVARR")  # of distortions, several of one name
_LOOKS_LIKE_ONE = re.compile(
    r"MASK|BPM|BAD|FLAG|^DQ|QUAL|^ERR|ERROR|UNC|^SIG|SIGMA|STD|RMS|NOISE|^VAR|IVAR|WEIGHT|^WHT|^WT"
)


@dataclass
class Layout:
    """The extensions of one exposure by what they are.

    Parameters
    ----------
    science
        That of the image.
    flags
        DQ, MASK, or both, by name.
    total
        That of the whole error, and what its pixels are: ``err``, ``variance`` or ``inverse``.
    components
        Those of the variance, by name of the component.
    area
        That of the pixel areas.
    further
        Other images, and the tables INT_TIMES and HDRTAB, by name.
    remarks
        What is not used although it looks as if it should be.
    decided
        Whether it holds no more of the errors than is used.
    """

    science: Any
    flags: dict[str, Any] = field(default_factory=dict)
    total: tuple[Any, str] | None = None
    components: dict[str, Any] = field(default_factory=dict)
    area: Any = None
    further: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    decided: bool = False

    @property
    def hdus(self) -> Iterable[Any]:
        """All of them."""
        yield from (self.science, *self.flags.values(), *self.components.values(), *self.further.values())
        yield from (hdu for hdu in (self.area, self.total[0] if self.total else None) if hdu is not None)


def find_layout(hdus: HDUList, path: Path) -> Layout:
    """Return what the extensions of a file are, by the names of jwst, astropy's CCDData, DRAGONS, LSST and HST.

    Raises
    ------
    InputError
        When there is no image of an exposure, or more than one.
    """
    layout = Layout(_science(hdus, path))
    named = _named_images(hdus, layout.science)
    for name, hdu in named.items():
        _put(layout, name, hdu)
    for name in (INT_TIMES, TABLE):
        if name in hdus and getattr(hdus[name], "columns", None) is not None:
            layout.further[name] = hdus[name]
    _doubt(layout, hdus[0].header)
    return layout


def name_of(hdu: Any) -> str:
    """Return the name of an extension in upper case, as the standard compares them."""
    return str(hdu.name).strip().upper()


def _put(layout: Layout, name: str, hdu: Any) -> None:
    kind = _UTYPES.get(str(hdu.header["UTYPE"]).strip().upper(), "") if "UTYPE" in hdu.header else _ERRORS.get(name)
    if name in _FLAGS:
        layout.flags[name] = hdu
    elif name == "AREA":
        layout.area = hdu
    elif name.startswith("VAR_"):
        layout.components[name[4:].lower()] = hdu
    elif name in _ERRORS and kind and layout.total is None:
        layout.total = hdu, kind
    else:
        layout.further[name] = hdu


def _doubt(layout: Layout, header: Mapping[str, Any]) -> None:
    """Name what looks like a mask, an error or a weight and is none that is known; weights we made are."""
    names = [name for name in layout.further if _LOOKS_LIKE_ONE.search(name)]
    if "DRSFMT" in header or "CON" in layout.further:
        names = [name for name in names if name != "WHT"]
    if names:
        words = (
            "look like a mask, an error or a weight and are not used"
            if names[1:]
            else ("looks like a mask, an error or a weight and is not used")
        )
        layout.remarks.append(f"{', '.join(names)} {words}; its form is not known: DQ, MASK, ERR, VAR, IVAR are")
    if "DQ" in layout.flags and str(header.get("TELESCOP", "")).strip().upper() == "HST":
        layout.remarks.append("DQ is read with the bits of jwst (1: do not use); those of HST mean other things")


def _science(hdus: HDUList, path: Path) -> Any:
    """Return the HDU with the science image."""
    images = [hdu for hdu in hdus if getattr(hdu, "is_image", False)]
    named = [hdu for hdu in images if name_of(hdu) in SCIENCE]
    if len(named) > 1:
        there = f"{len(named)} extensions are called {named[0].name} ({_names(named)})"
        raise InputError(f"{path}: {there}; an exposure has one: split the file")
    planes = [hdu for hdu in images if len(hdu.shape) >= 2]
    # An area map may stand alone, errors and flags may not: their image is lost.
    found = named or [hdu for hdu in planes if name_of(hdu) == "AREA" or not _has_a_role(name_of(hdu))]
    if not found:
        there = ", ".join(_describe(index, hdu) for index, hdu in enumerate(hdus))
        raise InputError(f"{path}: no image in the file; an extension SCI or DATA is needed; there are: {there}")
    first, shape = found[0], tuple(found[0].shape)
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"{path}: the image {first.name} has shape {shape}; (ny, nx) or (nint, ny, nx) is needed")
    alike = [first, *(hdu for hdu in planes if hdu is not first and _is_another(hdu, first))]
    if len(alike) > 1:
        words = f"{len(alike)} science images ({_names(alike)}); an exposure has one"
        raise InputError(f"{path}: {words}: split the file, or call the one that counts SCI")
    return first


def _has_a_role(name: str) -> bool:
    return name in (*_FLAGS, *_ERRORS, "AREA") or name.startswith("VAR_")


def _is_another(hdu: Any, first: Any) -> bool:
    """Whether an image is a science image beside the first: of its shape, and called like it or with a WCS."""
    if tuple(hdu.shape) != tuple(first.shape) or _has_a_role(name_of(hdu)) or name_of(hdu) in _LOOKUP_TABLES:
        return False
    numbered = re.sub(r"\d+", "", name_of(hdu)) == re.sub(r"\d+", "", name_of(first))
    has_wcs = "CTYPE1" in hdu.header and "CTYPE1" in first.header and not _LOOKS_LIKE_ONE.search(name_of(hdu))
    return numbered or (name_of(first) not in SCIENCE and (not hdu.name or has_wcs))


def _names(hdus: Iterable[Any]) -> str:
    return ", ".join(f"{hdu.name or 'without a name'},{hdu.ver}" for hdu in hdus)


def _describe(index: int, hdu: Any) -> str:
    kind = f"image {tuple(hdu.shape)}" if getattr(hdu, "is_image", False) else type(hdu).__name__
    return f"{hdu.name or index} {kind}"


def _named_images(hdus: HDUList, science: Any) -> dict[str, Any]:
    """Return the image extensions beside the science image that have a name; of two with one name, the first."""
    named: dict[str, Any] = {}
    for hdu in hdus[1:]:
        if hdu is not science and getattr(hdu, "is_image", False) and (_is_known(name_of(hdu)) or len(hdu.shape) >= 2):
            named.setdefault(name_of(hdu), hdu)
    return {name: hdu for name, hdu in named.items() if name}


def _is_known(name: str) -> bool:
    return name in ("ERR", "DQ", "AREA") or name.startswith("VAR_")
