"""Small faults for a module: one comparison, condition, constant or statement made wrong in its text.

Left out is what no test can or should notice: docstrings, annotations, ``if TYPE_CHECKING``, ``__all__``, the log,
``slots`` of a class and ``strict`` of a `zip`, and text for people, which is every string with a space and every string
of a ``raise`` or a warning.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

__all__ = ["Fault", "faults_of", "named_faults"]

OPERATORS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: (r"\bin\b", "not in"),
    ast.NotIn: (r"\bnot\s+in\b", "in"),
    ast.Is: (r"\bis\b", "is not"),
    ast.IsNot: (r"\bis\s+not\b", "is"),
}
LOGS = {"log", "logger", "logging"}
TYPING = {"NewType", "ParamSpec", "TypeVar", "cast"}  # their strings are for the type checker
Function = ast.FunctionDef | ast.AsyncFunctionDef
Edit = tuple[str, int, int, str]  # what kind, from where to where, and the new text


@dataclass(frozen=True, slots=True)
class Fault:
    """A change of one piece of a file.

    Parameters
    ----------
    path
        The file, seen from the root of the checkout.
    kind
        ``comparison``, ``condition``, ``constant``, ``statement`` or ``named``.
    before, after
        The bytes of the whole file.
    start, end
        Which bytes of `before` are replaced.
    lines
        The lines of the statements it stands in: a test that runs none of them cannot notice it.
    imported
        Whether these lines run when the module is imported, not when a function is called.
    why
        What it stands for, where it has a name.
    """

    path: str
    kind: str
    before: bytes
    after: bytes
    start: int
    end: int
    lines: frozenset[int]
    imported: bool
    why: str = ""

    @property
    def line(self) -> int:
        """The number of its first line."""
        return self.before.count(b"\n", 0, self.start) + 1

    def shown(self) -> tuple[str, str]:
        """Return the lines it stands in, before and after, each on one line."""
        first = self.before.rfind(b"\n", 0, self.start) + 1
        rest = self.before.find(b"\n", self.end) % (len(self.before) + 1)  # where none follows, to the end
        last = rest + len(self.after) - len(self.before)
        old, new = self.before[first:rest].decode(), self.after[first:last].decode()
        return " ".join(old.split()), " ".join(new.split())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands: the lines of its statement, whether they run on import, whether its text is for people."""

    lines: range = range(0)
    imported: bool = True
    told: bool = False

    def below(self, node: ast.AST, field: str, child: ast.AST) -> Place:
        """Return the place of a child of a node that stands here."""
        return Place(
            lines=head(child) or self.lines,
            imported=self.imported and not (isinstance(node, Function | ast.Lambda) and field == "body"),
            told=self.told or isinstance(node, ast.Raise) or callee(node) in {"warn", *TYPING},
        )


def faults_of(path: Path, root: Path) -> list[Fault]:
    """Return every fault for a module of the checkout in `root`."""
    before, name = path.read_bytes(), path.relative_to(root).as_posix()
    finder, found = Finder(before), []
    for node, place in walk(ast.parse(before), Place()):
        for kind, start, end, new in finder.edits(node, place):
            after = before[:start] + new.encode() + before[end:]
            found.append(Fault(name, kind, before, after, start, end, frozenset(place.lines), place.imported))
    return found


def named_faults(path: Path, root: Path) -> list[Fault]:
    """Return the faults that a TOML file lists.

    Raises
    ------
    ValueError
        The text to be found is not in its file exactly once.
    """
    return [_named(root, **entry) for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("fault", [])]


def _named(root: Path, *, file: str, find: str, replace: str, why: str) -> Fault:
    before = (root / file).read_bytes()
    if (count := before.count(find.encode())) != 1:
        raise ValueError(f"{file} has {count} times, not once: {find}")
    start = before.index(find.encode())
    end = start + len(find.encode())
    after = before[:start] + replace.encode() + before[end:]
    first, last = (before.count(b"\n", 0, offset) + 1 for offset in (start, end))
    places = [place for _, place in walk(ast.parse(before), Place()) if {*place.lines} & {*range(first, last + 1)}]
    lines = frozenset(line for place in places for line in place.lines)
    return Fault(file, "named", before, after, start, end, lines, all(place.imported for place in places), why)


def walk(node: ast.AST, place: Place) -> Iterator[tuple[ast.AST, Place]]:
    """Yield a node and what is below it, each with its place, without what is left out."""
    yield node, place
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not left_out(node, field, child):
                yield from walk(child, place.below(node, field, child))


