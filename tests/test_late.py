"""Modules that libraries import and seldom use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LATE = "import sys; from iris_core.cli.late import import_late; import_late()\n"
# Of scipy, what is imported with what is late.
WITH_IT = ("scipy.optimize._minimize", "scipy.linalg._basic", "scipy.special", "scipy.spatial")


def run(code: str) -> list[str]:
    """Return what is printed by code in a process where modules are late."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", LATE + code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()


def test_gwcs_is_imported_without_what_it_seldom_uses() -> None:
    loaded = run("import gwcs.wcs, inspect; inspect.getmodule(inspect.currentframe()); print(*sys.modules)")
    assert "gwcs.wcs._wcs" in loaded
    assert not set(WITH_IT) & set(loaded)


@pytest.mark.parametrize(
    "code",
    [
        "from scipy.optimize import brentq",
        "from scipy.optimize import *",
        "from scipy import optimize; brentq = optimize.brentq",
        "import scipy.optimize as chosen; brentq = chosen.brentq",
        "import scipy.optimize; brentq = scipy.optimize.brentq",
        "import scipy; brentq = scipy.optimize.brentq",
        "from scipy.optimize._zeros_py import brentq",
        "import gwcs.wcs._wcs as user; brentq = user.optimize.brentq",
        "import scipy.linalg.blas; from scipy.linalg import det; det([[1]]); from scipy.optimize import brentq",
        "import scipy.interpolate; from scipy.optimize import brentq",
    ],
)
def test_it_is_there_however_it_is_imported(code: str) -> None:
    use = (
        "import pickle; print(pickle.loads(pickle.dumps(brentq))(lambda x: x - 3, 0, 4), sys.modules['scipy.optimize'])"
    )
    number, *module = run(f"{code}\n{use}")
    assert float(number) == pytest.approx(3)
    assert "scipy/optimize/__init__.py" in " ".join(module).replace(os.sep, "/")


def test_several_threads_may_be_the_first_to_use_it() -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from scipy import optimize
barrier = Barrier(8)
def use(_):
    barrier.wait()
    return optimize.brentq(lambda x: x - 3, 0, 4)
with ThreadPoolExecutor(8) as pool:
    print(*pool.map(use, range(8)))
"""
    assert [round(float(one)) for one in run(code)] == [3] * 8


def test_what_is_not_in_it_is_an_error() -> None:
    code = """
from scipy import optimize
try:
    optimize.no_such_function
except AttributeError as error:
    print(error)
"""
    assert "no_such_function" in " ".join(run(code))


def test_what_was_imported_before_stays() -> None:
    code = "import scipy.optimize; scipy.optimize.brentq; there = sys.modules['scipy.optimize']; import_late()"
    assert run(f"{code}; print(sys.modules['scipy.optimize'] is there)") == ["True"]
