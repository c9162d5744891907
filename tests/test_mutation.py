"""The faults of a mutation run: what is made of a line, what is left alone, and that those with a name still fit."""

from __future__ import annotations

import ast
import importlib
import random
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "mutation"


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("faults")


def changes(faults: ModuleType, folder: Path, text: str) -> list[str]:
    path = folder / "module.py"
    path.write_text(text, encoding="utf-8")
    return [fault.after.decode() for fault in faults.faults_of(path, folder)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = a < b", ["x = a <= b"]),
        ("x = (a) not  in (b)", ["x = (a) in (b)"]),
        ("x = 'µ' is not b == c", ["x = 'XXµ' is not b == c", "x = 'µ' is b == c", "x = 'µ' is not b != c"]),
        ("x = a and (b or c)", ["x = a and (b and c)", "x = a or (b or c)"]),
        ("x = a if not b else c", ["x = a if b else c"]),
        ("x = [a for a in b if a]", ["x = [a for a in b if not (a)]"]),
        ("x = 3", ["x = 4", "x = 6"]),
        ("x = 0", ["x = 1"]),
        ("x = True", ["x = False"]),
        ("x = rb''", ["x = rb'XX'"]),
        ("x = f'{a}.fits'", ["x = f'XX{a}.fits'"]),
        ("f(a)", ["pass"]),
        ("a += b", ["pass"]),
        ("a.b = c", ["pass"]),
        ("def f(): return a", ["def f(): return None"]),
        ("raise E(f'{a}', b, 'c')", ["pass"]),
    ],
)
def test_a_line_is_made_wrong_in_every_way(faults: ModuleType, tmp_path: Path, line: str, expected: list[str]) -> None:
    assert sorted(changes(faults, tmp_path, line)) == sorted(expected)


@pytest.mark.parametrize(
    "text",
    [
        '"""A module."""',
        'def f(a: "int") -> "str":\n    """A function."""',
        "if TYPE_CHECKING:\n    f(1)",
        "__all__ = ['a']",
        "log.info('a', 1)",
        "x = 'a text for people'",
        "x = f'{a} is not {b}'",
        "x = TypeVar('X')",
        "x: list['a']",
        "x = zip(a, b, strict=True)",
        "def f(): return None",
    ],
)
def test_what_no_test_can_notice_is_left_alone(faults: ModuleType, tmp_path: Path, text: str) -> None:
    assert not changes(faults, tmp_path, text)


def test_a_fault_knows_the_lines_of_its_statement_and_whether_they_run_on_import(
    faults: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "module.py"
    path.write_text("def f(\n    a=1,\n):\n    if (\n        a\n    ):\n        return g(\n            2)\n")
    found = {(fault.line, fault.imported, tuple(sorted(fault.lines))) for fault in faults.faults_of(path, tmp_path)}
    assert found == {(2, True, (1, 2, 3)), (5, False, (4, 5, 6)), (7, False, (7, 8)), (8, False, (7, 8))}


def test_every_fault_of_the_core_is_another_program(faults: ModuleType) -> None:
    found = [fault for path in sorted(ROOT.glob("iris_core/*.py")) for fault in faults.faults_of(path, ROOT)]
    for fault in random.Random(0).sample(found, 100):
        assert ast.dump(ast.parse(fault.after)) != ast.dump(ast.parse(fault.before)), fault.shown()


def test_faults_with_a_name_fit_the_core_as_it_is(faults: ModuleType) -> None:
    for fault in faults.named_faults(FOLDER / "named.toml", ROOT):
        assert ast.dump(ast.parse(fault.after)) != ast.dump(ast.parse(fault.before)), fault.shown()
        assert fault.lines, fault.shown()


def test_a_name_that_is_not_found_once_is_an_error(faults: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("a\na\n")
    named = tmp_path / "named.toml"
    named.write_text('[[fault]]\nfile = "module.py"\nfind = "a"\nreplace = "b"\nwhy = "to see"\n')
    with pytest.raises(ValueError, match=r"module\.py has 2 times, not once: a"):
        faults.named_faults(named, tmp_path)
