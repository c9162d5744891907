"""The rules of behaviour: true errors, true declarations, right exceptions, other processes."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from iris_core import (
    Exposure,
    Image,
    InputError,
    IrisError,
    Mask,
    PluginError,
    ReferenceNotFound,
    References,
    Removal,
    StageSkipped,
    write_asdf,
)
from iris_testkit._bench import Bench, Change
from iris_testkit._child import carry, run_here, spawn
from iris_testkit._compare import describe_difference
from iris_testkit._rules import rule
from iris_testkit._truth import ImageTruth, pattern

__all__ = ["RulesOfBehaviour"]

_TOLERANCE = 0.02
_REMAINS = 0.05
_WRONG_UNIT = "Jy"


class RulesOfBehaviour:
    """What a stage makes of noise, of wrong reference files, and of another process."""

    realisations = 24

    @rule("errors-true")
    def test_errors_are_true(self, bench: Bench) -> None:
        """Over many realisations of all noise, (result - truth) / err has a standard deviation of 1 within 2 %."""
        truth = bench.run(bench.truth)
        if truth.err is None:
            bench.fail("the result has no errors although the exposure has them")
        generator = np.random.default_rng(20261125)
        pulls = np.concatenate([_pulls(bench, truth.data, generator) for _ in range(self.realisations)])
        if pulls.size < 1000:
            bench.fail(f"only {pulls.size} pixels of {self.realisations} realisations are valid; 1000 are needed")
        mean, spread = float(pulls.mean()), float(np.sqrt(np.mean(pulls**2)))
        allowed = _TOLERANCE + 3 / np.sqrt(2 * pulls.size)
        if not abs(spread - 1) <= allowed:
            says = "too small" if spread > 1 else "too large"
            bench.fail(
                f"(result - truth) / err has a standard deviation of {spread:.3f} over {pulls.size} values: the errors "
                f"are {says} by a factor of {spread:.3f}; is the variance scaled, and that of every reference added?"
            )
        if abs(mean) > 0.05 + 3 / np.sqrt(pulls.size):
            bench.fail(
                f"(result - truth) / err has a mean of {mean:.3f} over {pulls.size} values: the result is biased"
            )

    @rule("reference-without-errors")
    def test_it_survives_a_reference_without_errors(self, bench: Bench) -> None:
        """With a reference image that has no errors the stage raises and warns nothing, and loses no pixel's error."""
        known = [reftype for reftype, image in bench.images.items() if image.err is not None]
        if not known:
            bench.skip("none of its reference images has errors")
        usual = _valid(bench.run(bench.truth))
        for reftype in known:
            what = f"with a {reftype} without errors"
            given = bench.references(lambda image: replace(image, err=None), reftype)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = bench.run(bench.truth, given, what=what)
            if caught:
                bench.fail(f"{what} it warned: {caught[0].message}")
            if lost := np.count_nonzero(usual & ~_valid(result)):
                bench.fail(f"{what} {lost} pixels have no value or no error; in such a file err is 0 everywhere")

    @rule("removes")
    def test_it_removes_what_it_declares(self, bench: Bench) -> None:
        """Of a dark in all exposures nothing remains where ``removes=`` declares WHOLE, and all of it where NO."""
        if not (bench.step.spec.consumes_backgrounds and bench.step.spec.may_remove):
            bench.skip("the stage takes nothing but its own out of the pixels")
        shares = _remaining(bench)
        found = " and ".join(f"{share:.0%} of its {part}" for part, share in shares.items())
        for name in bench.step.spec.may_remove:
            declared = bench.step.removes[name]
            wanted = {Removal.WHOLE: 0.0, Removal.NO: 1.0}.get(declared)
            if wanted is None:
                bench.skip(f"the {name} is declared {declared.name}; {found} remain")
            if any(abs(share - wanted) > _REMAINS for share in shares.values()):
                bench.fail(f"it declares removes={{'{name}': Removal.{declared.name}}}, but {found} remain")

    @rule("missing-reference")
    def test_a_missing_reference_is_not_passed_over(self, bench: Bench) -> None:
        """Without a reference file that it needs the stage raises ReferenceNotFound."""
        needed = bench.step.declared.references
        if not needed:
            bench.skip("it needs no reference file")
        for reftype in needed:
            others = References({name: one for name, one in bench.references().items() if name != reftype})
            bench.expect(ReferenceNotFound, partial(bench.call, bench.truth, others), f"no {reftype}")

    @rule("wrong-shape")
    def test_a_reference_of_another_shape_is_refused(self, bench: Bench) -> None:
        """A reference image that does not cover the exposure raises InputError, in the stage's check too."""
        self._refuse(bench, _halve, "smaller than the exposure")

    @rule("wrong-unit")
    def test_a_reference_of_another_unit_is_refused(self, bench: Bench) -> None:
        """A reference image in a unit that makes no sense raises InputError, in the stage's check too."""
        self._refuse(bench, lambda image: replace(image, unit=_WRONG_UNIT), f"in {_WRONG_UNIT}")

    def _refuse(self, bench: Bench, change: Change, what: str) -> None:
        if not bench.images:
            bench.skip("it has no reference image")
        has_check = bench.step.declared.check is not None
        for reftype in bench.images:
            given = bench.references(change, reftype)
            bench.expect(InputError, partial(bench.call, bench.truth, given), f"a {reftype} {what}")
            if has_check and reftype in bench.step.declared.references:
                bench.expect(
                    InputError,
                    partial(bench.check, bench.truth, given, bench.backgrounds),
                    f"in the check, a {reftype} {what}",
                )

    @rule("check-agrees")
    def test_the_check_agrees_with_the_stage(self, bench: Bench) -> None:
        """The check passes what the stage calibrates, and leaves the outline in the unit of the stage's result."""
        given = bench.references()
        result = bench.run(bench.truth, given)
        try:
            outline = bench.check(bench.truth, given, bench.backgrounds)
        except (IrisError, StageSkipped) as error:
            bench.fail(f"the check raised {type(error).__name__} ({error}) where the stage calibrated")
        if outline.unit != result.unit:
            bench.fail(
                f"after the check the outline is in {outline.unit}, but the result is in {result.unit}; "
                f"return exposure.replace(unit=...) from the check, or the checks of later stages are misled"
            )
        if outline.data.shape != bench.truth.data.shape and not bench.step.spec.reshapes:
            bench.fail(f"after the check the outline has shape {outline.data.shape}")

    @rule("spawned")
    def test_it_runs_in_a_spawned_process(self, bench: Bench) -> None:
        """In a process that has nothing yet the stage gives the same bits."""
        try:
            carried = [carry(one) for one in (bench.tried.plugin, *bench.tried.needs)]
        except PluginError as error:
            bench.fail(str(error))
        given = bench.references()
        exposures = (bench.truth, *bench.backgrounds)
        paths = [write_asdf(one, bench.folder / f"spawned_{index}.asdf") for index, one in enumerate(exposures)]
        files = {reftype: one.path for reftype, one in given.items()}
        try:
            result = spawn(run_here, carried, bench.tried.stage, bench.tried.params, paths, files, bench.mode)
        except Exception as error:
            bench.fail(f"in a spawned process it raised {type(error).__name__}: {error}")
        if words := describe_difference(result, bench.run(bench.truth, given)):
            bench.fail(f"in a spawned process the result is another: {words}; does it keep state between calls?")


