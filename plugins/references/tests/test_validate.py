"""What keeps a reference file out of a store, and what is only noted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.modeling.models import Polynomial2D, Shift
from astropy.table import Table
from iris_references import validate_reference
from iris_references._validate import known_types

from iris_core import Exposure, InputError, Plugins, Reference, ReferenceType, as_plugin, hookimpl, read_fits, stage

Put = Callable[..., Path]
META = {"INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT", "USEAFTER": "2025-01-01"}


def with_value(value: float) -> np.ndarray[Any, Any]:
    plane = np.ones((8, 8), np.float32)
    plane[2, 4] = value
    return plane


class Lab:
    """A plugin with types of its own, and a check of each file."""

    def __init__(self, *types: ReferenceType, found: Any = ()) -> None:
        self.types, self.found = types, found
        self.asked: list[tuple[Reference, str]] = []

    @hookimpl
    def reference_types(self) -> tuple[ReferenceType, ...]:
        """Return the types."""
        return self.types

    @hookimpl
    def check_reference(self, reference: Reference, instrument: Any) -> Any:
        """Return what the test wants to be found."""
        self.asked.append((reference, instrument.name))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def test_a_good_file_has_no_problems_and_no_notes(plugins: Plugins, put: Put) -> None:
    path = put("f.fits")
    found = validate_reference(path, plugins)
    assert (found.path, found.problems, found.notes) == (path, (), ())
    assert found.header["REFTYPE"] == "flat"


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        ({"REFTYPE": ""}, ["REFTYPE", "missing", "area, "]),
        ({"REFTYPE": "flt"}, ["'flt'", "did you mean 'flat'?"]),
        ({"DETECTOR": ""}, ["DETECTOR", "missing"]),
        ({"FILTER": ""}, ["FILTER", "missing"]),
        ({"USEAFTER": ""}, ["USEAFTER", "missing"]),
        ({"USEAFTER": "soon"}, ["USEAFTER", "'soon'", "not a time"]),
        ({"DETXSIZE": 16}, ["(8, 8)", "IMG1 has (8, 16)"]),
        ({"DETXSIZE": ""}, ["(8, 8)", "IMG1 has (4096, 4096)"]),
        ({"data": np.ones((2, 8, 8), np.float32)}, ["(2, 8, 8)", "one image (ny, nx)"]),
        ({"SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": 4, "SUBSIZE2": 8}, ["4 x 8 pixels"]),
        ({"unit": "electron/s"}, ["electron/s", "ratio"]),
        ({"reftype": "dark", "unit": ""}, ["BUNIT", "missing", "rate"]),
        ({"reftype": "dark", "unit": "MJy/sr"}, ["MJy/sr", "electron/s or DN/s"]),
        ({"data": np.full((8, 8), 5000.0)}, ["median", "5000"]),
        ({"data": np.full((8, 8), 0.1)}, ["median", "0.1"]),
        ({"data": with_value(np.inf)}, ["1 values", "infinite", "column 5, row 3 (1-based)"]),
        ({"data": np.full((8, 8), np.nan)}, ["no pixel"]),
        ({"dq": np.ones((8, 8), np.uint32)}, ["no pixel"]),
        ({"err": with_value(np.nan)}, ["1 good pixels", "error", "column 5, row 3"]),
        ({"err": with_value(np.inf)}, ["1 good pixels", "error", "column 5, row 3"]),
    ],
)
def test_what_is_wrong_is_a_problem_with_the_path(
    plugins: Plugins, put: Put, change: dict[str, Any], facts: list[str]
) -> None:
    path = put("f.fits", **change)
    (problem,) = validate_reference(path, plugins).problems
    assert problem.startswith(f"{path}: ")
    assert [fact for fact in facts if fact not in problem] == []


def test_all_keywords_that_are_wrong_are_problems_at_once(plugins: Plugins, put: Put) -> None:
    found = validate_reference(put("f.fits", DETECTOR="", INSTRUME="", USEAFTER=""), plugins).problems
    assert [problem.split("keyword ")[1].split()[0].strip(":") for problem in found] == [
        "INSTRUME",
        "DETECTOR",
        "USEAFTER",
    ]


@pytest.mark.parametrize("reftype", ["dark", "flat"])
@pytest.mark.parametrize("unit", ["electron/s", "DN/s", ""])
def test_a_rate_has_the_unit_of_a_rate_and_a_ratio_has_none(
    plugins: Plugins, put: Put, reftype: str, unit: str
) -> None:
    found = validate_reference(put("f.fits", reftype, unit=unit), plugins)
    assert (not found.problems) == ((reftype == "dark") == bool(unit))


def test_pixels_that_are_not_used_need_no_value_and_no_error(plugins: Plugins, put: Put) -> None:
    data, err, dq = with_value(np.nan), with_value(np.nan), np.zeros((8, 8), np.uint32)
    err[0, 0], dq[0, 0] = np.nan, 1
    assert validate_reference(put("f.fits", data=data, err=err, dq=dq), plugins).problems == ()


def test_a_window_says_where_it_is_and_has_its_own_shape(plugins: Plugins, put: Put) -> None:
    window = {"SUBSTRT1": 5, "SUBSTRT2": 7, "SUBSIZE1": 8, "SUBSIZE2": 8, "DETXSIZE": 4096, "DETYSIZE": 4096}
    assert validate_reference(put("f.fits", **window), plugins).problems == ()


def test_a_detector_that_no_mode_has_may_have_any_shape(plugins: Plugins, put: Put) -> None:
    keywords = {"DETXSIZE": "", "DETYSIZE": ""}
    assert validate_reference(put("f.fits", DETECTOR="ANY", **keywords), plugins).problems == ()
    assert validate_reference(put("g.fits", INSTRUME="OTHER", **keywords), plugins).problems == ()


def test_what_might_be_better_is_a_note(plugins: Plugins, put: Put) -> None:
    path = put("f.fits", AUTHOR="", err=None)
    found = validate_reference(path, plugins)
    assert found.problems == ()
    author, errors = found.notes
    assert author.startswith(f"{path}: AUTHOR")
    assert "ERR" in errors


def test_an_image_of_a_type_without_errors_needs_none(plugins: Plugins, put: Put) -> None:
    assert validate_reference(put("a.fits", "area", err=None), plugins).notes == ()


def test_what_cannot_be_read_is_a_problem_with_the_path(plugins: Plugins, tmp_path: Path) -> None:
    (tmp_path / "f.fits").write_bytes(b"no fits at all")
    for path in (tmp_path / "f.fits", tmp_path / "missing.fits"):
        (problem,) = validate_reference(path, plugins).problems
        assert str(path) in problem


# Types


@pytest.mark.parametrize("name", ["dark", "flat", "area", "photom", "distortion", "mask", "catalog"])
def test_the_types_of_the_installed_stages_are_known(plugins: Plugins, name: str) -> None:
    assert name in known_types(plugins)


def test_types_that_a_package_declares_and_types_that_a_stage_uses_are_known(plugins: Plugins) -> None:
    plugins.add("lab", Lab(ReferenceType(name="declared")))
    use = stage("flat_field", references=("needed",), optional=("used",))(lambda exposure: exposure)
    plugins.add("lab-flat", as_plugin("flat_field", use, "lab_flat"))
    assert {"declared", "needed", "used"} <= known_types(plugins)


def test_the_type_declares_what_a_file_has_to_state(plugins: Plugins, put: Put) -> None:
    plugins.add("lab", Lab(ReferenceType(name="ghosts", stated=("PUPIL",))))
    (problem,) = validate_reference(put("g.fits", "ghosts", DETECTOR="", FILTER=""), plugins).problems
    assert "PUPIL" in problem
    assert validate_reference(put("h.fits", "ghosts", PUPIL="open", DETECTOR=""), plugins).problems == ()


def test_an_image_that_is_neither_rate_nor_ratio_may_have_any_unit_and_values(plugins: Plugins, put: Put) -> None:
    plugins.add("lab", Lab(ReferenceType(name="ghosts")))
    assert validate_reference(put("g.fits", "ghosts", np.full((8, 8), 5000.0), unit="K"), plugins).problems == ()


@pytest.mark.parametrize(("kind", "name"), [("table", "x.ecsv"), ("model", "x.asdf")])
def test_a_table_or_a_model_is_not_looked_into_as_an_image(
    plugins: Plugins, tmp_path: Path, kind: Any, name: str
) -> None:
    lab = Lab(ReferenceType(name="mine", kind=kind, quantity="rate"))
    plugins.add("lab", lab)
    write_file(tmp_path / name, "mine", Table({"x": [np.nan]}) if kind == "table" else Shift(1))
    assert validate_reference(tmp_path / name, plugins).problems == ()
    assert type(lab.asked[0][0].content).__name__ == {"table": "Table", "model": "Shift"}[kind]


@pytest.mark.parametrize("kind", ["table", "model"])
def test_a_file_of_another_kind_than_its_type_is_refused(plugins: Plugins, put: Put, kind: Any) -> None:
    plugins.add("lab", Lab(ReferenceType(name="mine", kind=kind)))
    (problem,) = validate_reference(put("x.fits", "mine"), plugins).problems
    assert "x.fits" in problem
    assert kind in problem


def write_file(path: Path, reftype: str, content: Any) -> None:
    meta = {"REFTYPE": reftype, **META, "PEDIGREE": "DUMMY", "DESCRIP": "x", "AUTHOR": "x"}
    if isinstance(content, Table):
        content.meta.update(meta)
        content.write(path)
    else:
        asdf.AsdfFile({"meta": meta, **({"model": content} if content else {})}).write_to(path)


# What plugins find


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        ([], ["no rows"]),
        ([("Kbb", 0.5), ("Kbb", 0.6)], ["2 rows", "kbb"]),
        ([("Kbb", -1.0)], ["photmjsr", "Kbb"]),
    ],
)
def test_a_table_of_factors_is_checked_by_its_plugin(
    plugins: Plugins, tmp_path: Path, rows: list[Any], facts: list[str]
) -> None:
    table = Table(rows=rows or None, names=("filter", "photmjsr"), dtype=(str, float))
    table["photmjsr"].unit = "MJy s / (sr electron)"
    write_file(tmp_path / "p.ecsv", "photom", table)
    problems = "\n".join(validate_reference(tmp_path / "p.ecsv", plugins).problems)
    assert [fact for fact in ("p.ecsv", *facts) if fact not in problems] == []


@pytest.mark.parametrize(("model", "fact"), [(None, "'model'"), (Polynomial2D(1), "2 and gives 1")])
def test_a_distortion_is_checked_by_its_plugin(plugins: Plugins, tmp_path: Path, model: Any, fact: str) -> None:
    write_file(tmp_path / "d.asdf", "distortion", model)
    (problem,) = validate_reference(tmp_path / "d.asdf", plugins).problems
    assert "d.asdf" in problem
    assert fact in problem


@pytest.mark.parametrize(
    "found",
    [["it has ghosts"], InputError("it has ghosts"), RuntimeError("it has ghosts")],
    ids=lambda one: str(type(one)),
)
def test_what_a_plugin_finds_or_raises_is_one_problem(plugins: Plugins, put: Put, found: Any) -> None:
    """It is asked for every mode of the instrument, and may find the same each time."""
    lab = Lab(found=found)
    plugins.add("lab", lab)
    path = put("f.fits", INSTRUME="ANY", DETECTOR="ANY")
    (problem,) = validate_reference(path, plugins).problems
    assert problem.startswith(f"{path}: ")
    assert "it has ghosts" in problem
    assert {mode for _, mode in lab.asked} == set(plugins.modes())


def test_plugins_are_asked_for_the_modes_of_the_instrument_with_the_pixels_of_the_file(
    plugins: Plugins, put: Put
) -> None:
    lab = Lab()
    plugins.add("lab", lab)
    validate_reference(put("f.fits", INSTRUME="iris"), plugins)
    ((reference, mode),) = lab.asked
    assert mode == "iris-imager"
    assert isinstance(reference.content, Exposure)
    assert reference.content.data.sum() == 64


def test_plugins_are_not_asked_where_keywords_are_wrong(plugins: Plugins, put: Put) -> None:
    lab = Lab()
    plugins.add("lab", lab)
    validate_reference(put("f.fits", USEAFTER=""), plugins)
    assert lab.asked == []


def test_the_pixels_of_a_file_are_read_once_and_a_reader_that_fails_is_a_problem(plugins: Plugins, put: Put) -> None:
    class Reader:
        read = 0

        @hookimpl
        def read_exposure(self, path: Path, pixels: bool, reftype: str) -> Exposure:
            """Read once."""
            self.read += 1
            if path.name == "bad.fits":
                raise RuntimeError("no luck")
            return read_fits(path, pixels)

    reader = Reader()
    plugins.add("reader", reader)
    assert validate_reference(put("f.fits"), plugins).problems == ()
    assert reader.read == 1
    (problem,) = validate_reference(put("bad.fits"), plugins).problems
    assert "bad.fits" in problem
    assert "no luck" in problem
