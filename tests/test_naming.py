"""Names of products follow from the name of the exposure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iris_core.naming import product_name

LEVEL_1 = "2024B-P123-008_IRIS_IMG1_SCI_LVL1_0001-00.fits"
words = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
suffixes = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("source", "suffix", "is_integrations", "name"),
    [
        ("x_rate.fits", "bsub", False, "x_bsub.fits"),
        ("x_rate.fits", "cal", False, "x_cal.fits"),
        ("x_rate.fits", "i2d", False, "x_i2d.fits"),
        ("x_rateints.fits", "bsub", True, "x_bsubints.fits"),
        ("x_rateints.fits", "cal", True, "x_calints.fits"),
        ("x_rateints.fits", "i2d", True, "x_i2dints.fits"),
        (LEVEL_1, "cal", False, "2024B-P123-008_IRIS_IMG1_SCI_LVL2_0001-00.fits"),
        (LEVEL_1, "i2d", False, "2024B-P123-008_IRIS_IMG1_SCI_LVL2_0001-00_i2d.fits"),
        (LEVEL_1, "cal", True, "2024B-P123-008_IRIS_IMG1_SCI_LVL2_0001-00_calints.fits"),
        ("2024B-P123-008_Liger_IMG_SCI_LVL1_0001.fits.gz", "cal", False, "2024B-P123-008_Liger_IMG_SCI_LVL2_0001.fits"),
        ("n0031.fits.gz", "cal", False, "n0031_cal.fits"),
        ("n0031.FITS.FZ", "cal", False, "n0031_cal.fits"),
        ("night.1/n0031.fits", "cal", False, "n0031_cal.fits"),
        ("x_cal.fits", "i2d", False, "x_cal_i2d.fits"),
        ("an.association.name", "cal", False, "an.association.name_cal.fits"),
        ("x_rate", "cal", False, "x_cal.fits"),
        ("separate.fits", "cal", False, "separate_cal.fits"),
    ],
)
def test_documented_names(source: str, suffix: str, is_integrations: bool, name: str) -> None:
    assert product_name(source, suffix, is_integrations) == name


def test_the_ending_is_that_of_the_format() -> None:
    assert product_name("x_rate.asdf", "cal", False, ".asdf") == "x_cal.asdf"


@given(words, suffixes, st.booleans(), st.sampled_from([".fits", ".asdf"]))
def test_a_product_is_a_visible_file_in_its_folder_and_says_what_it_is(
    stem: str, suffix: str, is_integrations: bool, ending: str
) -> None:
    name = product_name(f"{stem}.fits", suffix, is_integrations, ending)
    assert Path(name).name == name
    assert not name.startswith(".")
    assert name.endswith(ending)
    assert "LVL2" in name or name.removesuffix(ending).endswith(f"_{suffix}{'ints' if is_integrations else ''}")


@given(words, st.lists(suffixes, min_size=2, max_size=2, unique=True))
def test_two_products_of_one_exposure_have_two_names(stem: str, pair: list[str]) -> None:
    assert product_name(stem, pair[0], False) != product_name(stem, pair[1], False)


@given(words, suffixes)
def test_compression_does_not_show_in_the_name_of_the_product(stem: str, suffix: str) -> None:
    names = {
        product_name(f"{stem}{ending}", suffix, False) for ending in (".fits", ".fits.gz", ".fits.fz", ".fits.bz2")
    }
    assert len(names) == 1
