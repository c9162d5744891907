"""What outlier_detection takes, refuses and leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from iris_objects import read_objects
from iris_outliers import OutlierParams, check_group, flag_outliers
from iris_outliers import _median as median_module
from iris_testkit import make_exposure
from pydantic import ValidationError

from iris_core import DQ, Exposure, Exposures, InputError, Reference, ReferenceNotFound, References

Make = Callable[..., Any]


def flag(exposures: list[Exposure], references: References | None = None, **params: Any) -> Exposures:
    return flag_outliers(Exposures.of(exposures), OutlierParams(**params), references or References())


def test_only_outliers_change(make_field: Make) -> None:
    field = make_field(stars=5)
    result = field.flag()
    for before, after in zip(field.exposures, result, strict=True):
        hit = (after.dq & DQ.OUTLIER) != 0
        assert hit.any()
        assert np.array_equal(hit, np.isnan(after.data))
        assert set(np.unique(after.dq)) == {0, int(DQ.OUTLIER | DQ.DO_NOT_USE)}
        assert np.array_equal(after.data[~hit], before.data[~hit])
        assert after.sci_header["FRACREJ"] == pytest.approx(hit.mean(), rel=1e-3)
        assert after.wcs is before.wcs


def test_a_single_exposure_is_left_as_it_is(make_field: Make) -> None:
    (one,) = make_field(((0, 0),)).exposures
    (result,) = flag([one])
    assert np.array_equal(result.data, one.data)
    assert "one exposure" in result.notes[-1]


def test_pixels_that_no_other_exposure_has_are_not_flagged(make_field: Make) -> None:
    """Two exposures that overlap by half: rays in the other half stay."""
    field = make_field(((0, 0), (128, 0)), stars=0, heights=(100, 101))
    first, second = ((one.dq & DQ.OUTLIER) != 0 for one in field.flag())
    assert not first[:, :127].any()
    assert first[:, 129:].sum() >= 0.95 * field.rays[0][:, 129:].sum()
    assert not second[:, 129:].any()


def test_bits_do_not_depend_on_strips(make_field: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    field = make_field(angle=0.3)
    whole = field.flag()
    monkeypatch.setattr(type(whole.pool), "budget", 4 * 5 * 300 * 7)
    monkeypatch.setattr(median_module, "_BLOCK", 4 * 5 * 300 * 3)
    for one, other in zip(whole, field.flag(), strict=True):
        assert np.array_equal(one.data, other.data, equal_nan=True)
        assert np.array_equal(one.dq, other.dq)


def test_bad_pixels_are_no_outliers_and_make_none(make_field: Make) -> None:
    field = make_field(rays=0, stars=0)
    bad = np.zeros((256, 256), dtype=bool)
    bad[::5, ::7] = True
    exposures = [one.flag(bad, DQ.DEAD | DQ.DO_NOT_USE) for one in field.exposures]
    exposures[2] = exposures[2].flag(np.ones_like(bad), DQ.DO_NOT_USE)
    assert not any((one.dq & DQ.OUTLIER).any() for one in flag(exposures))


def test_holes_are_flagged_too(make_field: Make, sigma: float) -> None:
    field = make_field(rays=0, stars=0)
    data = field.exposures[1].data.copy()
    data[100, 100] -= 20 * sigma
    exposures = [field.exposures[0], field.exposures[1].replace(data=data), *field.exposures[2:]]
    assert flag(exposures)[1].dq[100, 100] & DQ.OUTLIER


def test_of_two_exposures_only_the_higher_is_an_outlier(make_field: Make, sigma: float) -> None:
    """What is missing in one of them makes no outlier in the other."""
    field = make_field(((0, 0), (5, 3)), rays=0, stars=0)
    for change, wanted in ((20, [[100, 100]]), (-20, [])):
        data = field.exposures[1].data.copy()
        data[100, 100] += change * sigma
        first, second = flag([field.exposures[0], field.exposures[1].replace(data=data)])
        assert np.argwhere(second.dq).tolist() == wanted
        assert not first.dq.any()


def test_exposures_without_errors_go_by_their_scatter(make_field: Make) -> None:
    field = make_field(stars=0, heights=(20, 100))
    bare = type(field)(
        tuple(one.replace(variance={}) for one in field.exposures), field.rays, field.light, field.places
    )
    found, wrong = bare.rates(bare.flag())
    assert found > 0.97
    assert wrong < 1e-5


def test_a_level_that_was_not_subtracted_is_allowed_for(make_field: Make) -> None:
    field = make_field(rays=0, stars=5)
    levels = np.array([3.0, -2.0, 0.0, 5.0, -6.0], dtype=np.float32)
    raised = [one.replace(data=one.data + level) for one, level in zip(field.exposures, levels, strict=True)]
    with pytest.raises(InputError, match="max_fraction"):
        flag(raised)
    told = [
        one.with_keywords({"BKGLEVEL": (float(level), ""), "BKGSUB": (False, "")})
        for one, level in zip(raised, levels, strict=True)
    ]
    assert not any((one.dq & DQ.OUTLIER).any() for one in flag(told))


def catalogue(**columns: Any) -> References:
    found = Reference(reftype="refcat", path=Path("stars.ecsv"), provider="by hand", content=Table(columns))
    return References({"refcat": found})


def test_stars_of_a_catalogue_are_protected(make_field: Make, sigma: float) -> None:
    """A star that flares in one exposure."""
    field = make_field(rays=0, stars=5, noise=False)
    x, y = field.places[1][:, 4]
    data = field.exposures[1].data.copy()
    data[round(y), round(x)] *= 3
    exposures = [field.exposures[0], field.exposures[1].replace(data=data), *field.exposures[2:]]
    place = round(float(y)), round(float(x))
    assert flag(exposures)[1].dq[place] & DQ.OUTLIER
    ra, dec = exposures[1].wcs(x, y)
    assert not flag(exposures, catalogue(RA=[ra], DEC=[dec]), protect="refcat")[1].dq[place]
    with pytest.raises(InputError, match="no column dec"):
        flag(exposures, catalogue(ra=[ra]), protect="refcat")


def test_what_cannot_be_compared_is_refused(make_field: Make) -> None:
    first, second, *_ = make_field(rays=0, stars=0).exposures
    away = make_field(((0, 0), (5000.0, 4000.0)), rays=0, stars=0).exposures[1]
    cube = make_exposure((256, 256), nint=2)
    for others, wanted in (
        ([second.replace(unit="MJy/sr")], "differ in unit"),
        ([second.replace(wcs=None)], "needs a WCS"),
        ([cube], "single images"),
        ([second, away.replace(meta=replace(away.meta, path=Path("far_cal.fits")))], "far_cal.fits lies farthest"),
    ):
        with pytest.raises(InputError, match=wanted):
            check_group(Exposures.of([first, *others]), OutlierParams(), References())


def test_an_exposure_whose_wcs_is_to_come_is_not_refused_yet(make_field: Make) -> None:
    one, *_ = make_field(rays=0, stars=0).exposures
    later = one.replace(wcs=None, done=frozenset({"assign_wcs"}))
    check_group(Exposures.of([later, later]), OutlierParams(), References())


@pytest.mark.parametrize(
    "wrong", [{"sigma": 0}, {"slope": -1}, {"min_weight": 1.5}, {"fwhm": 0}, {"protect": "stars"}, {"snr": 5}]
)
def test_parameters_without_meaning_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OutlierParams.model_validate(wrong)


def test_a_catalogue_that_is_to_be_protected_has_to_be_given(make_field: Make) -> None:
    exposures = make_field(rays=0, stars=0).exposures
    with pytest.raises(ReferenceNotFound, match="refcat"):
        check_group(Exposures.of(exposures), OutlierParams(protect="refcat"), References())


def test_objects_that_are_protected_are_not_flagged(make_field: Make, tmp_path: Path) -> None:
    """A ray in the one half of the detector that is marked is kept, one in the other is flagged."""
    exposures = list(make_field(((0, 0), (3, 5), (-4, 2)), rays=0, stars=0).exposures)
    data = exposures[0].data.copy()
    data[100, 40] = data[100, 200] = 2000
    exposures[0] = exposures[0].replace(data=data)
    plane = np.zeros(data.shape, dtype=np.uint8)
    plane[:, :128] = 1
    path = tmp_path / "objects.fits"
    fits.PrimaryHDU(plane).writeto(path)
    reference = Reference(reftype="objects", path=path, provider="by hand", content=read_objects(path))
    references = References({"objects": reference})
    for protect, wanted in (("", [True, True]), ("objects", [False, True])):
        first = flag(exposures, references, protect=protect)[0]
        assert [bool(first.dq[100, column] & DQ.OUTLIER) for column in (40, 200)] == wanted
    with pytest.raises(ReferenceNotFound, match="no objects reference"):
        flag(exposures, protect="objects")
