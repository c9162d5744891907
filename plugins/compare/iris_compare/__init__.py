"""Compares implementations of a stage: the same recipe and exposure, one fresh process for each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iris_compare._comparison import Comparison as Comparison
    from iris_compare._comparison import compare_stages as compare_stages
    from iris_compare._difference import Difference as Difference
    from iris_compare._difference import measure_difference as measure_difference
    from iris_compare._picture import draw_difference as draw_difference
    from iris_compare._runs import Outcome as Outcome

_HOMES = {
    "Comparison": "iris_compare._comparison",
    "Difference": "iris_compare._difference",
    "Outcome": "iris_compare._runs",
    "compare_stages": "iris_compare._comparison",
    "draw_difference": "iris_compare._picture",
    "measure_difference": "iris_compare._difference",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the commands of ``iris`` must not wait for astropy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'iris_compare' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