def _halve(image: ImageTruth) -> ImageTruth:
    rows, columns = np.shape(image.data)

    def half(plane: ArrayLike | None) -> ArrayLike | None:
        return None if plane is None else np.asarray(plane)[: rows // 2, : columns // 2]

    return replace(image, data=np.asarray(half(image.data)), err=half(image.err), dq=half(image.dq))


def _valid(exposure: Exposure) -> Mask:
    """Return which pixels have a value and an error."""
    err = exposure.err
    return np.isfinite(exposure.data) & (False if err is None else np.isfinite(err))


def _remaining(bench: Bench) -> dict[str, float]:
    """Return how much of a dark, in the exposure and in its background exposures, remains: of its mean and pattern."""
    level = float(np.nanmedian(np.abs(bench.truth.data))) or 1.0
    dark = np.float32(0.1 * level) * (1 + pattern(bench.truth.shape, 9))
    exposure, *backgrounds = (one.replace(data=one.data + dark) for one in (bench.truth, *bench.backgrounds))
    left = bench.run(exposure, backgrounds=backgrounds).data - bench.run(bench.truth).data
    valid = np.isfinite(left)
    left, dark = left[valid], np.broadcast_to(dark, valid.shape)[valid]
    shape = dark - dark.mean()
    return {"mean": float(left.mean() / dark.mean()), "pattern": float((left * shape).sum() / (shape**2).sum())}


def _pulls(bench: Bench, truth: Image, generator: np.random.Generator) -> Image:
    """Return (result - truth) / err of one realisation of the noise of everything, for the pixels that are valid."""
    given = bench.references(lambda image: image.realise(generator))
    backgrounds = [_with_noise(one, generator) for one in bench.backgrounds]
    result = bench.run(_with_noise(bench.truth, generator), given, backgrounds)
    err = result.err
    if err is None or result.data.shape != truth.shape:
        bench.fail(f"with noise the result has errors {err is not None} and shape {result.data.shape}")
    valid = np.isfinite(result.data) & np.isfinite(truth) & (err > 0)
    pulls: Image = (result.data[valid] - truth[valid]) / err[valid]
    return pulls


def _with_noise(exposure: Exposure, generator: np.random.Generator) -> Exposure:
    err = exposure.err
    if err is None:
        return exposure
    noise = generator.standard_normal(err.shape, dtype=np.float32)
    return exposure.replace(data=exposure.data + noise * err)
