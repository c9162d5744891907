"""Background exposures go in lock step with the science exposure up to the stage that consumes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from iris_testkit import make_exposure

from iris_core import (
    Exposure,
    Plugins,
    Problems,
    StageContractError,
    StageRecord,
    StageSkipped,
    calibrate,
    check,
    run,
    stage,
    stage_spec,
)

Lab = Callable[..., Plugins]
Write = Callable[..., Path]


def add_one(exposure: Exposure) -> Exposure:
    return exposure.replace(data=exposure.data + 1)


def double(exposure: Exposure) -> Exposure:
    return exposure.scale(2)


def not_needed(exposure: Exposure) -> Exposure:
    raise StageSkipped("it is dark enough")


def need_backgrounds(background_exposures: Sequence[Exposure]) -> None:
    if not background_exposures:
        raise StageSkipped("no background exposures")


def subtract_mean(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
    need_backgrounds(background_exposures)
    return exposure.replace(data=exposure.data - np.mean([one.data for one in background_exposures], axis=0))


def value(product: Exposure) -> float:
    return float(product.data[0, 0])


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
    """Each with the name of its file, after the notes of the stage itself."""

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


def test_notes_of_an_earlier_run_on_backgrounds_are_not_repeated(lab: Lab, write_recipe: Write) -> None:
    """Nor is the reason why a stage was skipped for a background."""
    earlier = StageRecord(stage="assign_wcs", status="COMPLETE", notes=("of an earlier run",))
    sky = make_exposure(value=2, path=Path("sky.fits")).replace(history=(earlier,))
    plugins = lab(dark_current=not_needed, background=subtract_mean)
    recipe = write_recipe("dark_current, background")
    (product,) = calibrate(make_exposure(value=10), recipe, backgrounds=[sky], plugins=plugins).values()
    assert product.history[1].notes == ()


def test_the_backgrounds_that_a_stage_is_given_know_what_was_done_to_them(lab: Lab, write_recipe: Write) -> None:
    seen: list[Any] = []

    def look(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
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
    with pytest.raises(Problems, match=r"2 background exposures.*'background'"):
        calibrate(
            make_exposure(), write_recipe("photom"), backgrounds=[make_exposure()] * 2, plugins=lab(photom=double)
        )


def test_a_background_that_cannot_pass_a_stage_stops_its_exposure(lab: Lab, write_recipe: Write) -> None:
    done = make_exposure(header={"S_FLAT": "COMPLETE"})
    plugins = lab(flat_field=double, background=subtract_mean)
    with pytest.raises(Problems, match=r"flat_field .*S_FLAT"):
        calibrate(make_exposure(), write_recipe("flat_field, background"), backgrounds=[done], plugins=plugins)


def lab_sky(**declared: Any) -> ModuleType:
    """Return a third party's plugin: a stage that consumes background exposures as ``background`` does."""

    def sky(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
        """Subtract the mean of the background exposures."""
        raise NotImplementedError

    plugin = ModuleType("lab_sky")
    sky.__name__ = "lab_sky"
    plugin.__dict__["lab_sky"] = stage_spec(status="S_LABSKY", consumes_backgrounds=True)(sky)

    def work(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
        return subtract_mean(exposure, background_exposures)

    plugin.__dict__["work"] = stage("lab_sky", **declared)(work)
    return plugin


@pytest.fixture
def skies(write_exposure: Write) -> list[Path]:
    return [write_exposure(f"sky{level}.fits", value=level) for level in (30, 40, 50)]


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ("background: {skip: the laboratory has its own}, lab_sky", 60.0),
        ("lab_sky: {save: cal}, background: {skip: the laboratory has its own}", 60.0),
        ("background: {skip: why}, flat_field, lab_sky", 120.0),
        ("flat_field, background: {skip: why}, photom, lab_sky", (100 * 2 + 1) - (40 * 2 + 1)),
        ("background: {skip: why}, lab_sky: {skip: why}", 100.0),
    ],
)
def test_a_consuming_stage_that_the_recipe_skips_leaves_the_backgrounds_to_the_next(
    lab: Lab, write_recipe: Write, write_exposure: Write, skies: list[Path], steps: str, result: float
) -> None:
    plugins = lab(background=subtract_mean, flat_field=double, photom=add_one)
    plugins.add("lab-sky", lab_sky(check=need_backgrounds))
    recipe, path = write_recipe(steps), write_exposure(value=100)
    assert check(recipe, path, backgrounds=skies, plugins=plugins)
    report = run(recipe, path, backgrounds=skies, plugins=plugins)
    assert not report.failed
    product = plugins.read_exposure(report.products[0])
    assert value(product) == result
    used = [record.backgrounds for record in product.history if record.stage == "lab_sky"]
    assert used == [() if "lab_sky: {skip" in steps else tuple(path.name for path in skies)]


