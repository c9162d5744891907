"""What was done to an exposure, as plain data that a file can carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.errors import InputError
from iris_core.exposure import Exposure
from iris_core.meta import ReferenceUse, Removal, StageRecord, Subarray, Window
from iris_core.provenance import FORMAT

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["common_elsewhere", "describe", "removed_before", "restore"]

# Components of files that do not say what is common to all integrations: what one reference, or one sky, brings to all.
_COMMON = frozenset({"background", "dark", "flat"})


def describe(exposure: Exposure) -> dict[str, Any]:
    """Return history, windows, state and provenance of an exposure as lists, dicts, numbers and text."""
    described = {
        "format": FORMAT,
        "provenance": exposure.provenance,
        "history": [_lasting(record) for record in exposure.history],
        "subarrays": [asdict(subarray) for subarray in exposure.subarrays],
        "done": sorted(exposure.done),
        "removed": {name: str(amount) for name, amount in exposure.removed.items()},
        "common": sorted(exposure.common),
    }
    return {key: _plain(value) for key, value in described.items()}


def _lasting(record: StageRecord) -> dict[str, Any]:
    """Return what is the same when the same is made again elsewhere: no seconds, and names for paths."""
    plain = asdict(record)
    del plain["seconds"]
    plain["references"] = [{**asdict(use), "path": Path(use.path).name} for use in record.references]
    plain["backgrounds"] = [Path(path).name for path in record.backgrounds]
    return plain


def _plain(node: Any) -> Any:
    """Return what YAML can hold: bytes of a file's name that are no UTF-8 are spelt out."""
    if isinstance(node, str):
        return node.encode(errors="backslashreplace").decode()
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(one) for one in node] if isinstance(node, list | tuple) else node


def restore(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an `Exposure` that `describe` wrote, in this version or an earlier one."""
    return {
        "provenance": dict(described.get("provenance", {})),
        "history": tuple(_record(item) for item in described.get("history", ())),
        "subarrays": tuple(_subarray(item) for item in described.get("subarrays", ())),
        "done": frozenset(described.get("done", ())),
        "removed": {name: Removal(amount) for name, amount in described.get("removed", {}).items()},
        **({"common": frozenset(described["common"])} if "common" in described else {}),
    }


def _record(item: Mapping[str, Any]) -> StageRecord:
    plain = dict(item)
    plain["references"] = tuple(ReferenceUse(**use) for use in plain.get("references", ()))
    plain["notes"] = tuple(plain.get("notes", ()))
    plain["backgrounds"] = tuple(plain.get("backgrounds", ()))
    plain["params"] = dict(plain.get("params", {}))
    return StageRecord(**plain)


def _subarray(item: Mapping[str, Any]) -> Subarray:
    return Subarray(**{**item, "window": Window(**item["window"])})


def common_elsewhere(variance: Iterable[str]) -> frozenset[str]:
    """Return which components have one error in all integrations, by the names that jwst and version 0.1 use."""
    return _COMMON.intersection(variance)


def removed_before(header: Header, sci_header: Header, name: str) -> dict[str, Removal]:
    """Return how much of the dark current is gone from the pixels, as products of version 0.1 record it."""
    if "BKG_METH" in sci_header:
        return {"dark": Removal.PART}
    value = sci_header.get("BKG_DARK", header.get("BKG_DARK"))
    if value is None:
        return {}
    if not isinstance(value, bool):
        raise InputError(f"{name}: BKG_DARK = {value!r} is neither T nor F; write it as a FITS logical")
    return {"dark": Removal.WHOLE if value else Removal.NO}
