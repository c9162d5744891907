"""Reference files that are no image: tables and astropy models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Polynomial2D, Shift
from astropy.table import Table
from iris_testkit import make_exposure, make_reference
from numpy.testing import assert_array_equal

from iris_core import InputError, Plugins, Reference, read_reference_header
from iris_core.io.asdf_files import read_asdf
from iris_core.io.tables import read_model, read_table


@pytest.mark.parametrize("name", ["t.fits", "t.ecsv"])
def test_a_table_is_read_with_its_units(tmp_path: Path, name: str) -> None:
    table = Table({"filter": ["Kbb", "J"], "photmjsr": [0.5, 0.25]}, units={"photmjsr": "MJy s/sr"})
    table.write(tmp_path / name, format="ascii.ecsv" if name.endswith("ecsv") else None)
    read = read_table(tmp_path / name)
    assert list(read["filter"]) == ["Kbb", "J"]
    assert str(read["photmjsr"].unit) == "MJy s / sr"


def test_a_table_has_the_keywords_of_its_file(tmp_path: Path) -> None:
    """Those of a FITS table may be in the primary header, or in that of the table."""
    table = fits.BinTableHDU(Table({"x": [1.0]}, meta={"FILTER": "Kbb"}))
    fits.HDUList([fits.PrimaryHDU(header=fits.Header({"REFTYPE": "photom"})), table]).writeto(tmp_path / "t.fits")
    assert {"REFTYPE": "photom", "FILTER": "Kbb"}.items() <= read_table(tmp_path / "t.fits").meta.items()
    Table({"x": [1.0]}, meta={"reftype": "photom"}).write(tmp_path / "t.ecsv")
    assert read_table(str(tmp_path / "t.ecsv")).meta == {"reftype": "photom"}


@pytest.mark.parametrize("content", [b"", b"no table\n\x00", b"SIMPLE  =                    T"])
@pytest.mark.parametrize("name", ["t.fits", "t.ecsv", "t.txt"])
def test_what_is_no_table_is_an_error_with_the_file_on_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} is not a table \(FITS or ECSV\): ") as caught:
        read_table(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_model_is_read_whole_with_the_keywords_of_its_file(tmp_path: Path) -> None:
    model = Shift(1) & Shift(2) | Polynomial2D(2, c1_0=3)
    asdf.AsdfFile({"model": model, "meta": {"reftype": "distortion"}}).write_to(tmp_path / "d.asdf")
    read = read_model(tmp_path / "d.asdf")
    (tmp_path / "d.asdf").unlink()
    assert read(1, 1) == model(1, 1) == 6
    assert read.meta["reftype"] == "distortion"


@pytest.mark.parametrize("tree", [{}, {"model": 3}, None])
def test_what_is_no_model_is_an_error_with_the_file_on_one_line(tmp_path: Path, tree: dict[str, Any] | None) -> None:
    path = tmp_path / "d.asdf"
    if tree is None:
        path.write_bytes(b"#ASDF 1.0.0\nnonsense: [")
    else:
        asdf.AsdfFile(tree).write_to(path)
    with pytest.raises(InputError, match=r"d\.asdf is not an ASDF file with .* model .*'model'") as caught:
        read_model(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["f.fits.gz", "f.fits.fz"])
def test_a_compressed_image_is_read_as_it_is(tmp_path: Path, bare: Plugins, name: str) -> None:
    plane = np.arange(12.0 * 10).reshape(12, 10)
    with fits.open(make_reference(tmp_path / "f.fits", "flat", plane).path) as hdus:
        if name.endswith("fz"):
            packed = fits.CompImageHDU(hdus["SCI"].data, hdus["SCI"].header, name="SCI", quantize_level=0)
            fits.HDUList([hdus[0], packed]).writeto(tmp_path / name)
        else:
            hdus.writeto(tmp_path / name)
    reference = Reference(reftype="flat", path=tmp_path / name, provider="test")
    read = reference.with_content(bare.read_reference(reference.path, "flat"))
    assert_array_equal(read.image(make_exposure((12, 10))).data, plane)


# ASDF files are whole in themselves

BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
HEAD = "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"
TREES = {
    "array": ("a: !core/ndarray-1.1.0 {source: b.asdf, datatype: float64, byteorder: little, shape: [2]}\n", "b.asdf"),
    "address": ("a: !core/ndarray-1.1.0 {source: 'http://x.org/b.asdf', datatype: int8, shape: [2]}\n", "x.org"),
    "reference": ("a: {$ref: 'b.asdf#model'}\n", "b.asdf#model"),
    "deep": ("a: [{b: {c: {$ref: 'b.asdf'}}}]\n", "b.asdf"),
    "foreign file": (
        "a: !core/externalarray-1.0.0 {fileuri: b.fits, target: 1, datatype: int8, shape: [2]}\n",
        "b.fits",
    ),
    "bomb": (BOMB, "1000000 nodes"),
    "circle": ("a: &a [*a]\n", "1000000 nodes"),
}


@pytest.mark.parametrize(("tree", "fact"), TREES.values(), ids=TREES)
def test_what_is_not_whole_in_its_file_is_refused_in_one_line(tmp_path: Path, tree: str, fact: str) -> None:
    path = tmp_path / "d.asdf"
    path.write_text(f"{HEAD}{tree}meta: {{reftype: distortion}}\n...\n")
    for read in (read_model, read_asdf, read_reference_header):
        with pytest.raises(InputError, match=r"d\.asdf") as caught:
            read(path)
        assert fact in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_reference_written_in_several_files_is_refused_and_one_with_its_arrays_inside_is_read(tmp_path: Path) -> None:
    model = Polynomial2D(2, c1_0=3)
    for storage in ("external", "internal", "inline"):
        asdf.AsdfFile({"model": model, "extra": np.arange(9.0)}).write_to(
            tmp_path / f"{storage}.asdf", all_array_storage=storage
        )
    assert read_model(tmp_path / "internal.asdf")(1, 1) == read_model(tmp_path / "inline.asdf")(1, 1) == 3
    with pytest.raises(InputError, match=r"another file, 'external000\d\.asdf'"):
        read_model(tmp_path / "external.asdf")


def test_aliases_and_references_inside_the_file_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "d.asdf"
    asdf.AsdfFile({"model": Shift(3)}).write_to(path)
    text = path.read_text()
    path.write_text(text.replace("\n...", "\na: &a [1, 2]\nb: [*a, *a]\nc: {$ref: '#/a'}\n..."))
    assert read_model(path)(1) == 4
