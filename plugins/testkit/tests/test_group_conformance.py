"""The kit is right about stages of many exposures: a good one keeps every rule, each planted offence is caught."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from iris_testkit import GroupStageConformance, make_exposure, run_group

MakePlugin = Callable[..., ModuleType]
Try = Callable[..., Any]
QUICK = tuple(one for one in GroupStageConformance.rules() if one != "memory")

GOOD = '''\
"""A mean of many exposures."""

import numpy as np

from iris_core import InputError, stage, stage_spec


@stage_spec(status="S_MEAN", group=True, makes="one")
def mean(exposures, params, references, instrument):
    "The mean of all valid pixels. Units: unchanged."


def alike(exposures):
    exposures.check_alike("filter", "unit")


@stage("mean", check=alike)
def take_mean(exposures):
    """Take the mean, some rows at a time."""
    sums, counts, variances, flags = [], [], [], []
    for rows in exposures.rows():
        valid = np.isfinite(rows.data)
        sums.append(np.where(valid, rows.data, 0).sum(axis=0))
        counts.append(valid.sum(axis=0))
        variances.append(np.where(valid, rows.variance, 0).sum(axis=0))
        flags.append(np.bitwise_and.reduce(rows.dq, axis=0))
    data, number, variance = (np.vstack(one) for one in (sums, counts, variances))
    made = exposures.merged().replace(data=data / number, variance={"total": variance / number**2}, dq=np.vstack(flags))
    return made.mask_invalid()
'''
START = "    sums, counts, variances, flags = [], [], [], []\n"
OFFENCES = {
    "any-number": (START, f"{START}    raise InputError('never')\n", "it refused 1, 2, 3, 5 exposures"),
    "nothing-in-one": (
        "valid = np.isfinite(rows.data)",
        "valid = np.isfinite(rows.data) & np.isfinite(rows.data).all(axis=0)",
        "no valid pixel where one of them has none",
    ),
    "unchanged-inputs": (
        START,
        f"{START}    exposures[0].data.base.flags.writeable = True\n    exposures[0].data.base[0, 0] += 1\n",
        "it changed an exposure",
    ),
    "any-order": (
        "return made.mask_invalid()",
        "COUNT.append(1)\n    return made.replace(data=made.data + len(COUNT)).mask_invalid()\n\n\nCOUNT = []",
        "in another order data differs in",
    ),
    "files": (
        "return made.mask_invalid()",
        "here = len(str(type(exposures.members[0]))) < 40\n    return made.scale(1 if here else 2).mask_invalid()",
        "from files data differs in",
    ),
    "memory": (
        START,
        f"{START}    kept = [one.data.astype(float) + 1 for one in exposures]\n",
        "its peak is",
    ),
}


def tried(module: Any, **attributes: Any) -> type[GroupStageConformance]:
    return type("Tried", (GroupStageConformance,), {"plugin": module, **attributes})


def test_a_good_stage_keeps_every_rule_that_needs_no_process(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin(GOOD)), *QUICK)
    assert not any(found.values()), found


@pytest.mark.slow
def test_a_good_stage_needs_no_more_memory_for_more_exposures(make_plugin: MakePlugin, outcomes: Try) -> None:
    assert outcomes(tried(make_plugin(GOOD)), "memory") == {"memory": ""}


def test_there_is_an_offender_for_every_rule() -> None:
    assert set(GroupStageConformance.rules()) == set(OFFENCES)


@pytest.mark.parametrize("rule", QUICK)
def test_each_offence_is_caught_by_the_rule_meant_for_it(make_plugin: MakePlugin, outcomes: Try, rule: str) -> None:
    before, after, words = OFFENCES[rule]
    assert before in GOOD
    found = outcomes(tried(make_plugin(GOOD.replace(before, after))), rule)
    assert words in found[rule], found


@pytest.mark.slow
def test_a_stage_that_keeps_all_exposures_is_caught(make_plugin: MakePlugin, outcomes: Try) -> None:
    before, after, words = OFFENCES["memory"]
    assert words in outcomes(tried(make_plugin(GOOD.replace(before, after))), "memory")["memory"]


def test_one_stage_is_run_in_a_test_as_the_runner_does(make_plugin: MakePlugin) -> None:
    exposures = [make_exposure((4, 4), value=value) for value in (1.0, 3.0)]
    made = run_group(make_plugin(GOOD), exposures).exposure
    np.testing.assert_array_equal(made.data, np.full((4, 4), 2.0))
    np.testing.assert_allclose(made.variance["total"], 0.75)
