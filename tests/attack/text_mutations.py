"""Harm to files of text: recipes, associations, a table, and the tree of an ASDF file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator
Harm = Callable[[Rng, bytes], bytes]

PIECES = (
    b"\0",
    b"\t",
    b"\x1b[2J",
    b"\xff",
    b"\xef\xbb\xbf",
    b"{",
    b"]",
    b"'",
    b'"',
    b":",
    b"- ",
    b"&a",
    b"*a",
    b"!!python/name:os.system",
    b"<<: ",
    b"\r",
    b"..",
    b"\n---\n",
    b"%",
    b"# ",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e400,
    10**400,
    "",
    " ",
    "..",
    "a\0b",
    "/dev/zero",
    "x" * 5000,
    [],
    [[]],
    {},
    {"a": []},
    "sky0_rate.fits",
)


def _one(rng: Rng, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


# Text of any kind.


def a_piece_inserted(rng: Rng, text: bytes) -> bytes:
    at = int(rng.integers(len(text) + 1))
    return text[:at] + _one(rng, PIECES) + text[at:]


def a_letter_changed(rng: Rng, text: bytes) -> bytes:
    """Change a letter or a sign: another digit is another number, and no harm that can be seen."""
    at = _one(rng, [at for at, letter in enumerate(text) if not chr(letter).isdigit()])
    return text[:at] + rng.bytes(1) + text[at + 1 :]


def cut(rng: Rng, text: bytes) -> bytes:
    return text[: int(rng.integers(len(text)))]


def a_line_lost(rng: Rng, text: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    del lines[int(rng.integers(len(lines)))]
    return b"".join(lines)


def a_line_twice(rng: Rng, text: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    at = int(rng.integers(len(lines)))
    return b"".join([*lines[: at + 1], *lines[at:]])


def lines_exchanged(rng: Rng, text: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    one, other = rng.integers(len(lines), size=2)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def another_encoding(rng: Rng, text: bytes) -> bytes:
    return text.decode("latin-1").encode(_one(rng, ("utf-16", "utf-8-sig", "utf-32", "cp037")))


def very_deep(rng: Rng, text: bytes) -> bytes:
    left, right = _one(rng, ((b"[", b"]"), (b'{"a":', b"}")))
    depth = int(rng.integers(200, 20000))
    deep = left * depth + b"1" + right * depth
    return text.replace(b'"x"', deep) if text.startswith(b"{") else text + b"\nmore: " + deep


# Recipes.


def a_typing_error(rng: Rng, text: bytes) -> bytes:
    """Misspell a key or a stage; a name of the user's own is not one."""
    words = list(re.finditer(rb"recipe(?=:)|name(?=:)|steps(?=:)|save(?=:)|(?<=  - )\w+", text))
    at = _one(rng, words)
    place = int(rng.integers(at.start() + 1, at.end()))
    return text[:place] + _one(rng, (b"", b"x", b"_", text[place : place + 1] * 2)) + text[place + 1 :]


def aliases_that_multiply(_: Rng, text: bytes) -> bytes:
    lines = [b"a0: &a0 [x, x]"] + [
        b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)
    ]
    return text + b"\n".join(lines) + b"\nwith: *a11\n"


# Associations.


def _nodes(tree: Any) -> list[tuple[Any, Any]]:
    """Return every place of a tree: what holds it, and its key there."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in list(items) for place in ((tree, key), *_nodes(value))]


def another_value(rng: Rng, text: bytes) -> bytes:
    tree = json.loads(text)
    holder, key = _one(rng, _nodes(tree))
    holder[key] = _one(rng, VALUES)
    return json.dumps(tree).encode()


def another_key(rng: Rng, text: bytes) -> bytes:
    tree = json.loads(text)
    holder, key = _one(rng, [place for place in _nodes(tree) if isinstance(place[0], dict) and place[1] != "asn_type"])
    holder[_one(rng, (key.upper(), key + "s", key[:-1], " " + key))] = holder.pop(key)
    return json.dumps(tree).encode()


def a_key_twice(rng: Rng, text: bytes) -> bytes:
    """Give the members twice: of equal keys a parser keeps the last."""
    other = b'"members": [{"expname": "x_rate.fits", "exptype": "science"}]'
    return (
        text.replace(b"]}", b"], " + other + b"}", 1)
        if rng.random() < 0.5
        else text.replace(b'"name":', other + b', "name":')
    )


def a_member_twice(rng: Rng, text: bytes) -> bytes:
    tree = json.loads(text)
    members = tree["products"][0]["members"]
    members.append(members[int(rng.integers(len(members)))])
    return json.dumps(tree).encode()


def a_kind_of_another_case(rng: Rng, text: bytes) -> bytes:
    at = _one(rng, [found.start() for found in re.finditer(rb"(?<=\")(background|science)(?=\")", text)])
    return text[:at] + text[at : at + 1].upper() + text[at + 1 :]


# Tables.


def another_name_of_a_column(rng: Rng, text: bytes) -> bytes:
    name = _one(rng, (b"filter", b"photmjsr", b"uncertainty", b"pixar_sr", b"pixar_a2"))
    return re.sub(rb"\b" + name + rb"\b", _one(rng, (name.upper(), name + b"s", b"band", b"subarray")), text)


def another_unit(rng: Rng, text: bytes) -> bytes:
    unit = _one(rng, (b"MJy s / (electron sr)", b"arcsec2", b"unit: sr"))
    return text.replace(
        unit, _one(rng, (b"unit: Jy", b"unit: furlong", b"unit: ''", b"unit: m"))[(0 if unit == b"unit: sr" else 6) :]
    )


def another_number(rng: Rng, text: bytes) -> bytes:
    """Put what is no conversion into the row of the filter."""
    number = _one(rng, (b" 0.25 ", b" 3.760693e-16 "))
    return text.replace(number, _one(rng, (b" nan ", b" -0.25 ", b" 0 ", b" inf ", b' "" ', b" 0,25 ", b" 1e400 ")))


TEXT: tuple[Harm, ...] = (
    a_piece_inserted,
    a_letter_changed,
    cut,
    a_line_lost,
    a_line_twice,
    lines_exchanged,
    another_encoding,
    very_deep,
)
RECIPES: tuple[Harm, ...] = (a_typing_error, aliases_that_multiply)
ASSOCIATIONS: tuple[Harm, ...] = (another_value, another_key, a_key_twice, a_member_twice, a_kind_of_another_case)
TABLES: tuple[Harm, ...] = (another_name_of_a_column, another_unit, another_number)
