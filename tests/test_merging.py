"""The headers of many exposures made into those of one product."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from iris_testkit import make_exposure

from iris_core import (
    Exposure,
    Exposures,
    InputError,
    ReferenceUse,
    Removal,
    StageRecord,
    read_exposure,
    write_exposure,
)

START = datetime(2026, 3, 20, 8, tzinfo=UTC)


def dither(seconds: list[float], **header: list[Any]) -> Exposures:
    return Exposures.of(
        make_exposure(
            (4, 4),
            path=Path(f"d{at}.fits"),
            header={"OBSERVER": "Me", **{key: values[at] for key, values in header.items()}},
            exposure_time=length,
            start_time=START + timedelta(seconds=100 * at),
        )
        for at, length in enumerate(seconds)
    )


def test_keywords_that_are_equal_stay_and_the_others_go_into_a_table() -> None:
    merged = dither([30, 60], AIRMASS=[1.1, 1.2], FRAMENO=[1, 2], TARGET=["a", "a"], GUIDED=[True, False]).merged()
    assert merged.header["TARGET"] == "a"
    assert merged.header["NEXP"] == 2
    assert not {"AIRMASS", "FRAMENO", "GUIDED"} & set(merged.header)
    table = merged.planes["HDRTAB"]
    assert table["FILE"].tolist() == [b"d0.fits", b"d1.fits"]
    assert table["AIRMASS"].tolist() == [1.1, 1.2]
    assert table["FRAMENO"].tolist() == [1, 2]
    assert table["GUIDED"].tolist() == [True, False]
    assert table["EXPTIME"].tolist() == [30, 60]
    assert "OBSERVER" not in table.dtype.names


def test_times_are_those_of_all_together() -> None:
    merged = dither([30, 60]).merged()
    assert merged.meta.exposure_time == 90
    assert merged.meta.start_time == START
    assert merged.header["DATE-END"] == "2026-03-20T08:02:40"
    mean = START + timedelta(seconds=(30 * 15 + 60 * 130) / 90)
    assert merged.header["MJD-AVG"] == pytest.approx(40587 + mean.timestamp() / 86400, abs=1e-9)


def test_detectors_that_were_read_out_together_are_one_exposure() -> None:
    """Two exposures of 30 and 60 s of four detectors are 90 s, however many members they are."""
    both = dither([30, 60])
    detectors = [one.replace(meta=replace(one.meta, detector=f"IMG{at}")) for at in range(1, 5) for one in both]
    merged = Exposures.of(detectors).merged()
    assert merged.meta.exposure_time == merged.header["EXPTIME"] == 90
    assert merged.header["NEXP"] == 8
    assert len(merged.planes["HDRTAB"]) == 8


def test_exposures_of_a_detector_count_each_even_where_their_headers_give_the_day_only() -> None:
    day = [make_exposure((4, 4), exposure_time=30.0, start_time=START) for _ in range(3)]
    assert Exposures.of(day).merged().meta.exposure_time == 90
    unknown = [make_exposure((4, 4), exposure_time=30.0, start_time=None) for _ in range(3)]
    assert Exposures.of(unknown).merged().meta.exposure_time == 90


def test_a_value_that_some_lack_is_empty_or_nan_in_the_table() -> None:
    exposures = [make_exposure((4, 4), header=header) for header in ({"A": 1, "B": "x"}, {})]
    table = Exposures.of(exposures).merged().planes["HDRTAB"]
    assert np.isnan(table["A"]).tolist() == [False, True]
    assert table["B"].tolist() == [b"x", b""]


def test_what_was_done_is_what_was_done_to_all() -> None:
    both, one = StageRecord(stage="flat_field", status="COMPLETE"), StageRecord(stage="photom", status="COMPLETE")
    first = make_exposure((4, 4)).replace(done=frozenset({"flat_field", "photom"}), history=(both, one))
    second = make_exposure((4, 4)).replace(done=frozenset({"flat_field"}), history=(both,))
    merged = Exposures.of([first, second]).merged()
    assert merged.done == {"flat_field"}
    assert merged.history == (both,)


def test_what_was_noted_of_the_first_exposure_only_has_its_name() -> None:
    def noted(*notes: str) -> tuple[StageRecord, ...]:
        return (StageRecord(stage="flat_field", status="COMPLETE", notes=notes),)

    own = [("no errors", "5 pixels"), ("no errors", "7 pixels"), ("no errors",)]
    exposures = Exposures.of(
        make_exposure((4, 4), path=Path(f"d{at}.fits")).replace(done=frozenset({"flat_field"}), history=noted(*notes))
        for at, notes in enumerate(own)
    )
    assert exposures.merged().history[0].notes == ("no errors", "d0.fits: 5 pixels")
    assert exposures[:1].merged().history[0].notes == own[0]


def test_the_reference_files_of_all_exposures_are_kept() -> None:
    """Those of each detector, each once, where its stage is."""
    uses = [ReferenceUse(reftype="flat", path=f"{name}.fits", sha256=name, provider="named") for name in "aba"]
    exposures = Exposures.of(
        make_exposure((4, 4)).replace(
            done=frozenset({"flat_field"}),
            history=(StageRecord(stage="flat_field", status="COMPLETE", references=(use,)),),
        )
        for use in uses
    )
    assert exposures.merged().history[0].references == tuple(uses[:2])


def test_exposures_from_which_not_the_same_was_removed_are_refused() -> None:
    first = make_exposure((4, 4)).replace(removed={"dark": Removal.WHOLE})
    with pytest.raises(InputError, match="differ in removed"):
        Exposures.of([first, make_exposure((4, 4))]).merged()


def test_the_table_is_in_the_product_and_comes_back(tmp_path: Path) -> None:
    merged = dither([30, 60], AIRMASS=[1.1, 1.2]).merged()
    product = merged.replace(data=np.ones((4, 4)), dq=np.zeros((4, 4)), variance={})
    write_exposure(product, tmp_path / "m.fits")
    with fits.open(tmp_path / "m.fits") as hdus:
        assert hdus["HDRTAB"].data["FILE"].tolist() == ["d0.fits", "d1.fits"]
        assert hdus["HDRTAB"].data["AIRMASS"].tolist() == [1.1, 1.2]
    again = read_exposure(tmp_path / "m.fits")
    assert again.meta.exposure_time == 90


def test_no_wcs_is_left_of_the_exposures() -> None:
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 0.0}
    merged = Exposures.of([make_exposure((4, 4), sci_header=cards)] * 2).merged()
    assert merged.wcs is None
    assert not {"CTYPE1", "CRVAL1"} & {*merged.header, *merged.sci_header}


def test_one_exposure_keeps_its_header() -> None:
    exposure = make_exposure((4, 4), header={"OBSERVER": "Me"}, start_time=START)
    merged: Exposure = Exposures.of([exposure]).merged()
    assert merged.header["OBSERVER"] == "Me"
    assert (merged.meta.exposure_time, merged.meta.start_time) == (100, START)
    assert merged.meta.filter == exposure.meta.filter