def left_out(node: ast.AST, field: str, child: ast.AST) -> bool:
    """Tell whether faults in a child of a node are of no use."""
    match child:
        case (
            ast.Expr(value=ast.Constant())
            | ast.If(test=ast.Name(id="TYPE_CHECKING"))
            | ast.keyword(arg="slots" | "strict")
        ):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.AugAssign(target=ast.Name(id="__all__")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))) if name in LOGS:
            return True
        case ast.FunctionDef(decorator_list=[ast.Name(id="overload"), *_]):
            return True
    return isinstance(node, ast.JoinedStr) or field in {"annotation", "returns"}


def head(node: ast.AST) -> range | None:
    """Return the lines of a statement, without those of the statements in it; None for what is none."""
    if not isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
        return None
    own = node.pattern if isinstance(node, ast.match_case) else node
    inside = [*getattr(node, "body", [])[:1], *(case.pattern for case in getattr(node, "cases", [])[:1])]
    first = min([own.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
    last = min((item.lineno - 1 for item in inside), default=own.end_lineno or first)
    return range(first, max(first, last) + 1)


def callee(node: ast.AST) -> str:
    """Return the last name of what a call calls."""
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
    return ""


class Finder:
    """Finds what can be changed in a text.

    Parameters
    ----------
    text
        The bytes of a module.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.starts = [0, *accumulate(len(line) for line in text.splitlines(keepends=True))]

    def edits(self, node: ast.AST, place: Place) -> Iterator[Edit]:
        """Yield the changes of a node itself."""
        match node:
            case ast.Compare(left=left, ops=ops, comparators=rights):
                for operator, (one, other) in zip(ops, pairwise([left, *rights]), strict=True):
                    yield self._between("comparison", one, other, *OPERATORS[type(operator)])
            case ast.BoolOp(op=operator, values=values):
                old, new = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                for one, other in pairwise(values):
                    yield self._between("condition", one, other, rf"\b{old}\b", new)
            case ast.UnaryOp(op=ast.Not()):
                yield "condition", *self._span(node), self._source(node).removeprefix("not").lstrip()
            case ast.Constant(value=value):
                yield from (("constant", *self._span(node), new) for new in self._others(node, value, place))
            case ast.JoinedStr(values=values):
                words = "".join(str(part.value) for part in values if isinstance(part, ast.Constant))
                yield from (("constant", *self._span(node), new) for new in self._others(node, words, place))
            case ast.stmt():
                yield from (("statement", *self._span(node), new) for new in without(node))
        yield from (("condition", *self._span(test), f"not ({self._source(test)})") for test in tests_of(node))

    def _span(self, node: ast.AST) -> tuple[int, int]:
        first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
        start = self.starts[first - 1] + getattr(node, "col_offset", 0)
        return start, self.starts[last - 1] + getattr(node, "end_col_offset", 0)

    def _source(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self.text[start:end].decode()

    def _between(self, kind: str, one: ast.AST, other: ast.AST, old: str, new: str) -> Edit:
        """Return the change of an operator, which stands between two nodes."""
        start, end = self._span(one)[1], self._span(other)[0]
        return kind, start, end, re.sub(old, new, self.text[start:end].decode(), count=1)

    def _others(self, node: ast.AST, value: object, place: Place) -> Iterator[str]:
        """Yield other texts for a constant."""
        match value:
            case bool():
                yield str(not value)
            case int() | float():
                yield from dict.fromkeys(repr(other) for other in (value + 1, value * 2) if other != value)
            case str() | bytes():
                words = value if isinstance(value, str) else value.decode("latin-1")
                if not place.told and " " not in words and "\n" not in words:
                    yield re.sub(r"^(\w*)(\"\"\"|'''|\"|')", r"\1\2XX", self._source(node))


def tests_of(node: ast.AST) -> list[ast.expr]:
    """Return the conditions of a node that are worth a negation: that of one comparison is among the comparisons."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            found = [test]
        case ast.comprehension(ifs=found):
            pass
        case ast.match_case(guard=ast.expr() as guard):
            found = [guard]
        case _:
            found = []
    return [test for test in found if not is_negated_elsewhere(test)]


def is_negated_elsewhere(test: ast.expr) -> bool:
    """Tell whether another fault negates a condition already."""
    match test:
        case ast.Constant() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn() | ast.Is() | ast.IsNot()]):
            return True
    return False


def without(node: ast.stmt) -> Iterator[str]:
    """Yield what takes the place of a statement that is left out; nothing where it cannot be."""
    match node:
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "return None"
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete() | ast.Continue() | ast.Break():
            yield "pass"
        case ast.Assign(targets=targets) if all(isinstance(item, ast.Attribute | ast.Subscript) for item in targets):
            yield "pass"
