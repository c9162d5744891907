"""One FILTER, where an instrument has several wheels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from iris_core import read_exposure
from iris_core.io.wheels import with_filter


@pytest.mark.parametrize(
    ("wheels", "name"),
    [
        ({"FILTER1": "F606W", "FILTER2": "CLEAR2L"}, "F606W"),
        ({"FILTER1": "CLEAR1S", "FILTER2": "F435W"}, "F435W"),
        ({"FILTER2": "POL0V", "FILTER1": "F606W"}, "F606W + POL0V"),
        ({"FILTER1": "Open", "FILTER2": "J ", "FILTER3": ""}, "J"),
        ({"FILTER1": "clear", "FILTER2": "clear"}, "clear"),
    ],
)
def test_the_filter_is_what_is_in_the_light(wheels: dict[str, str], name: str) -> None:
    primary = fits.Header(wheels)
    assert with_filter(primary, fits.Header())["FILTER"] == name
    assert with_filter(fits.Header(), primary)["FILTER"] == name
    assert "FILTER" not in primary


@pytest.mark.parametrize("cards", [{}, {"FILTER": "Ks", "FILTER1": "J"}, {"FILTERS": "J"}, {"FILTER12": "J"}])
def test_a_filter_that_is_named_and_a_header_without_wheels_stay(cards: dict[str, str]) -> None:
    primary = fits.Header(cards)
    assert with_filter(primary, fits.Header()) is primary
    assert with_filter(fits.Header({"FILTER1": "H"}), fits.Header({"FILTER": "J"})).get("FILTER") is None


def test_the_reader_of_fits_files_knows_the_filter_of_two_wheels(tmp_path: Path) -> None:
    header = fits.Header({"FILTER1": "CLEAR1L", "FILTER2": "F814W", "BUNIT": "electron/s"})
    fits.PrimaryHDU(np.ones((4, 4), np.float32), header).writeto(tmp_path / "j.fits")
    exposure = read_exposure(tmp_path / "j.fits")
    assert exposure.meta.filter == exposure.header["FILTER"] == "F814W"
    assert exposure.header["FILTER1"] == "CLEAR1L"
