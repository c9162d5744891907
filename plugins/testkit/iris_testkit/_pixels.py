"""The rules of pixels: shape, unit, DQ, variance, windows, integrations."""

from __future__ import annotations

import numpy as np

from iris_core import DQ, Exposure, Image, InputError, References, StageSkipped, Window, choices, parse_unit
from iris_testkit._bench import Bench
from iris_testkit._compare import describe_difference, fingerprint, names_of, part_of, planes_of
from iris_testkit._rules import rule
from iris_testkit._truth import BLEMISHES, blemish, cut_window

__all__ = ["RulesOfPixels"]

_STRIDE = 7
_LARGEST_CHANGE = 0.05


class RulesOfPixels:
    """What a stage does to the planes of an exposure."""

    @rule("input-untouched")
    def test_the_input_is_untouched(self, bench: Bench) -> None:
        """Exposure, background exposures and reference files are after the stage what they were before it."""
        given = bench.references()
        parts = [(one.name, one) for one in (bench.truth, *bench.backgrounds)]
        parts += [(f"the {reftype} reference", one.content) for reftype, one in given.items()]
        before = [fingerprint(part) for _, part in parts]
        bench.run(bench.truth, given)
        for (name, part), marks in zip(parts, before, strict=True):
            changed = [mark for mark, value in fingerprint(part).items() if value != marks.get(mark)]
            if changed:
                bench.fail(f"it changed {choices(changed)} of {name}; change a copy, and return exposure.replace(...)")

    @rule("acts")
    def test_it_does_something(self, bench: Bench) -> None:
        """The stage changes something of the exposure on which it is tried: otherwise no other rule says anything."""
        before, after = bench.truth, bench.run(bench.truth)
        others = all(getattr(before, name) is getattr(after, name) for name in ("wcs", "area", "subarrays", "unit"))
        if others and fingerprint(before) == fingerprint(after):
            bench.fail("it changed nothing of the exposure; override truth() with one on which it acts")

    @rule("shape-dtype-unit")
    def test_shape_and_unit_are_as_the_stage_declares(self, bench: Bench) -> None:
        """Shape and unit are kept, or are what the stage declares; the framework's records are kept."""
        spec, result = bench.step.spec, bench.run(bench.truth)
        if not spec.reshapes and result.data.shape != bench.truth.data.shape:
            bench.fail(f"the shape went from {bench.truth.data.shape} to {result.data.shape}")
        wanted = parse_unit(spec.unit) if spec.unit else bench.truth.unit
        if result.unit != wanted:
            bench.fail(f"the unit is {result.unit}, not {wanted}")
        for kept in ("history", "done", "removed"):
            if getattr(result, kept) != getattr(bench.truth, kept):
                bench.fail(f"it changed '{kept}' of the exposure, which only the framework writes")

    @rule("invalid-pixels")
    def test_nan_and_do_not_use_go_together(self, bench: Bench) -> None:
        """A pixel that is invalid in the exposure or in a reference file is NaN with DO_NOT_USE, or repaired."""
        result = bench.run(_with_bad_pixels(bench.truth), bench.references(blemish))
        unusable = (result.dq & DQ.DO_NOT_USE) != 0
        for name, plane in planes_of(result).items():
            wrong = int(np.count_nonzero(np.isfinite(plane) == unusable)) if name != "dq" else 0
            if wrong:
                bench.fail(
                    f"in {wrong} pixels {name} is NaN without DO_NOT_USE, or finite with it; end the stage with "
                    "exposure.mask_invalid()"
                )

    @rule("dq-bits")
    def test_bits_are_only_added_and_only_declared_ones(self, bench: Bench) -> None:
        """No DQ bit is lost; those added are the stage's, the implementation's, or those of the reference files."""
        own = int(bench.step.spec.dq | bench.step.implementation.declared.dq | DQ.DO_NOT_USE)
        theirs = int(np.bitwise_or.reduce([int(bit) for bit in BLEMISHES])) if bench.images else 0
        _compare_bits(bench, bench.references(), own)
        _compare_bits(bench, bench.references(blemish), own | theirs)

    @rule("reference-flags")
    def test_the_bits_of_reference_images_are_passed_on(self, bench: Bench) -> None:
        """A pixel that a reference image flags has its bits after the stage, too: who reads the product needs them."""
        if not bench.images or bench.step.spec.reshapes:
            bench.skip("it has no reference image, or reshapes")
        given = bench.references(blemish)
        result = bench.run(bench.truth, given)
        for reftype in bench.images:
            lost = given[reftype].image(bench.truth).dq & ~result.dq
            if lost.any():
                bits = names_of(int(np.bitwise_or.reduce(lost, axis=None)))
                bench.fail(
                    f"{np.count_nonzero(lost)} pixels lack {bits} of the {reftype}: dq=exposure.dq | {reftype}.dq"
                )

    @rule("variance")
    def test_variance_follows_the_data(self, bench: Bench) -> None:
        """No component is lost or negative, and what a pixel's data are multiplied by, its variance is, squared."""
        if bench.step.spec.reshapes:
            bench.skip("the stage reshapes: a pixel of the result is not one of the exposure")
        given, where = bench.references(), np.zeros(bench.truth.data.shape, dtype=np.bool_)
        where[..., _STRIDE // 2 :: _STRIDE, _STRIDE // 2 :: _STRIDE] = True
        step = np.float32(0.5)
        result = bench.run(bench.truth, given)
        moved = bench.run(bench.truth.replace(data=bench.truth.data + step * where), given)
        if lost := sorted(bench.truth.variance.keys() - result.variance.keys()):
            bench.fail(f"the component {', '.join(lost)} is gone; scale what is there and add your own")
        negative = [name for name, plane in result.variance.items() if (plane < 0).any()]
        if negative:
            bench.fail(f"the component {', '.join(negative)} is negative")
        factor = (moved.data[where] - result.data[where]) / step
        for name, plane in bench.truth.variance.items():
            _compare_scaling(bench, name, factor, plane[where], result.variance[name][where])

    @rule("errors-unknown")
    def test_unknown_errors_stay_unknown(self, bench: Bench) -> None:
        """Where nothing is known of the errors no component appears (a part would be a lie), or it is refused."""
        try:
            result = bench.call(bench.truth.replace(variance={}))
        except (InputError, StageSkipped):
            return
        if result.variance:
            bench.fail(f"from an exposure without errors came {', '.join(result.variance)}; use add_variance()")

    @rule("subarray")
    def test_a_window_alone_equals_the_window_of_the_full_frame(self, bench: Bench) -> None:
        """A subarray exposure gives bit for bit what the same pixels of the full frame give."""
        if bench.step.spec.reshapes:
            bench.skip("the stage reshapes: its grid depends on the window")
        ny, nx = bench.truth.shape
        window = Window(nx // 4 + 1, ny // 4 + 1, nx // 2, ny // 2)
        given = bench.references(blemish)
        whole = bench.run(bench.truth, given)
        part = bench.run(cut_window(bench.truth, window), given, [cut_window(one, window) for one in bench.backgrounds])
        rows, columns = window.slices_in(Window(1, 1, nx, ny))
        if words := describe_difference(part, part_of(whole, (..., rows, columns))):
            bench.fail(f"the window of {window}: {words}; cut references with references[...].image(exposure)")
        _compare_sky(bench, part, whole, columns.start, rows.start)

    @rule("integrations")
    def test_each_integration_equals_the_two_dimensional_result(self, bench: Bench) -> None:
        """A cube of integrations gives in each of them what the integration alone gives, bit for bit."""
        given = bench.references(blemish)
        planes = [_with_bad_pixels(bench.truth, offset) for offset in range(3)]
        cube = bench.truth.replace(
            data=np.stack([one.data for one in planes]),
            dq=np.stack([one.dq for one in planes]),
            variance={name: np.stack([one.variance[name] for one in planes]) for name in bench.truth.variance},
        )
        result = bench.run(cube, given)
        if result.data.ndim != 3 or len(result.data) != len(planes):
            bench.fail(f"a cube of shape {cube.data.shape} became {result.data.shape}")
        for index, plane in enumerate(planes):
            if words := describe_difference(part_of(result, index), bench.run(plane, given)):
                bench.fail(f"integration {index}: {words}")

    @rule("repeatable")
    def test_the_same_input_gives_the_same_bits(self, bench: Bench) -> None:
        """Run twice, the stage gives the same result, keywords included, bit for bit."""
        given = bench.references()
        first, second = bench.run(bench.truth, given), bench.run(bench.truth, given)
        if words := describe_difference(first, second):
            bench.fail(f"the second run is another: {words}; seed what is random with a parameter")
        if first.sci_header.tostring() != second.sci_header.tostring() or first.notes != second.notes:
            bench.fail("the second run wrote other keywords or notes")


def _compare_bits(bench: Bench, references: References, allowed: int) -> None:
    """Fail where a stage loses bits, or adds others than the allowed ones."""
    exposure = _with_bad_pixels(bench.truth)
    result = bench.run(exposure, references)
    before = exposure.dq
    if bench.step.spec.reshapes:
        before = np.bitwise_or.reduce(exposure.dq, axis=None)
    elif (lost := exposure.dq & ~result.dq).any():
        bench.fail(f"{np.count_nonzero(lost)} pixels lost {names_of(int(np.bitwise_or.reduce(lost, axis=None)))}")
    added = int(np.bitwise_or.reduce(result.dq & ~before, axis=None)) & ~allowed
    if added:
        bench.fail(f"it added {names_of(added)}, which neither the stage nor @stage(dq=...) declares")


def _with_bad_pixels(exposure: Exposure, offset: int = 0) -> Exposure:
    """Return an exposure with pixels that are NaN, saturated, hot, of unknown error."""
    data, dq = np.array(exposure.data), np.array(exposure.dq)
    variance = {name: np.array(plane) for name, plane in exposure.variance.items()}
    data[1, 2 + offset] = np.nan
    dq[3, 4 + offset] |= DQ.DO_NOT_USE | DQ.SATURATED
    dq[5, 6 + offset] |= DQ.HOT
    for plane in variance.values():
        plane[7, 8 + offset] = np.inf
    data = data + np.float32(offset)
    return exposure.replace(data=data, dq=dq, variance=variance).mask_invalid()


def _compare_scaling(bench: Bench, name: str, factor: Image, before: Image, after: Image) -> None:
    wanted = factor**2 * before
    valid = np.isfinite(wanted) & np.isfinite(after)
    wrong = np.abs(after - wanted)[valid] > _LARGEST_CHANGE * np.maximum(np.abs(wanted), 1e-30)[valid]
    if wrong.mean() > 0.02 if wrong.size else False:
        ratio = float(np.median((after / np.where(wanted == 0, np.nan, wanted))[valid]))
        bench.fail(
            f"in {wrong.mean():.0%} of the pixels the component '{name}' is not multiplied by the square of what "
            f"the data are multiplied by (median ratio {ratio:.3g}); exposure.scale() does both"
        )


def _compare_sky(bench: Bench, part: Exposure, whole: Exposure, x: int, y: int) -> None:
    if part.wcs is None or whole.wcs is None:
        return
    corners = np.array([[0, 0], [part.shape[1] - 1, 0], [3, part.shape[0] - 1]], dtype=float).T
    mine = np.array(part.wcs(*corners, with_bounding_box=False))
    theirs = np.array(whole.wcs(corners[0] + x, corners[1] + y, with_bounding_box=False))
    if not np.allclose(mine, theirs, rtol=0, atol=1e-10):
        off = float(np.abs(mine - theirs).max()) * 3.6e6
        bench.fail(f"the sky of the window is off by {off:.3g} mas: shift the WCS by the corner of the window")
