"""ASDF exposures, and files that are none; what they hold is tested together with FITS in test_fits_write."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import Any

import asdf
import numpy as np
import pytest
import yaml
from iris_testkit import make_exposure

from iris_core import Exposure, InputError, Plugins, StageRecord, read_asdf, run, write_asdf, write_fits
from iris_core.io.asdf_files import restore_tree
from iris_core.io.asdf_open import load_asdf

RECORD = StageRecord(stage="flat_field", status="COMPLETE", notes=("noted",), params={"bits": ["HOT"], "box": {"x": 1}})


def test_an_outline_has_headers_and_shapes_and_no_pixels(tmp_path: Path) -> None:
    exposure = make_exposure((4, 5), nint=2, header={"INSTRUME": "IRIS"}).replace(area=np.ones((4, 5)))
    write_asdf(exposure, tmp_path / "x.asdf")
    outline = read_asdf(tmp_path / "x.asdf", pixels=False)
    assert outline.data.shape == (2, 4, 5)
    assert outline.meta.instrument == "IRIS"
    assert list(outline.variance) == ["poisson", "rnoise"]
    for plane in (outline.data, outline.dq, *outline.variance.values(), outline.area):
        assert plane is not None
        assert set(plane.strides) == {0}


def test_an_exposure_may_outlive_its_file(tmp_path: Path) -> None:
    write_asdf(make_exposure((4, 5)), tmp_path / "x.asdf")
    exposure = read_asdf(tmp_path / "x.asdf")
    (tmp_path / "x.asdf").unlink()
    assert (exposure.data == 10).all()


def test_an_asdf_file_that_is_no_exposure_says_what_is_missing(tmp_path: Path) -> None:
    asdf.AsdfFile({"data": np.zeros((2, 2)), "meta": {}}).write_to(tmp_path / "x.asdf")
    with pytest.raises(InputError, match=r"x\.asdf: .*dq, headers, iris, unit, variance.* data"):
        read_asdf(tmp_path / "x.asdf")


@pytest.mark.parametrize("content", [b"", b"SIMPLE  =   T", b"#ASDF 1.0.0\n%YAML 1.1\n---\na: [\n...\n", b"\x00" * 100])
@pytest.mark.parametrize("pixels", [True, False])
def test_a_file_that_is_no_asdf_is_refused_on_one_line(tmp_path: Path, content: bytes, pixels: bool) -> None:
    (tmp_path / "x.asdf").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.asdf: ") as caught:
        read_asdf(tmp_path / "x.asdf", pixels)
    assert "\n" not in str(caught.value)


def test_a_header_card_that_is_damaged_is_refused_when_it_is_read(tmp_path: Path) -> None:
    """Otherwise whoever looks at the header would fail, and not know on which file."""
    path = write_asdf(make_exposure().with_keywords({"OBSERVER": ("Rubin", "")}), tmp_path / "x.asdf")
    content = path.read_bytes()
    assert content.count(b"'Rubin") == 1
    path.write_bytes(content.replace(b"'Rubin", b";Rubin"))
    with pytest.raises(InputError, match=r"x\.asdf: .*OBSERVER"):
        read_asdf(path)


@pytest.mark.parametrize("write", [write_asdf, write_fits])
def test_two_threads_never_write_asdf_at_a_time(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The filters of warnings, which its libraries change meanwhile, are those of all threads."""
    at_work, most = list[str](), list[int]()
    own = asdf.AsdfFile.write_to

    def write_to(self: Any, *arguments: Any, **options: Any) -> None:
        at_work.append("")
        sleep(0.02)
        most.append(len(at_work))
        own(self, *arguments, **options)
        at_work.pop()

    monkeypatch.setattr(asdf.AsdfFile, "write_to", write_to)
    exposure = make_exposure((4, 5))
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda name: write(exposure, tmp_path / name), "abcd"))
    assert most == [1, 1, 1, 1]
    assert len({path.read_bytes() for path in paths}) == 1


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "x.asdf"
    write_asdf(make_exposure((64, 64)), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=r"x\.asdf"):
        read_asdf(path)


