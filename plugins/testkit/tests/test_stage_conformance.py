"""The kit is right about stages: a good one keeps every rule, and each planted offence is caught by its rule.

An offender is the good plugin with one thing changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from iris_testkit import FileTruth, ImageTruth, StageConformance, make_exposure

from iris_core import Exposure

README = Path(__file__).parents[3] / "README.md"
MakePlugin = Callable[..., ModuleType]
Try = Callable[..., Any]
# Rules that start processes: they are slow.
SLOW = {"spawned", "light-import"}
QUICK = tuple(set(StageConformance.rules()) - SLOW)

GOOD = '''\
"""A dark that is subtracted as it should be."""

from __future__ import annotations

from iris_core import DQ, Exposure, InputError, Params, References, parameter, stage

SEEN = []  # something that a module keeps between calls


class DarkParams(Params):
    """Parameters of the dark."""

    factor: float = parameter(1.0, "Factor on the dark.", ge=0)


def check_unit(exposure: Exposure, references: References) -> None:
    """Refuse a dark in another unit."""
    dark = references["dark"].image(exposure)
    if dark.unit != exposure.unit:
        raise InputError(f"the dark is in {dark.unit}, the exposure {exposure.name} in {exposure.unit}")


@stage("dark_current", params=DarkParams, references=("dark",), check=check_unit)
def subtract(exposure: Exposure, params: DarkParams, references: References) -> Exposure:
    """Subtract the dark."""
    dark = references["dark"].image(exposure)
    result = exposure.replace(data=exposure.data - params.factor * dark.data, dq=exposure.dq | dark.dq)
    return result.add_variance("dark", (params.factor * dark.err) ** 2).mask_invalid()
'''
DARK = '    dark = references["dark"].image(exposure)\n'
SUBTRACTED = "exposure.data - params.factor * dark.data"
RESULT = "    result = exposure.replace("
RETURN = '    return result.add_variance("dark", (params.factor * dark.err) ** 2).mask_invalid()'
FACTOR = '    factor: float = parameter(1.0, "Factor on the dark.", ge=0)'
WITHOUT_ERRORS = "    if not dark.has_errors:\n        "

OFFENCES: dict[str, tuple[str, str, str]] = {
    # Rule: what stands in the good plugin, what stands in the offender, words of the failure
    "documented": ('"Factor on the dark."', '""', "parameters without a description: factor"),
    "signature": (
        "exposure: Exposure, params: DarkParams, references: References) -> Exposure:",
        "exposure, params: DarkParams, references: References):",
        "no annotation: exposure, the result",
    ),
    "parameters": (
        '    factor: float = parameter(1.0, "Factor on the dark.", ge=0)',
        '    factor: float = parameter(..., "Factor on the dark.")\n    model_config = {"extra": "allow"}',
        "parameters without a default: factor",
    ),
    "light-import": ("from iris_core import", "import astropy.units\nfrom iris_core import", "brings astropy along"),
    "quiet": (
        RESULT,
        f"    print('dark', dark)\n{RESULT}",
        "it printed 'dark ",
    ),
    "input-untouched": (
        RETURN,
        f"    exposure.wcs.bounding_box = ((0, 5), (0, 5))\n{RETURN}",
        "it changed wcs of x_rate.fits",
    ),
    "acts": (
        RESULT,
        f"    return exposure\n{RESULT}",
        "it changed nothing of the",
    ),
    "shape-dtype-unit": (
        RETURN,
        f"{RETURN}.replace(unit=exposure.unit**2)",
        "the unit is electron2 / s2, not electron / s",
    ),
    "invalid-pixels": (RETURN, RETURN.removesuffix(".mask_invalid()"), "pixels data is NaN without DO_NOT_USE"),
    "dq-bits": (RETURN, f"{RETURN}.flag(exposure.data > 110, DQ.JUMP_DET)", "it added JUMP_DET, which neither"),
    "reference-flags": ("dq=exposure.dq | dark.dq", "dq=exposure.dq", "of the dark: dq=exposure.dq | dark.dq"),
    "variance": (
        SUBTRACTED,
        f"({SUBTRACTED}) * 1.4",
        "'poisson' is not multiplied by the square of what the data are",
    ),
    "errors-unknown": (
        RETURN,
        '    return result.replace(variance={**result.variance, "dark": 0 * result.data + dark.err**2}).mask_invalid()',
        "from an exposure without errors came dark",
    ),
    "errors-true": (
        RETURN,
        "    return result.mask_invalid()",
        "the errors are too small by a factor of 1.0",
    ),
    "subarray": (
        SUBTRACTED,
        SUBTRACTED + " - 1e-3 * __import__('numpy').arange(exposure.shape[1])",
        "data differs in",
    ),
    "integrations": (SUBTRACTED, f"{SUBTRACTED} - 1e-3 * exposure.data.ndim", "integration 0: data differs in"),
    "repeatable": (
        SUBTRACTED,
        f"{SUBTRACTED} + 1e-3 * __import__('numpy').random.default_rng().normal()",
        "the second run is another: data differs in",
    ),
    "missing-reference": (
        DARK,
        f'    if "dark" not in references:\n        return exposure\n{DARK}',
        "no dark raised nothing; ReferenceNotFound is the right error",
    ),
    "wrong-shape": (
        DARK,
        f"    try:\n    {DARK}    except InputError:\n        return exposure\n",
        "a dark smaller than the exposure raised nothing; InputError is the right error",
    ),
    "wrong-unit": (
        ", check=check_unit",
        "",
        "a dark in Jy raised nothing; InputError is the right error",
    ),
    "check-agrees": (
        "check=check_unit",
        "check=lambda exposure, references: check_unit(exposure, references) or "
        "exposure.replace(unit=exposure.unit**2)",
        "after the check the outline is in electron2 / s2, but the result is in electron / s",
    ),
    "reference-without-errors": (
        "(params.factor * dark.err)",
        "(params.factor * dark.err / dark.has_errors)",
        "with a dark without errors 3072 pixels have no value or no error",
    ),
    "no-files": (
        RESULT,
        f"    references['dark'].path.read_bytes()\n{RESULT}",
        "dark_2.fits",
    ),
    "spawned": (
        SUBTRACTED,
        f"{SUBTRACTED} + 1e-6 * __import__('os').getpid()",
        "in a spawned process the result is another: data",
    ),
}
# What breaks one rule can break another with it: noise that is not the same twice is not that of the full frame.
ALONG: dict[str, set[str]] = {
    "acts": {"errors-true", "reference-flags"},
    "repeatable": {"subarray", "integrations"},
    "variance": {"errors-true"},
    "parameters": set(StageConformance.rules()),
    "shape-dtype-unit": {"check-agrees"},
}

FURTHER: tuple[tuple[str, str, str, str], ...] = (
    # Other ways to break the rules.
    ("documented", '    """Subtract the dark."""\n', "", "no docstring: subtract()"),
    ("documented", '"""A dark that is subtracted as it should be."""', "", "no docstring: its module"),
    ("documented", '    """Parameters of the dark."""\n', "", "no docstring: DarkParams"),
    ("parameters", FACTOR, f"{FACTOR}\n    model_config = {{'frozen': False}}", "DarkParams is not frozen"),
    ("parameters", FACTOR, FACTOR.replace("1.0", "float('nan')").replace(", ge=0", ""), "comes back from JSON as"),
    ("input-untouched", RETURN, f"    exposure.data.base[0, 0] = 5\n{RETURN}", "it changed data of x_rate.fits"),
    (
        "input-untouched",
        RETURN,
        f"    references['dark'].content.data.base[0, 0] = 5\n{RETURN}",
        "it changed data of the dark reference",
    ),
    ("shape-dtype-unit", RETURN, f"{RETURN}.replace(done=frozenset({{'dark_current'}}))", "it changed 'done' of"),
    (
        "shape-dtype-unit",
        RETURN,
        "    return exposure.replace(data=exposure.data[1:], dq=exposure.dq[1:], variance={})",
        "the shape went from (48, 64) to (47, 64)",
    ),
    ("dq-bits", "dq=exposure.dq | dark.dq", "dq=dark.dq", "2 pixels lost HOT, SATURATED"),
    ("variance", RETURN, "    return result.replace(variance={'dark': dark.err**2})", "poisson, rnoise is gone"),
    ("variance", RETURN, "    return result.add_variance('dark', -(dark.err**2))", "dark is negative"),
    ("errors-true", RETURN, f"{RETURN}.replace(variance={{}})", "the result has no errors"),
    ("errors-true", RETURN, f"{RETURN}.flag(exposure.data > -9e9, DQ.DO_NOT_USE)", "only 0 pixels of 8"),
    ("errors-true", "params.factor * dark.err)", "params.factor * dark.err + 1.5)", "too large by a factor of 0."),
    (
        "errors-true",
        SUBTRACTED,
        f"{SUBTRACTED} - 0.2 * (SEEN.append(0) or len(SEEN) > 1)",
        "the result is biased",
    ),
    (
        "subarray",
        RETURN,
        f"    SEEN.append(exposure.wcs)\n{RETURN}.replace(wcs=SEEN[0])",
        "the sky of the window is off",
    ),
    (
        "integrations",
        RETURN,
        "    if exposure.is_integrations:\n"
        "        result = result.replace(data=result.data[0], dq=result.dq[0], variance={})\n"
        f"{RETURN}",
        "a cube of shape (3, 48, 64) became (48, 64)",
    ),
    ("repeatable", RETURN, f"    SEEN.append(0)\n{RETURN}.note(f'call {{len(SEEN)}}')", "other keywords or notes"),
    (
        "spawned",
        RESULT,
        f"    if __import__('multiprocessing').parent_process():\n        raise OSError('no disk')\n{RESULT}",
        "in a spawned process it raised OSError: no disk",
    ),
    (
        "reference-without-errors",
        RESULT,
        f"{WITHOUT_ERRORS}__import__('warnings').warn('no ERR')\n{RESULT}",
        "with a dark without errors it warned: no ERR",
    ),
    (
        "reference-without-errors",
        RESULT,
        f"{WITHOUT_ERRORS}raise InputError('no ERR')\n{RESULT}",
        "it raised InputError (no ERR) with a dark without errors",
    ),
    (
        "check-agrees",
        "raise InputError(f",
        "raise InputError('no')\n    if not (exposure.data > 0).any():\n        raise InputError(f",
        "the check raised InputError (the dark is in electron / s",
    ),
    (
        "no-files",
        RESULT,
        f"    __import__('sqlite3').connect(':memory:').close()\n{RESULT}",
        "it opened :memory:",
    ),
)


def tried(module: Any, **attributes: Any) -> type[StageConformance]:
    return type("Tried", (StageConformance,), {"plugin": module, "realisations": 8, **attributes})


@pytest.mark.slow
def test_a_good_plugin_keeps_every_rule(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin(GOOD), params={"factor": 2.0}))
    assert found.failed == set()
    assert found.skipped == {"removes"}


def test_there_is_an_offender_for_every_rule() -> None:
    assert set(StageConformance.rules()) == {*OFFENCES, "removes"}


@pytest.mark.parametrize("rule", OFFENCES)
@pytest.mark.slow
def test_each_offence_is_caught_by_the_rule_meant_for_it(make_plugin: MakePlugin, outcomes: Try, rule: str) -> None:
    before, after, words = OFFENCES[rule]
    assert before in GOOD
    found = outcomes(tried(make_plugin(GOOD.replace(before, after))), *QUICK, rule)
    assert found[rule].startswith(f"Failed: rule '{rule}': dark_current of offender: ")
    assert words in found[rule]
    assert found.failed - {rule} <= ALONG.get(rule, set())


@pytest.mark.parametrize(("rule", "before", "after", "words"), FURTHER)
@pytest.mark.acceptance
def test_other_ways_to_break_a_rule_are_caught(
    make_plugin: MakePlugin, outcomes: Try, rule: str, before: str, after: str, words: str
) -> None:
    assert before in GOOD
    found = outcomes(tried(make_plugin(GOOD.replace(before, after))), rule)
    assert found[rule].startswith(f"Failed: rule '{rule}': dark_current of offender: ")
    assert words in found[rule]


def test_what_a_stage_raises_beside_our_errors_is_shown_as_it_is_with_the_rule(
    make_plugin: MakePlugin, tmp_path: Path
) -> None:
    kind = tried(make_plugin(GOOD.replace(RESULT, f"    [].pop()\n{RESULT}")))
    with pytest.raises(IndexError) as caught:
        kind().test_it_prints_nothing(tmp_path)
    assert "'quiet'" in caught.value.__notes__[0]


class TestReadme:
    """The plugin that the README shows."""

    @pytest.fixture
    def my_flat(self, make_plugin: MakePlugin) -> ModuleType:
        """Return the plugin."""
        blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
        return make_plugin(next(block for block in blocks if block.startswith("# my_flat.py")), "my_flat")

    def test_it_survives_a_flat_without_errors_and_raises_no_warning(self, my_flat: ModuleType, outcomes: Try) -> None:
        assert outcomes(tried(my_flat), "reference-without-errors") == {"reference-without-errors": ""}

    @pytest.mark.slow
    def test_it_breaks_the_rule_that_the_readme_shows_and_no_other(self, my_flat: ModuleType, outcomes: Try) -> None:
        found = outcomes(tried(my_flat))
        assert found.failed == {"wrong-unit"}
        shown = re.search(r"^rule 'wrong-unit': .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
        assert shown is not None
        assert found["wrong-unit"] == f"Failed: {shown.group()}"


BACKGROUND = '''\
"""A background that is subtracted as it should be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iris_core import Exposure, Removal, stage


