"""The kit is right about readers: a good one keeps every rule, and each planted offence is caught by its rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from iris_testkit import ReaderConformance, iris_mode, make_exposure

from iris_core import write_fits

MakePlugin = Callable[..., ModuleType]
Try = Callable[..., Any]

GOOD = '''\
"""A reader of .lab files: a line with the shape, and big-endian numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from iris_core import Exposure, InputError, blank_plane, hookimpl, meta_from_header, parse_unit

READ = []  # something that a module keeps between calls


@hookimpl
def read_exposure(path: Path, pixels: bool) -> Exposure | None:
    """Read what begins with LAB."""
    if path.suffix != ".lab":
        return None
    from astropy.io.fits import Header

    first, _, rest = path.read_bytes().partition(b"\\n")
    header = {"INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb", "LAB": first.decode()}
    shape = tuple(int(word) for word in first.split()[1:])
    if len(rest) != 4 * shape[0] * shape[1]:
        raise InputError(f"{path}: it is truncated")
    data = np.frombuffer(rest, dtype=">f4").reshape(shape) if pixels else blank_plane(shape)
    dq = np.zeros(shape, dtype=np.uint32) if pixels else blank_plane(shape, np.uint32)
    return Exposure(
        data=data,
        dq=dq,
        variance={"total": data * 0 + 1},
        unit=parse_unit("DN/s"),
        meta=meta_from_header(header, path),
        header=Header(header),
        sci_header=Header(),
        planes={"RAW": data.astype(np.float32)},
    )
