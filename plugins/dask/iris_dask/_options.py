"""What a recipe says of the executor."""

from __future__ import annotations

import os
import re

from iris_core import RecipeError

__all__ = ["check_options"]

_ADDRESS = "IRIS_DASK_ADDRESS"
_FORM = re.compile(r"(tcp|tls|ws|wss)://\S+:\d+")


def check_options(address: object, patience: object) -> str:
    """Return the address of the scheduler: that of the recipe, or of the environment; ``""`` for a cluster here.

    Raises
    ------
    RecipeError
        When the address, or `patience` [s], cannot be right.
    """
    if isinstance(patience, bool) or not isinstance(patience, int | float) or not 0 < patience < float("inf"):
        raise RecipeError(f"executor.patience: seconds, more than 0, not {patience!r}")
    place, given = ("executor.address", address) if address else (_ADDRESS, os.environ.get(_ADDRESS, ""))
    if given and not (isinstance(given, str) and _FORM.fullmatch(given)):
        raise RecipeError(f"{place}: the address of a Dask scheduler is like tcp://host:8786, not {given!r}")
    return str(given)
