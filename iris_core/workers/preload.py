"""What every worker imports: done once, in the process of which they are copies. It runs nothing of a plugin."""

import atexit
import gc
import sys
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from types import TracebackType

import astropy.modeling.models  # noqa: F401

from iris_core.io.asdf_open import load_asdf


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say what went wrong, but not in a copy that was begun when its run ended: its locks and pipes are gone."""
    if not issubclass(kind, EOFError | OSError):
        sys.__excepthook__(kind, error, trace)


def _tidy() -> None:
    """Remove the socket of this process, and its folder: a run that was killed has left them."""
    socket = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_address", None)
    if isinstance(socket, str):
        with suppress(OSError, ValueError):
            Path(socket).unlink(missing_ok=True)
            Path(socket).parent.rmdir()


load_asdf()  # with gwcs, and all that has extensions
gc.freeze()  # what is never looked at stays in common
sys.excepthook = _tell
atexit.register(_tidy)
