"""What a run did, as data for scripts."""

from __future__ import annotations

import json
from pathlib import Path

from iris_core.meta import ReferenceUse, StageRecord
from iris_core.report import ExposureResult, Report

USE = ReferenceUse(reftype="dark", path="d.fits", sha256="ab", provider="by hand")
RECORD = StageRecord(stage="dark_current", status="COMPLETE", params={"sigma": 3.0}, references=(USE,), notes=("n",))
GOOD = ExposureResult(
    path=Path("a/x_rate.fits"),
    mode="iris-imager",
    products={"cal": Path("a/x_cal.fits"), "i2d": Path("a/x_i2d.fits")},
    history=(RECORD,),
    seconds=1.5,
)
BAD = ExposureResult(path=Path("y_rate.fits"), products={}, error="y_rate.fits: no such file")
REPORT = Report(recipe="image2", results=(GOOD, BAD))


def test_a_report_knows_its_failures_and_products() -> None:
    assert REPORT.failed == (BAD,)
    assert REPORT.products == (Path("a/x_cal.fits"), Path("a/x_i2d.fits"))
    assert GOOD.name == "x_rate.fits"


def test_a_report_is_json() -> None:
    plain = json.loads(json.dumps(REPORT.plain()))
    good, bad = plain["exposures"]
    assert plain["recipe"] == "image2"
    assert good["products"] == {"cal": "a/x_cal.fits", "i2d": "a/x_i2d.fits"}
    assert good["history"][0]["params"] == {"sigma": 3.0}
    assert good["history"][0]["references"][0]["path"] == "d.fits"
    assert bad["error"] == "y_rate.fits: no such file"