def test_of_two_consuming_stages_the_first_is_given_the_backgrounds(
    lab: Lab, write_recipe: Write, write_exposure: Write, skies: list[Path]
) -> None:
    """The second is given none, and the check says what will happen."""
    plugins = lab(background=stage("background", check=need_backgrounds)(subtract_mean_too))
    plugins.add("lab-sky", lab_sky(check=need_backgrounds))
    recipe, path = write_recipe("background, lab_sky"), write_exposure(value=100)
    (plan,) = check(recipe, path, backgrounds=skies, plugins=plugins).plans.values()
    assert [planned.skip for planned in plan.steps] == ["", "no background exposures"]
    report = run(recipe, path, backgrounds=skies, plugins=plugins)
    assert [record.status for record in report.results[0].history] == ["COMPLETE", "SKIPPED"]
    assert value(plugins.read_exposure(report.products[0])) == 60


def subtract_mean_too(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
    return subtract_mean(exposure, background_exposures)


def too_few(exposure: Exposure, background_exposures: Sequence[Exposure]) -> None:
    """Skip a stage that needs four background exposures; without any it would be an error."""
    if not background_exposures:
        raise ValueError("no background exposures at all")
    if len(background_exposures) < 4:
        raise StageSkipped("fewer than 4 background exposures")


def test_a_consuming_stage_that_skips_itself_in_its_check_leaves_the_backgrounds_to_the_next(
    lab: Lab, write_recipe: Write, write_exposure: Write, skies: list[Path]
) -> None:
    """What the check has decided on the outline holds in the run: the stage is not asked again without them."""
    seen: list[str] = []

    @stage("background", check=too_few)
    def background(exposure: Exposure) -> Exposure:
        seen.append(exposure.name)
        return exposure

    plugins = lab(background=background, flat_field=double)
    plugins.add("lab-sky", lab_sky(check=need_backgrounds))
    recipe, path = write_recipe("flat_field, background, lab_sky"), write_exposure(value=100)
    (plan,) = check(recipe, path, backgrounds=skies, plugins=plugins).plans.values()
    assert [planned.skip for planned in plan.steps] == ["", "fewer than 4 background exposures", ""]
    report = run(recipe, path, backgrounds=skies, plugins=plugins)
    assert not report.failed
    assert [record.status for record in report.results[0].history] == ["COMPLETE", "SKIPPED", "COMPLETE"]
    assert report.results[0].history[1].notes == ("fewer than 4 background exposures",)
    assert value(plugins.read_exposure(report.products[0])) == 120
    assert seen == []


def test_a_consuming_stage_that_skips_itself_only_in_the_run_is_an_error_where_another_waits(
    lab: Lab, write_recipe: Write, write_exposure: Write, skies: list[Path]
) -> None:
    """The backgrounds have ended in it; the error names both stages."""

    def skip(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
        raise StageSkipped("the sky is too bright")

    plugins = lab(background=skip)
    plugins.add("lab-sky", lab_sky(check=need_backgrounds))
    path = write_exposure(value=100)
    report = run(write_recipe("background, lab_sky"), path, backgrounds=skies, plugins=plugins)
    for fact in ("background", "lab-background 1.0", "the sky is too bright", "lab_sky"):
        assert fact in report.failed[0].error
    assert not report.products
    exposure, *given = (plugins.read_exposure(one) for one in (path, *skies))
    with pytest.raises(StageContractError, match="lab_sky"):
        calibrate(exposure, write_recipe("background, lab_sky"), backgrounds=given, plugins=plugins)
    report = run(write_recipe("background, lab_sky: {skip: why}"), path, backgrounds=skies, plugins=plugins)
    assert not report.failed


def test_a_stage_is_skipped_for_a_background_alone(
    lab: Lab, write_recipe: Write, write_exposure: Write, skies: list[Path]
) -> None:
    def look(exposure: Exposure) -> None:
        if exposure.name == "sky40.fits":
            raise StageSkipped("it is dark enough")

    doubling = stage("flat_field", check=look)(lambda exposure: exposure.scale(2))
    report = run(
        write_recipe("flat_field, background"),
        write_exposure(value=100),
        backgrounds=skies,
        plugins=lab(flat_field=doubling, background=subtract_mean),
    )
    assert value(Plugins().read_exposure(report.products[0])) == pytest.approx(200 - (60 + 40 + 100) / 3)
