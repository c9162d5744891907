"""What dither_sky takes, refuses, records and leaves alone."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import iris_sky
import numpy as np
import pytest
from iris_background import BackgroundParams
from iris_sky import SkyParams, check_dither, subtract_dither_sky
from iris_testkit import make_exposure

from iris_core import DQ, Exposure, Exposures, InputError, References, Removal, load_plugins

SIGMA = 10.0


def subtract(exposures: Exposures, **params: Any) -> list[Exposure]:
    return list(subtract_dither_sky(exposures, SkyParams(**params), References()))


@pytest.fixture(scope="module")
def made(dither: Any) -> Any:
    return dither(4, size=96, step=30.0, stars=3, brightest=50.0)


def with_dark_removed(made: Any) -> Exposures:
    return Exposures.of([one.replace(removed={"dark": Removal.WHOLE}) for one in made.exposures])


def test_the_stage_is_one_of_many_exposures_and_removes_the_background() -> None:
    spec = load_plugins(["iris-sky"]).stages()["dither_sky"]
    assert (spec.status, spec.group, spec.makes, spec.removes) == ("S_DITSKY", True, "many", "background")
    declared = iris_sky.subtract_dither_sky.iris_stage  # type: ignore[attr-defined]
    assert declared.removes(SkyParams()) == {"dark": Removal.PART}
    assert declared.removes(SkyParams(match="offset")) == {"dark": Removal.WHOLE}


def test_its_keyword_records_no_other_stage() -> None:
    stages = load_plugins(["iris-sky", "iris-background"]).stages()
    assert not [one.name for one in stages.values() if one.records_as(stages["dither_sky"])]


def test_the_header_has_the_keywords_of_background_and_the_record_the_numbers(made: Any) -> None:
    exposure = subtract(with_dark_removed(made))[2]
    cards = exposure.sci_header
    assert cards["BKGMETH"] == "dither"
    assert cards["BKGNEXP"] == 3
    assert cards["BKGSKY"] == pytest.approx(1000 * (1 - 0.05 * 2 / 3), rel=0.03)
    assert abs(cards["BKGRESID"]) < 3 * cards["BKGRERR"] + 0.2 * SIGMA
    assert 0 < cards["MASKFRAC"] < 0.5
    notes = " ".join(exposure.notes)
    assert "sky of 3 exposures within 3.0 min: x0_rate.fits, x1_rate.fits, x3_rate.fits" in notes
    assert "passes: 2" in notes
    assert "% of the pixels masked" in notes


def test_the_variance_of_the_sky_is_that_of_the_mean_of_the_values_used(made: Any) -> None:
    """sigma^2 f^2/m, f the factor to the level of the exposure."""
    exposures = subtract(with_dark_removed(made))
    own = [made.exposures[k].data for k in range(4)]
    for k, exposure in enumerate(exposures):
        factors = [np.median(own[k]) / np.median(own[j]) for j in range(4) if j != k]
        background = exposure.variance["background"]
        typical = np.nanmedian(background)
        assert typical == pytest.approx(SIGMA**2 * np.mean(np.square(factors)) / 3, rel=0.02)
        ratios = SIGMA**2 / background[np.isfinite(background)]
        assert np.abs(ratios - np.rint(ratios)).max() < 0.35
        for name in ("poisson", "rnoise"):
            good = np.isfinite(exposure.data)
            np.testing.assert_array_equal(exposure.variance[name][good], made.exposures[k].variance[name][good])


def test_inputs_are_unchanged_and_the_same_bits_come_twice(made: Any) -> None:
    before = [one.data.copy() for one in made.exposures]
    first, second = subtract(with_dark_removed(made)), subtract(with_dark_removed(made))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.data, other.data)
    for one, copy in zip(made.exposures, before, strict=True):
        np.testing.assert_array_equal(one.data, copy)


def test_an_additive_drift_is_taken_out_by_an_offset(dither: Any) -> None:
    """Thermal light on a sky with a pattern of 20 %: a factor leaves a part of the pattern."""
    made = dither(4, size=96, step=30.0, stars=2, brightest=50.0, drift=0.2, additive=True, pattern=0.2)
    scatter = {}
    for match in ("offset", "factor"):
        exposure = subtract(with_dark_removed(made), match=match)[0]
        scatter[match] = np.nanstd((exposure.data - made.stars[0])[made.stars[0] < 0.05 * SIGMA]) / SIGMA
    assert scatter["offset"] == pytest.approx(np.sqrt(4 / 3), rel=0.05)
    assert scatter["factor"] > 1.2 * scatter["offset"]


def test_background_exposures_stay_as_they_are_and_order_and_roles_are_kept(made: Any) -> None:
    sky = make_exposure((96, 96), value=3.0)
    group = Exposures.of([made.exposures[0], sky, *made.exposures[1:]], ["science", "background", *["science"] * 3])
    result = subtract_dither_sky(group, SkyParams(), References())
    alone = subtract(made.group)
    assert result.roles == group.roles
    assert result[1] is group[1]
    for one, other in zip((result[0], result[2]), alone, strict=False):
        np.testing.assert_array_equal(one.data, other.data)


def test_a_bad_pixel_of_another_exposure_is_ignored_and_lost_where_it_is_bad_in_all(made: Any) -> None:
    bad = np.zeros((96, 96), dtype=bool)
    bad[50, 60] = True
    flagged = [one.flag(bad, DQ.HOT | DQ.DO_NOT_USE) if k else one for k, one in enumerate(made.exposures)]
    first, second, *_ = subtract(Exposures.of(flagged))
    assert first.dq[50, 60] == DQ.HOT | DQ.DO_NOT_USE
    assert np.isnan(first.data[50, 60])
    assert second.dq[50, 60] == DQ.HOT | DQ.DO_NOT_USE
    only_second = [one.flag(bad, DQ.HOT | DQ.DO_NOT_USE) if k == 1 else one for k, one in enumerate(made.exposures)]
    first, *_ = subtract(Exposures.of(only_second))
    assert first.dq[50, 60] == 0
    assert SIGMA**2 / first.variance["background"][50, 60] == pytest.approx(2, abs=0.2)


def test_errors_of_one_flat_and_one_dark_are_those_of_the_difference(made: Any) -> None:
    """1 % of a flat under a sky of 1000 is an error of 0.1 where 10 are left, not of 10; that of the dark cancels."""
    members = [
        one.add_variance("flat", (0.01 * one.data) ** 2).add_variance("dark", np.full(one.shape, 4.0))
        for one in made.exposures
    ]
    for exposure in subtract(Exposures.of(members)):
        np.testing.assert_allclose(
            np.sqrt(exposure.variance["flat"]), 0.01 * np.abs(exposure.data), rtol=0.05, atol=0.1
        )
        assert np.nanmedian(exposure.variance["dark"]) < 0.01
        assert np.nanmedian(exposure.variance["background"]) == pytest.approx(SIGMA**2 / 3, rel=0.1)


def test_unknown_errors_stay_unknown(made: Any) -> None:
    exposures = subtract(Exposures.of([one.replace(variance={}) for one in made.exposures]))
    assert not exposures[0].variance
    assert np.nanstd(exposures[0].data[made.stars[0] < 0.5]) == pytest.approx(SIGMA * np.sqrt(4 / 3), rel=0.05)


def test_turned_exposures_are_put_together_too(made: Any) -> None:
    def half_turned(one: Exposure) -> Exposure:
        header = one.sci_header.copy()
        for card in ("CD1_1", "CD1_2", "CD2_1", "CD2_2"):
            header[card] = -header[card]
        for axis in (1, 2):
            header[f"CRPIX{axis}"] = 97 - header[f"CRPIX{axis}"]
        return one.replace(
            data=one.data[::-1, ::-1], variance={k: v[::-1, ::-1] for k, v in one.variance.items()}, sci_header=header
        )

    plain = subtract(made.group)
    turned = subtract(Exposures.of([half_turned(one) for one in made.exposures]))
    # A mask may lie on the next pixel, where the middle of an image is rounded the other way.
    alike = np.isclose(turned[1].data[::-1, ::-1], plain[1].data, rtol=1e-3, atol=0.5, equal_nan=True)
    assert alike.mean() > 0.98


def test_one_exposure_is_refused_by_name(made: Any) -> None:
    with pytest.raises(InputError, match=r"has 1 of IMG1 \(x0_rate\.fits\).*from_science"):
        check_dither(made.group[:1], SkyParams(), References())
    group = Exposures.of(made.exposures[:2], ["science", "background"])
    with pytest.raises(InputError, match=r"has 1 of IMG1 \(x0_rate\.fits\)"):
        check_dither(group, SkyParams(), References())
    assert BackgroundParams(method="from_science").method == "from_science"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda one: one.replace(meta=replace(one.meta, filter="J")), "differ in filter"),
        (lambda one: one.replace(meta=replace(one.meta, detector="IMG2")), r"has 1 of IMG2 \(x1_rate\.fits\)"),
        (lambda one: one.replace(removed={"dark": Removal.WHOLE}), "differ in removed"),
        (lambda one: one.replace(variance={}), "different variance components"),
        (lambda one: one.replace(sci_header=type(one.sci_header)()), r"x1_rate\.fits has no WCS"),
    ],
)
def test_unlike_exposures_are_refused_before_any_pixel_is_read(made: Any, change: Any, wanted: str) -> None:
    first, second, *others = made.exposures
    with pytest.raises(InputError, match=wanted):
        check_dither(Exposures.of([first, change(second), *others]), SkyParams(), References())


def test_exposures_of_one_place_are_refused(made: Any) -> None:
    with pytest.raises(InputError, match="not dithered"):
        check_dither(Exposures.of([made.exposures[0]] * 3), SkyParams(), References())


def test_integrations_are_refused_with_the_stage_that_averages_them() -> None:
    cube = make_exposure((16, 16), nint=3)
    with pytest.raises(InputError, match="average_integrations"):
        check_dither(Exposures.of([cube, cube]), SkyParams(), References())


@pytest.mark.parametrize(("number", "wanted"), [(2, "2 exposures: "), (3, "3 exposures: "), (4, "")])
def test_few_exposures_are_warned_of_with_what_is_assumed(
    dither: Any, caplog: pytest.LogCaptureFixture, number: int, wanted: str
) -> None:
    made = dither(number, size=64, step=40.0, stars=1, brightest=20.0)
    notes = subtract(with_dark_removed(made))[0].notes
    assert any(wanted in record.getMessage() for record in caplog.records) == bool(caplog.records) == bool(wanted)
    assert not wanted or any(note.startswith(wanted) for note in notes)


def test_a_dark_that_is_still_in_the_exposures_is_warned_of(made: Any, caplog: pytest.LogCaptureFixture) -> None:
    subtract(made.group)
    assert [one for one in caplog.records if "dark_current first" in one.getMessage()]
    caplog.clear()
    subtract(made.group, match="offset")
    assert not [one for one in caplog.records if "dark_current first" in one.getMessage()]


def test_a_dither_smaller_than_the_halo_is_warned_of_in_numbers(dither: Any, caplog: pytest.LogCaptureFixture) -> None:
    made = dither(4, size=160, step=20.0, halo=20.0, places=[(80.0, 80.0)])
    subtract(with_dark_removed(made))
    (halo,) = (one.getMessage() for one in caplog.records if "halo kept" in one.getMessage())
    assert "is smaller than twice that radius" in halo
    assert [one for one in caplog.records if "of the pixels have no sky" in one.getMessage()]


def test_what_a_worker_is_given_travels(made: Any) -> None:
    """Everything that goes to another process can be pickled, and the result comes back the same."""
    from iris_sky._dither import _find_masks, _others, plan_dither
    from iris_sky._level import measure_levels, take_sample
    from iris_sky._second import subtract_sky

    group, params = made.group, SkyParams()
    plan, sample = plan_dither(group, params, References()), take_sample(group)
    levels = measure_levels(sample, "factor", ["a", "b", "c", "d"])
    masks, _ = _find_masks(group, plan, params, sample, levels)
    others = _others(group, plan, levels)[0]
    arguments: dict[str, Any] = {"others": others, "placement": plan.grid.placements[0], "masks": masks}
    here = subtract_sky(made.exposures[0], **arguments, sigma=4.0, match="factor", remarks=())
    there = pickle.loads(pickle.dumps((subtract_sky, made.exposures[0], arguments)))
    result = there[0](there[1], **there[2], sigma=4.0, match="factor", remarks=())
    np.testing.assert_array_equal(result.data, here.data)
