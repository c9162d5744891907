"""Read and write ASDF: the extension inside our FITS products, and products of their own."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core.arrays import blank_plane
from iris_core.errors import InputError, one_line
from iris_core.exposure import Exposure
from iris_core.io.asdf_open import load_asdf, open_asdf, refuse_bomb
from iris_core.io.files import require_file
from iris_core.io.tree import common_elsewhere, describe, removed_before, restore
from iris_core.keywords import meta_of_headers, parse_unit, unit_string

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from gwcs import WCS

__all__ = ["ONE_AT_A_TIME", "dump_tree", "read_asdf", "restore_tree", "write_asdf"]

log = logging.getLogger(__name__)

# astropy and gwcs change the filters of warnings while they write, and all threads have the same ones.
ONE_AT_A_TIME = Lock()

_CARD = 80
# The list of extensions is at the start of the tree, and a tree at the start of its file.
_EXTENSION, _HEAD = re.compile(rb"  - !core/extension_metadata[^\n]*\n(?:    [^\n]*\n)+"), 1 << 16


def dump_tree(exposure: Exposure) -> bytes:
    """Return the ASDF extension of a product: ``meta.wcs`` (the gWCS) and ``iris`` (the provenance)."""
    buffer = BytesIO()
    with ONE_AT_A_TIME:
        load_asdf().AsdfFile({"meta": {"wcs": exposure.wcs}, "iris": describe(exposure)}).write_to(buffer)
    return _in_order(buffer.getvalue())


def _in_order(content: bytes) -> bytes:
    """Return an ASDF file with the extensions that wrote it in order: asdf lists them anyhow, and no two are equal."""
    listed = _EXTENSION.findall(content)
    return content.replace(b"".join(listed), b"".join(sorted(listed)), 1)


def restore_tree(content: bytes, path: Path, wcs: bool = True) -> dict[str, Any]:
    """Return the fields of an `Exposure` that an ASDF extension carries; `wcs` takes most of the time."""
    from asdf.util import load_yaml

    try:
        tree = load_yaml(BytesIO(content), tagged=True)
        refuse_bomb(tree, str(path))
        if not wcs:
            return restore(_plain(tree.get("iris", {})))
        # Nothing else of the tree is looked at: stdatamodels refers to images outside of it, which asdf cannot follow.
        with load_asdf().open(BytesIO(content), lazy_load=False, memmap=False, lazy_tree=True) as file:
            return {"wcs": _wcs(file.tree), **restore(_plain(file.tree.get("iris", {})))}
    except Exception as error:
        words = "%s: its ASDF extension cannot be read (%s); WCS and history in it are not used"
        log.warning(words, path, one_line(error))
        return {}


def _plain(node: Any) -> Any:
    """Return what asdf gives lazily as dicts, lists, numbers and text."""
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, Sequence) and not isinstance(node, str) else node


def _wcs(tree: Mapping[str, Any]) -> WCS | None:
    """Return the gWCS of a tree; one that asdf cannot build is a plain mapping, and no WCS."""
    from gwcs import WCS

    found = tree.get("meta", {}).get("wcs")
    return found if isinstance(found, WCS) else None


def write_asdf(exposure: Exposure, path: str | Path) -> Path:
    """Write a product as ASDF, with the content of its FITS form."""
    tree = {
        "meta": {"wcs": exposure.wcs},
        "iris": describe(exposure),
        "unit": None if exposure.unit is None else unit_string(exposure.unit),
        "headers": {
            "primary": _cards(exposure.header),
            "sci": _cards(exposure.sci_header),
            "wcs": _cards(exposure.fits_wcs),
        },
        "data": np.asarray(exposure.data),
        "dq": np.asarray(exposure.dq),
        "variance": {name: np.asarray(plane) for name, plane in exposure.variance.items()},
        "planes": {name: np.asarray(plane) for name, plane in exposure.planes.items()},
        "area": exposure.area,
    }
    # Given a name, asdf would write to a hidden file of its own first, and leave it there when it is killed.
    with Path(path).open("w+b") as file:
        with ONE_AT_A_TIME:
            load_asdf().AsdfFile(tree).write_to(file)
        file.seek(0)
        head = file.read(_HEAD)
        file.seek(0)
        file.write(_in_order(head))
    return Path(path)


def read_asdf(path: str | Path, pixels: bool = True) -> Exposure:
    """Return the exposure in an ASDF file that `write_asdf` wrote.

    Parameters
    ----------
    path
        The file.
    pixels
        Whether to read pixels; an outline is returned otherwise.

    Raises
    ------
    InputError
        When it is no such file.
    """
    path = Path(path)
    require_file(path)
    try:
        with open_asdf(path, lazy=not pixels) as file:
            return _exposure(file.tree, path, pixels)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: not readable as an ASDF exposure: {one_line(error)}") from error


def _exposure(tree: Mapping[str, Any], path: Path, pixels: bool) -> Exposure:
    missing = sorted({"data", "dq", "headers", "iris", "unit", "variance"} - set(tree))
    if missing:
        raise InputError(f"{path}: not an exposure: {', '.join(missing)} missing; there are: {', '.join(sorted(tree))}")

    def plane(array: Any) -> Any:
        return np.array(array) if pixels else blank_plane(tuple(array.shape), array.dtype)

    header, sci_header = _header(tree["headers"]["primary"]), _header(tree["headers"]["sci"])
    wcs_cards = tree["headers"]["wcs"]
    return Exposure(
        data=plane(tree["data"]),
        dq=plane(tree["dq"]),
        variance={name: plane(item) for name, item in tree["variance"].items()},
        planes={name: plane(item) for name, item in tree.get("planes", {}).items()},
        area=None if tree.get("area") is None else plane(tree["area"]),
        unit=None if tree["unit"] is None else parse_unit(tree["unit"]),
        meta=meta_of_headers(header, sci_header, path),
        header=header,
        sci_header=sci_header,
        fits_wcs=_header(wcs_cards) if wcs_cards else None,
        wcs=_wcs(tree),
        **{"common": common_elsewhere(tree["variance"]), **_state(tree["iris"], header, sci_header, path)},
    )


def _state(described: Mapping[str, Any], header: Header, sci_header: Header, path: Path) -> dict[str, Any]:
    fields = restore(described)
    return {**fields, "removed": fields["removed"] or removed_before(header, sci_header, path.name)}


def _cards(header: Header | None) -> list[str]:
    """Return a header as the lines it has in a FITS file: there is no card that these cannot hold."""
    text = "" if header is None else header.tostring(endcard=False, padding=False)
    return [text[start : start + _CARD].rstrip() for start in range(0, len(text), _CARD)]


def _header(lines: Iterable[str]) -> Header:
    from astropy.io.fits import Header

    header = Header.fromstring("".join(line.ljust(_CARD) for line in lines))
    list(header.values())  # a card that is damaged fails here, where it is known which file has it
    return header
