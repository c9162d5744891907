"""One exposure passes through its steps in the recipe's order, and its history says what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from iris_core import DQ, Exposure, IrisError, Params, StageSkipped, calibrate, hookimpl, parameter, run, stage
from iris_core.errors import Problems
from iris_core.plugins import Plugins
from iris_core.testing import make_exposure, make_reference

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


def add_one(exposure: Exposure) -> Exposure:
    return exposure.replace(data=exposure.data + 1)


def double(exposure: Exposure) -> Exposure:
    return exposure.scale(2).note("doubled")


def not_needed(exposure: Exposure) -> Exposure:
    raise StageSkipped("it is dark enough")


def subtract_mean(exposure: Exposure, background_exposures: list[Exposure]) -> Exposure:
    if not background_exposures:
        raise StageSkipped("no background exposures")
    mean = np.mean([one.data for one in background_exposures], axis=0)
    return exposure.replace(data=exposure.data - mean)


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
    assert set(product.provenance["software"]) >= {"python", "iris-core", "numpy", "astropy"}


def test_a_step_that_is_skipped_says_so_with_the_reason(lab: Lab, write_recipe: Write) -> None:
    """Whether the recipe leaves it out, or the stage by its own rule."""
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


def test_a_stage_in_the_history_is_refused_unless_the_recipe_says_again(lab: Lab, write_recipe: Write) -> None:
    plugins = lab(flat_field=double)
    once = calibrate(make_exposure(value=1), write_recipe("flat_field"), plugins=plugins)["cal"]
    with pytest.raises(Problems, match="flat_field was done already \\(S_FLAT is COMPLETE\\); leave the step out"):
        calibrate(once, write_recipe("flat_field"), plugins=plugins)
    twice = calibrate(once, write_recipe("flat_field: {again: true}"), plugins=plugins)["cal"]
    assert value(twice) == 4
    assert len(twice.history) == 2


@pytest.mark.parametrize(
    ("keyword", "name"), [("S_SKYSUB", "background"), ("S_FLUXCL", "photom"), ("S_DARK", "dark_current")]
)
def test_the_keywords_of_other_pipelines_are_understood(lab: Lab, write_recipe: Write, keyword: str, name: str) -> None:
    plugins = lab(**{name: add_one})
    exposure = make_exposure(header={keyword: "COMPLETE"})
    with pytest.raises(Problems, match=f"{name} was done already \\({keyword} is COMPLETE\\)"):
        calibrate(exposure, write_recipe(name), plugins=plugins)
    skipped = make_exposure(header={keyword: "SKIPPED"})
    calibrate(skipped, write_recipe(name), plugins=plugins)


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ("background, flat_field, photom", (10 - 3) * 2 + 1.0),
        ("flat_field, background, photom", (10 * 2 - 3 * 2) + 1.0),
        ("photom, flat_field, background", (10 + 1) * 2 - (3 + 1) * 2.0),
        ("flat_field: {skip: why}, background, photom", (10 - 3) + 1.0),
        ("photom, background: {skip: why}, flat_field", (10 + 1) * 2.0),
    ],
)
def test_backgrounds_go_in_lock_step_up_to_the_stage_that_consumes_them(
    lab: Lab, write_recipe: Write, steps: str, result: float
) -> None:
    """They pass the stages before it exactly as the science exposure does, and none after it."""
    plugins = lab(flat_field=double, background=subtract_mean, photom=add_one)
    backgrounds = [make_exposure(value=2), make_exposure(value=4)]
    (product,) = calibrate(
        make_exposure(value=10), write_recipe(steps), backgrounds=backgrounds, plugins=plugins
    ).values()
    assert value(product) == result


def test_notes_on_backgrounds_are_kept_with_the_stage_that_consumes_them(lab: Lab, write_recipe: Write) -> None:
    """Each with the name of its file, after what the stage itself has to say."""

    def remark(exposure: Exposure) -> Exposure:
        return exposure.note(f"level {exposure.data[0, 0]:g}")

    plugins = lab(dark_current=remark, background=subtract_mean)
    backgrounds = [make_exposure(value=value, path=Path(f"sky{value}.fits")) for value in (2, 4)]
    (product,) = calibrate(
        make_exposure(value=10), write_recipe("dark_current, background"), backgrounds=backgrounds, plugins=plugins
    ).values()
    kept = ("sky2.fits: dark_current: level 2", "sky4.fits: dark_current: level 4")
    assert product.history[0].notes == ("level 10",)
    assert product.history[1].notes[-2:] == kept
    assert {f"background: {note}" for note in kept} <= set(product.header["HISTORY"])


def test_at_consumption_the_backgrounds_say_what_was_done_to_them(lab: Lab, write_recipe: Write) -> None:
    seen: list[Any] = []

    def look(exposure: Exposure, background_exposures: list[Exposure]) -> Exposure:
        seen.extend((one.status, [record.stage for record in one.history]) for one in (exposure, *background_exposures))
        return exposure

    plugins = lab(dark_current=add_one, flat_field=not_needed, background=look)
    calibrate(
        make_exposure(),
        write_recipe("dark_current, flat_field, background"),
        backgrounds=[make_exposure()],
        plugins=plugins,
    )
    assert seen == [({"S_DARK": "COMPLETE", "S_FLAT": "SKIPPED"}, ["dark_current", "flat_field"])] * 2


def test_the_record_of_the_background_names_the_files(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    files = [write_exposure(f"b{n}.fits") for n in range(2)]
    report = run(write_recipe("background"), write_exposure(), backgrounds=files, plugins=lab(background=subtract_mean))
    assert report.results[0].history[0].backgrounds == tuple(map(str, files))


def test_background_exposures_that_no_step_would_use_are_an_error(lab: Lab, write_recipe: Write) -> None:
    with pytest.raises(Problems, match="no step uses the 2 background exposures; add 'background'"):
        calibrate(
            make_exposure(), write_recipe("photom"), backgrounds=[make_exposure()] * 2, plugins=lab(photom=double)
        )


def test_a_background_that_cannot_pass_a_stage_stops_its_exposure(lab: Lab, write_recipe: Write) -> None:
    done = make_exposure(header={"S_FLAT": "COMPLETE"})
    plugins = lab(flat_field=double, background=subtract_mean)
    with pytest.raises(Problems, match="flat_field was done already"):
        calibrate(make_exposure(), write_recipe("flat_field, background"), backgrounds=[done], plugins=plugins)


class Tripler:
    """A wrapper that changes pixels: it may, when it is asked for."""

    @hookimpl(wrapper=True)
    def run_stage(self, step: Any) -> Iterator[Any]:
        result: Exposure = yield
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
    with pytest.raises(IrisError, match="returned NoneType"):
        calibrate(make_exposure(), write_recipe("flat_field", "with: [lab-forgetful]"), plugins=plugins)


def test_an_exception_of_a_plugin_keeps_its_type_and_says_where_it_was(lab: Lab, write_recipe: Write) -> None:
    def bug(exposure: Exposure) -> Exposure:
        return {}["gain"]  # type: ignore[no-any-return]

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


def test_a_stage_of_a_third_party_runs_like_any_other(bare: Plugins, write_recipe: Write) -> None:
    from iris_core import stage_spec

    @stage_spec(status="S_GHOST")
    def ghosts(exposure: Exposure) -> Exposure:
        """Remove ghosts."""
        raise NotImplementedError

    @hookimpl
    def add_hookspecs(pluginmanager: Any) -> None:
        pluginmanager.add_hookspecs(SimpleNamespace(ghosts=ghosts))

    bare.add("lab", SimpleNamespace(add_hookspecs=add_hookspecs, f=stage("ghosts")(add_one)))
    product = calibrate(make_exposure(value=1), write_recipe("ghosts"), plugins=bare)["cal"]
    assert (value(product), product.header["S_GHOST"]) == (2, "COMPLETE")
