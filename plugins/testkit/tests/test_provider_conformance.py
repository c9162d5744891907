"""The kit is right about providers: a good one keeps every rule, and each planted offence is caught by its rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from iris_testkit import ProviderConformance, make_exposure, make_reference

from iris_core import Candidate, Exposure, Reference, hookimpl

MakePlugin = Callable[..., ModuleType]
Try = Callable[..., Any]

GOOD = '''\
"""A provider of a folder in which the names tell all."""

from __future__ import annotations

from pathlib import Path

from iris_core import Candidate, Reference, ReferenceNotFound, hookimpl, sha256_of

FOLDER = Path(FOLDER_OF_THE_TEST)
ASKED = []  # something that a module keeps between calls


@hookimpl
def find_reference(reftype, exposure):
    path = FOLDER / f"{exposure.meta.detector}_{reftype}.fits"
    if not path.exists():
        return None
    reference = Reference(reftype=reftype, path=path, provider="lab archive", sha256=sha256_of(path))
    return reference


@hookimpl
def explain_reference(reftype, exposure):
    chosen = FOLDER / f"{exposure.meta.detector}_{reftype}.fits"
    others = [path for path in sorted(FOLDER.glob(f"*_{reftype}.fits")) if path != chosen]
    candidates = [Candidate(path, "it is for another detector") for path in others]
    return candidates
'''
MAKE = 'Reference(reftype=reftype, path=path, provider="lab archive", sha256=sha256_of(path))'
FIND = "    return reference\n"
NONE = "        return None\n"
EXPLAIN = "    return candidates\n"
OFFENCES: dict[str, tuple[tuple[str, str, str], ...]] = {
    # Rule: what stands in the good plugin, what stands in the offender, words of the failure
    "answers": (
        (MAKE, MAKE.replace("reftype=reftype", 'reftype="flat"'), "asked for a dark, it returned a flat"),
        (MAKE, 'Reference(reftype=reftype, path=path.with_suffix(".f"), provider="x")', "IMG1_dark.f is not there"),
        (MAKE, MAKE.replace("path=path", "path=str(path)"), "is not there, or no Path"),
        (MAKE, MAKE.replace("lab archive", ""), "does not name the provider"),
        (MAKE, MAKE.replace("sha256_of(path)", "'0123456789abcdef'"), "sha256 0123456789ab is not that of IMG1_dark"),
        (FIND, "    return reference.path\n", "Path for the dark of the exposure, not a Reference"),
        (FIND, "    return None\n", "it returned NoneType for the dark of the exposure"),
    ),
    "none-for-others": (
        (NONE, '        path = FOLDER / "IMG1_dark.fits"\n', "for a type that does not exist it returned Reference("),
    ),
    "selects": (
        ("{exposure.meta.detector}_", "IMG1_", "for an exposure of another instrument it returned IMG1_dark.fits"),
    ),
    "explains": (
        (EXPLAIN, "    return others\n", "with PosixPath("),
        (EXPLAIN, "    return others[0]\n", "with PosixPath("),
        (EXPLAIN, '    return [Candidate(path, "") for path in others]\n', "a Candidate that has a path and a reason"),
        (EXPLAIN, '    return [Candidate(str(path), "no") for path in others]\n', "not with a Candidate"),
        (" if path != chosen", "", "IMG1_dark.fits was chosen and is among the rejected candidates"),
        ("def explain_reference", "def run_finished", "it does not implement the hook explain_reference"),
    ),
    "repeatable": (
        (
            FIND,
            "    ASKED.append(1)\n    from dataclasses import replace\n\n"
            '    return replace(reference, provider=f"answer {len(ASKED)}")\n',
            "the second time it returned IMG1_dark.fits of answer 2",
        ),
        (EXPLAIN, "    ASKED.append(1)\n    return candidates[: len(ASKED) - 1]\n", "the second time it explained ["),
    ),
    "spawned": (
        (
            FIND,
            "    import multiprocessing\n\n    return None if multiprocessing.parent_process() else reference\n",
            "in a spawned process it returned None, not",
        ),
        (
            FIND,
            "    import multiprocessing\n\n    return reference if not multiprocessing.parent_process() else 1 / 0\n",
            "in a spawned process it raised ZeroDivisionError",
        ),
    ),
}
OFFENDERS = [(rule, *offence) for rule, offences in OFFENCES.items() for offence in offences]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a folder with the darks of two detectors."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for detector in ("IMG1", "IMG2"):
        make_reference(folder / f"{detector}_dark.fits", "dark", np.zeros((4, 5)), DETECTOR=detector)
    return folder


@pytest.fixture
def make_provider(make_plugin: MakePlugin, archive: Path) -> Callable[..., ModuleType]:
    """Return a function that makes the good plugin with one thing changed."""

    def make(before: str = "", after: str = "") -> ModuleType:
        source = GOOD.replace(before, after) if before else GOOD
        if "def run_finished(reftype, exposure)" in source:
            source = source.replace("def run_finished(reftype, exposure)", "def run_finished(report)")
        return make_plugin(source.replace("FOLDER_OF_THE_TEST", repr(str(archive))))

    return make


def tried(plugin: Any, **attributes: Any) -> type[ProviderConformance]:
    return type("Tried", (ProviderConformance,), {"plugin": plugin, **attributes})


def test_a_good_provider_keeps_every_rule(make_provider: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_provider()))
    assert dict(found) == dict.fromkeys(ProviderConformance.rules(), "")


def test_there_is_an_offender_for_every_rule() -> None:
    assert set(OFFENCES) == set(ProviderConformance.rules())


@pytest.mark.parametrize(("rule", "before", "after", "words"), OFFENDERS)
def test_each_offence_is_caught_by_the_rule_meant_for_it(
    make_provider: MakePlugin, outcomes: Try, rule: str, before: str, after: str, words: str
) -> None:
    assert before in GOOD
    found = outcomes(tried(make_provider(before, after)), rule)
    assert found[rule].startswith(f"Failed: rule '{rule}': offender: ")
    assert words in found[rule]


def test_not_found_is_an_answer_for_a_stranger_but_not_for_another_type(
    make_provider: MakePlugin, outcomes: Try
) -> None:
    module = make_provider(NONE, '        raise ReferenceNotFound("no file")\n')
    found = outcomes(tried(module), "selects", "none-for-others")
    assert found["selects"] == ""
    assert "ReferenceNotFound" in found["none-for-others"]


def test_a_provider_without_the_hook_is_told(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin('"""Nothing."""')), "answers")
    assert "it does not implement the hook find_reference" in found["answers"]


class Folder:
    """A provider that is an object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @hookimpl
    def find_reference(self, reftype: str, exposure: Exposure) -> Reference | None:
        """Return the file of a detector."""
        path = self.folder / f"{exposure.meta.detector}_{reftype}.fits"
        return Reference(reftype=reftype, path=path, provider=f"folder {self.folder}") if path.exists() else None

    @hookimpl
    def explain_reference(self) -> list[Candidate]:
        """Return nothing."""
        return []


