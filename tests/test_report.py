"""What a run did: for people in one line, for scripts as data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from iris_core import ExposureResult, Job, ReferenceUse, Report, StageRecord

USE = ReferenceUse(reftype="dark", path="d.fits", sha256="ab", provider="by hand")
RECORD = StageRecord(stage="dark_current", status="COMPLETE", params={"sigma": 3.0}, references=(USE,), notes=("n",))
GOOD = ExposureResult(
    path=Path("a/x_rate.fits"),
    mode="iris-imager",
    products={"cal": Path("a/x_cal.fits"), "i2d": Path("a/x_i2d.fits")},
    history=(RECORD,),
    seconds=1.5,
)
BAD = ExposureResult(path=Path("y_rate.fits"), products={}, error="y_rate.fits: no such file", traceback="T" * 9999)
REPORT = Report(recipe="image2", results=(GOOD, BAD))


def test_a_report_knows_its_failures_and_products() -> None:
    assert REPORT.failed == (BAD,)
    assert REPORT.products == (Path("a/x_cal.fits"), Path("a/x_i2d.fits"))
    assert GOOD.name == "x_rate.fits"


@pytest.mark.parametrize(
    ("results", "summary"),
    [
        ((), "0 of 0 exposures calibrated"),
        ((GOOD,), "1 of 1 exposure calibrated"),
        ((GOOD, GOOD), "2 of 2 exposures calibrated"),
        ((BAD,), "0 of 1 exposure calibrated, 1 failed: y_rate.fits"),
        (
            (GOOD, BAD, replace(BAD, path=Path("b/z.fits"))),
            "1 of 3 exposures calibrated, 2 failed: y_rate.fits, z.fits",
        ),
    ],
)
def test_the_summary_counts_the_exposures_and_names_those_that_failed(
    results: tuple[ExposureResult, ...], summary: str
) -> None:
    assert Report(recipe="image2", results=results).summary == summary


def test_a_report_and_its_results_print_short() -> None:
    """In a notebook: the names, no history and no traceback."""
    assert "1 of 2 exposures calibrated, 1 failed: y_rate.fits" in repr(REPORT)
    assert "image2" in repr(REPORT)
    for fact in ("x_rate.fits", "a/x_cal.fits", "a/x_i2d.fits"):
        assert fact in repr(GOOD)
    for fact in ("y_rate.fits", "no such file"):
        assert fact in repr(BAD)
    for printed in (repr(REPORT), repr(GOOD), repr(BAD)):
        assert len(printed) < 150
        assert "\n" not in printed


def test_a_report_is_json() -> None:
    plain = json.loads(json.dumps(REPORT.plain()))
    good, bad = plain["exposures"]
    assert (plain["recipe"], plain["summary"]) == ("image2", REPORT.summary)
    assert good["products"] == {"cal": "a/x_cal.fits", "i2d": "a/x_i2d.fits"}
    assert good["history"][0]["params"] == {"sigma": 3.0}
    assert good["history"][0]["references"][0]["path"] == "d.fits"
    assert bad["error"] == "y_rate.fits: no such file"


def test_a_job_is_a_key() -> None:
    assert len({Job(Path("x.fits")), Job(Path("x.fits")), Job(Path("x.fits"), (Path("sky.fits"),))}) == 2
