"""The process of which workers are copies: it imports what all of them need, and nothing of a plugin.

It is imported there and nowhere else.
"""

import atexit
import gc
import sys
import warnings
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from types import TracebackType


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say what went wrong, but not in a copy that was begun when its run ended: its locks and pipes are gone."""
    if not isinstance(error, EOFError) and (not isinstance(error, OSError) or error.filename is not None):
        sys.__excepthook__(kind, error, trace)


def _tidy() -> None:
    """Remove the socket of this process, and its folder: a run that was killed has left them."""
    socket = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_address", None)
    if isinstance(socket, str):
        with suppress(OSError, ValueError):
            Path(socket).unlink(missing_ok=True)
            Path(socket).parent.rmdir()


# What fails here fails again in the worker that needs it, and is reported there.
with suppress(Exception), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import astropy.modeling.models  # noqa: F401

    from iris_core.io.asdf_open import load_asdf

    load_asdf()  # with gwcs, and all that has extensions
gc.freeze()  # what the collector never touches stays shared by all copies
sys.excepthook = _tell
atexit.register(_tidy)
