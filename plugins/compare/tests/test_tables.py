"""The tables say each number once, and nothing of what there is nothing to say."""

from __future__ import annotations

import numpy as np
from iris_compare import Difference, measure_difference
from iris_compare._tables import differences_table
from iris_testkit import make_exposure
from rich.console import Console

from iris_core import DQ, Exposure, parse_unit


def lines(found: dict[str, Difference], product: str = "flat_field") -> list[str]:
    """Return the printed lines of a table, each with single spaces."""
    console = Console(width=300)
    with console.capture() as capture:
        console.print(differences_table("b against a", found, product))
    return [" ".join(line.split()) for line in capture.get().splitlines()]


def exposure() -> Exposure:
    return make_exposure((8, 9), value=100.0, poisson=3.0, rnoise=1.0)


def test_every_number_has_its_line() -> None:
    data = exposure().data.copy()
    data[7, 4] += 8
    other = exposure().replace(data=data).flag(np.eye(8, 9, dtype=bool), DQ.HOT)
    lost = np.zeros((8, 9), dtype=bool)
    lost[0, 3] = True
    found = measure_difference(exposure(), other.flag(lost, DQ.DO_NOT_USE))
    assert lines({"flat_field": found}) == [
        "b against a",
        "flat_field",
        "result of the stage",
        "different",
        "unit electron/s",
        "shape 8 x 9",
        "pixels valid in both 71",
        "in the first only 1",
        "in the other only 0",
        "in both, changed 1",
        "other - first: median +0",
        "rms 0.9494",
        "largest +8",
        "at (4, 7)",
        "(other - first) / err of the first: median +0",
        "rms 0.4747",
        "largest +4",
        "at (4, 7)",
        "err of the other / err of the first: median 1",
        "smallest 1",
        "at (0, 0)",
        "largest 1",
        "at (0, 0)",
        "DQ DO_NOT_USE: gained, lost 1, 0",
        "DQ HOT: gained, lost 8, 0",
    ]


def test_products_stand_side_by_side_and_the_stages_own_is_named() -> None:
    same = measure_difference(exposure(), exposure())
    half = measure_difference(exposure(), exposure().scale(0.5).flag(np.eye(8, 9, dtype=bool), DQ.HOT))
    printed = lines({"cal": same, "i2d": half}, product="cal")
    assert printed[1:4] == ["cal i2d", "result of the stage product", "identical different"]
    assert "other - first: median +0 -50" in printed
    assert "at - (0, 0)" in printed
    assert "DQ HOT: gained, lost 0, 0 8, 0" in printed


def test_what_could_not_be_subtracted_has_no_numbers() -> None:
    units = measure_difference(exposure(), exposure().replace(unit=parse_unit("DN/s")))
    assert lines({"flat_field": units})[3:] == [
        "not subtracted",
        "unit electron/s",
        "shape 8 x 9",
        "pixels valid in both 72",
        "in the first only 0",
        "in the other only 0",
    ]
    shapes = measure_difference(exposure(), make_exposure((3, 3)))
    assert lines({"flat_field": shapes})[3:] == ["not subtracted", "unit electron/s", "shape 8 x 9"]
