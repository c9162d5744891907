"""Before the run, the check of each stage is called on outlines, as the steps before it will leave them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from iris_core import (
    Check,
    Exposure,
    InputError,
    Plan,
    Plugins,
    References,
    StageSkipped,
    check,
    parse_unit,
    run,
    stage,
)
from iris_core.lockstep import Meeting

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


def checking(name: str, look: Callable[..., Any], **declared: Any) -> Any:
    """Return a stage with a check, which leaves its exposure as it is."""
    return stage(name, check=look, **declared)(lambda exposure: exposure)


def test_checks_run_in_order_on_outlines_as_the_steps_before_will_leave_them(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    seen: list[Any] = []

    def look(exposure: Exposure) -> Exposure:
        seen.append((dict(exposure.status), str(exposure.unit), exposure.data.strides, sorted(exposure.done)))
        assert exposure.unit is not None
        return exposure.replace(unit=exposure.unit * exposure.unit)

    plugins = lab(flat_field=checking("flat_field", look), photom=checking("photom", look))
    check(write_recipe("flat_field, photom"), write_exposure(), plugins=plugins)
    assert seen == [
        ({}, "electron / s", (0, 0), []),
        ({"S_FLAT": "COMPLETE"}, "electron2 / s2", (0, 0), ["flat_field"]),
    ]


def test_a_check_that_skips_leaves_the_stage_undone(lab: Lab, write_recipe: Write, write_exposure: Write) -> None:
    seen: list[Any] = []

    def skip(exposure: Exposure) -> Exposure:
        raise StageSkipped("nothing to do")

    plugins = lab(
        flat_field=checking("flat_field", skip),
        photom=checking("photom", lambda exposure: seen.append(dict(exposure.status))),
    )
    plan = plan_of(check(write_recipe("flat_field, photom"), write_exposure(), plugins=plugins))
    assert [planned.skip for planned in plan.steps] == ["nothing to do", ""]
    assert seen == [{}]


def test_a_stage_that_looks_at_headers_only_is_its_own_check(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    """It is run once on the outline, and once on each exposure of the run."""
    seen: list[Any] = []

    @stage("assign_wcs", headers_only=True)
    def assign(exposure: Exposure) -> Exposure:
        seen.append(exposure.data.strides)
        if exposure.meta.target == "nowhere":
            raise InputError(f"{exposure.name} is nowhere")
        return exposure.replace(unit=exposure.unit)

    plugins = lab(assign_wcs=assign)
    plan_of(check(write_recipe("assign_wcs"), write_exposure(), plugins=plugins))
    assert seen == [(0, 0)]
    (error,) = errors(check(write_recipe("assign_wcs"), write_exposure(header={"OBJECT": "nowhere"}), plugins=plugins))
    assert error == "x_rate.fits is nowhere"


def test_a_stage_that_looks_at_headers_only_may_have_a_check_that_takes_less_time(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    """It is called on the outline in place of the stage, and not again right before the stage."""
    seen: list[tuple[str, bool]] = []
    units: list[str] = []
    made = parse_unit("MJy/sr")

    def look(exposure: Exposure) -> Exposure:
        seen.append(("check", exposure.data.strides == (0, 0)))
        return exposure.replace(unit=made)

    @stage("photom", headers_only=True, check=look)
    def convert(exposure: Exposure) -> Exposure:
        seen.append(("stage", exposure.data.strides == (0, 0)))
        return exposure.replace(unit=made)

    flat_field = checking("flat_field", lambda exposure: units.append(str(exposure.unit)))
    plugins, recipe = lab(photom=convert, flat_field=flat_field), write_recipe("photom, flat_field")
    plan_of(check(recipe, write_exposure(), plugins=plugins))
    assert (seen, units) == ([("check", True)], ["MJy / sr"])
    assert not run(recipe, write_exposure(), plugins=plugins).failed
    assert seen == [("check", True), ("check", True), ("stage", False)]


def raise_input_error(exposure: Exposure) -> None:
    raise InputError("the flat is in DN/s")


def has_a_bug(exposure: Exposure) -> None:
    raise KeyError("bug")


def returns_a_number(exposure: Exposure) -> int:
    return 3


@pytest.mark.parametrize(
    ("broken", "facts"),
    [
        (raise_input_error, ["the flat is in DN/s"]),
        (has_a_bug, ["flat_field", "lab-flat_field 1.0", "x_rate.fits", "KeyError: 'bug'"]),
        (returns_a_number, ["flat_field", "lab-flat_field 1.0", "int", "Exposure"]),
    ],
)
def test_what_a_check_finds_or_does_wrong_is_reported_with_the_rest(
    lab: Lab, write_recipe: Write, write_exposure: Write, broken: Any, facts: list[str]
) -> None:
    plugins = lab(flat_field=checking("flat_field", broken), photom=leave)
    path = write_exposure(header={"S_PHOTOM": "COMPLETE"})
    first, second = errors(check(write_recipe("flat_field, photom"), path, plugins=plugins))
    for fact in facts:
        assert fact in first
    assert "photom" in second
    assert "S_PHOTOM" in second


def test_a_check_is_not_called_without_the_references_that_its_stage_needs(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    """The missing reference is the one error."""

    def look(exposure: Exposure, references: References) -> None:
        references["flat"].image(exposure)

    plugins = lab(flat_field=checking("flat_field", look, references=("flat",)))
    (error,) = errors(check(write_recipe(), write_exposure(), plugins=plugins))
    assert "flat_field needs a flat " in error


def looking(seen: list[Any], *names: str) -> Mapping[str, Any]:
    """Return stages whose checks note what they are given."""

    def look(name: str) -> Any:
        def note(exposure: Exposure, background_exposures: Sequence[Exposure]) -> None:
            given = [(one.name, dict(one.status)) for one in background_exposures]
            seen.append((name, exposure.name, dict(exposure.status), given))

        return checking(name, note)

    return {name: look(name) for name in names}


def test_checks_of_backgrounds_run_before_the_stage_that_consumes_them(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    seen: list[Any] = []
    plugins = lab(**looking(seen, "dark_current", "background", "photom"))
    files = [write_exposure(name) for name in ("x_rate.fits", "sky.fits")]
    plan = plan_of(
        check(write_recipe("dark_current, background, photom"), files[0], backgrounds=files[1:], plugins=plugins)
    )
    done = {"S_DARK": "COMPLETE"}
    assert [(name, *rest) for name, *rest in seen if name != "photom"] == [
        ("dark_current", "sky.fits", {}, []),
        ("dark_current", "x_rate.fits", {}, []),
        ("background", "x_rate.fits", done, [("sky.fits", done)]),
    ]
    name, exposure, status, given = seen[-1]
    assert (name, exposure, given) == ("photom", "x_rate.fits", [])
    assert status["S_BKDSUB"] == "COMPLETE"
    assert [planned.meeting for planned in plan.steps] == [Meeting.FOLLOW, Meeting.OFFERED, Meeting.NONE]
    assert [len(planned.background_references) for planned in plan.steps] == [1, 0, 0]


def test_a_stage_skipped_for_a_background_is_not_skipped_for_the_exposure(
    lab: Lab, write_recipe: Write, write_exposure: Write
) -> None:
    def look(exposure: Exposure) -> None:
        if exposure.name == "sky.fits":
            raise StageSkipped("no windows")

    plugins = lab(parse_subarray_map=checking("parse_subarray_map", look), background=leave)
    recipe = write_recipe("parse_subarray_map, background")
    plan = plan_of(check(recipe, write_exposure(), backgrounds=write_exposure("sky.fits"), plugins=plugins))
    assert [planned.skip for planned in plan.steps] == ["", ""]
