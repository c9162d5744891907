"""What an exposure has been through, and what was taken out of its pixels: kept by the framework for all stages."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from iris_testkit import iris_mode, make_exposure, make_reference

from iris_core import (
    DQ,
    Exposure,
    InputError,
    Params,
    Plugins,
    Problems,
    References,
    Removal,
    StageSkipped,
    Step,
    blank_plane,
    calibrate,
    check,
    run,
    stage,
    stage_spec,
)
from iris_core.state import pass_through, prepare_exposure

Lab = Callable[..., Plugins]
Write = Callable[..., Path]
NO, WHOLE, PART, UNKNOWN = Removal.NO, Removal.WHOLE, Removal.PART, Removal.UNKNOWN
BACKGROUND_FIRST, DARK_FIRST = "background, dark_current", "dark_current, background"


# A whole alternative implementation of a stage: nothing in it knows that a background may remove the dark current.
@stage("dark_current", references=("dark",))
def subtract(exposure: Exposure, references: References) -> Exposure:
    dark = references["dark"].image(exposure)
    result = exposure.replace(data=exposure.data - dark.data, dq=exposure.dq | dark.dq)
    return result.add_variance("dark", dark.err**2).mask_invalid()


def background(removes: Any = None) -> Any:
    """Return a background stage that subtracts the first background exposure."""

    def work(exposure: Exposure, background_exposures: Any) -> Exposure:
        if not background_exposures:
            raise StageSkipped("no background exposures")
        return exposure.replace(data=exposure.data - background_exposures[0].data)

    return stage("background", removes={} if removes is None else removes)(work)


@pytest.fixture
def calibrated(lab: Lab, write_recipe: Write, tmp_path: Path) -> Callable[..., Exposure]:
    """Return a function that calibrates an exposure of 10 with a background of 4 and a dark of 1, DQ in one corner."""
    dq = np.zeros((8, 9), dtype=np.uint32)
    dq[0, 0], dq[0, 1] = DQ.HOT, DQ.DO_NOT_USE
    make_reference(
        tmp_path / "d.fits", "dark", np.full((8, 9), 1.0), err=np.full((8, 9), 0.1), dq=dq, unit="electron/s"
    )

    def calibrate_with(steps: str, removes: Any = None, **header: Any) -> Exposure:
        plugins = lab(background=background(removes), dark_current=subtract)
        recipe = write_recipe(steps, "references: {dark: d.fits}")
        exposure, sky = (make_exposure((8, 9), value=value, header=header) for value in (10, 4))
        skies = [sky] if "background" in steps else []
        (product,) = calibrate(exposure, recipe, backgrounds=skies, plugins=plugins).values()
        return product

    return calibrate_with


def assert_flagged(product: Exposure) -> None:
    """Look for the flags of the dark in the product, whether it was subtracted or not."""
    assert product.dq[0, 0] == DQ.HOT
    assert product.dq[0, 1] == DQ.DO_NOT_USE
    assert np.isnan(product.data[0, 1])
    assert not product.dq[1:].any()


def statuses(product: Exposure) -> dict[str, str]:
    return {record.stage: record.status for record in product.history}


@pytest.mark.parametrize("removes", [{"dark": NO}, lambda params: {"dark": NO}])
def test_where_the_dark_is_still_in_the_stage_subtracts_it(calibrated: Callable[..., Exposure], removes: Any) -> None:
    product = calibrated(BACKGROUND_FIRST, removes)
    assert product.data[1, 1] == 10 - 4 - 1
    assert "dark" in product.variance
    assert_flagged(product)
    assert product.removed["dark"] is WHOLE


def test_where_the_dark_was_removed_the_stage_is_not_called_and_its_flags_are_applied(
    calibrated: Callable[..., Exposure],
) -> None:
    product = calibrated(BACKGROUND_FIRST, {"dark": WHOLE})
    assert product.data[1, 1] == 10 - 4
    assert "dark" not in product.variance
    assert_flagged(product)
    assert statuses(product) == {"background": "COMPLETE", "dark_current": "COMPLETE"}
    assert product.header["S_DARK"] == "COMPLETE"
    assert product.header["R_DARK"] == "d.fits"
    assert product.header["RM_DARK"] == "WHOLE"
    (note,) = product.history[1].notes
    assert "dark" in note
    assert product.history[1].references[0].path.endswith("d.fits")


@pytest.mark.parametrize(("removes", "fact"), [({"dark": PART}, "part"), (None, "RM_DARK"), ({}, "RM_DARK")])
def test_where_part_of_the_dark_was_removed_or_nobody_knows_the_stage_is_refused_before_the_run(
    calibrated: Callable[..., Exposure], removes: Any, fact: str
) -> None:
    with pytest.raises(Problems, match="dark_current") as caught:
        calibrated(BACKGROUND_FIRST, removes)
    assert len(caught.value.problems) == 1
    for word in ("x_rate.fits: ", "dark", fact):
        assert word in str(caught.value)


@pytest.mark.parametrize("removes", [{"dark": NO}, {"dark": WHOLE}, {"dark": PART}, None])
def test_a_dark_that_is_subtracted_first_is_whole_whatever_the_background_does(
    calibrated: Callable[..., Exposure], removes: Any
) -> None:
    product = calibrated(DARK_FIRST, removes)
    assert product.data[1, 1] == (10 - 1) - (4 - 1)
    assert product.removed["dark"] is WHOLE
    assert "RM_DARK" not in product.header or product.header["RM_DARK"] == "WHOLE"


def test_a_background_that_is_skipped_has_removed_nothing(calibrated: Callable[..., Exposure]) -> None:
    product = calibrated("background: {skip: why}, dark_current", {"dark": WHOLE})
    assert product.data[1, 1] == 10 - 1
    assert "RM_DARK" not in product.header


@pytest.mark.parametrize("removes", [{"dark": WHOLE}, {"dark": PART}, None])
def test_again_runs_a_stage_whatever_was_removed(calibrated: Callable[..., Exposure], removes: Any) -> None:
    assert calibrated("background, dark_current: {again: true}", removes).data[1, 1] == 10 - 4 - 1


@pytest.mark.parametrize(("card", "value"), [("WHOLE", 10.0), ("whole", 10.0), ("NO", 9.0), ("no ", 9.0)])
def test_the_header_tells_what_was_removed_before(calibrated: Callable[..., Exposure], card: str, value: float) -> None:
    product = calibrated("dark_current", S_BKDSUB="COMPLETE", RM_DARK=card)
    assert product.data[1, 1] == value
    assert_flagged(product)


@pytest.mark.parametrize("card", ["IN PART", "UNKNOWN"])
def test_a_header_that_tells_of_a_part_or_of_nothing_known_is_refused(
    calibrated: Callable[..., Exposure], card: str
) -> None:
    with pytest.raises(Problems, match="dark_current"):
        calibrated("dark_current", S_BKDSUB="COMPLETE", RM_DARK=card)


def test_a_header_that_tells_nothing_sensible_is_refused(calibrated: Callable[..., Exposure]) -> None:
    with pytest.raises(InputError, match=r"x_rate\.fits: RM_DARK = 'MOST'.*WHOLE"):
        calibrated("dark_current", RM_DARK="MOST")


def test_a_background_of_another_pipeline_may_have_removed_the_dark(calibrated: Callable[..., Exposure]) -> None:
    with pytest.raises(Problems, match="RM_DARK"):
        calibrated("dark_current", S_SKYSUB="COMPLETE")


def test_the_state_survives_the_product(lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path) -> None:
    """A second recipe starts from the product of a first."""
    make_reference(tmp_path / "d.fits", "dark", np.full((8, 9), 1.0), unit="electron/s")
    plugins = lab(background=background({"dark": WHOLE}), dark_current=subtract)
    files = write_exposure(value=10), write_exposure("sky.fits", value=4)
    bsub = run(write_recipe("background"), files[0], backgrounds=files[1], plugins=plugins).products[0]
    read = plugins.read_exposure(bsub)
    assert read.done == {"background"}
    assert read.removed == {"background": WHOLE, "dark": WHOLE}
    second = run(write_recipe("dark_current", "references: {dark: d.fits}"), bsub, plugins=plugins)
    assert plugins.read_exposure(second.products[0]).data[1, 1] == 10 - 4
    assert not check(write_recipe("background"), bsub, backgrounds=files[1], plugins=plugins)


@pytest.mark.parametrize("ending", ["fits", "asdf"])
def test_a_dark_that_a_background_left_in_is_subtracted_from_its_product(
    lab: Lab, write_recipe: Write, write_exposure: Write, tmp_path: Path, ending: str
) -> None:
    """The header gives it, too: `check` reads no more than headers. Afterwards the header gives that it is gone."""
    make_reference(tmp_path / "d.fits", "dark", np.full((8, 9), 1.0), unit="electron/s")
    plugins = lab(background=background({"dark": NO}), dark_current=subtract)
    files = write_exposure(value=10), write_exposure("sky.fits", value=4)
    bsub = run(write_recipe("background"), files[0], backgrounds=files[1], plugins=plugins, format=ending).products[0]
    assert plugins.read_exposure(bsub).header["RM_DARK"] == "NO"
    second = run(write_recipe("dark_current", "references: {dark: d.fits}"), bsub, plugins=plugins)
    assert not second.failed
    cal = plugins.read_exposure(second.products[0])
    assert cal.data[1, 1] == 10 - 4 - 1
    assert (cal.removed["dark"], cal.header["RM_DARK"]) == (WHOLE, "WHOLE")


@pytest.mark.parametrize(
    ("before", "amount", "after", "card"),
    [
        (None, NO, NO, "NO"),
        (None, WHOLE, WHOLE, "WHOLE"),
        (None, PART, PART, "IN PART"),
        (None, None, UNKNOWN, "UNKNOWN"),
        (PART, NO, PART, None),
        (UNKNOWN, NO, UNKNOWN, None),
        (NO, PART, PART, "IN PART"),
        (WHOLE, NO, WHOLE, None),
        (WHOLE, PART, WHOLE, None),
        (PART, PART, PART, None),
    ],
)
def test_what_a_stage_leaves_in_does_not_come_back(
    lab: Lab, before: Removal | None, amount: Removal | None, after: Removal, card: str | None
) -> None:
    plugins = lab(background=background({} if amount is None else {"dark": amount}))
    step = Step(
        spec=plugins.stages()["background"], implementation=plugins.choose("background"), params=Params(), place="here"
    )
    given = make_exposure().replace(removed={} if before is None else {"dark": before})
    passed = pass_through(step, given)
    assert passed.removed == {"dark": after, "background": WHOLE}
    assert passed.header.get("RM_DARK") == card
    assert (passed.done, passed.header["S_BKDSUB"]) == (frozenset({"background"}), "COMPLETE")
    assert pass_through(step, given, "why").removed == given.removed


def test_a_stage_of_a_third_party_has_a_state_of_its_own(bare: Plugins, write_recipe: Write, lab: Lab) -> None:
    """Nothing in the kernel knows what can be removed: stages declare it."""

    @stage_spec(status="S_GHOST", removes="ghosts", may_remove=("flat",))
    def remove_ghosts(exposure: Exposure) -> Exposure:
        """Remove ghosts."""
        raise NotImplementedError

    plugin = ModuleType("ghosts")
    plugin.__dict__["remove_ghosts"] = remove_ghosts
    plugin.__dict__["work"] = stage("remove_ghosts", removes={"flat": WHOLE})(lambda exposure: exposure.scale(3))
    plugins = lab(flat_field=lambda exposure: exposure.scale(2))
    plugins.add("ghosts", plugin)
    product = calibrate(make_exposure(value=1), write_recipe("remove_ghosts, flat_field"), plugins=plugins)["cal"]
    assert product.data[0, 0] == 3
    assert product.removed == {"ghosts": WHOLE, "flat": WHOLE}
    assert product.header["RM_FLAT"] == "WHOLE"


@pytest.mark.parametrize(
    ("header", "done", "removed"),
    [
        ({}, set(), {}),
        ({"S_DARK": "COMPLETE"}, {"dark_current"}, {"dark": WHOLE}),
        ({"S_DARK": "SKIPPED"}, set(), {}),
        ({"S_FLAT": "COMPLETE", "S_PHOTOM": "COMPLETE"}, {"flat_field", "photom"}, {"flat": WHOLE}),
        ({"S_BKDSUB": "COMPLETE"}, {"background"}, {"background": WHOLE, "dark": UNKNOWN}),
        (
            {"S_BKDSUB": "COMPLETE", "S_DARK": "COMPLETE"},
            {"background", "dark_current"},
            {"background": WHOLE, "dark": WHOLE},
        ),
        ({"S_BKDSUB": "COMPLETE", "RM_DARK": "NO"}, {"background"}, {"background": WHOLE, "dark": NO}),
        ({"S_SKYSUB": "COMPLETE"}, {"background"}, {"background": WHOLE, "dark": UNKNOWN}),
        ({"S_FLUXCL": "TRUE "}, {"photom"}, {}),
        ({"S_OTHER": "COMPLETE"}, {"S_OTHER"}, {}),
    ],
)
def test_the_state_is_read_from_the_header(
    bare: Plugins, header: dict[str, str], done: set[str], removed: Mapping[str, Removal]
) -> None:
    prepared = prepare_exposure(make_exposure(header=header), iris_mode(), bare.stages().values())
    assert prepared.done == done
    assert prepared.removed == removed
    assert prepared.meta.mode == "iris-imager"


def test_an_exposure_without_a_unit_gets_that_of_its_mode_and_a_note(bare: Plugins) -> None:
    raw = make_exposure().replace(unit=None)
    prepared = prepare_exposure(raw, iris_mode(), bare.stages().values(), ["first"])
    assert str(prepared.unit) == "electron / s"
    assert "first" in prepared.notes
    assert any("BUNIT" in note and "electron/s" in note for note in prepared.notes)


def counts_mode(unit: str) -> Any:
    return dataclasses.replace(iris_mode(), unit=unit)


def test_counts_are_divided_by_the_exposure_time_where_the_mode_says_that_its_files_are_counts(bare: Plugins) -> None:
    for unit in ("DN", None):
        raw = make_exposure(unit="DN", value=100.0, poisson=100.0, rnoise=0.0, exposure_time=50.0)
        raw = raw if unit else raw.replace(unit=None)
        rate = prepare_exposure(raw, counts_mode("DN"), bare.stages().values())
        assert str(rate.unit) == "DN / s"
        assert rate.err is not None
        assert (rate.data[0, 0], rate.err[0, 0]) == (2.0, np.float32(0.2))
        assert any("50 s" in note for note in rate.notes)


def test_an_image_without_unit_and_exposure_time_is_kept_as_it_is_where_the_files_are_counts(bare: Plugins) -> None:
    raw = make_exposure(value=100.0, exposure_time=None).replace(unit=None)
    kept = prepare_exposure(raw, counts_mode("DN"), bare.stages().values())
    assert (str(kept.unit), kept.data[0, 0]) == ("DN / s", 100.0)
    assert any("no BUNIT: taken to be in DN/s" in note for note in kept.notes)


def test_an_outline_of_counts_becomes_a_rate_without_taking_memory(bare: Plugins) -> None:
    raw = make_exposure(unit="DN", exposure_time=50.0)
    outline = raw.replace(data=blank_plane(raw.data.shape), dq=blank_plane(raw.data.shape, np.uint32), variance={})
    rate = prepare_exposure(outline, counts_mode("DN"), bare.stages().values())
    assert str(rate.unit) == "DN / s"
    assert rate.data.strides == (0, 0)


@pytest.mark.parametrize("unit", ["DN", "electron", "adu", "counts"])
@pytest.mark.parametrize(("usual", "seconds"), [("electron/s", 50.0), ("DN", None)])
def test_counts_that_cannot_become_a_rate_are_refused(
    unit: str, usual: str, seconds: float | None, bare: Plugins
) -> None:
    raw = make_exposure(unit=unit, exposure_time=seconds)
    with pytest.raises(InputError, match=r"x_rate\.fits is in (DN|electron|adu|ct), counts"):
        prepare_exposure(raw, counts_mode(usual), bare.stages().values())
