"""Names of products follow from the name of the exposure; an exposure is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_testkit import make_exposure

from iris_core import Exposure, InputError, Plugins, hookimpl, product_name, read_fits, write_exposure

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


@given(words, suffixes)
def test_the_source_of_a_name_may_be_text_or_a_path(stem: str, suffix: str) -> None:
    source = f"night/{stem}_rate.fits"
    assert product_name(source, suffix, False) == product_name(Path(source), suffix, False)


class Writer:
    """Writes half of a file that ends in .half, then fails."""

    @hookimpl
    def write_product(self, path: Path) -> Path | None:
        if path.suffix != ".half":
            return None
        path.write_text("half")
        raise OSError(28, "No space left on device")


def test_an_exposure_is_written_whole_or_not_at_all(bare: Plugins, tmp_path: Path) -> None:
    bare.add("lab", Writer())
    with pytest.raises(InputError, match=r"x_cal\.half: .*No space left"):
        write_exposure(make_exposure(), tmp_path / "x_cal.half", plugins=bare)
    assert list(tmp_path.iterdir()) == []


def test_an_exposure_replaces_another_only_where_that_is_asked_for(bare: Plugins, tmp_path: Path) -> None:
    def write(value: float, overwrite: bool = False) -> None:
        exposure: Exposure = make_exposure((2, 2), value=value)
        write_exposure(exposure, tmp_path / "x.fits", overwrite=overwrite, plugins=bare)

    write(1)
    with pytest.raises(InputError, match=r"x\.fits exists"):
        write(2)
    assert (read_fits(tmp_path / "x.fits").data == 1).all()
    write(3, overwrite=True)
    assert (read_fits(tmp_path / "x.fits").data == 3).all()
    assert [path.name for path in tmp_path.iterdir()] == ["x.fits"]


def test_a_suffix_nobody_writes_is_an_error_and_leaves_nothing(bare: Plugins, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.jpg"):
        write_exposure(make_exposure(), str(tmp_path / "x.jpg"), plugins=bare)
    assert list(tmp_path.iterdir()) == []
