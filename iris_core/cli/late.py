"""Modules that libraries import and seldom use: in the process of a command they are imported when they are used."""

from __future__ import annotations

import sys
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any

__all__ = ["import_late"]

# gwcs imports both, which import ten times as many: a sixth of what image2 imports, and it calls neither.
_SELDOM_USED = ("scipy.linalg", "scipy.optimize")
# By whoever goes through all modules, as `inspect` does.
_ASKED_OF_ALL = ("__file__", "__warningregistry__")
_ONE_AT_A_TIME = Lock()


class _Late(ModuleType):
    """Stands for a module, which is imported when it is asked for something.

    That of `importlib.util.LazyLoader` is imported as soon as anybody looks at all modules, as astropy does at its
    start, and not safely by two threads at a time.
    """

    def __getattr__(self, name: str) -> Any:
        if name in _ASKED_OF_ALL:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        with _ONE_AT_A_TIME:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def import_late() -> None:
    """Import what is seldom used when it is used: to whoever imports it, it looks as if it were there."""
    for name in _SELDOM_USED:
        sys.modules.setdefault(name, _Late(name))