@pytest.mark.parametrize(
    ("field", "value"), [("headers", 3), ("dq", "none"), ("variance", [1]), ("iris", {"history": [1]})]
)
def test_an_exposure_with_a_wrong_field_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    write_asdf(make_exposure((2, 2)), tmp_path / "x.asdf")
    with asdf.open(tmp_path / "x.asdf", lazy_load=False) as file:
        tree = {
            **{key: item for key, item in file.tree.items() if key not in ("asdf_library", "history")},
            field: value,
        }
    asdf.AsdfFile(tree).write_to(tmp_path / "y.asdf")
    with pytest.raises(InputError, match=r"y\.asdf"):
        read_asdf(tmp_path / "y.asdf")


def test_a_wcs_that_is_none_is_not_taken_for_one(tmp_path: Path) -> None:
    asdf.AsdfFile({"meta": {"wcs": {"name": "from another pipeline"}}}).write_to(tmp_path / "x.asdf")
    content = (tmp_path / "x.asdf").read_bytes()
    assert restore_tree(content, tmp_path / "x.fits")["wcs"] is None


def test_images_to_which_a_tree_refers_are_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """So does stdatamodels write, and so Liger's pipeline: `source: fits:DATA,1` is nothing that asdf can follow."""
    write_asdf(make_exposure((2, 2)).replace(history=(RECORD,)), tmp_path / "x.asdf")
    content = (tmp_path / "x.asdf").read_bytes()
    reference = b"elsewhere: !core/ndarray-1.1.0 {source: 'fits:DATA,1', datatype: int8, byteorder: big, shape: [2]}\n"
    referring = content.replace(b"\nheaders:", b"\n" + reference + b"headers:", 1)
    assert referring != content
    with caplog.at_level("INFO"):
        assert restore_tree(referring, tmp_path / "x.fits")["history"] == (RECORD,)
    assert caplog.text == ""


@pytest.mark.parametrize(("given", "options", "made"), [
    ("x_rate.asdf", {}, "x_cal.asdf"),
    ("x_rate.fits", {}, "x_cal.fits"),
    ("x_rate.fits", {"format": "asdf"}, "x_cal.asdf"),
    ("x_rate.asdf", {"format": "fits"}, "x_cal.fits"),
])  # fmt: skip
def test_a_product_has_the_format_of_its_exposure_or_the_one_that_is_asked_for(
    tmp_path: Path, lab: Callable[..., Plugins], write_recipe: Callable[..., Path], write_exposure: Callable[..., Path],
    given: str, options: dict[str, Any], made: str,
) -> None:  # fmt: skip
    def double(exposure: Exposure) -> Exposure:
        return exposure.scale(2)

    path = write_exposure("x_rate.fits")
    plugins = lab(flat_field=double)
    if given.endswith("asdf"):
        write_asdf(plugins.read_exposure(path), tmp_path / given)
    report = run(write_recipe(), tmp_path / given, plugins=plugins, **options)
    assert not report.failed
    product = plugins.read_exposure(tmp_path / made)
    assert (product.data == 20).all()
    assert product.history[0].stage == "flat_field"
    assert product.header["FILENAME"] == made


def test_the_extensions_of_asdf_are_read_by_libyaml_and_no_other_yaml_is(monkeypatch: pytest.MonkeyPatch) -> None:
    python, seen = yaml.SafeLoader, []
    monkeypatch.setattr(yaml, "load", lambda stream, loader: seen.append(loader))
    with asdf.config_context() as config:
        config.reset_extensions()
        monkeypatch.setattr(type(config), "extensions", property(lambda _: yaml.safe_load("")))
        assert load_asdf() is asdf
    assert seen == [yaml.CSafeLoader]
    assert yaml.SafeLoader is python
