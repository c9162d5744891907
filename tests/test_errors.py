"""Every error on purpose is an IrisError, and several travel together."""

from __future__ import annotations

import pickle

import pytest

from iris_core import errors
from iris_core.errors import InputError, IrisError, Problems, RecipeError, choices, did_you_mean, one_line

CLASSES = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, IrisError)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_an_iris_error_but_a_skip_is_none(kind: type[IrisError]) -> None:
    assert issubclass(kind, IrisError)
    assert not issubclass(errors.StageSkipped, IrisError)


def test_problems_say_each_mistake_on_its_line_and_survive_a_trip_between_processes() -> None:
    problems = Problems([RecipeError("one"), InputError("two")])
    assert str(problems) == "one\ntwo"
    back = pickle.loads(pickle.dumps(problems))
    assert [type(one) for one in back.problems] == [RecipeError, InputError]
    assert str(back) == str(problems)


def test_the_nearest_name_is_offered() -> None:
    assert did_you_mean("flat_feild", ["flat_field", "photom"]) == "; did you mean 'flat_field'?"


def test_nothing_is_offered_where_nothing_is_near() -> None:
    assert did_you_mean("zzz", ["flat_field", "photom"]) == "."
    assert did_you_mean("zzz", []) == "."


def test_choices_are_sorted_and_never_empty() -> None:
    assert choices(["b", "a"]) == "a, b"
    assert choices([]) == "none"


def test_a_foreign_exception_is_told_on_one_line() -> None:
    assert one_line(ValueError("first\n  second")) == "ValueError: first second"
    assert one_line(KeyError()) == "KeyError"
