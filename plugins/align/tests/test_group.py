"""From exposures to star lists and back: tolerances, names in words, offsets, and the WCS that is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from astropy.wcs import WCS as FitsWcs  # noqa: N811 - there are two classes of this name
from gwcs import WCS
from gwcs.coordinate_frames import Frame2D
from hypothesis import given
from hypothesis import strategies as st
from iris_align import AlignParams
from iris_align._affine import Affine, small
from iris_align._frames import pointing_of
from iris_align._match import Search, match_lists, mutual_nearest
from iris_testkit import make_exposure

from iris_core import Exposure, InputError, StageSkipped

PLACES = st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=12, unique=True)


def blank(sky: Any, number: int = 2, size: int = 40, **known: Any) -> list[Exposure]:
    """Return exposures of an empty field, 0.1 arcsec apart."""
    made = [make_exposure((size, size), header={"EXPNUM": index}, **known) for index in range(number)]
    places = [(150.1 + 0.1 * index / 3600, 2.2) for index in range(number)]
    return [sky.point(one, sky.wcs((size, size), at)) for one, at in zip(made, places, strict=True)]


def by_hand(exposures: list[Exposure], unit: Any, dx: Any, dy: Any) -> dict[str, Table]:
    names = [f"e{index}" for index in range(len(exposures))]
    return {"offsets": Table({"file": names, "dx": dx * unit, "dy": dy * unit})}


def named(exposures: list[Exposure]) -> list[Exposure]:
    return [replace_path(one, f"e{index}_rate.fits") for index, one in enumerate(exposures)]


def replace_path(one: Exposure, name: str) -> Exposure:
    return one.replace(meta=replace(one.meta, path=one.meta.path.with_name(name)))


def test_pixels_of_a_turned_detector_are_along_its_axes(sky: Any, align: Any) -> None:
    """A WCS turned by 90 deg: one pixel along x moves the stars to the north or south, by one pixel."""
    exposures = named(blank(sky))
    exposures[1] = sky.point(exposures[1], sky.wcs((40, 40), (150.1, 2.2), (0, 0, 90.0)))
    before = [one.wcs(10.0, 20.0) for one in exposures]
    after = align(exposures, by_hand(exposures, u.pix, [1.0, 1.0], [0.0, 0.0]))
    for one, place in zip(after, before, strict=True):
        assert np.array(one.wcs.invert(*place)) == pytest.approx([9.0, 20.0], abs=1e-4)


@pytest.mark.parametrize(("unit", "factor"), [(u.arcsec, 1.0), (u.mas, 1000.0)])
def test_angles_are_to_the_east_and_north_however_it_is_turned(sky: Any, align: Any, unit: Any, factor: float) -> None:
    exposures = named(blank(sky))
    exposures[1] = sky.point(exposures[1], sky.wcs((40, 40), (150.1, 2.2), (0, 0, 30.0)))
    shift = np.array([0.02, -0.03])
    after = align(exposures, by_hand(exposures, unit, [factor * shift[0]] * 2, [factor * shift[1]] * 2))
    for one, other in zip(after, exposures, strict=True):
        (ra, dec), (old_ra, old_dec) = one.wcs(20.0, 20.0), other.wcs(20.0, 20.0)
        moved = np.array([(ra - old_ra) * np.cos(np.radians(dec)), dec - old_dec]) * 3600
        assert moved == pytest.approx(shift, abs=1e-6)


def test_the_fits_keywords_are_those_of_the_new_wcs(sky: Any, align: Any) -> None:
    exposures = named(blank(sky))
    for one in align(exposures, by_hand(exposures, u.pix, [3.0, -2.0], [0.5, 0.0])):
        x, y = np.array([0.0, 39.0, 12.0]), np.array([0.0, 5.0, 39.0])
        ra, dec = FitsWcs(one.fits_wcs).all_pix2world(x, y, 0)
        own = one.wcs(x, y)
        assert np.abs(np.array([ra, dec]) - own).max() < 0.01 * 0.004 / 3600
        assert one.fits_wcs["WCSERR"] < 0.01


@pytest.mark.parametrize("params", [{"search": 0.0}, {"tolerance": 4.0}, {"min_matches": 0}, {"fit": "affine"}])
def test_parameters_that_make_no_sense_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        AlignParams(**params)


def test_that_none_can_be_aligned_is_a_warning(sky: Any, align: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StageSkipped):
        align(named(blank(sky)))
    (record,) = caplog.records
    assert "no exposure can be aligned" in record.getMessage()


def test_the_reasons_of_many_are_cut_short(sky: Any, align: Any) -> None:
    with pytest.raises(StageSkipped) as skipped:
        align(named(blank(sky, 11)))
    assert str(skipped.value).count("0 stars found") == 8
    assert "and 3 others" in str(skipped.value)


def test_an_exposure_whose_wcs_does_not_lead_to_the_sky_is_refused(sky: Any, align: Any) -> None:
    first, second = named(blank(sky))
    step = second.wcs.pipeline[0]
    flat = WCS([(step.frame, step.transform.copy()), (Frame2D(name="slit", unit=(u.pix, u.pix)), None)])
    with pytest.raises(InputError, match=r"e1_rate.*no celestial WCS"):
        align([first, second.replace(wcs=flat)])


def test_pixels_without_a_position_are_refused(sky: Any) -> None:
    from astropy.modeling import models

    (one,) = blank(sky, 1)
    step, sky_step = one.wcs.pipeline
    scale = models.Scale(np.nan) & models.Scale(1.0)
    with pytest.raises(InputError, match="no position"):
        pointing_of(one.replace(wcs=WCS([(step.frame, scale | step.transform.copy()), (sky_step.frame, None)])))


def test_a_wcs_without_limits_gets_none(sky: Any) -> None:
    (one,) = blank(sky, 1)
    free = WCS([(step.frame, None if step.transform is None else step.transform.copy()) for step in one.wcs.pipeline])
    free.bounding_box = None
    after = pointing_of(one.replace(wcs=free)).aligned(Affine.identity())
    assert after.bounding_box is None
    assert after(3.0, 4.0) == pytest.approx(one.wcs(3.0, 4.0), abs=1e-12)


def test_the_catalogue_is_that_of_the_mean_time(sky: Any, align: Any) -> None:
    """Stars that move by 100 mas/yr, exposures half a year apart: corrected to where they are in between."""
    exposures, truth = sky.dither(2, errors=(0.0, 0.0))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = (start, start + timedelta(days=182.5))
    exposures = [one.replace(meta=replace(one.meta, start_time=at)) for one, at in zip(exposures, times, strict=True)]
    place, still = sky.stars(25, exposures[0].shape), np.zeros(25)
    known = {"ra": place[:, 0], "dec": place[:, 1], "ra_error": still + 0.1, "dec_error": still + 0.1}
    catalog = Table({**known, "pmra": still, "pmdec": still + 100.0, "ref_epoch": still + 2026.0})
    aligned = align(exposures, {"refcat": catalog})
    assert sky.places(aligned, truth)[..., 1].mean() == pytest.approx(100 * 0.25 / 4, abs=0.05)
    assert sky.places(aligned, truth)[..., 0].mean() == pytest.approx(0.0, abs=0.05)


@given(PLACES, PLACES, st.floats(0.01, 3))
def test_nearest_pairs_are_the_same_from_both_sides(first: Any, second: Any, tolerance: float) -> None:
    one, other = np.array(first), np.array(second)
    rows, columns = mutual_nearest(one, other, tolerance)
    assert len(set(rows)) == len(rows) == len(set(columns))
    distance = np.hypot(*(one[:, None] - other).transpose(2, 0, 1))
    for row, column in zip(rows, columns, strict=True):
        assert distance[row, column] <= tolerance * (1 + 1e-12)
        assert distance[row, column] == pytest.approx(distance[row].min(), abs=1e-12)
        assert distance[row, column] == pytest.approx(distance[:, column].min(), abs=1e-12)


def test_a_match_turned_round_is_the_inverse() -> None:
    places = np.random.default_rng(1).uniform(-8, 8, (25, 2))
    true = small(np.array([0.2, -0.1, 2e-3, 3e-4, 0, 0]))
    search = Search(reach=0.5, turn=4e-3, tolerance=0.01)
    there, back = match_lists(places, true(places), search), match_lists(true(places), places, search)
    assert there.first.tolist() == back.second.tolist() == list(range(25))
    both = there.affine.after(back.affine)
    assert both.matrix == pytest.approx(np.eye(2), abs=1e-5)
    assert both.shift == pytest.approx(0, abs=1e-4)


def test_the_numbers_of_a_match_are_told_in_words() -> None:
    places = np.random.default_rng(2).uniform(-8, 8, (25, 2))
    search = Search(reach=0.5, turn=4e-3, tolerance=0.01)
    assert "25 stars match, 3 are needed" in str(match_lists(places, places, search))
    assert "2 stars match, 3 are needed" in str(match_lists(places[:2], places, search))
    lattice = np.stack(np.meshgrid(np.arange(6), np.arange(6)), axis=-1).reshape(-1, 2) * 0.2
    assert "ambiguous: 36 stars match, and 30 at another place" in str(match_lists(lattice, lattice, search))
