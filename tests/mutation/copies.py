"""Copies of the checkout, in which a fault is put and tests are run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData
from faults import Fault

__all__ = ["Copy", "Tests", "Verdict"]

SETTINGS = """[run]
source_pkgs = iris_core
patch = subprocess
disable_warnings = no-data-collected, module-not-imported, module-not-measured
"""
OF_FAULTS = "tests/test_mutation.py"  # compares the text of the kernel with the faults
NO_SUCH_TEST = 4  # what pytest returns where a name is not found, and where it cannot start


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a fault: how it ended, with how many tests, out of how many that run its lines.

    `by` is the test that failed, where it is known.
    """

    fault: Fault
    outcome: str
    run: int = 0
    covering: int = 0
    seconds: float = 0.0
    by: str = ""

    @property
    def killed(self) -> bool:
        """Whether a test failed, or did not end."""
        return self.outcome in {"killed", "timeout"}


class Tests:
    """Which tests run which line, and how long each takes.

    Parameters
    ----------
    by_line
        The names of tests, by file and line; the empty name stands for import, and for other processes.
    seconds
        How long each test takes.
    names
        All tests in the order in which they are run.
    """

    def __init__(
        self, by_line: dict[str, dict[int, set[str]]], seconds: dict[str, float], names: Iterable[str]
    ) -> None:
        self.by_line = by_line
        self.seconds = seconds
        self.order = {name: number for number, name in enumerate(names)}

    def covering(self, fault: Fault) -> set[str]:
        """Return the tests that may notice a fault.

        What runs on import may be noticed by any test, and what runs in other processes only by any that runs a line of
        its file.
        """
        by_line = self.by_line.get(fault.path, {})
        found = {test for line in fault.lines for test in by_line.get(line, ())}
        if fault.imported:
            return set(self.seconds)
        if found == {""}:
            found = {test for tests in by_line.values() for test in tests}
        return found - {""}

    def chosen(self, tests: Iterable[str], path: str, budget: float) -> list[str]:
        """Return those of some tests that take `budget` seconds together, at least one.

        Those of the module in `path`, then the quickest, are the first to be taken. They are run file by file, its own
        and the quickest files first; within a file their order stays, since some tests may not pass in another.
        """
        own = f"/test_{Path(path).stem.strip('_')}.py::"
        taken: list[str] = []
        for test in sorted(tests, key=lambda test: (own not in test, self.seconds[test], self.order.get(test, 0))):
            if self.seconds[test] <= budget or not taken:
                taken.append(test)
                budget -= self.seconds[test]
        whole: dict[str, float] = defaultdict(float)
        for test in taken:
            whole[file_of(test)] += self.seconds[test]
        return sorted(
            taken, key=lambda test: (own not in test, whole[file_of(test)], file_of(test), self.order.get(test, 0))
        )


class Copy:
    """A copy of the checkout in a temporary folder, and a place for what its tests write.

    Parameters
    ----------
    root
        The checkout; what it keeps out of version control is not copied.
    folder
        Where the copy is made.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = folder / "checkout"
        self.scratch = folder / "scratch"
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            if (root / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.root / name)

    def pytest(self, options: Sequence[str], limit: float | None = None) -> tuple[int | None, str]:
        """Run pytest in the copy; return its exit code, None where it had to be stopped, and its output.

        Whatever it started is stopped with it.
        """
        always = [
            "-m",
            "not slow",
            "-rfE",
            "-p",
            "no:cacheprovider",
            "--hypothesis-seed=0",
            f"--basetemp={self.scratch}",
        ]
        command = [sys.executable, "-m", "pytest", *always, *options]
        output = self.root.parent / "output"
        with output.open("wb") as stream:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return code, output.read_text(errors="replace")

    def _environment(self) -> dict[str, str]:
        """Return an environment whose imports find the copy before what is installed, and never old bytecode."""
        folders = [self.root, *sorted(path.parent for path in self.root.glob("plugins/*/pyproject.toml"))]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COVERAGE_FILE": str(self.root.parent / "coverage"),
            "COVERAGE_CORE": "ctrace",  # which knows of tests
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        }

    def measure(self, jobs: int) -> Tests:
        """Run all tests once and return which line each runs.

        Raises
        ------
        RuntimeError
            A test fails without a fault, or what is imported is not the copy.
        """
        settings = self.root.parent / "coveragerc"
        settings.write_text(SETTINGS)
        options = ["--cov=iris_core", "--cov-context=test", "--cov-report=", f"--cov-config={settings}"]
        code, output = self.pytest(["tests", "-vv", "--durations=0", f"--numprocesses={jobs}", *options])
        if code != 0:
            raise RuntimeError(f"the tests fail without a fault:\n{output[-4000:]}")
        seconds: dict[str, float] = defaultdict(float)
        for took, test in re.findall(r"^([\d.]+)s (?:setup|call|teardown) +(\S.*?) *$", output, flags=re.MULTILINE):
            seconds[test] += float(took)
        by_line = read_coverage(self.root)
        if not by_line:
            raise RuntimeError("the tests import iris_core from somewhere else, not from the copy")
        names = self.pytest(["tests", "--collect-only", "-q"])[1].splitlines()
        return Tests(by_line, seconds, names)

    def check(self, tests: Tests, budget: float) -> None:
        """Run tests as for a fault, without one.

        Raises
        ------
        RuntimeError
            They fail in this order, or one is not found.
        """
        code, output = self._run(tests.chosen(tests.seconds, "", budget))
        if code != 0:
            raise RuntimeError(f"tests that passed fail when they are chosen as for a fault:\n{output[-4000:]}")

    def judge(self, fault: Fault, tests: Tests, budget: float) -> Verdict:
        """Put a fault into the copy, run tests, and take it out."""
        covering = tests.covering(fault)
        chosen = tests.chosen(covering, fault.path, budget)
        if not chosen:
            return Verdict(fault, "not covered")
        path, started = self.root / fault.path, time.monotonic()
        path.write_bytes(fault.after)
        try:
            code, output = self._run(chosen, 60 + 4 * sum(tests.seconds[test] for test in chosen))
        finally:
            path.write_bytes(fault.before)
        outcome = {0: "survived", None: "timeout"}.get(code, "killed")
        failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, flags=re.MULTILINE)
        by = failed[-1] if outcome == "killed" and failed else ""
        return Verdict(fault, outcome, len(chosen), len(covering), time.monotonic() - started, by)

    def _run(self, tests: Sequence[str], limit: float | None = None) -> tuple[int | None, str]:
        names = self.root.parent / "tests"
        names.write_text("\n".join(tests))
        code, output = self.pytest(["-x", "-q", "-n0", f"@{names}"], limit)
        if code == NO_SUCH_TEST:  # a fault can change the name of a test, which is no failure
            files = list(dict.fromkeys(map(file_of, tests)))
            return self.pytest(["-x", "-q", "-n0", *files], limit)
        return code, output


def file_of(test: str) -> str:
    """Return the file of a test."""
    return test.partition("::")[0]


def read_coverage(root: Path) -> dict[str, dict[int, set[str]]]:
    """Return what the tests of the copy in `root` left: names of tests by file and line."""
    data = CoverageData(str(root.parent / "coverage"))
    data.read()
    return {
        Path(name).relative_to(root).as_posix(): {
            line: {context.rpartition("|")[0] for context in contexts}
            for line, contexts in data.contexts_by_lineno(name).items()
        }
        for name in data.measured_files()
        if Path(name).is_relative_to(root)
    }