class TestObjects:
    """A provider may be an object; it travels as pickle."""

    def test_it_keeps_every_rule(self, archive: Path, outcomes: Try) -> None:
        found = outcomes(tried(Folder(archive)), *(set(ProviderConformance.rules()) - {"spawned"}))
        assert found.failed == set()

    def test_one_that_cannot_travel_is_told(self, archive: Path, outcomes: Try) -> None:
        provider = Folder(archive)
        provider.lock = lambda: None  # type: ignore[attr-defined]
        assert "in a spawned process it raised" in outcomes(tried(provider), "spawned")["spawned"]

    def test_it_travels(self, archive: Path, outcomes: Try) -> None:
        from iris_core import Plugins, ReferenceType

        store = Plugins().ask_one("open_store", archive, folder=archive, plugins=Plugins())
        assert store is not None
        assert ReferenceType(name="dark").name == "dark"
        assert outcomes(tried(store), "answers", "selects", "explains", "repeatable").failed == set()


def test_the_exposure_and_the_stranger_are_those_of_the_class(make_provider: MakePlugin, outcomes: Try) -> None:
    def second(_self: Any) -> Exposure:
        return make_exposure(detector="IMG2")

    def third(_self: Any) -> Exposure:
        return make_exposure(detector="IMG1")

    found = outcomes(tried(make_provider(), exposure=second, stranger=third), "answers", "selects")
    assert found["answers"] == ""
    assert "it returned IMG1_dark.fits" in found["selects"]


def test_it_is_asked_with_an_outline_and_the_mode(archive: Path, outcomes: Try) -> None:
    asked: list[Any] = []

    class Curious:
        @hookimpl
        def find_reference(self, reftype: str, exposure: Exposure, instrument: Any) -> Reference | None:
            """Return the file, and keep the question."""
            asked.append((exposure, instrument))
            return Folder(archive).find_reference(reftype, exposure)

    assert outcomes(tried(Curious()), "answers") == {"answers": ""}
    exposure, instrument = asked[0]
    assert np.isnan(exposure.data).all()
    assert exposure.data.strides == (0, 0)
    assert instrument.name == "iris-imager"
