"""Why an exposure gets a reference file: from Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from iris_references import add_references, explain_references
from iris_testkit import make_exposure

from iris_core import (
    Candidate,
    Exposure,
    ModeNotFound,
    Overrides,
    Plugins,
    Reference,
    ReferenceNotFound,
    hookimpl,
    read_fits,
    start_run,
    write_exposure,
)

Put = Callable[..., Path]


class Provider:
    """A provider with a flat, which counts how often it is asked."""

    def __init__(self, path: Path) -> None:
        self.path, self.asked = path, Counter[str]()

    @hookimpl
    def find_reference(self, reftype: str) -> Reference | None:
        """Return the flat."""
        self.asked[reftype] += 1
        return Reference(reftype=reftype, path=self.path, provider="lab") if reftype == "flat" else None

    @hookimpl
    def explain_reference(self, reftype: str) -> list[Candidate]:
        """Return the chosen file among the others: it is not rejected."""
        return [Candidate(self.path, "it is old"), Candidate(Path("other.fits"), f"it is no {reftype}")]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "one.yaml"
    path.write_text("recipe: 1\nname: one\nsteps:\n  - dark_current: {skip: cold}\n  - flat_field\n  - photom\n")
    return path


@pytest.fixture
def rate(tmp_path: Path) -> Path:
    return write_exposure(make_exposure((8, 8)), tmp_path / "x_rate.fits")


def explain(recipe: Path, path: Path, plugins: Plugins, **options: Any) -> dict[str, Any]:
    found = explain_references(start_run(recipe, Overrides(**options), plugins), path)
    return {one.choice.need.reftype: one for one in found}


def test_the_exposure_is_read_once_and_each_choice_made_once(
    plugins: Plugins, put: Put, recipe: Path, rate: Path
) -> None:
    class Reader:
        def __init__(self) -> None:
            self.read: Counter[tuple[str, bool]] = Counter()

        @hookimpl
        def read_exposure(self, path: Path, pixels: bool) -> Exposure:
            """Read it."""
            self.read[path.name, pixels] += 1
            return read_fits(path, pixels)

    reader, provider = Reader(), Provider(put("f.fits"))
    plugins.add("reader", reader)
    plugins.add("lab", provider)
    explain(recipe, rate, plugins)
    assert reader.read == {("x_rate.fits", False): 1, ("f.fits", False): 1}
    assert provider.asked == {"flat": 1, "photom": 1, "area": 1}


def test_each_type_of_each_step_that_is_not_skipped_has_its_choice(
    plugins: Plugins, put: Put, recipe: Path, rate: Path
) -> None:
    flat = put("f.fits")
    plugins.add("lab", Provider(flat))
    found = explain(recipe, rate, plugins)
    assert list(found) == ["flat", "photom", "area"]
    assert (found["flat"].chosen, found["flat"].outcome, found["flat"].is_missing) == (str(flat), "chosen (lab)", False)
    assert found["flat"].rejected == (Candidate(Path("other.fits"), "it is no flat"),)
    assert (found["photom"].chosen, found["photom"].outcome, found["photom"].is_missing) == (
        "",
        "none; photom needs one",
        True,
    )
    assert (found["area"].chosen, found["area"].is_missing) == ("", False)
    assert "optional" in found["area"].outcome


def test_a_file_named_by_hand_is_chosen_and_the_store_says_why_not_its_own(
    plugins: Plugins, put: Put, recipe: Path, rate: Path, tmp_path: Path
) -> None:
    add_references(tmp_path / "store", [put("new/j.fits", FILTER="J")], plugins)
    mine = put("mine.fits", FILTER="H")
    found = explain(recipe, rate, plugins, references={"flat": mine, "store": tmp_path / "store"})["flat"]
    assert (found.chosen, found.outcome) == (str(mine), "chosen (by hand)")
    assert found.rejected == (Candidate(tmp_path / "store" / "j.fits", "FILTER is J, not Kbb"),)


def test_a_choice_that_cannot_be_made_has_its_problem_and_the_candidates(
    plugins: Plugins, put: Put, recipe: Path, rate: Path
) -> None:
    flats = [put("calib/a.fits"), put("calib/b.fits"), put("calib/j.fits", FILTER="J")]
    found = explain(recipe, rate, plugins, references={"store": flats[0].parent})["flat"]
    assert isinstance(found.choice.problem, ReferenceNotFound)
    assert [str(path) in found.outcome for path in flats] == [True, True, False]
    assert found.rejected == (Candidate(flats[2], "FILTER is J, not Kbb"),)
    assert found.is_missing


def test_plain_data_can_be_written_as_json(plugins: Plugins, put: Put, recipe: Path, rate: Path) -> None:
    flat = put("f.fits")
    plugins.add("lab", Provider(flat))
    assert explain(recipe, rate, plugins)["flat"].plain() == {
        "stage": "flat_field",
        "type": "flat",
        "chosen": str(flat),
        "outcome": "chosen (lab)",
        "rejected": {"other.fits": "it is no flat"},
    }


def test_a_provider_is_given_the_mode_of_the_exposure(plugins: Plugins, recipe: Path, rate: Path) -> None:
    class Asked:
        modes: set[str] = set()  # noqa: RUF012 - of this test

        @hookimpl
        def find_reference(self, exposure: Exposure, instrument: Any) -> None:
            """Remember both."""
            self.modes |= {exposure.meta.mode, instrument.name}

    plugins.add("asked", Asked())
    explain(recipe, rate, plugins)
    assert Asked.modes == {"iris-imager"}


def test_an_exposure_of_no_mode_is_an_error_and_an_instrument_may_be_named(
    plugins: Plugins, recipe: Path, tmp_path: Path
) -> None:
    path = write_exposure(make_exposure((8, 8), header={"INSTRUME": "OTHER"}), str(tmp_path / "y_rate.fits"))
    with pytest.raises(ModeNotFound, match="OTHER"):
        explain(recipe, path, plugins)
    assert list(explain(recipe, path, plugins.copy(), instrument="iris-imager")) == ["flat", "photom", "area"]
