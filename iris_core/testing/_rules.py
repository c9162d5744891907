"""How a rule of the conformance tests becomes a test method, and what the rules compare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iris_core.dq import DQ
from iris_core.errors import choices, did_you_mean
from iris_core.model import Exposure
from iris_core.testing._bench import Bench

__all__ = ["describe_difference", "fingerprint", "names_of", "planes_of", "rule", "rules_in"]

Test = Callable[[Any, Path], None]


def rule(name: str) -> Callable[[Callable[[Any, Bench], None]], Test]:
    """Make a rule of a method: it gets a bench, is skipped where the class is exempt, and its failure names it."""

    def make(method: Callable[[Any, Bench], None]) -> Test:
        def test(self: Any, tmp_path: Path) -> None:
            import pytest

            __tracebackhide__ = True
            known = self.rules()
            for wrong in set(self.exempt) - set(known):
                pytest.fail(f"exempt: no rule '{wrong}'{did_you_mean(wrong, known)} Rules: {choices(known)}", False)
            if name in self.exempt:
                pytest.skip(f"rule '{name}': exempt: {self.exempt[name]}")
            method(self, Bench(self, tmp_path, name))

        test.__name__, test.__qualname__, test.__doc__ = method.__name__, method.__qualname__, method.__doc__
        test.__module__ = method.__module__
        test.__dict__["iris_rule"] = name
        return test

    return make


def planes_of(exposure: Exposure) -> dict[str, NDArray[Any]]:
    """Return every plane of an exposure that has the shape of its data, by name."""
    return {"data": exposure.data, "dq": exposure.dq, **exposure.variance}


def describe_difference(result: Exposure, wanted: Exposure) -> str:
    """Return in which pixels two exposures differ in any bit, ``""`` where they are the same."""
    mine, theirs = planes_of(result), planes_of(wanted)
    if mine.keys() != theirs.keys():
        return f"its components are {choices(mine)}, not {choices(theirs)}"
    for name, plane in mine.items():
        other = theirs[name]
        if plane.shape != other.shape:
            return f"{name} has shape {plane.shape}, not {other.shape}"
        differing = ~((plane == other) | ((plane != plane) & (other != other)))
        if differing.any():
            at = tuple(int(index) for index in np.argwhere(differing)[0])
            return f"{name} differs in {np.count_nonzero(differing)} pixels, first at {at}: {plane[at]} and {other[at]}"
    return ""


def fingerprint(exposure: Exposure) -> dict[str, str]:
    """Return a hash of every plane and header of an exposure, by name."""
    arrays = {**planes_of(exposure), **exposure.planes}
    if exposure.area is not None:
        arrays["area"] = exposure.area
    marks = {name: hashlib.sha256(np.ascontiguousarray(plane).tobytes()).hexdigest() for name, plane in arrays.items()}
    return {**marks, "header": exposure.header.tostring(), "sci_header": exposure.sci_header.tostring()}


def names_of(bits: int) -> str:
    """Return the names of DQ bits."""
    return choices(bit.name for bit in DQ if bit.value and bits & bit.value)


def rules_in(kind: type) -> Iterator[tuple[str, str]]:
    """Yield each rule of a class, and its sentence."""
    for name in dir(kind):
        method = getattr(kind, name)
        if hasattr(method, "iris_rule"):
            yield method.iris_rule, (method.__doc__ or "").strip().splitlines()[0]