'''
OFFENCES: dict[str, tuple[tuple[str, str, str], ...]] = {
    # Rule: what stands in the good plugin, what stands in the offender, words of the failure
    "planes": (
        (
            "if pixels else blank_plane(shape)\n",
            "if not pixels else blank_plane(shape)\n",
            "no pixel of the data is finite",
        ),
        ("data * 0 + 1", "data * 0 - 1", "the variance total is negative"),
        (".astype(np.float32)", ".astype('>f4')", "the plane RAW is not in the byte order"),
    ),
    "outline": (
        (
            'parse_unit("DN/s")',
            'parse_unit("DN/s" if pixels else "electron/s")',
            "the unit of the outline is electron / s",
        ),
        ('parse_unit("DN/s"),', 'parse_unit("DN/s"),\n        area=None if pixels else dq,', "one of the planes"),
        ("header=Header(header)", "header=Header(header if pixels else {})", "the primary header of the outline"),
        ("sci_header=Header()", "sci_header=Header({'A': int(pixels)})", "the science header of the outline"),
        ('{"RAW": data.astype(np.float32)}', '{"RAW": data.astype(np.float32)} if pixels else {}', "the set of planes"),
        ('{"RAW": data.astype(np.float32)}', '{"RAW": data.astype("f4" if pixels else "f8")}', "one of the planes"),
        ("meta_from_header(header, path)", "meta_from_header(header, path if pixels else path.parent)", "meta of the"),
        (
            'path.suffix != ".lab"',
            'path.suffix != ".lab" or not pixels',
            "without pixels it returned NoneType for its own n1.lab",
        ),
    ),
    "mode": (('"INSTRUME": "IRIS"', '"INSTRUME": "LAB"', "INSTRUME 'LAB', DETECTOR 'IMG1'"),),
    "others": (
        ('path.suffix != ".lab"', 'path.suffix not in (".lab", ".asdf")', "x_rate.asdf; None is right"),
        (
            "        return None\n",
            "        from iris_core import read_fits\n\n"
            '        return read_fits(path) if path.suffix == ".fits" else None\n',
            "it returned Exposure for x_rate.fits",
        ),
    ),
    "damaged": (
        (
            'raise InputError(f"{path}: it is truncated")',
            'raise EOFError("truncated")',
            "a damaged n1.lab raised EOFError",
        ),
        (
            'raise InputError(f"{path}: it is truncated")',
            'rest = rest.ljust(4 * shape[0] * shape[1], b"0")',
            "a damaged n1.lab raised nothing",
        ),
        ("{path}: it", "it", "the error does not name the file n1.lab"),
    ),
    "repeatable": (
        ('"LAB": first.decode()}', '"LAB": len(READ)}\n    READ.append(path)', "other headers"),
        (
            'dtype=">f4").reshape(shape)',
            'dtype=">f4").reshape(shape) + len(READ)\n    READ.append(0)',
            "data differs in",
        ),
        (
            "    first, _, rest",
            '    path.write_bytes(path.read_bytes().replace(b" 5", b"  5"))\n    first, _, rest',
            "it changed the file n1.lab",
        ),
    ),
}
OFFENDERS = [(rule, *offence) for rule, offences in OFFENCES.items() for offence in offences]


def write_lab(folder: Path) -> Path:
    path = folder / "n1.lab"
    path.write_bytes(b"LAB 4 5\n" + np.arange(20, dtype=">f4").tobytes())
    return path


def tried(module: Any, **attributes: Any) -> type[ReaderConformance]:
    write = attributes.pop("file", write_lab)
    return type(
        "Tried",
        (ReaderConformance,),
        {"plugin": module, "mode": iris_mode(), "file": lambda _self, folder: write(folder), **attributes},
    )


def test_a_good_reader_keeps_every_rule(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin(GOOD)))
    assert dict(found) == dict.fromkeys(ReaderConformance.rules(), "")


def test_there_is_an_offender_for_every_rule() -> None:
    assert set(OFFENCES) == set(ReaderConformance.rules())


@pytest.mark.parametrize(("rule", "before", "after", "words"), OFFENDERS)
def test_each_offence_is_caught_by_the_rule_meant_for_it(
    make_plugin: MakePlugin, outcomes: Try, rule: str, before: str, after: str, words: str
) -> None:
    assert before in GOOD
    found = outcomes(tried(make_plugin(GOOD.replace(before, after))), rule)
    assert found[rule].startswith(f"Failed: rule '{rule}': offender: ")
    assert words in found[rule]


def test_a_plugin_without_the_hook_is_told(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin('"""Nothing."""')))
    assert found.failed == set(ReaderConformance.rules())
    assert "it does not implement the hook read_exposure" in found["planes"]


def test_a_reader_that_does_not_know_its_own_file_is_told(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin(GOOD.replace('".lab"', '".labs"'))), "planes")
    assert "with pixels it returned NoneType for its own n1.lab, not an Exposure" in found["planes"]


def test_the_class_has_to_write_a_file(make_plugin: MakePlugin, outcomes: Try) -> None:
    kind = type("Tried", (ReaderConformance,), {"plugin": make_plugin(GOOD)})
    assert "override file()" in outcomes(kind, "planes")["planes"]


def test_a_mode_that_the_plugin_brings_counts(make_plugin: MakePlugin, outcomes: Try) -> None:
    module = make_plugin(GOOD)
    found = outcomes(tried(module, mode=None), "mode")["mode"]
    assert "DETECTOR 'IMG1' are of no mode; modes: none" in found
    mode = (
        "\n\n@hookimpl\ndef instrument_modes():\n    from iris_testkit import iris_mode\n\n    return [iris_mode()]\n"
    )
    assert outcomes(tried(make_plugin(GOOD + mode), mode=None), "mode") == {"mode": ""}


FITS = '''\
"""The framework's reader of FITS as a plugin."""

from iris_core import hookimpl, read_fits


@hookimpl
def read_exposure(path, pixels):
    return read_fits(path, pixels) if path.suffix == ".fits" else None
'''


def test_the_reader_of_the_framework_keeps_the_rules(make_plugin: MakePlugin, outcomes: Try) -> None:
    def write(folder: Path) -> Path:
        return write_fits(make_exposure((48, 64), seed=1), folder / "x_rate.fits")

    found = outcomes(tried(make_plugin(FITS), file=write))
    assert found.failed == {"others"}
    assert "it returned Exposure for x_rate.fits; None is right" in found["others"]


def test_a_damaged_file_may_be_left_to_the_framework(make_plugin: MakePlugin, outcomes: Try) -> None:
    source = GOOD.replace('raise InputError(f"{path}: it is truncated")', "return None")
    assert outcomes(tried(make_plugin(source)), "damaged") == {"damaged": ""}


def test_other_damage_can_be_tried(make_plugin: MakePlugin, outcomes: Try) -> None:
    def empty(_self: Any, path: Path) -> None:
        path.write_bytes(b"")

    found = outcomes(tried(make_plugin(GOOD), damage=empty), "damaged")
    assert "a damaged n1.lab raised IndexError" in found["damaged"]
