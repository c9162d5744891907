"""Names of products follow from the name of the exposure, and under its name a file is whole or not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_testkit import make_exposure

from iris_core import Exposure, InputError, Plugins, atomic, hookimpl, product_name, read_fits, write_exposure

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


ERRORS = [OSError(28, "No space left on device"), ValueError("a bug"), KeyboardInterrupt()]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_file_is_written_under_a_hidden_name_in_its_folder_and_renamed(tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "new" / "x_cal.fits"
    with atomic(str(path) if as_text else path) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".x_cal.")
        assert ".part" in temporary.name
        assert temporary.suffix == ".fits"
        assert not path.exists()
    assert [(one.name, one.read_text()) for one in path.parent.iterdir()] == [("x_cal.fits", "whole")]


def write_half(path: Path, error: BaseException) -> None:
    with atomic(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("before", ["old", None])
def test_a_failure_leaves_nothing_and_the_old_file_as_it_was(
    tmp_path: Path, error: BaseException, before: str | None
) -> None:
    path = tmp_path / "x_cal.fits"
    if before is not None:
        path.write_text(before)
    expected = InputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        write_half(path, error)
    if isinstance(error, OSError):
        assert str(path) in str(caught.value)
        assert "No space left on device" in str(caught.value)
    assert [one.read_text() for one in tmp_path.iterdir()] == ([] if before is None else [before])


def test_two_files_of_one_name_are_not_written_into_one_another(tmp_path: Path) -> None:
    with atomic(tmp_path / "x.fits") as one, atomic(tmp_path / "x.fits") as other:
        assert one != other
        one.write_text("first to begin")
        other.write_text("last to begin")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["first to begin"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/x\.fits"), atomic(tmp_path / "file" / "x.fits"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_to_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(InputError, match=r"x\.fits: .*Permission denied"), atomic(tmp_path / "x.fits") as temporary:
        temporary.touch()


def test_a_block_that_writes_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.fits"), atomic(tmp_path / "x.fits"):
        pass
    assert list(tmp_path.iterdir()) == []


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
