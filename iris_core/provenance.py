"""What was done to an exposure, as plain data that a file can carry."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from iris_core.meta import ReferenceUse, StageRecord, Subarray, Window
from iris_core.model import Exposure

__all__ = ["describe", "restore", "software"]


def software() -> dict[str, str]:
    """Return the versions of what every run depends on."""
    packages = ("iris-core", "numpy", "astropy", "gwcs", "asdf")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def describe(exposure: Exposure) -> dict[str, Any]:
    """Return history, windows and provenance of an exposure as lists, dicts, numbers and text."""
    return {
        "provenance": dict(exposure.provenance),
        "history": [_plain(record) for record in exposure.history],
        "subarrays": [asdict(subarray) for subarray in exposure.subarrays],
    }


def _plain(record: StageRecord) -> dict[str, Any]:
    plain = asdict(record)
    plain["references"] = list(plain["references"])
    return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


def restore(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an `Exposure` that `describe` wrote."""
    return {
        "provenance": dict(described.get("provenance", {})),
        "history": tuple(_record(item) for item in described.get("history", ())),
        "subarrays": tuple(_subarray(item) for item in described.get("subarrays", ())),
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
