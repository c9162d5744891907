"""What a product keeps so that it can be made again: its recipe, and which reference file was for which exposure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from iris_testkit import make_reference

from iris_core import Exposure, Params, Plugins, Report, StageSkipped, key_of, parameter, run, sha256_of, stage
from iris_core.io.whole import provenance_of

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


class Numbers(Params):
    """Parameters of two kinds."""

    factor: float = parameter(0.1, "A factor.")
    names: tuple[str, ...] = parameter(("a", "b"), "Names.")


@stage("parse_subarray_map", params=Numbers)
def scaled(exposure: Exposure) -> Exposure:
    return exposure


@stage("flat_field", references=("flat",), optional=("ghosts",))
def with_flat(exposure: Exposure) -> Exposure:
    return exposure


@pytest.fixture
def plugins(lab: Lab) -> Plugins:
    return lab(parse_subarray_map=scaled, flat_field=with_flat, dark_current=lambda exposure: exposure)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    make_reference(folder / "flat.fits", "flat", np.ones((8, 9)), FILTER="Kbb")
    return folder


def resolved(report: Report) -> dict[str, Any]:
    assert not report.failed, report.failed
    content: dict[str, Any] = dict(provenance_of(report.products[-1])["resolved"])
    return content


def test_the_recipe_is_kept_with_all_that_was_chosen_and_set(
    plugins: Plugins, write_recipe: Write, write_exposure: Write
) -> None:
    options = "{params: {factor: 0.3}, save: cal, again: true}"
    recipe = write_recipe(f"dark_current: {{skip: no dark}}, parse_subarray_map: {options}")
    found = resolved(run(recipe, write_exposure(), plugins=plugins))
    assert found["recipe"] == {
        "recipe": 1,
        "name": "recipe",
        "instrument": "iris-imager",
        "steps": [
            {"dark_current": {"use": "lab-dark_current", "params": {}, "skip": "no dark"}},
            {
                "parse_subarray_map": {
                    "use": "lab-parse_subarray_map",
                    "params": {"factor": 0.3, "names": ["a", "b"]},
                    "save": "cal",
                    "again": True,
                }
            },
        ],
    }
    assert found["references"] == []
    assert "forced" not in found


def test_it_is_a_recipe_that_makes_the_same_product(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    given = write_recipe("parse_subarray_map: {params: {factor: 0.3}}", "image_types: [SKY]"), write_exposure()
    first = run(*given, plugins=plugins, directory=tmp_path / "1")
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(resolved(first)["recipe"]))
    second = run(again, given[1], plugins=plugins, directory=tmp_path / "2")
    assert second.products[0].read_bytes() == first.products[0].read_bytes()


def test_what_is_saved_too_is_kept_and_is_no_part_of_the_key(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    given = write_recipe("dark_current, parse_subarray_map"), write_exposure()
    one, two = (
        run(*given, plugins=plugins, directory=tmp_path / str(len(save)), save=save) for save in ((), ("dark_current",))
    )
    assert resolved(two)["recipe"]["steps"][0]["dark_current"]["save"] == "dark_current"
    assert resolved(one) != resolved(two)
    assert key_of(one.products[-1]) == key_of(two.products[-1])


def test_a_mode_that_was_named_is_kept_as_that(plugins: Plugins, write_recipe: Write, write_exposure: Write) -> None:
    report = run(write_recipe("parse_subarray_map"), write_exposure(), plugins=plugins, instrument="iris-imager")
    assert resolved(report)["forced"] is True


def test_a_reference_is_kept_by_name_and_hash_with_who_chose_it(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, store: Path
) -> None:
    report = run(write_recipe(), write_exposure(), plugins=plugins, references={"store": store})
    (flat,) = resolved(report)["references"]
    assert flat == {
        "type": "flat",
        "file": "flat.fits",
        "sha256": sha256_of(store / "flat.fits"),
        "provider": "folder",
    }


def test_one_that_was_named_by_hand_is_kept_with_the_notes_on_it(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    make_reference(tmp_path / "mine.fits", "flat", np.ones((8, 9)), FILTER="J")
    report = run(write_recipe(), write_exposure(), plugins=plugins, references={"flat": tmp_path / "mine.fits"})
    (flat,) = resolved(report)["references"]
    assert flat["provider"] == "by hand"
    (note,) = flat["notes"]
    assert "FILTER" in note
    assert str(tmp_path) not in str(resolved(report))


def test_why_an_optional_reference_was_not_used_is_kept(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, store: Path
) -> None:
    make_reference(store / "ghosts.fits", "ghosts", np.ones((8, 9)), FILTER="J")
    report = run(write_recipe(), write_exposure(), plugins=plugins, references={"store": store})
    (ghosts,) = (one for one in resolved(report)["references"] if one["type"] == "ghosts")
    ((name, reason),) = ghosts["rejected"]
    assert name == "ghosts.fits"
    assert "FILTER" in reason
    assert set(ghosts) == {"type", "rejected"}


def test_a_background_exposure_without_an_optional_reference_is_not_given_that_of_the_exposure(
    lab: Lab, write_recipe: Write, write_exposure: Write, store: Path
) -> None:
    make_reference(store / "flat.fits", "flat", np.ones((8, 9)), FILTER="ANY")
    make_reference(store / "ghosts.fits", "ghosts", np.ones((8, 9)), FILTER="Kbb")

    def subtract(exposure: Exposure, background_exposures: Any) -> Exposure:
        return exposure

    plugins = lab(flat_field=with_flat, background=subtract)
    files = write_exposure(), write_exposure("sky_rate.fits", header={"FILTER": "J"})
    options = {"references": {"store": store}, "plugins": plugins}
    report = run(write_recipe("flat_field, background: {save: cal}"), files[0], backgrounds=files[1], **options)
    assert {one["file"]: one.get("exposures") for one in resolved(report)["references"]} == {
        "flat.fits": None,
        "ghosts.fits": ["x_rate.fits"],
    }


def test_the_file_of_a_stage_that_has_nothing_to_do_is_kept_too(
    lab: Lab, write_recipe: Write, write_exposure: Write, store: Path
) -> None:
    """It is looked for before the stage says so: without it nothing would be run."""

    def nothing(exposure: Exposure) -> None:
        raise StageSkipped("nothing to do")

    idle = stage("flat_field", references=("flat",), check=nothing)(lambda exposure: exposure)
    plugins = lab(flat_field=idle)
    given = write_recipe("flat_field: {save: cal}"), write_exposure()
    report = run(*given, plugins=plugins, references={"store": store})
    (flat,) = resolved(report)["references"]
    assert flat["sha256"] == sha256_of(store / "flat.fits")


def test_a_note_on_a_file_that_may_be_better_has_no_folder(
    plugins: Plugins, write_recipe: Write, write_exposure: Write, store: Path
) -> None:
    make_reference(store / "other.fits", "flat", np.ones((8, 9)), FILTER="Kbb", USEAFTER="some day")
    report = run(write_recipe(), write_exposure(), plugins=plugins, references={"store": store})
    (flat,) = resolved(report)["references"]
    assert any("other.fits may be better" in note for note in flat["notes"])
    assert str(store) not in str(report.results[0].history[0].notes)
