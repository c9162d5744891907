"""A tolerance in units of ERR: how it is written, and what is within it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from iris_compare import ProductDifference, diff_products, measure_difference
from iris_compare._planes import compare_planes
from iris_compare._stored import Planes
from iris_compare._tolerance import images_beyond, parse_tolerance
from iris_compare.cli import diff
from iris_testkit import make_exposure

from iris_core import DQ, Exposure, InputError, write_fits

SHAPE = (6, 7)
POSITIVE = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


@given(POSITIVE, st.sampled_from(["", " ", "\t"]), st.sampled_from(["{!r}", "{:.17e}", "+{!r}"]))
def test_every_number_is_read_to_the_last_digit(number: float, space: str, form: str) -> None:
    assert parse_tolerance(f"{form.format(number)}{space}sigma") == number


@given(st.text().filter(lambda text: "sigma" not in text))
def test_nothing_without_the_unit_is_a_tolerance(text: str) -> None:
    with pytest.raises(InputError, match="sigma"):
        parse_tolerance(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.01", "no unit; .*: 0.01sigma"),
        ("5mas", "unit 'mas'"),
        ("0.01 Sigma", "unit 'Sigma'"),
        ("-1sigma", "negative"),
        ("1e999sigma", "too large"),
        ("sigma", "no tolerance"),
        ("nansigma", "no tolerance"),
        ("1,5sigma", "no tolerance"),
        ("1sigma 2sigma", "no tolerance"),
        ("", "no tolerance"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_tolerance(text)


def product() -> Exposure:
    """Return 100 with err 2, and one pixel without a value."""
    data = np.full(SHAPE, 100, dtype=np.float32)
    data[0, 0] = np.nan
    dq = np.where(np.isnan(data), np.uint32(DQ.DO_NOT_USE), np.uint32(0))
    return make_exposure(value=100.0, shape=SHAPE).replace(data=data, dq=dq, variance={"total": np.full(SHAPE, 4.0)})


def moved(by: float) -> Exposure:
    data = product().data.copy()
    data[3, 4] += by
    return product().replace(data=data)


def compare(folder: Path, other: Exposure, tolerance: float, first: Exposure | None = None) -> ProductDifference:
    paths = [write_fits(first or product(), folder / "a.fits"), write_fits(other, folder / "b.fits")]
    return diff_products(*paths, tolerance=tolerance)


def beyond(first: Exposure, other: Exposure, tolerance: float) -> list[str]:
    found = measure_difference(first, other), compare_planes(first, other)
    return list(images_beyond(Planes.of(first), Planes.of(other), *found, tolerance))


@given(st.floats(0.001, 30), st.booleans())
def test_a_value_may_differ_by_that_part_of_its_err(by: float, down: bool) -> None:
    other = moved(-by if down else by)
    apart = abs(float(other.data[3, 4]) - 100) / 2
    assert beyond(product(), other, apart) == []
    assert beyond(product(), other, 0.999 * apart) == ["data in 1 of 42 pixels"]


def test_the_same_is_within_nothing(tmp_path: Path) -> None:
    found = compare(tmp_path, product(), 0.0)
    assert (found.exit_code, found.beyond) == (0, ())


@pytest.mark.parametrize(
    ("changes", "beyond"),
    [
        ({"variance": {"total": np.full(SHAPE, 4.2)}}, "ERR in 42 of 42 pixels"),
        ({"dq": np.where(np.isnan(product().data), np.uint32(1), np.uint32(DQ.HOT))}, "dq in 41 of 42 pixels"),
        ({"variance": {"rnoise": np.full(SHAPE, 4.0)}}, "variance:rnoise is in the other only"),
        ({"unit": None}, "their units differ"),
        ({"planes": {"WHT": np.ones(SHAPE)}}, "WHT is in the other only"),
    ],
    ids=["err", "dq", "component", "unit", "plane"],
)
def test_what_else_differs_is_not_within(changes: dict[str, Any], beyond: str, tmp_path: Path) -> None:
    found = compare(tmp_path, product().replace(**changes), 0.01)
    assert any(beyond in one for one in found.beyond), found.beyond
    assert found.exit_code != 0


def test_an_err_may_differ_by_that_part_of_itself(tmp_path: Path) -> None:
    other = product().replace(variance={"total": np.full(SHAPE, 4.0 * 1.009**2)})
    assert compare(tmp_path, other, 0.01).exit_code == 0


def test_a_value_in_one_alone_is_not_within(tmp_path: Path) -> None:
    data = np.full(SHAPE, 100, dtype=np.float32)
    assert compare(tmp_path, product().replace(data=data), 1e6).beyond == ("data in 1 of 42 pixels",)


def test_without_an_err_every_difference_is_beyond(tmp_path: Path) -> None:
    first, other = (one.replace(variance={}) for one in (product(), moved(1.0)))
    assert compare(tmp_path, other, 1e6, first).beyond == ("data in 1 of 42 pixels",)
    assert compare(tmp_path, first, 0.0, first).exit_code == 0


def catalog(path: Path, by: float = 0.0, label: int = 1) -> Path:
    flux, err = np.arange(5.0) + 1, np.full(5, 0.5)
    flux[2] += by
    table = Table({"label": np.arange(5) * label, "a_flux": flux, "a_flux_err": err}, meta={"IRISKEY": "a" * 64})
    table.write(path, format="ascii.ecsv")
    return path


def test_fluxes_may_differ_by_that_part_of_their_errors(tmp_path: Path) -> None:
    first, other = catalog(tmp_path / "a.ecsv"), catalog(tmp_path / "b.ecsv", 0.004)
    assert diff_products(first, other, tolerance=0.01).exit_code == 0
    found = diff_products(first, other, tolerance=0.007)
    assert (found.beyond, found.exit_code) == (("a_flux of 1 sources",), found.verdict.exit_code)


def test_a_flux_in_one_catalogue_alone_and_other_columns_are_not_within(tmp_path: Path) -> None:
    first = catalog(tmp_path / "a.ecsv")
    assert diff_products(first, catalog(tmp_path / "b.ecsv", np.nan), tolerance=9).beyond == ("a_flux of 1 sources",)
    assert diff_products(first, catalog(tmp_path / "c.ecsv", label=2), tolerance=9).beyond == ("label",)


def invoke(*words: object) -> Result:
    return CliRunner().invoke(diff, [*map(str, words)])


def test_the_command_exits_with_0_within_and_says_so(tmp_path: Path) -> None:
    paths = write_fits(product(), tmp_path / "a.fits"), write_fits(moved(0.01), tmp_path / "b.fits")
    assert invoke(*paths).exit_code != 0
    result = invoke(*paths, "--tolerance", "0.01sigma")
    assert result.exit_code == 0
    assert "within 0.01sigma" in result.output
    result = invoke(*paths, "--tolerance", "0.001sigma")
    assert result.exit_code != 0
    assert "beyond 0.001sigma: data in 1 of 42 pixels" in result.output


def test_the_command_refuses_what_is_no_tolerance(tmp_path: Path) -> None:
    path = write_fits(product(), tmp_path / "a.fits")
    result = invoke(path, path, "--tolerance", "0.01")
    assert result.exit_code == 2
    assert "0.01sigma" in result.output
