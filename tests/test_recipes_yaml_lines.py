"""YAML with the line of every value, and texts that are not YAML."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from iris_core import Problems
from iris_core.recipes.yaml_lines import parse_document

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False), st.text(max_size=8)
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
)

FIVE_LINES = """\
recipe: 1
steps:
  - flat_field:
      params: {inverse: true,
               gain: 2}
"""


def message(text: str) -> str:
    with pytest.raises(Problems) as caught:
        parse_document(text, "r.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("recipe",), 1),
        (("steps",), 2),
        (("steps", 0), 3),
        (("steps", 0, "flat_field", "params"), 4),
        (("steps", 0, "flat_field", "params", "gain"), 5),
        (("steps", 0, "flat_field", "params", "missing"), 4),
    ],
)
def test_a_place_is_the_line_of_the_value_or_of_the_one_around_it(path: tuple[str | int, ...], line: int) -> None:
    assert parse_document(FIVE_LINES, "r.yaml").place(path) == f"recipe r.yaml, line {line}"


@given(trees)
def test_what_yaml_writes_is_read_back(tree: Any) -> None:
    assert parse_document(yaml.safe_dump(tree), "r.yaml").data == tree


@pytest.mark.parametrize("text", ["", "# nothing", "---\n"])
def test_an_empty_text_is_no_value(text: str) -> None:
    assert parse_document(text, "r.yaml").data is None


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("a: [1, 2", ["line 1: not YAML"]),
        ("a: 1\nb: 2\na: 3", ["line 3: ", "'a'"]),
        ("a:\n  b: &x\n    - *x", ["line 2: ", "itself"]),
        ("a: 1\nb: 2026-13-45", ["line 2: ", "'2026-13-45'", "quote"]),
        ("a: 0x_", ["line 1: ", "'0x_'"]),
        ("a: !!int many", ["line 1: ", "'many'"]),
        ("a: !!bool maybe", ["line 1: ", "'maybe'"]),
        ("a: !!timestamp noon", ["line 1: ", "'noon'"]),
        ("\n? [a, b]\n: 1", ["line 2: ", "key"]),
        ("a: !!python/name:os.system ''", ["line 1: ", "constructor"]),
        ("a\0b", ["not YAML: unacceptable character"]),
        ("[" * 2000, ["nested"]),
        ("a: " + "9" * 5000, ["line 1"]),
        ("a: 1\n---\nb: 2", ["line 2: not YAML: but found another document"]),
    ],
)
def test_what_is_not_yaml_is_named_with_its_line(text: str, facts: list[str]) -> None:
    found = message(text)
    assert found.startswith("recipe r.yaml")
    for fact in facts:
        assert fact in found
    assert "\n" not in found


def test_all_wrong_values_of_a_text_are_reported_together() -> None:
    assert message("a: 2026-13-45\nb: 0x_\na: 1").count("\n") == 2


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    """Ten lines for ten thousand million values are refused at once."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "10000" in message("\n".join(lines))


@given(st.one_of(st.text(), st.text(alphabet="[]{}:,-?&*!|>'\"%@`# \n\tax019.~<=")))
@example("<<: 1")
@example("a: =")
@example("!!python/object/apply:os.system ['true']")
@example("'\\ud800'")
@example("\ud800")
@example("- !!binary x")
@example(".nan: 1")
def test_any_text_is_a_document_or_a_problem_on_one_line(text: str) -> None:
    found: list[str] = []
    try:
        parse_document(text, "r.yaml")
    except Problems as error:
        found = [str(one) for one in error.problems]
        assert found
    assert not [one for one in found if "\n" in one]
