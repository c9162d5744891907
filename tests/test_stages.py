"""How a stage is specified, implemented and configured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from iris_testkit import make_exposure
from pydantic import ValidationError

from iris_core import (
    Exposure,
    InstrumentMode,
    Params,
    Plugins,
    StageImplementation,
    StageSpec,
    as_plugin,
    calibrate,
    hookspecs,
    parameter,
    parse_unit,
    stage,
    stage_spec,
)
from iris_core.stages import call_with_named


class Clip(Params):
    """Parameters of a stage that clips."""

    sigma: float = parameter(3.0, "Threshold.", "standard deviations", gt=0)
    method: str = parameter(..., "How.")
    limit: int | None = parameter(None, "How often.")


def halve(exposure: Exposure) -> Exposure:
    return exposure.scale(0.5)


def test_the_decorators_are_the_facts_they_record() -> None:
    """Each field is documented once: at the class that is the decorator."""
    assert stage is StageImplementation
    assert stage_spec is StageSpec


def test_a_stage_stays_the_function_it_was() -> None:
    def quarter(exposure: Exposure) -> Exposure:
        return exposure.scale(0.25)

    declared = stage("flat_field")(quarter)
    assert declared is quarter
    assert declared(make_exposure(value=4)).data[0, 0] == 1
    assert declared.iris_stage.stage == "flat_field"  # type: ignore[attr-defined]


def test_parameters_are_frozen_and_know_no_other_key() -> None:
    with pytest.raises(ValidationError, match="sigm"):
        Clip(method="mean", sigm=2)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="frozen"):
        Clip(method="mean").sigma = 2  # type: ignore[misc]


@pytest.mark.parametrize("values", [{"sigma": 0}, {"sigma": "many"}, {"limit": 1.5}, {"method": None}])
def test_limits_and_types_of_parameters_are_checked(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Clip.model_validate({"method": "mean", **values})


def test_a_parameter_has_a_description_and_a_unit() -> None:
    fields = Clip.model_fields
    assert fields["sigma"].description == "Threshold."
    assert fields["sigma"].json_schema_extra == {"unit": "standard deviations"}
    assert fields["limit"].json_schema_extra is None
    assert fields["method"].is_required()


def test_a_specification_has_the_facts_the_framework_needs() -> None:
    spec = hookspecs.background.iris_spec  # type: ignore[attr-defined]
    assert (spec.name, spec.status, spec.aliases, spec.product) == ("background", "S_BKDSUB", ("S_SKYSUB",), "bsub")
    assert (spec.removes, spec.may_remove) == ("background", ("dark",))
    assert spec.consumes_backgrounds
    assert not spec.reshapes
    assert hookspecs.resample.iris_spec.reshapes  # type: ignore[attr-defined]
    assert hookspecs.dark_current.iris_spec.removes == "dark"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (StageSpec(status="S_A", name="a"), StageSpec(status="S_A", name="b"), True),
        (StageSpec(status="S_A", name="a"), StageSpec(status="S_B", aliases=("S_A",), name="b"), True),
        (
            StageSpec(status="S_A", aliases=("S_C",), name="a"),
            StageSpec(status="S_B", aliases=("S_C",), name="b"),
            True,
        ),
        (StageSpec(status="S_A", name="a"), StageSpec(status="S_B", name="b"), False),
        (StageSpec(status="S_A", name="a"), StageSpec(status="S_A", name="a"), False),
    ],
)
def test_two_stages_record_as_each_other_where_they_share_a_keyword(
    one: StageSpec, other: StageSpec, shared: bool
) -> None:
    assert one.records_as(other) is other.records_as(one) is shared


def test_a_deprecated_argument_of_a_stage_warns_those_who_name_it(bare: Plugins) -> None:
    @stage_spec(status="S_GHOST", deprecated={"mode": "use instrument"})
    def ghosts(exposure: Exposure, mode: InstrumentMode) -> Exposure:
        """Remove ghosts."""
        raise NotImplementedError

    plugin = as_plugin("flat_field", halve, "lab")
    plugin.__dict__["ghosts"] = ghosts
    plugin.__dict__["quiet"] = stage("ghosts")(lambda exposure: exposure)
    bare.add("lab", plugin)
    with pytest.warns(DeprecationWarning, match=r"'mode'.*'ghosts'.*use instrument"):
        bare.add("old", as_plugin("ghosts", stage("ghosts")(lambda exposure, mode: exposure), "old"))


class Everything:
    """Implementations of several stages, each with other arguments."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    @stage("photom")
    def few(self, exposure: Exposure) -> Exposure:
        self.seen["few"] = exposure
        return exposure.replace(unit=parse_unit("MJy / sr"))

    @stage("flat_field", params=Clip)
    def all(
        self, exposure: Exposure, params: Clip, references: Any, background_exposures: Any, instrument: Any
    ) -> Exposure:
        self.seen["all"] = (params, dict(references), background_exposures, instrument.name)
        return exposure

    @stage("dark_current")
    def with_defaults(self, instrument: Any, exposure: Exposure, references: Any = None, gain: int = 2) -> Exposure:
        self.seen["defaults"] = (instrument.name, dict(references), gain)
        return exposure

    @staticmethod
    @stage("assign_wcs")
    def without_self(exposure: Exposure) -> Exposure:
        return exposure.note("static")


def test_an_implementation_is_given_the_arguments_it_names_as_pluggy_chooses_them(
    bare: Plugins, write_recipe: Callable[..., Path]
) -> None:
    """In any order; an argument that is none of the hook's keeps its default."""
    lab = Everything()
    bare.add("lab", lab)
    recipe = write_recipe("assign_wcs, dark_current, flat_field: {params: {method: mean}}, photom")
    product = calibrate(make_exposure(), recipe, plugins=bare)["cal"]
    assert isinstance(lab.seen["few"], Exposure)
    assert lab.seen["all"] == (Clip(method="mean"), {}, (), "iris-imager")
    assert lab.seen["defaults"] == ("iris-imager", {}, 2)
    assert product.history[0].notes == ("static",)


def test_a_function_becomes_a_plugin_and_is_not_changed() -> None:
    plugin = as_plugin("flat_field", halve, "given")
    implementation = plugin.__dict__["flat_field"].iris_stage
    assert plugin.__name__ == "given"
    assert implementation.stage == "flat_field"
    assert not hasattr(halve, "iris_stage")
    assert implementation.params.model_validate({"meant_for": "another"}) == implementation.params()


def test_an_implementation_becomes_a_plugin_as_it_is() -> None:
    declared = stage("flat_field", params=Clip)(lambda exposure, params: exposure)
    assert as_plugin("flat_field", declared, "given").__dict__["flat_field"] is declared


@pytest.mark.parametrize(
    ("function", "result"),
    [(lambda: 0, 0), (lambda a: a, 1), (lambda b, a: (a, b), (1, 2)), (lambda a=5, *, b=6: (a, b), (1, 2))],
)
def test_a_check_is_given_the_arguments_it_names(function: Callable[..., Any], result: Any) -> None:
    assert call_with_named(function, {"a": 1, "b": 2, "c": 3}) == result
