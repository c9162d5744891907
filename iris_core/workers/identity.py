"""What products that belong together have in common."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from iris_core.plan import Plan
from iris_core.workers.group_plan import GroupPlan

__all__ = ["run_identity"]

# Of a large file, blocks in equal steps: the headers are in the first, and other pixels differ in many of them.
_BLOCKS, _BLOCK = 64, 1 << 16


def run_identity(plan: Plan | GroupPlan) -> str:
    """Return a number that all products of an exposure share which were made from the same in the same way.

    Two equal runs have the same, so that their products are equal to the last byte. Where two products of an exposure
    have different ones, one of them is of another run.

    Parameters
    ----------
    plan
        How the exposure is calibrated.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    content = {
        "provenance": plan.provenance,
        "inputs": [(path.name, _digest(path)) for path in plan.inputs],
        "steps": [
            (one.step.stage, str(one.step.implementation), one.step.params.model_dump(mode="json"), one.skip)
            for one in plan.steps
        ],
    }
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    digest = sha256()
    with suppress(OSError), path.open("rb") as file:  # a plugin may read what is no file
        size = file.seek(0, 2)
        digest.update(str(size).encode())
        for start in range(0, size, max(_BLOCK, size // _BLOCKS)):
            file.seek(start)
            digest.update(file.read(_BLOCK))
    return digest.hexdigest()
