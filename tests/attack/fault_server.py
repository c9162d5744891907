"""Runs commands of `iris`, each in a fork of this process, and lets one operation on a file fail, or kills it there.

Reads one JSON object a line, ``{"arguments": [...], "folder": ".", "fault": {"kind": ..., "at": ...}}``, and answers
with ``{"code": ..., "seconds": ..., "operations": [...], "output": ...}``. Kinds of faults:

kill, or the name of an error (ENOSPC, EACCES, EIO)
    at the operation of this number in the folder: open, rename, link, remove, mkdir, rmdir, fsync, opening an index
write-kill, write-EFBIG
    where a file becomes longer than this many bytes
time
    killed after this many seconds
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

LONGEST = 90.0  # seconds on a busy machine, then it hangs
UNFORESEEN = 99
EVENTS = (
    "open",
    "sqlite3.connect",
    "os.rename",
    "os.link",
    "os.symlink",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
)


class Operations:
    """Counts the operations in a folder, and has one of them fail."""

    def __init__(self, folder: Path, kind: str, number: float) -> None:
        self.folder, self.kind, self.number, self.seen = str(folder), kind, number, list[str]()
        self.busy = False

    def start(self) -> None:
        sys.addaudithook(self.audit)
        for name in ("fsync", "fdatasync"):
            setattr(os, name, self.counted(name, getattr(os, name)))

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and not self.busy and self.is_inside(arguments[0]):
            self.count(f"{event} {os.fspath(arguments[0])}")

    def is_inside(self, path: Any) -> bool:
        if not isinstance(path, str | os.PathLike):
            return False
        name = os.fspath(path).removeprefix("file://").partition("?")[0]
        return os.path.abspath(name).startswith(self.folder)

    def counted(self, name: str, real: Any) -> Any:
        def call(descriptor: int) -> Any:
            self.count(f"{name} {descriptor}")
            return real(descriptor)

        return call

    def count(self, what: str) -> None:
        self.seen.append(what)
        if len(self.seen) == self.number:
            if self.kind == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif hasattr(errno, self.kind):
                code = getattr(errno, self.kind)
                raise OSError(code, os.strerror(code), what.partition(" ")[2] if not what.startswith("f") else None)


def carry_out(order: dict[str, Any], operations: Path) -> int:
    """Run a command in this process, which is a fork, and return its exit code."""
    from iris_core.cli import main

    os.chdir(order["folder"])
    kind, at = order["fault"]["kind"], order["fault"]["at"]
    counted = Operations(Path.cwd(), kind, at)
    counted.start()
    if kind.startswith("write-"):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kind == "write-kill" else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(at), resource.RLIM_INFINITY))
    try:
        main(order["arguments"])
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        counted.kind = ""
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        whole = operations.with_suffix(".new")  # a kill may come while it is written
        whole.write_text(json.dumps(counted.seen))
        whole.replace(operations)
    return 0


def answer(order: dict[str, Any], operations: Path) -> dict[str, Any]:
    operations.write_text("[]")
    reading, writing = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = UNFORESEEN
        with contextlib.suppress(BaseException):
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            code = carry_out(order, operations)
        os._exit(code)
    os.close(writing)
    status = wait(child, began + (order["fault"]["at"] if order["fault"]["kind"] == "time" else LONGEST))
    seconds = time.monotonic() - began
    with open(reading, errors="replace") as stream:
        output = stream.read()
    seen = json.loads(operations.read_text())
    return {"code": os.waitstatus_to_exitcode(status), "seconds": seconds, "operations": seen, "output": output}


def wait(child: int, until: float) -> int:
    """Return the status of a process, which is killed where it takes too long; what it prints fits into a pipe."""
    ended, status = 0, 0
    while not ended and time.monotonic() < until:
        time.sleep(0.002)
        ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return status


def serve() -> None:
    warnings.simplefilter("ignore")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # What takes long is done once; no threads are started, which a fork would not have.
    import asdf  # noqa: F401
    import gwcs  # noqa: F401

    import iris_core

    plugins = iris_core.load_plugins()
    assert not plugins.broken, plugins.broken
    with tempfile.TemporaryDirectory() as scratch:
        print("ready", flush=True)  # noqa: T201
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line), Path(scratch) / "operations")), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
