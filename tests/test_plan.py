"""What is known of an exposure before its first pixel is read: references, checks, products, and all that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iris_core import Exposure, InputError, Reference, References, StageSkipped, check, hookimpl, stage
from iris_core.plugins import Plugins
from iris_core.session import Survey
from iris_core.testing import make_reference

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


def leave(exposure: Exposure) -> Exposure:
    return exposure


def said(survey: Survey) -> list[str]:
    return [str(one) for one in survey.everything()]


def needs(*reftypes: str, optional: tuple[str, ...] = (), **declared: Any) -> Any:
    """Return a flat_field stage that needs references."""

    def divide(exposure: Exposure, references: References) -> Exposure:
        return exposure

    return stage("flat_field", references=reftypes, optional=optional, **declared)(divide)


def test_a_plan_has_steps_mode_references_and_products(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    make_reference(tmp_path / "flat.fits", "flat", np.ones((8, 9)))
    path = write_exposure()
    recipe = write_recipe("flat_field: {save: true}, photom", "references: {flat: flat.fits}")
    survey = check(recipe, path, plugins=lab(flat_field=needs("flat"), photom=leave))
    assert not said(survey)
    (plan,) = survey.plans.values()
    assert [step.stage for step in plan.steps] == ["flat_field", "photom"]
    assert plan.mode.name == "iris-imager"
    assert plan.references[0]["flat"].path == tmp_path / "flat.fits"
    assert plan.outputs == {0: tmp_path / "x_flat_field.fits", 1: tmp_path / "x_cal.fits"}


def test_a_reference_is_looked_up_in_the_store(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the recipe goes before the one of the environment; what is named by hand before both."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_reference(tmp_path / name / "flat.fits", "flat", np.ones((8, 9)), FILTER="Kbb")
    by_hand = make_reference(tmp_path / "mine.fits", "flat", np.ones((8, 9)), FILTER="Kbb").path
    path, plugins, recipe = write_exposure(), lab(flat_field=needs("flat")), write_recipe()
    monkeypatch.setenv("IRIS_REFERENCES", str(tmp_path / "a"))

    def chosen(*lines: str, **options: Any) -> Path:
        from iris_core import Overrides

        survey = check(write_recipe("flat_field", *lines), path, plugins=plugins, overrides=Overrides(**options))
        (plan,) = survey.plans.values()
        found: Path = plan.references[0]["flat"].path
        return found

    assert check(recipe, path, plugins=plugins).plans
    assert chosen() == tmp_path / "a" / "flat.fits"
    assert chosen("references: {store: b}") == tmp_path / "b" / "flat.fits"
    assert chosen("references: {store: b}", references={"flat": by_hand}) == by_hand


def test_a_missing_reference_says_who_needs_it_and_why_each_candidate_lost(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    make_reference(store / "j.fits", "flat", np.ones((8, 9)), FILTER="J")
    recipe = write_recipe("flat_field", "references: {store: store}")
    (message,) = said(check(recipe, write_exposure(), plugins=lab(flat_field=needs("flat"))))
    assert message.startswith(
        "recipe recipe.yaml, line 3: flat_field needs a flat reference for x_rate.fits and there is"
    )
    assert f"Candidates: {store / 'j.fits'}: FILTER is J, not Kbb. Name one with --reference flat=FILE" in message


def test_an_optional_reference_may_be_missing_and_a_skipped_step_needs_none(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    plugins = lab(flat_field=needs("dark", optional=("flat",)))
    assert not said(check(write_recipe("flat_field: {skip: why}"), write_exposure(), plugins=plugins))
    (message,) = said(check(write_recipe("flat_field"), write_exposure(), plugins=plugins))
    assert "needs a dark reference" in message


def test_a_provider_of_a_plugin_is_asked_and_one_that_fails_is_told_of(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    class Shelf:
        error: Exception | None = None

        @hookimpl
        def find_reference(self, reftype: str) -> Reference | None:
            if self.error is not None:
                raise self.error
            return Reference(reftype=reftype, path=tmp_path / "x.fits", provider="shelf")

    shelf = Shelf()
    plugins = lab(flat_field=needs("flat"))
    plugins.add("lab-shelf", shelf)
    (plan,) = check(write_recipe(), write_exposure(), plugins=plugins).plans.values()
    assert plan.references[0]["flat"].provider == "shelf"
    shelf.error = KeyError("shelf\nis empty")
    (message,) = said(check(write_recipe(), write_exposure(), plugins=plugins))
    assert "a provider of references failed on the flat for x_rate.fits: KeyError: " in message
    assert "\n" not in message


def test_checks_run_in_order_on_outlines_that_pretend_the_steps_before_were_done(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    seen: list[Any] = []

    def look(exposure: Exposure) -> Exposure:
        seen.append((dict(exposure.status), str(exposure.unit), exposure.data.strides))
        return exposure.replace(unit=exposure.unit * exposure.unit)

    plugins = lab(
        flat_field=stage("flat_field", check=look)(lambda exposure: exposure),
        photom=stage("photom", check=look)(lambda exposure: 1),
    )
    check(write_recipe("flat_field, photom"), write_exposure(), plugins=plugins)
    assert seen == [
        ({}, "electron / s", (0, 0)),
        ({"S_FLAT": "COMPLETE"}, "electron2 / s2", (0, 0)),
    ]


def test_a_check_that_skips_leaves_the_stage_undone(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    seen: list[Any] = []

    def skip(exposure: Exposure) -> Exposure:
        raise StageSkipped("nothing to do")

    plugins = lab(
        flat_field=stage("flat_field", check=skip)(lambda exposure: exposure),
        photom=stage("photom", check=lambda exposure: seen.append(exposure.status))(lambda exposure: exposure),
    )
    assert not said(check(write_recipe("flat_field, photom"), write_exposure(), plugins=plugins))
    assert seen == [{}]


def raise_input_error(exposure: Exposure) -> None:
    raise InputError("the flat is in DN/s")


def has_a_bug(exposure: Exposure) -> None:
    raise KeyError("bug")


def returns_a_number(exposure: Exposure) -> int:
    return 3


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (raise_input_error, "the flat is in DN/s"),
        (has_a_bug, "the check of flat_field by lab-flat_field 1.0 failed for x_rate.fits: KeyError: 'bug'"),
        (returns_a_number, "the check of flat_field returned int, not an Exposure or None"),
    ],
)
def test_what_a_check_finds_or_does_wrong_is_reported_with_the_rest(
    lab: Lab, write_recipe: Write, write_exposure: Write, broken: Any, words: str
) -> None:
    plugins = lab(flat_field=stage("flat_field", check=broken)(lambda exposure: exposure), photom=leave)
    path = write_exposure(header={"S_PHOTOM": "COMPLETE"})
    first, second = said(check(write_recipe("flat_field, photom"), path, plugins=plugins))
    assert words in first
    assert "photom was done already" in second


def test_checks_of_backgrounds_run_before_the_stage_that_consumes_them(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    seen: list[Any] = []

    def look(exposure: Exposure, background_exposures: tuple[Exposure, ...]) -> None:
        seen.append((exposure.name, exposure.status, [(one.name, one.status) for one in background_exposures]))

    functions = {
        name: stage(name, check=look)(lambda exposure: exposure) for name in ("dark_current", "background", "photom")
    }
    files = [write_exposure(name) for name in ("x_rate.fits", "sky.fits")]
    check(write_recipe("dark_current, background, photom"), files[0], backgrounds=files[1:], plugins=lab(**functions))
    done = {"S_DARK": "COMPLETE"}
    assert seen == [
        ("sky.fits", {}, []),
        ("x_rate.fits", {}, []),
        ("x_rate.fits", done, [("sky.fits", done)]),
        ("x_rate.fits", {**done, "S_BKDSUB": "COMPLETE"}, []),
    ]


def test_a_product_that_exists_is_not_replaced_unless_asked(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    plugins, path = lab(flat_field=leave), write_exposure()
    (tmp_path / "x_cal.fits").touch()
    (message,) = said(check(write_recipe(), path, plugins=plugins))
    assert message == f"{tmp_path / 'x_cal.fits'} exists; --overwrite replaces it, --output-dir writes elsewhere"
    assert not said(check(write_recipe("flat_field", "output: {overwrite: true}"), path, plugins=plugins))
    assert not said(check(write_recipe("flat_field", f"output: {{directory: {tmp_path}/new}}"), path, plugins=plugins))
