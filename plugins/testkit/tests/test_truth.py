"""What the conformance classes are built from: reference files with known errors, comparisons, opened files."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import iris_testkit
import numpy as np
import pytest
from astropy.table import QTable, Table
from iris_testkit import FileTruth, ImageTruth, add_wcs, make_exposure, pytest_plugin
from iris_testkit._compare import describe_difference, fingerprint, names_of, part_of
from iris_testkit._opened import opened_files
from iris_testkit._truth import blemish, known_reference, pattern, truth_of_mode
from numpy.testing import assert_array_equal

from iris_core import DQ, InputError, Window, outline_of


class TestReferences:
    """Reference files whose truth is known."""

    @pytest.mark.parametrize("reftype", ["dark", "flat", "area", "mask"])
    def test_images_cover_the_exposure(self, reftype: str) -> None:
        exposure = make_exposure((20, 30))
        image = known_reference(reftype, exposure)
        assert isinstance(image, ImageTruth)
        assert np.shape(image.data) == (20, 30)
        assert (image.err is not None) == (reftype in ("dark", "flat"))
        assert image.unit == ("electron / s" if reftype == "dark" else "")

    def test_the_factor_of_photom_fits_the_unit_of_the_exposure(self, tmp_path: Path) -> None:
        file = known_reference("photom", make_exposure(unit="DN/s"))
        assert isinstance(file, FileTruth)
        file.write(tmp_path / f"photom{file.ending}")
        table = QTable.read(tmp_path / "photom.ecsv")
        assert (table["filter"][0], table["detector"][0], table.meta["REFTYPE"]) == ("Kbb", "IMG1", "photom")
        assert table["photmjsr"].unit.to_string() == "MJy s / (DN sr)"
        assert table["pixar_a2"][0].value == pytest.approx(1.6e-5)

    def test_another_type_is_the_business_of_the_test_class(self) -> None:
        with pytest.raises(InputError, match=r"'glow'.*reference\(\)"):
            known_reference("glow", make_exposure())

    def test_a_realisation_is_off_by_its_errors(self) -> None:
        image = ImageTruth(data=np.full((200, 200), 5.0), err=np.full((200, 200), 0.5))
        noise = np.asarray(image.realise(np.random.default_rng(1)).data) - 5
        assert noise.std() == pytest.approx(0.5, rel=0.02)
        assert noise.mean() == pytest.approx(0, abs=0.01)

    def test_an_image_without_errors_is_exact(self) -> None:
        image = ImageTruth(data=np.ones((3, 4)))
        assert image.realise(np.random.default_rng(1)) is image

    def test_a_blemished_image_has_nan_negative_and_flagged_pixels(self) -> None:
        image = blemish(ImageTruth(data=np.ones((10, 12)), dq=np.full((10, 12), DQ.WARM)))
        data, dq = np.asarray(image.data), np.asarray(image.dq)
        assert np.isnan(data).sum() == 3
        assert (data < 0).sum() == 1
        assert [dq[6, 3], dq[6, 4], dq[6, 5]] == [DQ.WARM | DQ.HOT, DQ.WARM | DQ.DO_NOT_USE, DQ.WARM]

    def test_a_pattern_differs_from_pixel_to_pixel_and_from_seed_to_seed(self) -> None:
        plane = pattern((40, 50), 3)
        assert np.unique(plane).size == plane.size
        assert -1 <= plane.min() < -0.5 < 0.5 < plane.max() <= 1
        assert_array_equal(plane, pattern((40, 50), 3))
        assert not np.array_equal(plane, pattern((40, 50), 4))

    def test_the_truth_of_a_mode_is_in_its_unit_and_has_its_scale(self) -> None:
        mode = replace(iris_testkit.iris_mode(), unit="DN/s", pixel_scale=0.1)
        truth = truth_of_mode((20, 30), mode)
        assert (str(truth.unit), truth.meta.mode) == ("DN / s", "iris-imager")
        assert truth.sci_header["CDELT2"] == pytest.approx(0.1 / 3600)


class TestComparison:
    """Two exposures are compared bit for bit."""

    def test_equal_exposures_have_no_difference(self) -> None:
        exposure = make_exposure(seed=1, bad=np.eye(32))
        assert describe_difference(exposure, exposure.replace()) == ""

    def test_the_first_pixel_that_differs_is_named(self) -> None:
        exposure = make_exposure((3, 4))
        data = np.array(exposure.data)
        data[1, 2:] = 7
        assert describe_difference(exposure.replace(data=data), exposure) == (
            "data differs in 2 pixels, first at (1, 2): 7.0 and 10.0"
        )

    def test_nan_equals_nan_only(self) -> None:
        exposure = make_exposure((3, 4), bad=np.arange(12).reshape(3, 4) == 5)
        assert describe_difference(exposure, exposure) == ""
        assert "data differs in 1 pixels, first at (1, 1): nan and 10.0" in describe_difference(
            exposure, make_exposure((3, 4)).replace(dq=exposure.dq)
        )

    def test_other_planes_and_shapes_are_a_difference(self) -> None:
        exposure = make_exposure((3, 4))
        assert "not data, dq, poisson, rnoise" in describe_difference(exposure.replace(variance={}), exposure)
        assert "shape (2, 4), not (3, 4)" in describe_difference(part_of(exposure, slice(2)), exposure)

    @pytest.mark.parametrize(
        ("changes", "part"),
        [
            ({"area": np.ones((4, 5))}, "area"),
            ({"planes": {"RAW": np.ones((4, 5))}}, "RAW"),
            ({"variance": {"poisson": np.ones((4, 5)), "rnoise": np.ones((4, 5))}}, "rnoise"),
        ],
    )
    def test_a_fingerprint_marks_each_part(self, changes: dict[str, Any], part: str) -> None:
        exposure = make_exposure((4, 5))
        before, after = fingerprint(exposure), fingerprint(exposure.replace(**changes))
        assert {name for name in after if after[name] != before.get(name)} == {part}

    def test_a_fingerprint_marks_headers_and_sky(self) -> None:
        exposure = make_exposure((4, 5))
        before, after = fingerprint(exposure), fingerprint(add_wcs(exposure))
        assert {name for name in after if after[name] != before[name]} == {"sci_header", "wcs"}
        after = fingerprint(make_exposure((4, 5), header={"A": 1}))
        assert {name for name in after if after[name] != before[name]} == {"header"}

    def test_tables_have_a_fingerprint_too(self) -> None:
        table = Table({"a": [1.0, 2.0]}, meta={"B": 1})
        before = fingerprint(table)
        table["a"][1] = 3.0
        assert fingerprint(table)["content"] != before["content"]
        table.meta["B"] = 2
        assert fingerprint(table)["meta"] != before["meta"]

    def test_models_have_a_fingerprint_too(self) -> None:
        from astropy.modeling.models import Shift

        model = Shift(1.0)
        before = fingerprint(model)
        assert fingerprint(model) == before
        model.offset = 2.0
        assert fingerprint(model) != before

    def test_an_outline_has_the_facts_and_no_memory(self) -> None:
        exposure = add_wcs(make_exposure((4, 5), nint=2, window=Window(2, 2, 5, 4)))
        outline = outline_of(exposure.replace(area=np.ones((4, 5)), planes={"RAW": np.ones((4, 5), dtype="i2")}))
        assert (outline.data.shape, outline.unit, outline.meta) == ((2, 4, 5), exposure.unit, exposure.meta)
        assert outline.header.tostring() == exposure.header.tostring()
        assert outline.area is not None
        for plane in (outline.data, outline.dq, outline.area, outline.planes["RAW"], *outline.variance.values()):
            assert set(plane.strides) == {0}
        assert outline.planes["RAW"].dtype == np.int16

    def test_bits_have_names(self) -> None:
        assert names_of(int(DQ.HOT | DQ.DO_NOT_USE)) == "DO_NOT_USE, HOT"
        assert names_of(0) == "none"


class TestOpenedFiles:
    """Files that a block opens are listed, whichever way they are opened."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """Return a file."""
        path = tmp_path / "x.dat"
        path.write_bytes(b"0123")
        return path

    @pytest.mark.parametrize(
        "read",
        [
            pytest.param(lambda path: path.read_bytes(), id="pathlib"),
            pytest.param(lambda path: np.fromfile(path, dtype="u1"), id="numpy"),
            pytest.param(lambda path: os.close(os.open(path, os.O_RDONLY)), id="os"),
            pytest.param(lambda path: os.close(os.open(os.fsencode(path), os.O_RDONLY)), id="bytes"),
            pytest.param(lambda path: _in_a_thread(path.read_bytes), id="thread"),
        ],
    )
    def test_a_file_is_listed(self, file: Path, read: Any) -> None:
        with opened_files() as opened:
            read(file)
        assert set(opened) == {str(file)}

    def test_databases_and_connections_are_listed(self, tmp_path: Path) -> None:
        with opened_files() as opened:
            sqlite3.connect(tmp_path / "x.sqlite").close()
            with socket.socket() as connection, pytest.raises(OSError, match=r"."):
                connection.connect(("127.0.0.1", 9))
        assert str(tmp_path / "x.sqlite") in opened
        assert any("127.0.0.1" in one for one in opened)

    def test_imports_and_devices_do_not_count(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a_new_module.py").write_text("NUMBER = 1\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        with opened_files() as opened:
            import a_new_module  # type: ignore[import-not-found]

            Path(os.devnull).read_bytes()
            os.fdopen(os.dup(1), "wb").close()
        assert a_new_module.NUMBER == 1
        assert opened == []

    def test_nothing_is_listed_outside_a_block_and_blocks_nest(self, file: Path) -> None:
        with opened_files() as outer:
            with opened_files() as inner:
                file.read_bytes()
            file.read_bytes()
        file.read_bytes()
        assert (len(outer), len(inner)) == (2, 1)


def _in_a_thread(act: Any) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def test_the_readme_names_every_class_and_fixture() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    fixtures = re.findall(r"@pytest.fixture\ndef (\w+)", Path(pytest_plugin.__file__).read_text("utf-8"))
    assert len(fixtures) == 6
    for name in [*fixtures, *(name for name in dir(iris_testkit) if not name.endswith("Truth"))]:
        assert f"`{name}`" in text, name
