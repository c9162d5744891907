"""One exposure passes through its steps in the recipe's order, and its history records what was done."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from iris_testkit import iris_mode, make_exposure, make_reference

from iris_core import (
    DQ,
    Exposure,
    IrisError,
    Params,
    Plugins,
    Problems,
    StageInputs,
    StageSkipped,
    calibrate,
    compile_recipe,
    hookimpl,
    parameter,
    run,
    run_step,
    stage,
    stage_spec,
)
from iris_core.recipes.reading import load_recipe

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


def add_one(exposure: Exposure) -> Exposure:
    return exposure.replace(data=exposure.data + 1)


def double(exposure: Exposure) -> Exposure:
    return exposure.scale(2).note("doubled")


def not_needed(exposure: Exposure) -> Exposure:
    raise StageSkipped("it is dark enough")


def subtract_mean(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
    if not background_exposures:
        raise StageSkipped("no background exposures")
    return exposure.replace(data=exposure.data - np.mean([one.data for one in background_exposures], axis=0))


def value(product: Exposure) -> float:
    return float(product.data[0, 0])


@pytest.mark.parametrize("registered", ["flat_field photom", "photom flat_field"])
@pytest.mark.parametrize(("steps", "result"), [("flat_field, photom", 22.0), ("photom, flat_field", 21.0)])
def test_stages_run_in_the_order_of_the_recipe_whatever_the_order_of_registration(
    lab: Lab, write_recipe: Write, registered: str, steps: str, result: float
) -> None:
    functions = {"flat_field": add_one, "photom": double}
    plugins = lab(**{name: functions[name] for name in registered.split()})
    assert value(calibrate(make_exposure(value=10), write_recipe(steps), plugins=plugins)["cal"]) == result


class Gain(Params):
    """A gain."""

    gain: float = parameter(2.0, "Factor.")


def test_the_history_says_what_was_done_by_whom_with_what(lab: Lab, write_recipe: Write, tmp_path: Path) -> None:
    make_reference(tmp_path / "flat.fits", "flat", np.ones((32, 32)))

    @stage("flat_field", params=Gain, references=("flat",))
    def flat(exposure: Exposure, params: Gain) -> Exposure:
        return exposure.scale(params.gain).note("used with care")

    recipe = write_recipe("flat_field: {params: {gain: 3}}", "references: {flat: flat.fits}")
    product = calibrate(make_exposure(), recipe, plugins=lab(flat_field=flat))["cal"]
    (record,) = product.history
    assert (record.stage, record.status, record.keyword) == ("flat_field", "COMPLETE", "S_FLAT")
    assert (record.plugin, record.version, record.params) == ("lab-flat_field", "1.0", {"gain": 3.0})
    assert record.notes == ("used with care",)
    assert record.seconds >= 0
    (use,) = record.references
    assert (use.reftype, use.path, use.provider) == ("flat", str(tmp_path / "flat.fits"), "by hand")
    assert len(use.sha256) == 64
    assert product.header["S_FLAT"] == "COMPLETE"
    assert product.header["R_FLAT"] == "flat.fits"
    assert "flat_field: used with care" in list(product.header["HISTORY"])
    assert product.notes == ()
    assert product.provenance["recipe"] == "recipe"
    assert product.provenance["python"].startswith("3.")


def test_a_skipped_step_is_recorded_with_the_reason(lab: Lab, write_recipe: Write) -> None:
    """Whether the recipe skips it, or the stage by its own rule."""
    recipe = write_recipe("flat_field: {skip: not today}, photom, dark_current")
    plugins = lab(flat_field=double, photom=not_needed, dark_current=add_one)
    product = calibrate(make_exposure(value=1), recipe, plugins=plugins)["cal"]
    assert value(product) == 2
    assert [(record.status, record.notes) for record in product.history] == [
        ("SKIPPED", ("not today",)),
        ("SKIPPED", ("it is dark enough",)),
        ("COMPLETE", ()),
    ]
    assert product.header["S_FLAT"] == "SKIPPED"
    assert product.header.comments["S_FLAT"] == "not today"
    assert "photom: SKIPPED: it is dark enough" in list(product.header["HISTORY"])


@pytest.mark.parametrize("reason", ["nicht nötig", "two\nlines", "x" * 300, "tab\there", "\N{BLACK STAR}"])
def test_any_reason_can_be_given_and_the_history_keeps_it(
    lab: Lab, write_recipe: Write, write_exposure: Write, reason: str
) -> None:
    report = run(
        write_recipe("flat_field, photom"), write_exposure(), plugins=lab(flat_field=double, photom=add_one),
        skip={"flat_field": reason},
    )  # fmt: skip
    assert not report.failed
    assert report.results[0].history[0].notes == (reason,)


def test_a_stage_that_has_nothing_to_do_makes_no_product_of_its_own(lab: Lab, write_recipe: Write) -> None:
    recipe = write_recipe("background: {save: true}, photom: {save: cal}, resample")
    plugins = lab(background=subtract_mean, photom=double, resample=not_needed)
    assert list(calibrate(make_exposure(), recipe, plugins=plugins)) == ["cal"]


def test_a_stage_in_the_history_is_refused_unless_the_recipe_wants_it_again(lab: Lab, write_recipe: Write) -> None:
    plugins = lab(flat_field=double)
    once = calibrate(make_exposure(value=1), write_recipe("flat_field"), plugins=plugins)["cal"]
    with pytest.raises(Problems, match=r"(?s)flat_field.*S_FLAT.*--skip.*again"):
        calibrate(once, write_recipe("flat_field"), plugins=plugins)
    twice = calibrate(once, write_recipe("flat_field: {again: true}"), plugins=plugins)["cal"]
    assert value(twice) == 4
    assert len(twice.history) == 2


def test_a_stage_that_was_done_stays_complete_where_the_recipe_skips_it(lab: Lab, write_recipe: Write) -> None:
    """The pixels have been through it; the history records that this run skipped it."""
    plugins = lab(flat_field=double, photom=add_one)
    once = calibrate(make_exposure(value=1), write_recipe("flat_field"), plugins=plugins)["cal"]
    product = calibrate(once, write_recipe("flat_field: {skip: why}, photom"), plugins=plugins)["cal"]
    assert (product.header["S_FLAT"], product.header["S_PHOTOM"]) == ("COMPLETE", "COMPLETE")
    assert [record.status for record in product.history] == ["COMPLETE", "SKIPPED", "COMPLETE"]


@pytest.mark.parametrize(
    ("keyword", "name"), [("S_SKYSUB", "background"), ("S_FLUXCL", "photom"), ("S_DARK", "dark_current")]
)
def test_the_keywords_of_other_pipelines_are_understood(lab: Lab, write_recipe: Write, keyword: str, name: str) -> None:
    plugins = lab(**{name: add_one})
    exposure = make_exposure(header={keyword: "COMPLETE"})
    with pytest.raises(Problems, match=f"{name} .*{keyword}"):
        calibrate(exposure, write_recipe(name), plugins=plugins)
    skipped = make_exposure(header={keyword: "SKIPPED"})
    calibrate(skipped, write_recipe(name), plugins=plugins)


class Tripler:
    """A wrapper that changes pixels: it may, where the recipe lists it."""

    @hookimpl(wrapper=True)
    def run_stage(self, step: Any) -> Generator[None, Exposure, Exposure]:
        result = yield
        return result.scale(3).note(f"tripled after {step.stage}")


def test_a_wrapper_acts_only_when_the_recipe_lists_it(lab: Lab, write_recipe: Write) -> None:
    plugins = lab(flat_field=add_one)
    plugins.add("lab-tripler", Tripler())
    exposure = make_exposure(value=1)
    assert value(calibrate(exposure, write_recipe(), plugins=plugins)["cal"]) == 2
    product = calibrate(exposure, write_recipe("flat_field", "with: [lab-tripler]"), plugins=plugins)["cal"]
    assert value(product) == 6
    assert product.history[0].notes == ("tripled after flat_field",)


def test_what_a_wrapper_returns_keeps_the_contract_too(lab: Lab, write_recipe: Write) -> None:
    class Forgetful:
        @hookimpl(wrapper=True)
        def run_stage(self) -> Iterator[Any]:
            yield

    plugins = lab(flat_field=add_one)
    plugins.add("lab-forgetful", Forgetful())
    with pytest.raises(IrisError, match=r"lab-flat_field 1\.0.*NoneType"):
        calibrate(make_exposure(), write_recipe("flat_field", "with: [lab-forgetful]"), plugins=plugins)


def test_an_exception_of_a_plugin_keeps_its_type_and_names_the_place(lab: Lab, write_recipe: Write) -> None:
    def bug(exposure: Exposure) -> Exposure:
        raise KeyError("gain")

    with pytest.raises(KeyError) as caught:
        calibrate(make_exposure(), write_recipe(), plugins=lab(flat_field=bug))
    assert caught.value.__notes__ == ["in stage 'flat_field' of plugin lab-flat_field 1.0, exposure x_rate.fits"]


def test_nan_and_do_not_use_are_brought_together_before_the_first_stage(lab: Lab, write_recipe: Write) -> None:
    data = np.ones((4, 4), dtype=np.float32)
    data[0, 0] = np.nan
    dq = np.zeros((4, 4), dtype=np.uint32)
    dq[1, 1] = DQ.DO_NOT_USE
    raw = make_exposure((4, 4)).replace(data=data, dq=dq)
    product = calibrate(raw, write_recipe(), plugins=lab(flat_field=lambda exposure: exposure))["cal"]
    assert np.isnan(product.data[[0, 1], [0, 1]]).all()
    assert (product.dq[[0, 1], [0, 1]] == DQ.DO_NOT_USE).all()


def test_an_exposure_without_a_unit_is_in_that_of_its_mode(lab: Lab, write_recipe: Write) -> None:
    product = calibrate(make_exposure().replace(unit=None), write_recipe(), plugins=lab(flat_field=double))["cal"]
    assert str(product.unit) == "electron / s"
    assert product.meta.mode == "iris-imager"


def test_a_stage_that_works_on_integrations_is_given_all_of_them(lab: Lab, write_recipe: Write) -> None:
    product = calibrate(make_exposure(nint=3, value=2), write_recipe(), plugins=lab(flat_field=double))["cal"]
    assert product.data.shape == (3, 32, 32)
    assert (product.data == 4).all()


def declaring(name: str, function: Callable[..., Any], **declared: Any) -> ModuleType:
    """Return a plugin that declares a stage and implements it."""

    def specification(
        exposure: Exposure, params: Any, references: Any, background_exposures: Any, instrument: Any
    ) -> Exposure:
        """Do as the test wants."""
        raise NotImplementedError

    specification.__name__ = name
    plugin = ModuleType(f"lab_{name}")
    plugin.__dict__[name] = stage_spec(status=f"S_{name.upper()[:6]}", **declared)(specification)
    plugin.__dict__["work"] = function if hasattr(function, "iris_stage") else stage(name)(function)
    return plugin


def test_a_stage_of_a_third_party_runs_like_any_other(bare: Plugins, write_recipe: Write) -> None:
    bare.add("lab", declaring("ghosts", lambda exposure: add_one(exposure)))
    product = calibrate(make_exposure(value=1), write_recipe("ghosts"), plugins=bare)["cal"]
    assert (value(product), product.header["S_GHOSTS"]) == (2, "COMPLETE")


def test_a_stage_cannot_write_into_the_headers_of_its_input(lab: Lab, write_recipe: Write) -> None:
    def careless(exposure: Exposure) -> Exposure:
        exposure.header["FILTER"] = "J"
        return exposure

    exposure = make_exposure()
    with pytest.raises(TypeError, match="read-only") as caught:
        calibrate(exposure, write_recipe(), plugins=lab(flat_field=careless))
    assert "flat_field" in caught.value.__notes__[0]
    assert exposure.header["FILTER"] == "Kbb"


def test_one_step_can_be_run_alone(lab: Lab, write_recipe: Write) -> None:
    plugins = lab(flat_field=double, photom=not_needed)
    steps, _ = compile_recipe(load_recipe(write_recipe("flat_field, photom"), {}), plugins, None)
    inputs = StageInputs(exposure=make_exposure(value=4), instrument=iris_mode())
    result, skipped = run_step(steps[0], inputs, plugins)
    assert (value(result), skipped) == (8, "")
    assert run_step(steps[1], inputs, plugins) == (inputs.exposure, "it is dark enough")
