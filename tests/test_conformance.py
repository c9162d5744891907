"""The kit is right about plugins: a good one keeps every rule, and each planted offence is caught by its rule.

An offender is the good plugin with one thing changed.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from iris_core import Exposure
from iris_core.testing import FileTruth, ImageTruth, StageConformance, make_exposure

GOOD = '''\
"""A dark that is subtracted as it should be."""

from __future__ import annotations

from iris_core import DQ, Exposure, InputError, Params, References, parameter, stage


class DarkParams(Params):
    """Parameters of the dark."""

    factor: float = parameter(1.0, "Factor on the dark.", ge=0)


def check_unit(exposure: Exposure, references: References) -> None:
    """Refuse a dark in another unit."""
    refuse(exposure, references["dark"].image(exposure, pixels=False))


def refuse(exposure: Exposure, dark: object) -> None:
    """Refuse a dark in another unit."""
    if dark.unit != exposure.unit:
        raise InputError(f"the dark is in {dark.unit}, the exposure {exposure.name} in {exposure.unit}")


@stage("dark_current", params=DarkParams, references=("dark",), check=check_unit)
def subtract(exposure: Exposure, params: DarkParams, references: References) -> Exposure:
    """Subtract the dark."""
    dark = references["dark"].image(exposure)
    refuse(exposure, dark)
    result = exposure.replace(data=exposure.data - params.factor * dark.data, dq=exposure.dq | dark.dq)
    return result.add_variance("dark", (params.factor * dark.err) ** 2).mask_invalid()
'''
SUBTRACTED = "exposure.data - params.factor * dark.data"
RETURN = '    return result.add_variance("dark", (params.factor * dark.err) ** 2).mask_invalid()'

OFFENCES: dict[str, tuple[str, str, str]] = {
    # rule: what stands in the good plugin, what stands in the offender, words of the failure
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
        "    refuse(exposure, dark)\n    result",
        "    print('dark', dark)\n    refuse(exposure, dark)\n    result",
        "it printed 'dark ",
    ),
    "input-untouched": (
        RETURN,
        f"    exposure.header['DARKED'] = True\n{RETURN}",
        "it changed header of x_rate.fits",
    ),
    "acts": (
        "    result = exposure.replace(",
        "    return exposure\n    result = exposure.replace(",
        "it changed nothing of the",
    ),
    "shape-dtype-unit": (
        RETURN,
        f"{RETURN}.replace(unit=exposure.unit**2)",
        "the unit is electron2 / s2, not electron / s",
    ),
    "invalid-pixels": (RETURN, RETURN.removesuffix(".mask_invalid()"), "pixels data is NaN without DO_NOT_USE"),
    "dq-bits": (RETURN, f"{RETURN}.flag(exposure.data > 110, DQ.JUMP_DET)", "it added JUMP_DET, which neither"),
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
        '    dark = references["dark"].image(exposure)\n',
        '    if "dark" not in references:\n        return exposure\n    dark = references["dark"].image(exposure)\n',
        "no dark raised nothing; ReferenceNotFound is the right error",
    ),
    "wrong-shape": (
        '    dark = references["dark"].image(exposure)\n    refuse(exposure, dark)\n',
        "    try:\n"
        '        dark = references["dark"].image(exposure)\n'
        "    except InputError:\n"
        "        return exposure\n"
        "    refuse(exposure, dark)\n",
        "a dark smaller than the exposure raised nothing; InputError is the right error",
    ),
    "wrong-unit": (
        "    refuse(exposure, dark)\n    result",
        "    result",
        "a dark in Jy raised nothing; InputError is the right error",
    ),
    "check-agrees": (
        '    refuse(exposure, references["dark"].image(exposure, pixels=False))',
        '    refuse(exposure, references["dark"].image(exposure, pixels=False))\n'
        "    return exposure.replace(unit=exposure.unit**2)",
        "after the check the outline is in electron2 / s2, but the result is in electron / s",
    ),
    "spawned": (
        SUBTRACTED,
        f"{SUBTRACTED} + 1e-6 * __import__('os').getpid()",
        "in a spawned process the result is another: data",
    ),
}
# What breaks one rule can break another with it: noise that is not the same twice is not that of the full frame.
ALONG: dict[str, set[str]] = {
    "acts": {"errors-true"},
    "repeatable": {"subarray", "integrations"},
    "variance": {"errors-true"},
    "parameters": set(StageConformance.rules()),
    "shape-dtype-unit": {"check-agrees"},
}


@pytest.fixture
def make_plugin(tmp_path: Path) -> Iterator[Callable[..., ModuleType]]:
    made: list[str] = []

    def make(source: str, name: str = "offender") -> ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        made.append(name)
        spec.loader.exec_module(module)
        return module

    yield make
    for name in made:
        sys.modules.pop(name, None)


def outcomes(kind: type[StageConformance], folder: Path, rules: set[str] | None = None) -> dict[str, str]:
    """Return how each rule ended: "" for passed, the words of a failure or of a skip."""
    found: dict[str, str] = {}
    for name in dir(kind):
        method = getattr(kind, name)
        rule = getattr(method, "iris_rule", "")
        if rule and (rules is None or rule in rules):
            (folder / rule).mkdir(parents=True, exist_ok=True)
            try:
                getattr(kind(), name)(folder / rule)
                found[rule] = ""
            except (pytest.fail.Exception, pytest.skip.Exception) as outcome:
                found[rule] = f"{type(outcome).__name__}: {outcome}"
            except Exception as error:
                found[rule] = f"Error: {error}"
    return found


def tried(module: Any, **attributes: Any) -> type[StageConformance]:
    return type("Tried", (StageConformance,), {"plugin": module, **attributes})


def failed(found: dict[str, str]) -> set[str]:
    return {rule for rule, words in found.items() if words.startswith(("Failed", "Error"))}


def test_a_good_plugin_keeps_every_rule(make_plugin: Callable[..., ModuleType], tmp_path: Path) -> None:
    found = outcomes(tried(make_plugin(GOOD), params={"factor": 2.0}), tmp_path)
    assert failed(found) == set()
    skipped = {rule: words for rule, words in found.items() if words}
    assert list(skipped) == ["declared-hooks"]
    assert "offender is not installed as a package" in skipped["declared-hooks"]


def test_there_is_an_offender_for_every_rule() -> None:
    assert set(StageConformance.rules()) == {*OFFENCES, "declared-hooks"}


@pytest.mark.parametrize("rule", OFFENCES)
def test_each_offence_is_caught_by_the_rule_meant_for_it(
    make_plugin: Callable[..., ModuleType], tmp_path: Path, rule: str
) -> None:
    before, after, words = OFFENCES[rule]
    assert GOOD.count(before) >= 1
    # Other processes are slow: for other offenders than theirs these rules are left out.
    rules = {one for one in StageConformance.rules() if one not in {"spawned", "light-import"}} | {rule}
    found = outcomes(tried(make_plugin(GOOD.replace(before, after))), tmp_path, rules)
    assert found[rule].startswith(f"Failed: rule '{rule}': dark_current of offender: ")
    assert words in found[rule]
    assert failed(found) - {rule} <= ALONG.get(rule, set())


def test_a_package_whose_metadata_miss_a_hook_is_told_the_lines(install: Callable[..., None], tmp_path: Path) -> None:
    install("lab-dark", GOOD, hooks="dark_current")
    install("lab-flat", GOOD.replace("dark_current", "flat_field"))
    import installed_lab_dark
    import installed_lab_flat

    good, bad = (
        outcomes(tried(module), tmp_path, {"declared-hooks"})["declared-hooks"]
        for module in (installed_lab_dark, installed_lab_flat)
    )
    assert good == ""
    assert "rule 'declared-hooks'" in bad
    assert bad.endswith('[project.entry-points."iris_core.api1"]\nflat_field = "installed_lab_flat"')


def test_an_exempt_rule_is_skipped_with_its_reason_and_an_unknown_one_is_an_error(
    make_plugin: Callable[..., ModuleType], tmp_path: Path
) -> None:
    module = make_plugin(GOOD)
    found = outcomes(tried(module, exempt={"subarray": "reads rows"}), tmp_path, {"subarray", "quiet"})
    assert found == {"subarray": "Skipped: rule 'subarray': exempt: reads rows", "quiet": ""}
    found = outcomes(tried(module, exempt={"subaray": "reads rows"}), tmp_path, {"quiet"})
    assert "exempt: no rule 'subaray'; did you mean 'subarray'? Rules: acts, check-agrees, " in found["quiet"]


def test_a_stage_that_skips_the_exposure_has_not_been_tested(
    make_plugin: Callable[..., ModuleType], tmp_path: Path
) -> None:
    source = GOOD.replace("import DQ,", "import StageSkipped,").replace(
        "    refuse(exposure, dark)\n    result", "    raise StageSkipped('no dark')\n    result"
    )
    found = outcomes(tried(make_plugin(source)), tmp_path, {"invalid-pixels", "errors-true"})
    for words in found.values():
        assert "it skipped the exposure (no dark); override truth() with one on which it acts" in words


def test_of_several_stages_the_class_has_to_say_which(make_plugin: Callable[..., ModuleType], tmp_path: Path) -> None:
    second = GOOD.replace("def subtract", "def divide").replace('@stage("dark_current"', '@stage("flat_field"')
    module = make_plugin(GOOD + second[second.index('@stage("flat_field"') :])
    assert (
        "implements dark_current, flat_field; say which one with 'stage = ...'"
        in outcomes(tried(module), tmp_path, {"quiet"})["quiet"]
    )
    assert outcomes(tried(module, stage="dark_current"), tmp_path, {"quiet"}) == {"quiet": ""}


def test_a_reference_of_an_unknown_type_has_to_be_made_by_the_class(
    make_plugin: Callable[..., ModuleType], tmp_path: Path
) -> None:
    module = make_plugin(GOOD.replace('("dark",)', '("glow",)').replace('["dark"]', '["glow"]'))
    found = outcomes(tried(module), tmp_path, {"quiet"})
    assert "what a glow reference is, the kit does not know; override reference() in the test class" in found["quiet"]

    class Glow(StageConformance):
        plugin = module

        def reference(self, reftype: str) -> ImageTruth | FileTruth:
            """Return the glow."""
            return super().reference("dark")

        def truth(self) -> Exposure:
            """Return a plain exposure."""
            return make_exposure((40, 50), value=100.0)

    assert failed(outcomes(Glow, tmp_path, set(StageConformance.rules()) - {"spawned", "light-import"})) == set()
