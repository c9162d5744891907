"""The kit for plugin authors gives exposures and reference files with known content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.testing import assert_array_equal

from iris_core import Window
from iris_core.testing import iris_mode, make_exposure, make_reference


def test_an_exposure_is_constant_and_says_what_it_is() -> None:
    exposure = make_exposure((3, 4), value=5, nint=2, unit="DN/s", poisson=4, rnoise=12, detector="IMG3")
    assert exposure.data.shape == (2, 3, 4)
    assert (exposure.data == 5).all()
    assert exposure.err is not None
    assert (exposure.err == 4).all()
    assert not exposure.dq.any()
    assert str(exposure.unit) == "DN / s"
    assert (exposure.meta.instrument, exposure.meta.detector, exposure.meta.filter) == ("IRIS", "IMG3", "Kbb")
    assert iris_mode().matches(exposure)


def test_headers_are_those_that_are_given() -> None:
    exposure = make_exposure(header={"A": 1}, sci_header={"B": 2}, window=Window(1, 1, 32, 32))
    assert (list(exposure.header), list(exposure.sci_header)) == (["A"], ["B"])
    assert exposure.meta.window == Window(1, 1, 32, 32)


def test_a_reference_is_a_file_that_a_stage_can_read(tmp_path: Path) -> None:
    truth = np.arange(6.0).reshape(2, 3)
    reference = make_reference(tmp_path / "d.fits", "dark", truth, err=truth, dq=truth, unit="DN/s", READMODE="CDS")
    image = reference.image(make_exposure((2, 3)))
    for plane in (image.data, image.err, image.dq):
        assert_array_equal(plane, truth)
    assert (image.meta.read_mode, str(image.unit)) == ("CDS", "DN / s")
    assert reference.path.is_file()
