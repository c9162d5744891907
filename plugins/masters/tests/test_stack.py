"""Stacks whose pixels are in files: rows at a time, samples, levels, and what is said before a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import iris_masters
import numpy as np
import pytest
from iris_masters._planes import Components, components_of
from iris_masters._sample import Sample, sample_of, take_sample
from iris_masters._stack import open_stack
from iris_testkit import iris_mode, make_exposure

from iris_core import DQ, Exposure, Exposures, InputError, Removal

Frames = Callable[..., list[Exposure]]


@dataclass
class InFile:
    """An exposure that is read when it is asked for, and counts what is asked of it."""

    exposure: Exposure
    read_rows: list[tuple[str, int]] = field(default_factory=list)
    read_whole: int = 0

    @property
    def outline(self) -> Exposure:
        return Exposures.of([self.exposure]).outlines[0]

    def read(self) -> Exposure:
        self.read_whole += 1
        return self.exposure

    def rows(self, plane: str, where: slice) -> Any:
        self.read_rows.append((plane, where.stop - where.start))
        name = plane.removeprefix("variance:")
        source = getattr(self.exposure, plane) if plane in ("data", "dq") else self.exposure.variance[name]
        return source[..., where, :]

    def with_outline(self, outline: Exposure) -> InFile:
        raise NotImplementedError(outline)


def combined(members: list[InFile], **params: Any) -> Exposure:
    given = Exposures(members, ["dark"] * len(members))
    return iris_masters.combine_exposures(given, iris_masters.CombineParams(**params))


def test_each_exposure_is_read_once_as_a_whole_and_once_by_rows(frames: Frames) -> None:
    members = [InFile(one) for one in frames([np.full((64, 8), value) for value in (1.0, 1.5, 2.0)])]
    made = combined(members, leak=9)
    assert np.all(made.data == 1.5)
    assert [one.read_whole for one in members] == [1, 1, 1]
    for one in members:
        planes = {name: sum(rows for plane, rows in one.read_rows if plane == name) for name, _ in one.read_rows}
        assert planes == {"data": 64, "dq": 64, "variance:poisson": 64, "variance:rnoise": 64}


def test_cubes_and_images_are_one_stack(frames: Frames) -> None:
    """A cube of three and two images: five frames."""
    cube = make_exposure((4, 5), value=np.full((3, 4, 5), 2.0), nint=3, poisson=0.5, rnoise=0.5)
    made = combined([InFile(cube), *(InFile(one) for one in frames([1.0, 3.0]))])
    assert np.all(made.data == 2)
    np.testing.assert_allclose(made.err, 5**-0.5, rtol=1e-6)
    assert made.header["NEXP"] == 3


@pytest.mark.parametrize(("skip", "images"), [(0, (0, 1, 2, 3, 4, 5, 6)), (1, (1, 2, 4, 6)), (2, (2,)), (3, None)])
def test_what_is_skipped(frames: Frames, skip: int, images: tuple[int, ...] | None) -> None:
    """The first of each cube, and the first of the images: cubes of 3 and 2, two images."""
    cubes = [make_exposure((4, 5), nint=number, path=Path(f"c{number}.fits")) for number in (3, 2)]
    given = Exposures.of([*cubes, *frames([1.0, 1.0])])
    if images is None:
        with pytest.raises(InputError, match=r"skip_first: 3 leaves none of the 7 images"):
            open_stack(given, skip)
    else:
        stack = open_stack(given, skip)
        assert stack.images == images
        assert stack.name(2) == "c3.fits[3]"
        assert stack.name(6) == "x1_rate.fits"


def test_components_are_new_or_shared() -> None:
    exposure = make_exposure((2, 2)).add_variance("dark", 1.0).add_variance("own", 1.0)
    assert components_of(Exposures.of([exposure])) == Components(("poisson", "rnoise", "own"), ("dark",))
    marked = exposure.replace(common=frozenset({"own"}))
    assert components_of(Exposures.of([exposure, marked])) == Components(("poisson", "rnoise"), ("dark", "own"))


def test_a_sample_meets_all_channels() -> None:
    """An odd step: every column of 4 channels is met."""
    columns = np.broadcast_to(np.arange(64) % 4, (64, 64))
    values, variances = sample_of(make_exposure((64, 64), value=columns), ("poisson", "rnoise"), 500)
    assert values.shape == (1, 22 * 22)
    assert set(values.ravel().tolist()) == {0, 1, 2, 3}
    assert variances is not None
    assert np.all(variances == 1.5)


def test_a_sample_leaves_out_what_is_not_valid() -> None:
    exposure = make_exposure((4, 4), value=1)
    exposure = exposure.flag(np.eye(4, dtype=bool), DQ.DO_NOT_USE)
    values, variances = sample_of(exposure, ("poisson",), 100)
    assert np.count_nonzero(np.isnan(values)) == 4
    assert sample_of(exposure, (), 100)[1] is None
    assert variances is not None


def sample(values: Any, variance: float | None) -> Sample:
    data = np.asarray(values, dtype=np.float32)
    variances = None if variance is None else np.full_like(data, variance)
    return Sample(data, variances, tuple(range(len(data))))


def test_the_scatter_between_images() -> None:
    """Twice what is foretold; a pattern and different levels are no scatter."""
    rng = np.random.default_rng(1)
    pattern = rng.normal(100, 30, 50_000)
    values = [pattern + level + rng.normal(0, 2, pattern.size) for level in (0, 5, -3, 10)]
    ones = np.ones(4)
    assert sample(values, 1.0).scatter(ones) == pytest.approx(2, rel=0.02)
    assert sample(values, None).scatter(ones) == pytest.approx(2, rel=0.02)
    assert sample(values[:1], 1.0).scatter(ones[:1]) == 1
    assert sample(values[:1], None).scatter(ones[:1]) == 0
    levels = np.array([1.0, 2.0, 4.0])
    scaled = [level * (pattern + rng.normal(0, 2, pattern.size)) for level in levels]
    assert sample(scaled, None).scatter(levels) == pytest.approx(2, rel=0.02)


def test_the_error_of_the_level_of_a_sample() -> None:
    rng = np.random.default_rng(2)
    errors = [sample(rng.normal(5, 3, (1, 400)), 9.0) for _ in range(400)]
    scatter = np.std([one.levels()[0] for one in errors])
    assert errors[0].level_errors()[0] == pytest.approx(scatter, rel=0.1)


def test_variances_relative_to_the_first() -> None:
    data = np.ones((3, 10), dtype=np.float32)
    variances = np.repeat([[1.0], [4.0], [9.0]], 10, axis=1).astype(np.float32)
    known = Sample(data, variances, (0, 1, 2))
    assert known.relative_variances(np.ones(3)).tolist() == [1, 4, 9]
    assert known.relative_variances(np.array([1.0, 2.0, 3.0])).tolist() == [1, 1, 1]
    assert Sample(data, 0 * variances, (0, 1, 2)).relative_variances(np.ones(3)).tolist() == [1, 1, 1]
    assert known.take([2, 0]).members == (2, 0)


def test_a_sample_of_many_is_bounded(monkeypatch: pytest.MonkeyPatch, frames: Frames) -> None:
    monkeypatch.setattr("iris_masters._sample._ALL", 300)
    found = take_sample(Exposures.of(frames([np.ones((30, 30))] * 3)), Components(("poisson",)))
    assert found.values.size <= 300 * 1.3


@pytest.mark.parametrize("role", ["dark", "science"])
def test_the_check_of_frames_needs_no_pixels(frames: Frames, role: str) -> None:
    outlines = Exposures.of(frames([1, 2], unit="DN/s"), [role] * 2).outlines
    iris_masters.check_frames(Exposures.of(outlines, [role] * 2), iris_masters.CombineParams())
    with pytest.raises(InputError, match=r"unit"):
        iris_masters.check_frames(Exposures.of([outlines[0], *frames([1])], [role] * 2), iris_masters.CombineParams())


def test_the_checks_of_flats_and_masks_need_no_pixels(frames: Frames) -> None:
    given = [one.replace(removed={"dark": Removal.WHOLE}) for one in frames([1, 2, 3])]
    outlines, mode = Exposures.of(given).outlines, iris_mode()
    flats = Exposures.of(outlines, ["flat", "flat", "flat_off"])
    iris_masters.check_flats(flats, iris_masters.FlatParams(), mode)
    iris_masters.check_flats(flats.with_role("flat"), iris_masters.FlatParams(method="scaled"), mode)
    iris_masters.check_members(Exposures.of(outlines, ["dark", "flat", "flat"]), iris_masters.MaskParams())


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (iris_masters.CombineParams, {"sigma": 0}),
        (iris_masters.CombineParams, {"method": "mode"}),
        (iris_masters.CombineParams, {"skip_first": -1}),
        (iris_masters.CombineParams, {"max_low": -1}),
        (iris_masters.FlatParams, {"allow": 0}),
        (iris_masters.FlatParams, {"saturation": 1.2}),
        (iris_masters.FlatFlagParams, {"high": 0.9}),
        (iris_masters.MaskParams, {"hot": -1}),
        (iris_masters.DarkFlagParams, {"warm": 0}),
        (iris_masters.NormalizeParams, {"method": "biweight"}),
        (iris_masters.ReferenceParams, {"useafter": "noon"}),
        (iris_masters.ReferenceParams, {"unknown": 1}),
    ],
)
def test_parameters_out_of_their_limits(model: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        model(**wrong)


def test_infinite_values_are_not_valid(frames: Frames) -> None:
    values = np.full((3, 4, 4), 2.0)
    values[1, 0, 0], values[2, 1, 1] = np.inf, -np.inf
    made = combined([InFile(one) for one in frames(list(values))])
    assert np.all(made.data == 2)
    made = combined([InFile(one) for one in frames(list(values))], method="median")
    assert np.all(made.data == 2)


def test_errors_that_are_not_finite_are_not_valid(frames: Frames) -> None:
    given = frames([1.0, 1.0, 4.0])
    variance = np.array(given[2].variance["poisson"])
    variance[0, 0] = np.nan
    given[2] = given[2].replace(variance={**given[2].variance, "poisson": variance})
    made = combined([InFile(one) for one in given], leak=9)
    assert made.data[0, 0] == 1
    assert made.data[0, 1] == 2
    assert np.isfinite(made.err if made.err is not None else np.nan).all()
