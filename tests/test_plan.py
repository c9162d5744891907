"""What is known of an exposure before its first pixel is read: references, checks, products, and all errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_testkit import make_exposure, make_reference

from iris_core import (
    Check,
    Exposure,
    InstrumentMode,
    Plan,
    Plugins,
    Reference,
    References,
    calibrate,
    check,
    hookimpl,
    stage,
)

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


def leave(exposure: Exposure) -> Exposure:
    return exposure


def errors(checked: Check) -> list[str]:
    return [str(one) for one in checked.errors]


def plan_of(checked: Check) -> Plan:
    """Return the one plan of a check without errors."""
    assert not errors(checked)
    (plan,) = checked.plans.values()
    return plan


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
    plan = plan_of(check(recipe, path, plugins=lab(flat_field=needs("flat"), photom=leave)))
    assert [planned.step.stage for planned in plan.steps] == ["flat_field", "photom"]
    assert (plan.mode.name, plan.notes) == ("iris-imager", ())
    assert plan.steps[0].references["flat"].path == tmp_path / "flat.fits"
    assert plan.steps[0].choices[0].outcome == "chosen (by hand)"
    assert plan.outputs == (tmp_path / "x_flat_field.fits", tmp_path / "x_cal.fits")
    assert plan.inputs == (path, tmp_path / "flat.fits")


def test_a_reference_is_looked_up_in_the_folder(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the recipe goes before the one of the environment; a file that is named goes before both."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_reference(tmp_path / name / "flat.fits", "flat", np.ones((8, 9)), FILTER="Kbb")
    by_hand = make_reference(tmp_path / "mine.fits", "flat", np.ones((8, 9)), FILTER="Kbb").path
    path, plugins = write_exposure(), lab(flat_field=needs("flat"))
    monkeypatch.setenv("IRIS_REFERENCES", str(tmp_path / "a"))

    def chosen(*lines: str, **options: Any) -> Path:
        plan = plan_of(check(write_recipe("flat_field", *lines), path, plugins=plugins, **options))
        found: Path = plan.steps[0].references["flat"].path
        return found

    assert chosen() == tmp_path / "a" / "flat.fits"
    assert chosen("references: {store: b}") == tmp_path / "b" / "flat.fits"
    assert chosen("references: {store: b}", references={"store": str(tmp_path / "a")}) == tmp_path / "a" / "flat.fits"
    assert chosen("references: {store: b}", references={"flat": by_hand}) == by_hand


def test_a_missing_reference_is_named_with_the_step_and_why_each_candidate_was_rejected(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    make_reference(store / "j.fits", "flat", np.ones((8, 9)), FILTER="J")
    recipe = write_recipe("flat_field", "references: {store: store}")
    (message,) = errors(check(recipe, write_exposure(), plugins=lab(flat_field=needs("flat"))))
    assert message.startswith("recipe recipe.yaml, line 3: flat_field needs a flat ")
    for fact in ("x_rate.fits", f"{store / 'j.fits'}: FILTER is J, not Kbb", "--reference flat=FILE"):
        assert fact in message


def test_an_optional_reference_may_be_missing_and_a_skipped_step_needs_none(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    plugins = lab(flat_field=needs("dark", optional=("flat",)))
    assert not errors(check(write_recipe("flat_field: {skip: why}"), write_exposure(), plugins=plugins))
    (message,) = errors(check(write_recipe("flat_field"), write_exposure(), plugins=plugins))
    assert "flat_field needs a dark " in message


def test_a_provider_of_a_plugin_is_asked_and_one_that_fails_is_named(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    path = make_reference(tmp_path / "x.fits", "flat", np.ones((8, 9))).path

    class Shelf:
        error: Exception | None = None

        @hookimpl
        def find_reference(self, reftype: str) -> Reference | None:
            if self.error is not None:
                raise self.error
            return Reference(reftype=reftype, path=path, provider="shelf")

    shelf = Shelf()
    plugins = lab(flat_field=needs("flat"))
    plugins.add("lab-shelf", shelf)
    plan = plan_of(check(write_recipe(), write_exposure(), plugins=plugins))
    assert plan.steps[0].references["flat"].provider == "shelf"
    shelf.error = KeyError("shelf\nis empty")
    (message,) = errors(check(write_recipe(), write_exposure(), plugins=plugins))
    for fact in ("line 3", "flat", "x_rate.fits", "KeyError: "):
        assert fact in message
    assert "\n" not in message


def test_a_product_that_exists_is_not_replaced_unless_asked(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path
) -> None:
    plugins, path = lab(flat_field=leave), write_exposure()
    (tmp_path / "x_cal.fits").touch()
    (message,) = errors(check(write_recipe(), path, plugins=plugins))
    for fact in (str(tmp_path / "x_cal.fits"), "--overwrite", "--output-dir"):
        assert fact in message
    assert not errors(check(write_recipe(), path, plugins=plugins, overwrite=True))
    assert not errors(check(write_recipe("flat_field", "output: {overwrite: true}"), path, plugins=plugins))
    recipe = write_recipe("flat_field", f"output: {{directory: {tmp_path}/new}}")
    assert not errors(check(recipe, path, plugins=plugins))


@pytest.mark.parametrize("kind", ["SKY", "dark", "FLAT", "Bias"])
def test_a_calibration_exposure_among_the_science_exposures_is_refused_unless_the_recipe_takes_it(
    lab: Lab, write_recipe: Write, write_exposure: Write, kind: str
) -> None:
    plugins = lab(flat_field=leave, background=leave)
    path, other = write_exposure(header={"IMTYPE": kind}), write_exposure("y.fits", header={"IMTYPE": "SCI"})
    checked = check(write_recipe(), path, other, plugins=plugins)
    (error,) = errors(checked)
    for fact in ("x_rate.fits", "IMTYPE", kind.upper(), "--background", "image_types"):
        assert fact in error
    assert [job.path.name for job in checked.plans] == ["y.fits"]
    for name in (kind.upper(), kind.lower()):
        plan_of(check(write_recipe("flat_field", f"image_types: [{name}]"), path, plugins=plugins))
    plan_of(check(write_recipe("background"), other, backgrounds=path, plugins=plugins))


def test_an_unknown_filter_is_noted_in_the_product(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    """With the nearest name and all there are; the first step that is not skipped records it."""
    plugins = lab(flat_field=leave, photom=leave)
    recipe = write_recipe("flat_field: {skip: why}, photom")
    plan = plan_of(check(recipe, write_exposure(header={"FILTER": "Kb"}), plugins=plugins))
    (note,) = plan.notes
    for fact in ("'Kb'", "iris-imager", "did you mean 'Kbb'?", "Hbb"):
        assert fact in note
    product = calibrate(make_exposure(filter="Kb"), recipe, plugins=plugins)["cal"]
    assert product.history[1].notes == (note,)
    history = " ".join(str(line) for line in product.header["HISTORY"])
    for fact in ("'Kb'", "did you mean 'Kbb'?"):
        assert fact in history


@pytest.mark.parametrize("name", ["Kbb", "kbb", "", "ANY"])
def test_a_known_filter_is_not_noted(lab: Lab, write_recipe: Write, write_exposure: Write, name: str) -> None:
    path = write_exposure(header={"FILTER": name}, filter=name)
    assert plan_of(check(write_recipe(), path, plugins=lab(flat_field=leave))).notes == ()


def test_a_mode_without_filters_takes_any(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    class Camera:
        @hookimpl
        def instrument_modes(self) -> list[InstrumentMode]:
            facts: dict[str, Any] = {"telescope": "T", "detectors": {"A": None}, "pixel_scale": 1.0, "unit": "DN/s"}
            return [InstrumentMode(name="cam", instrument="CAM", **facts)]

    plugins = lab(flat_field=leave)
    plugins.add("lab-camera", Camera())
    path = write_exposure(header={"INSTRUME": "CAM", "DETECTOR": "A", "FILTER": "mine"})
    plan = plan_of(check(write_recipe(), path, plugins=plugins))
    assert (plan.mode.name, plan.notes) == ("cam", ())


def test_modes_are_asked_for_once_in_a_run_whatever_the_number_of_exposures(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    asked: list[str] = []

    class Camera:
        @hookimpl
        def instrument_modes(self) -> list[InstrumentMode]:
            asked.append("modes")
            return []

    plugins = lab(flat_field=leave)
    plugins.add("camera", Camera())
    checked = check(write_recipe(), *(write_exposure(f"{name}.fits") for name in "abc"), plugins=plugins)
    assert (len(checked.plans), asked) == (3, ["modes"])
