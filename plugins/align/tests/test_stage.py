"""The stage on images: what it corrects, what it leaves, what it writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.wcs import WCS as FitsWcs  # noqa: N811 - there are two classes of this name
from iris_align._frames import ALIGNED

from iris_core import DQ, Exposure, Exposures, InputError, StageSkipped, read_exposure, write_exposure

CORRECTIONS = ("DRA", "DDEC", "DROT", "DSCALE")
ERRORS = ("DRAERR", "DDECERR", "DROTERR", "DSCALERR")


def relative(off: Any) -> Any:
    """Return errors of pointing without what all exposures share."""
    return off - off.mean(axis=0)


def test_a_dither_comes_together(sky: Any, align: Any) -> None:
    """Pointing wrong by 5 pixels and 0.05 deg: to 0.03 pixel anywhere on the detector."""
    exposures, truth = sky.dither(4)
    assert np.abs(relative(sky.places(exposures, truth))).max() > 3
    aligned = align(exposures)
    assert np.abs(relative(sky.places(aligned, truth))).max() < 0.05
    assert all(one.sci_header["NMATCH"] > 10 for one in aligned)
    assert all(one.sci_header["ASTRMS"] < 0.1 * 4 for one in aligned)


def test_no_pixel_changes(sky: Any, align: Any) -> None:
    exposures, _ = sky.dither(3)
    for before, after in zip(exposures, align(exposures), strict=True):
        assert after.data is before.data or np.array_equal(after.data, before.data)
        assert np.array_equal(after.dq, before.dq)
        assert set(after.variance) == set(before.variance)
        assert ALIGNED not in before.wcs.available_frames


@pytest.mark.slow
def test_the_keywords_say_what_was_wrong(sky: Any, align: Any) -> None:
    exposures, truth = sky.dither(3, errors=(0.02, 0.0))
    aligned = align(exposures, fit="rscale")
    off = relative(sky.places(exposures, truth)).mean(axis=1) * 0.004
    for one, error in zip(aligned, off, strict=True):
        header = one.sci_header
        assert [header["DRA"], header["DDEC"]] == pytest.approx(
            -error, abs=5 * max(header["DRAERR"], header["DDECERR"])
        )
        assert abs(header["DROT"]) < 5 * header["DROTERR"]
        assert abs(header["DSCALE"]) < 5 * header["DSCALERR"]
        assert header["REFCAT"] == "NONE"


def test_the_position_angle_grows_as_drot_says(sky: Any, align: Any) -> None:
    """From north through east, of the y axis of the detector."""

    def angle(one: Exposure) -> float:
        rows, columns = one.shape
        ra, dec = one.wcs(np.full(2, columns / 2), np.array([0.0, rows - 1.0]))
        return float(np.degrees(np.arctan2((ra[1] - ra[0]) * np.cos(np.radians(dec[0])), dec[1] - dec[0])))

    exposures, _ = sky.dither(3, errors=(0.0, 0.1))
    for before, after in zip(exposures, align(exposures), strict=True):
        assert angle(after) - angle(before) == pytest.approx(after.sci_header["DROT"], abs=1e-5)


@pytest.mark.slow
def test_the_fits_keywords_follow_the_gwcs_with_distortion(sky: Any, align: Any) -> None:
    """2 pixels of cubic distortion: SIP keywords made anew, true to 0.01 pixel."""
    exposures, truth = sky.dither(3, bend=2.0)
    aligned = align(exposures)
    assert np.abs(relative(sky.places(aligned, truth))).max() < 0.06
    for one in aligned:
        assert one.fits_wcs["CTYPE1"] == "RA---TAN-SIP"
        assert one.fits_wcs["WCSERR"] < 0.01
        x, y = np.array([5.0, 200.0, 120.0]), np.array([7.0, 30.0, 240.0])
        ra, dec = FitsWcs(one.fits_wcs).all_pix2world(x, y, 0)
        own_ra, own_dec = one.wcs(x, y)
        assert ra == pytest.approx(own_ra, abs=0.01 * 0.004 / 3600)
        assert dec == pytest.approx(own_dec, abs=0.01 * 0.004 / 3600)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["fits", "asdf"])
def test_written_and_read_it_needs_no_further_correction(sky: Any, align: Any, tmp_path: Path, suffix: str) -> None:
    """The second correction is 0, and composed with the first in the one frame `aligned`."""
    exposures, _ = sky.dither(2, bend=1.0)
    read = []
    for index, one in enumerate(align(exposures)):
        path = tmp_path / f"e{index}_cal.{suffix}"
        write_exposure(one, path)
        read.append(read_exposure(path))
    again = align(read)
    for before, one in zip(read, again, strict=True):
        header = one.sci_header
        assert all(
            abs(header[name]) < 0.01 * header[error] + 1e-9
            for name, error in zip(CORRECTIONS[:3], ERRORS[:3], strict=True)
        )
        assert one.wcs.available_frames == before.wcs.available_frames
        assert one.wcs.available_frames.count(ALIGNED) == 1
        x, y = np.array([3.0, 200.0]), np.array([100.0, 7.0])
        assert np.array(one.wcs(x, y)) == pytest.approx(np.array(before.wcs(x, y)), abs=1e-3 * 0.004 / 3600)


@pytest.mark.slow
def test_a_second_correction_is_composed_with_the_first(sky: Any, align: Any) -> None:
    """One of three changed afterwards: aligned with two others again, it comes back."""
    exposures, truth = sky.dither(3)
    first = align(exposures, fit="shift")
    second = align(first, fit="rshift")
    assert np.abs(relative(sky.places(second, truth))).max() < 0.05
    for one in second:
        assert one.wcs.available_frames == ["detector", ALIGNED, "sky"]
        sky_at = one.wcs(30.0, 40.0)
        assert one.wcs.invert(*sky_at) == pytest.approx((30.0, 40.0), abs=1e-6)


@pytest.mark.slow
def test_the_order_and_the_level_of_the_sky_do_not_matter(sky: Any, align: Any) -> None:
    exposures, _ = sky.dither(3)
    first = [one.sci_header["DRA"] for one in align(exposures)]
    lifted = [one.replace(data=one.data + np.float32(1000)) for one in exposures]
    assert [one.sci_header["DRA"] for one in align(lifted)] == pytest.approx(first, abs=2e-6)
    assert align(exposures)[1].wcs(1.0, 2.0) == align(exposures)[1].wcs(1.0, 2.0)


@pytest.mark.slow
def test_a_cube_is_aligned_by_the_mean_of_its_integrations(sky: Any, align: Any) -> None:
    exposures, truth = sky.dither(3)
    cubes = [
        one.replace(
            data=np.stack([one.data] * 2),
            dq=np.stack([one.dq] * 2),
            variance={name: np.stack([plane] * 2) for name, plane in one.variance.items()},
        )
        for one in exposures
    ]
    assert np.abs(relative(sky.places(align(cubes), truth))).max() < 0.05


@pytest.mark.slow
def test_an_exposure_of_another_field_keeps_its_pointing(sky: Any, align: Any) -> None:
    exposures, truth = sky.dither(3)
    (other, *_), _ = sky.dither(1, seed=99)
    *aligned, kept = align([*exposures, other])
    assert np.abs(relative(sky.places(aligned, truth))).max() < 0.05
    assert kept.header["S_TWKREG"] == "SKIPPED"
    assert kept.wcs is other.wcs
    assert "NMATCH" not in kept.sci_header
    assert "stars match" in kept.notes[-1]


@pytest.mark.parametrize(("stars", "least", "aligned"), [(2, 3, False), (2, 2, True), (1, 1, True), (0, 1, False)])
def test_few_stars(sky: Any, align: Any, stars: int, least: int, aligned: bool) -> None:
    """Two stars are enough where the user says so, with a note; none never are."""
    exposures, truth = sky.dither(3, stars=stars, errors=(0.02, 0.0), bright=(200.0, 300.0), step=0.02, reach=0.35)
    if not aligned:
        with pytest.raises(StageSkipped, match=f"{stars} stars"):
            align(exposures, min_matches=least, search=0.06)
        return
    result = align(exposures, min_matches=least, search=0.06)
    assert {one.sci_header["NMATCH"] for one in result} <= {1, 2}
    assert np.abs(relative(sky.places(result, truth)).mean(axis=1)).max() < 0.2
    assert any("only" in note for note in result[0].notes)


@pytest.mark.slow
def test_groups_that_nothing_connects_are_named(sky: Any, align: Any) -> None:
    here, truth = sky.dither(3)
    there, there_truth = sky.dither(2, seed=7)
    there = [one.replace(meta=one.meta) for one in there]
    far = [sky.point(one, sky.wcs(one.shape, (150.2, 2.2))) for one in there]
    result = align([*here, *far])
    assert np.abs(relative(sky.places(result[:3], truth))).max() < 0.05
    assert any(note.startswith("aligned with") and "e1_rate" in note for note in result[0].notes)
    assert len(there_truth) == 2


def test_one_exposure_alone_is_skipped(sky: Any, align: Any) -> None:
    exposures, _ = sky.dither(1)
    with pytest.raises(StageSkipped, match="one exposure"):
        align(exposures)


def test_without_wcs_it_is_refused(sky: Any, align: Any) -> None:
    exposures, _ = sky.dither(2)
    with pytest.raises(InputError, match="assign_wcs"):
        align([exposures[0], exposures[1].replace(wcs=None)])


def test_flagged_pixels_and_rays_are_no_stars(sky: Any, align: Any) -> None:
    """100 hot pixels at the same places of each detector, and the brightest star saturated."""
    rng = np.random.default_rng(5)
    exposures, truth = sky.dither(3)
    rows, columns = rng.integers(0, 240, (2, 100))
    spoilt = []
    for one in exposures:
        data = one.data.copy()
        burnt = data > 0.6 * data.max()
        data[rows, columns] += 500
        spoilt.append(one.replace(data=data).flag(burnt, DQ.SATURATED | DQ.DO_NOT_USE))
    assert np.abs(relative(sky.places(align(spoilt), truth))).max() < 0.06


@pytest.mark.slow
def test_detectors_of_one_exposure_share_their_correction(sky: Any, align: Any) -> None:
    """Two halves of each field: the same EXPNUM, other DETECTOR; `free` lets each go its own way."""
    exposures, _ = sky.dither(3, shape=(256, 480), stars=60)
    halves = []
    for one in exposures:
        for name, part in (("IMG1", np.s_[:, :240]), ("IMG2", np.s_[:, 240:])):
            halves.append(_half(one, name, part))
    shared, free = align(halves), align(halves, free=True)
    for first, second in zip(shared[0::2], shared[1::2], strict=True):
        assert first.sci_header["DROT"] == second.sci_header["DROT"]
        assert first.sci_header["NMATCH"] == second.sci_header["NMATCH"]
    assert free[0].sci_header["DROT"] != free[1].sci_header["DROT"]
    for first, second in zip(shared[0::2], shared[1::2], strict=True):
        at_the_gap = (one.wcs(x, 100.0, with_bounding_box=False) for one, x in ((first, 240.0), (second, 0.0)))
        assert next(at_the_gap) == pytest.approx(next(at_the_gap), abs=1e-3 * 0.004 / 3600)


def _half(one: Exposure, name: str, part: Any) -> Exposure:
    from astropy.modeling import models

    first = part[1].start or 0
    frame, to_sky = one.wcs.pipeline[0].frame, one.wcs.pipeline[0].transform
    from gwcs import WCS

    wcs = WCS(
        [(frame, models.Shift(float(first)) & models.Shift(0.0) | to_sky.copy()), (one.wcs.pipeline[1].frame, None)]
    )
    wcs.bounding_box = ((-0.5, 239.5), (-0.5, 255.5))
    header = one.header.copy()
    header["DETECTOR"] = name
    return one.replace(
        data=one.data[part],
        dq=one.dq[part],
        variance={key: plane[part] for key, plane in one.variance.items()},
        header=header,
        wcs=wcs,
    )


def test_a_group_in_memory_is_what_the_stage_returns(sky: Any, align: Any) -> None:
    exposures, _ = sky.dither(2)
    result = align(exposures)
    assert isinstance(result, Exposures)
    assert [one.name for one in result.outlines] == [one.name for one in exposures]
