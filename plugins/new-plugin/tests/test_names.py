"""A name that hides something, or is not a name, is refused with what would be right."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_new_plugin._names import check_name, check_stage_name, class_prefix, module_of, no_such_stage, status_keyword
from iris_new_plugin._stages import survey

from iris_core import InputError


@pytest.mark.parametrize(
    ("name", "module", "prefix"),
    [
        ("my-dark", "my_dark", "MyDark"),
        ("x", "x", "X"),
        ("My_2nd-Flat", "my_2nd_flat", "My2ndFlat"),
        ("a--b", "a__b", "AB"),
    ],
)
def test_module_and_classes_are_called_by_the_package(name: str, module: str, prefix: str) -> None:
    check_name(name, ())
    assert (module_of(name), class_prefix(name)) == (module, prefix)


@pytest.mark.parametrize(
    "name", ["", "2nd", "my dark", "my.dark", "-x", "x-", "my/dark", "../x", "dårk", "x" * 41, "a\n"]
)
def test_what_is_no_name_of_a_distribution_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="my-dark"):
        check_name(name, ())


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("class", "means something in Python or in YAML"),
        ("on", "means something in Python or in YAML"),
        ("Null", "means something in Python or in YAML"),
        ("json", "a module 'json' exists already"),
        ("numpy", "a module 'numpy' exists already"),
        ("iris-core", "a module 'iris_core' exists already"),
        ("tests", "the folder of the tests"),
        ("iris", "the module of another library"),
        ("pytest", "would hide the other; my-pytest would do"),
    ],
)
def test_what_would_hide_something_is_refused(name: str, why: str) -> None:
    with pytest.raises(InputError, match=f"the package cannot be called '{name}': .*{why}"):
        check_name(name, ())


def test_the_name_of_a_plugin_and_that_of_a_distribution_are_taken(
    put_metadata: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_metadata(tmp_path, "their-package", "3.2", "[iris_core]\ntheir-plugin = somewhere_else\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="plugin"):
        check_name("their-plugin", survey().plugins)
    with pytest.raises(InputError, match=r"distribution .* 3\.2"):
        check_name("their-package", ())


def test_a_folder_without_a_module_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_folder").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    check_name("my-folder", ())


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=45))
def test_a_name_that_passes_gives_a_module_and_a_class(name: str) -> None:
    try:
        check_name(name, ())
    except InputError:
        return
    assert module_of(name).isidentifier()
    assert not keyword.iskeyword(module_of(name))
    assert class_prefix(name).isidentifier()


@pytest.mark.parametrize("stage", ["destripe", "x", "remove_2nd_order"])
def test_a_stage_is_called_as_a_function_is(stage: str) -> None:
    check_stage_name(stage, {"run_stage"})


@pytest.mark.parametrize(
    "stage", ["", "De_stripe", "2nd", "de-stripe", "de stripe", "_x", "lambda", "yes", "x" * 41, "é"]
)
def test_what_is_no_name_of_a_stage_is_refused(stage: str) -> None:
    with pytest.raises(InputError, match=f"'{stage}' is not a name for a stage"):
        check_stage_name(stage, ())


@pytest.mark.parametrize(
    ("stage", "why"),
    [("print", "means something else"), ("exposure", "means something else"), ("run_stage", "another hook")],
)
def test_a_name_that_means_something_else_is_refused(stage: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        check_stage_name(stage, {"run_stage"})


def test_a_stage_that_is_not_there_is_an_error_with_the_nearest_and_all_there_are() -> None:
    words = str(no_such_stage("dark_curent", ["flat_field", "dark_current"], {"lab": "no module named 'x'"}))
    assert "no stage 'dark_curent'; did you mean 'dark_current'? Stages: dark_current, flat_field" in words
    assert "lab: no module named 'x'" in words
    assert "iris new-plugin new-stage NAME --stage dark_curent" in words
    unlike = str(no_such_stage("zzz", ["flat_field"], {}))
    assert "did you mean" not in unlike
    assert "broken" not in unlike


@pytest.mark.parametrize(
    ("stage", "taken", "status"),
    [
        ("destripe", (), "S_DESTRI"),
        ("wcs", (), "S_WCS"),
        ("wcs", ("S_WCS",), "S_WCS2"),
        ("remove_dark", ("S_REMOVE",), "S_REMOV2"),
        ("region", ("S_REGION", "S_REGIO2"), "S_REGIO3"),
    ],
)
def test_the_status_keyword_is_one_that_no_other_stage_has(stage: str, taken: tuple[str, ...], status: str) -> None:
    assert status_keyword(stage, taken) == status
    assert len(status) <= 8


def test_when_all_status_keywords_are_taken_it_is_an_error() -> None:
    taken = {"S_DESTRI", *(f"S_DESTR{digit}" for digit in range(2, 10))}
    with pytest.raises(InputError, match="S_DESTRI to S_DESTR9"):
        status_keyword("destripe", taken)
