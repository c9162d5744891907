"""The kit is right about writers: a good one keeps every rule, and each planted offence is caught by its rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from iris_testkit import WriterConformance

from iris_core import Exposure, Plugins

MakePlugin = Callable[..., ModuleType]
Try = Callable[..., Any]

GOOD = '''\
"""A writer, and the reader, of .pack files."""

from __future__ import annotations

import pickle
from pathlib import Path

from iris_core import Exposure, InputError, hookimpl


@hookimpl
def write_product(exposure: Exposure, path: Path) -> Path | None:
    """Write .pack files."""
    if path.suffix != ".pack":
        return None
    path.write_bytes(pickle.dumps(exposure))
    return path


@hookimpl
def read_exposure(path: Path) -> Exposure | None:
    """Read .pack files."""
    if path.suffix != ".pack":
        return None
    exposure = pickle.loads(path.read_bytes())
    return exposure
'''
WRITE = "    path.write_bytes(pickle.dumps(exposure))\n"
READ = "    return exposure\n"
OFFENCES: dict[str, tuple[tuple[str, str, str], ...]] = {
    # Rule: what stands in the good plugin, what stands in the offender, words of the failure
    "round-trip": (
        (READ, "    return exposure.scale(1.5)\n", "an image came back changed: data differs in"),
        (READ, "    return exposure.replace(dq=exposure.dq | 2)\n", "an image came back changed: dq differs in"),
        (
            READ,
            '    return exposure.replace(variance={"total": exposure.err**2} if exposure.variance else {})\n',
            "its planes are data, dq, total, not data, dq, poisson, rnoise",
        ),
        (
            READ,
            '    return exposure if exposure.variance else exposure.replace(variance={"total": exposure.data})\n',
            "an image without errors came back changed: its planes",
        ),
        (
            READ,
            "    if not exposure.is_integrations:\n        return exposure\n"
            "    return exposure.replace(data=exposure.data[0], dq=exposure.dq[0], variance={})\n",
            "a cube came back changed",
        ),
        (READ, "    return exposure.replace(unit=exposure.unit**2)\n", "in electron / s came back in electron2 / s2"),
        (READ, "    return exposure.data\n", "reading x1_cal.pack gave ndarray"),
        (WRITE, "", "it wrote no x1_cal.pack"),
    ),
    "keywords": (
        (
            READ,
            '    header = exposure.header.copy()\n    del header["LABTEMP"]\n'
            "    return exposure.replace(header=header)\n",
            "the keyword LABTEMP = 77.5 came back as None",
        ),
        (
            READ,
            "    from dataclasses import replace\n\n"
            '    return exposure.replace(meta=replace(exposure.meta, target="M 92"))\n',
            "meta came back as",
        ),
    ),
    "sky": (
        (READ, "    return exposure.replace(wcs=None)\n", "no WCS came back"),
        (
            READ,
            "    from iris_testkit import add_wcs\n\n    return add_wcs(exposure, 0.00401)\n",
            "the sky came back off by",
        ),
    ),
    "temporary-name": (
        (WRITE, '    path.with_name("x_cal.pack").write_bytes(pickle.dumps(exposure))\n', "it wrote x_cal.pack"),
        (WRITE, f'{WRITE}    path.with_suffix(".log").touch()\n', "part.log, .x_cal"),
        (f"{WRITE}    return path\n", f"{WRITE}    return path.name\n", "it returned '.x_cal"),
    ),
    "whole-or-not": (
        (WRITE, f"    path.parent.mkdir(exist_ok=True)\n{WRITE}", "a folder that does not exist raised nothing"),
    ),
    "unknown-suffix": (
        ('path.suffix != ".pack"', 'path.suffix not in (".pack", ".unknown")', "it answered for the suffix '.unknown'"),
        ("        return None\n    path", "        path.touch()\n        return None\n    path", "and wrote a file"),
    ),
    "input-untouched": (
        (WRITE, f"    exposure.data.base[0, 0] = 7\n{WRITE}", "it changed data of the exposure"),
        (WRITE, f"    exposure.wcs.bounding_box = ((0, 5), (0, 5))\n{WRITE}", "it changed wcs of the exposure"),
    ),
}
OFFENDERS = [(rule, *offence) for rule, offences in OFFENCES.items() for offence in offences]


def tried(module: Any, suffix: str = ".pack", **attributes: Any) -> type[WriterConformance]:
    return type("Tried", (WriterConformance,), {"plugin": module, "suffix": suffix, **attributes})


def test_a_good_writer_keeps_every_rule(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin(GOOD)))
    assert dict(found) == dict.fromkeys(WriterConformance.rules(), "")


def test_there_is_an_offender_for_every_rule() -> None:
    assert set(OFFENCES) == set(WriterConformance.rules())


@pytest.mark.parametrize(("rule", "before", "after", "words"), OFFENDERS)
def test_each_offence_is_caught_by_the_rule_meant_for_it(
    make_plugin: MakePlugin, outcomes: Try, rule: str, before: str, after: str, words: str
) -> None:
    assert before in GOOD
    found = outcomes(tried(make_plugin(GOOD.replace(before, after))), rule)
    assert found[rule].startswith(f"Failed: rule '{rule}': offender: ")
    assert words in found[rule]


def test_a_plugin_without_the_hook_is_told(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin('"""Nothing."""')), "round-trip", "temporary-name", "unknown-suffix")
    assert found.failed == {"round-trip", "temporary-name", "unknown-suffix"}
    assert "it does not implement the hook write_product" in found["round-trip"]


OWN = '''\
"""The writers of the framework as a plugin."""

from iris_core import hookimpl, write_asdf, write_fits


@hookimpl
def write_product(exposure, path):
    return {".fits": write_fits, ".asdf": write_asdf}[path.suffix](exposure, path)
'''


@pytest.mark.parametrize("suffix", [".fits", ".asdf"])
def test_the_writers_of_the_framework_keep_the_rules(make_plugin: MakePlugin, outcomes: Try, suffix: str) -> None:
    found = outcomes(tried(make_plugin(OWN), suffix))
    assert found.failed == {"unknown-suffix"}


def test_a_writer_whose_files_nobody_reads_brings_a_function_that_does(make_plugin: MakePlugin, outcomes: Try) -> None:
    module = make_plugin(GOOD[: GOOD.rindex("@hookimpl")])
    assert "InputError" in outcomes(tried(module), "round-trip")["round-trip"]

    def read(_self: Any, path: Path, _plugins: Plugins) -> Exposure:
        import pickle

        exposure: Exposure = pickle.loads(path.read_bytes())
        return exposure

    assert outcomes(tried(module, read=read), "round-trip") == {"round-trip": ""}


def test_the_exposures_differ_in_what_a_writer_can_lose() -> None:
    image, cube, bare = WriterConformance().exposures().values()
    assert image.variance.keys() == cube.variance.keys() == {"poisson", "rnoise"}
    assert (image.data.ndim, cube.data.ndim, dict(bare.variance)) == (2, 3, {})
    assert image.dq.any()
    assert image.meta.start_time is not None
    assert image.wcs is not None
