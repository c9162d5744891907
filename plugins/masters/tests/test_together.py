"""Flats of several detectors relative to one level."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import iris_masters
import numpy as np
import pytest
from iris_masters import TogetherParams, check_together
from iris_testkit import GroupStageConformance, make_exposure, run_group, run_stage

from iris_core import Exposure, Exposures, InputError, read_exposure, run, write_exposure

LIGHT, SENSITIVITY = 1000.0, (0.8, 1.0, 1.2, 1.4)
DETECTORS = ("IMG1", "IMG2", "IMG3", "IMG4")


def flat(at: int, shape: tuple[int, int] = (48, 64), **options: Any) -> Exposure:
    """Return the flat of a detector as normalize leaves it: a gradient, of another sensitivity."""
    gradient = np.broadcast_to(np.linspace(0.9, 1.1, shape[1]), shape)
    options = {"detector": DETECTORS[at], "path": Path(f"{DETECTORS[at]}_flat.fits"), "exposure_time": 5.0, **options}
    light = make_exposure(shape, value=LIGHT * SENSITIVITY[at] * gradient, poisson=4.0, rnoise=0.0, **options)
    return run_stage(iris_masters, light, stage="normalize")


def flats() -> list[Exposure]:
    return [flat(at) for at in range(4)]


class TestConformance(GroupStageConformance):
    """The rules, on flats of four detectors."""

    plugin = iris_masters
    stage = "level_flats"
    numbers = (1, 2, 3, 4)
    exempt: ClassVar = {"memory": "there are four detectors"}

    def exposures(self, number: int) -> list[Exposure]:
        return flats()[:number]


def test_what_is_left_is_the_sensitivity_of_each_detector() -> None:
    """The mean level is 1100: the medians are 0.8, 1, 1.2 and 1.4 over 1.1, the relative errors as before."""
    before = flats()
    made = run_group(iris_masters, before, stage="level_flats").exposure
    medians = [float(np.median(one.data)) for one in made]
    assert medians == pytest.approx(np.array(SENSITIVITY) / 1.1, rel=1e-5)
    for old, new in zip(before, made, strict=True):
        assert new.err / new.data == pytest.approx(old.err / old.data, rel=1e-5)
        assert new.sci_header["FLATNORM"] == pytest.approx(1100, rel=1e-6)
        errors = [one.sci_header["FLATNERR"] for one in before]
        assert new.sci_header["FLATNERR"] == pytest.approx(np.sqrt(np.sum(np.square(errors))) / 4, rel=1e-3)


def test_one_zero_point_fits_all_detectors() -> None:
    """Of one scene each detector counts as its sensitivity says; after its flat all see the same."""
    made = run_group(iris_masters, flats(), stage="level_flats").exposure
    seen = [
        50 * sensitivity * np.linspace(0.9, 1.1, 64) / one.data[0]
        for sensitivity, one in zip(SENSITIVITY, made, strict=True)
    ]
    assert np.concatenate(seen) == pytest.approx(55, rel=1e-5)


@pytest.mark.parametrize(
    ("others", "wanted"),
    [
        ([], "there is 1"),
        ([flat(0, path=Path("again_flat.fits"))], "one flat of each detector.*again_flat"),
        ([flat(1, filter="Hbb")], "differ in filter"),
        ([flat(1, exposure_time=7.0)], "differ in exposure_time"),
        ([flat(1).with_keywords({"FLATNORM": (9000.0, "")})], "is 1.84 times that of all|is 0.163 times"),
        ([flat(1).with_keywords({"FLATNORM": (0.0, "")})], "no FLATNORM above 0"),
    ],
)
def test_flats_that_cannot_be_compared_are_refused_by_name(others: list[Exposure], wanted: str) -> None:
    with pytest.raises(InputError, match=wanted):
        check_together(Exposures.of([flat(0), *others]), TogetherParams())


def test_the_recipe_makes_reference_files(tmp_path: Path) -> None:
    """As they were: of the same types and keywords, for a store."""
    keywords = {"REFTYPE": ("FLAT", ""), "USEAFTER": ("2026-11-26T22:00:00", "")}
    files = []
    for one in flats():
        header = one.header.copy()
        header.update({name: value for name, (value, _) in keywords.items()})
        files.append(write_exposure(one.replace(header=header), tmp_path / one.meta.path.name))
    report = run("create-flat-together", *files, directory=tmp_path / "out")
    assert not report.failed
    made = [read_exposure(path) for path in report.products]
    assert len(made) == 4
    assert {one.header["REFTYPE"] for one in made} == {"FLAT"}
    assert sorted(one.meta.detector for one in made) == list(DETECTORS)
    assert sorted(float(np.median(one.data)) for one in made) == pytest.approx(np.array(SENSITIVITY) / 1.1, rel=1e-5)