@stage("background", removes={"dark": Removal.WHOLE})
def subtract(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
    """Subtract the mean of the background exposures."""
    sky = np.mean([one.data for one in background_exposures], axis=0)
    return exposure.replace(data=exposure.data - sky).mask_invalid()
'''
CONSTANT = ("exposure.data - sky", "exposure.data - 3")


class TestRemoves:
    """What a background declares to remove from the pixels is tried with a dark of known shape."""

    def test_a_mean_of_exposures_removes_the_dark(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        assert outcomes(tried(make_plugin(BACKGROUND)), "removes") == {"removes": ""}

    def test_a_constant_leaves_it(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        source = BACKGROUND.replace(*CONSTANT).replace("WHOLE", "NO")
        assert outcomes(tried(make_plugin(source)), "removes") == {"removes": ""}

    @pytest.mark.parametrize(
        ("changes", "remains"),
        [
            pytest.param([CONSTANT], "100% of its mean and 100% of its pattern", id="all of it is left"),
            pytest.param([("WHOLE", "NO")], "0% of its mean and 0% of its pattern", id="none of it is left"),
            pytest.param(
                [("- sky", "- np.median(sky)"), ("WHOLE", "NO")],
                "of its mean and 100% of its pattern",
                id="a number takes the mean of it",
            ),
            pytest.param([("- sky", "- 0.8 * sky")], "20% of its mean and 20% of its pattern", id="a part is left"),
        ],
    )
    def test_a_wrong_declaration_fails_with_what_remains(
        self, make_plugin: MakePlugin, outcomes: Try, changes: Sequence[tuple[str, str]], remains: str
    ) -> None:
        source = BACKGROUND
        for before, after in changes:
            source = source.replace(before, after)
        found = outcomes(tried(make_plugin(source)), "removes")["removes"]
        assert found.startswith("Failed: rule 'removes': background of offender: it declares removes={'dark'")
        assert remains in found

    @pytest.mark.parametrize(("declares", "named"), [("PART", "PART"), (None, "UNKNOWN")])
    def test_what_is_not_certain_is_not_tried(
        self, make_plugin: MakePlugin, outcomes: Try, declares: str | None, named: str
    ) -> None:
        whole = ', removes={"dark": Removal.WHOLE}'
        source = BACKGROUND.replace(whole, whole.replace("WHOLE", declares) if declares else "")
        found = outcomes(tried(make_plugin(source)), "removes")["removes"]
        assert found.startswith("Skipped")
        assert named in found
        assert "0% of its mean and 0% of its pattern" in found


class TestTestClass:
    """What a test class gives, and what it gets wrong."""

    def test_an_exempt_rule_is_skipped_with_its_reason(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        module = make_plugin(GOOD)
        found = outcomes(tried(module, exempt={"subarray": "reads rows"}), "subarray", "quiet")
        assert found == {"subarray": "Skipped: rule 'subarray': exempt: reads rows", "quiet": ""}

    def test_an_unknown_exempt_rule_is_an_error(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        found = outcomes(tried(make_plugin(GOOD), exempt={"subaray": "reads rows"}), "quiet")
        assert "no rule 'subaray'; did you mean 'subarray'? Rules: acts, check-agrees, " in found["quiet"]

    def test_a_stage_that_skips_the_exposure_has_not_been_tested(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        skip = f"    raise __import__('iris_core').StageSkipped('no dark')\n{RESULT}"
        found = outcomes(tried(make_plugin(GOOD.replace(RESULT, skip))), "invalid-pixels", "errors-true", "wrong-unit")
        for rule in ("invalid-pixels", "errors-true"):
            assert "it skipped the exposure (no dark); override truth()" in found[rule]
        assert found["wrong-unit"] == ""  # the check comes first

    def test_a_stage_that_skips_where_it_has_to_refuse_is_told(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        skip = f"{DARK}    if dark.unit != exposure.unit:\n        raise __import__('iris_core').StageSkipped('Jy')\n"
        found = outcomes(tried(make_plugin(GOOD.replace(DARK, skip))), "wrong-unit")["wrong-unit"]
        assert "a dark in Jy made it skip (Jy); InputError is the right error" in found

    def test_a_wrong_exception_is_told(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        found = outcomes(tried(make_plugin(GOOD.replace("raise InputError", "raise OSError"))), "wrong-unit")
        assert "a dark in Jy raised OSError (" in found["wrong-unit"]

    def test_a_stage_that_returns_no_exposure_is_told(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        found = outcomes(tried(make_plugin(GOOD.replace("    return result.add", "    result.add"))), "acts")
        assert "it returned NoneType, not an Exposure" in found["acts"]

    def test_of_several_stages_the_class_has_to_name_one(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        second = GOOD.replace("def subtract", "def divide").replace('@stage("dark_current"', '@stage("flat_field"')
        module = make_plugin(GOOD + second[second.index('@stage("flat_field"') :])
        found = outcomes(tried(module), "quiet")["quiet"]
        assert "implements dark_current, flat_field; name one with 'stage = ...'" in found
        assert outcomes(tried(module, stage="dark_current"), "quiet") == {"quiet": ""}

    def test_a_module_without_a_stage_is_told(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        assert "offender implements no stage" in outcomes(tried(make_plugin('"""Nothing."""')), "quiet")["quiet"]

    def test_a_module_without_a_file_cannot_go_to_another_process(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        module = make_plugin(GOOD)
        module.__file__ = None
        found = outcomes(tried(module), *SLOW)
        assert "offender is no module of a file" in found["spawned"]
        assert found.skipped == {"light-import"}

    def test_a_reference_of_an_unknown_type_has_to_be_made_by_the_class(
        self, make_plugin: MakePlugin, outcomes: Try
    ) -> None:
        module = make_plugin(GOOD.replace('("dark",)', '("glow",)').replace('["dark"]', '["glow"]'))
        found = outcomes(tried(module), "quiet")
        assert "no reference files of type 'glow'; override reference() in the test class" in found["quiet"]

        class Glow(StageConformance):
            plugin = module

            def reference(self, reftype: str) -> ImageTruth | FileTruth:
                """Return the glow."""
                return super().reference("dark")

            def truth(self) -> Exposure:
                """Return a plain exposure."""
                return make_exposure((40, 50), value=100.0)

        assert outcomes(Glow, *QUICK).failed == set()

    def test_an_optional_reference_is_given_where_the_class_names_it(
        self, make_plugin: MakePlugin, outcomes: Try
    ) -> None:
        module = make_plugin(GOOD.replace('references=("dark",)', 'optional=("dark",)'))
        assert "ReferenceNotFound" in outcomes(tried(module), "quiet")["quiet"]
        found = outcomes(tried(module, optional=("dark",)), *QUICK)
        assert found.failed == set()
        assert found.skipped == {"removes", "missing-reference"}


TABLE = '''\
"""A flux calibration from a table."""

from __future__ import annotations

from iris_core import Exposure, References, parse_unit, stage


def leave_in_mjy(exposure: Exposure) -> Exposure:
    """Return the outline in the unit of the result."""
    return exposure.replace(unit=parse_unit("MJy/sr"))


@stage("photom", references=("photom",), check=leave_in_mjy)
def convert(exposure: Exposure, references: References) -> Exposure:
    """Convert with the factor of the table."""
    factor = references["photom"].table()["photmjsr"]
    return exposure.scale(factor.value[0]).replace(unit=exposure.unit * factor.unit)
'''


class TestTables:
    """Reference files that are tables are read for the stage, too."""

    def test_a_stage_with_a_table_keeps_every_rule(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        found = outcomes(tried(make_plugin(TABLE)), *QUICK)
        assert found.failed == set()
        assert {"wrong-unit", "wrong-shape", "reference-without-errors"} <= found.skipped

    def test_a_table_that_is_changed_is_told(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        changing = TABLE.replace("    factor", '    references["photom"].content["photmjsr"] *= 2\n    factor')
        found = outcomes(tried(make_plugin(changing)), "input-untouched")
        assert "it changed content of the photom reference" in found["input-untouched"]

    @pytest.mark.slow
    def test_another_process_reads_it_as_well(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        assert outcomes(tried(make_plugin(TABLE)), "spawned") == {"spawned": ""}


RESAMPLE = '''\
"""A grid of half the rows."""

from __future__ import annotations

from iris_core import Exposure, stage


@stage("resample")
def halve(exposure: Exposure) -> Exposure:
    """Keep every second row."""
    variance = {name: plane[..., ::2, :] for name, plane in exposure.variance.items()}
    return exposure.replace(data=exposure.data[..., ::2, :], dq=exposure.dq[..., ::2, :], variance=variance)
'''


def test_a_stage_that_reshapes_is_not_compared_pixel_by_pixel(make_plugin: MakePlugin, outcomes: Try) -> None:
    found = outcomes(tried(make_plugin(RESAMPLE)), *QUICK)
    assert found.failed == set()
    assert {"variance", "subarray"} <= found.skipped


class TestThirdParties:
    """A stage that another module declares is tried where the class names the module."""

    DECLARES: ClassVar[str] = '''\
"""A stage of our own."""

from iris_core import stage_spec


@stage_spec(status="S_GLOW")
def remove_glow(exposure, params, references, background_exposures, instrument):
    """Remove the glow."""
'''

    def test_the_module_that_declares_it_is_needed(self, make_plugin: MakePlugin, outcomes: Try) -> None:
        specs = make_plugin(self.DECLARES, "specs")
        module = make_plugin(GOOD.replace('@stage("dark_current"', '@stage("remove_glow"'))
        assert "remove_glow" in outcomes(tried(module), "quiet")["quiet"]
        assert outcomes(tried(module, needs=(specs,)), "quiet", "acts", "spawned").failed == set()


def test_every_rule_has_a_sentence() -> None:
    rules: Mapping[str, str] = StageConformance.rules()
    assert len(rules) == len(OFFENCES) + 1
    for name, sentence in rules.items():
        assert sentence.endswith("."), name
        assert len(sentence) > 20, name


def test_the_truth_is_smooth_and_has_a_sky() -> None:
    truth = StageConformance().truth()
    assert truth.wcs is not None
    assert truth.err is not None
    assert np.ptp(truth.err) > 0
    assert truth.data.mean() == pytest.approx(110, rel=0.1)
