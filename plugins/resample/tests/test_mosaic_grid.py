"""The grid of many exposures, around all of them or as it is asked for; what is refused from headers alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iris_resample import MosaicParams, ResampleParams, check_mosaic, combine, reference_types, resample
from iris_testkit import iris_mode

from iris_core import Exposure, Exposures, InputError, Reference, References, load_plugins, write_fits

IRIS = iris_mode()

Maker = Callable[..., Exposure]


def check(exposures: list[Exposure], *, roles: tuple[str, ...] = (), **params: Any) -> None:
    """Check as before a run: from outlines."""
    group = Exposures.of(exposures, roles)
    outlines = Exposures.of(group.outlines, roles)
    check_mosaic(outlines, MosaicParams(**params), References(), IRIS)


def test_the_grid_holds_every_pixel(field: Any) -> None:
    """All the weight that goes in comes out."""
    exposures = field.dithers(5, cubic=0.0)
    made = field.mosaic(*exposures, weighting="equal")
    assert made.planes["WHT"].sum(dtype=float) == pytest.approx(5 * 60 * 64, rel=1e-4)


def test_no_row_and_no_column_is_empty(field: Any) -> None:
    made = field.mosaic(*field.dithers(5))
    there = made.planes["WHT"] > 0
    assert there.any(axis=0).all()
    assert there.any(axis=1).all()


def test_it_lies_along_the_first_exposure_around_the_middle_of_all(field: Any) -> None:
    first = field.dithers(1, position_angle=30.0, cubic=0.0, at=(0.0, 0.0))[0]
    second = field.dithers(1, position_angle=75.0, cubic=0.0, at=(40.0, 0.0))[0]
    made = field.mosaic(first, second)
    assert np.rad2deg(np.arctan2(made.fits_wcs["CD1_2"], made.fits_wcs["CD2_2"])) == pytest.approx(30.0, abs=1e-3)
    expected = field.position(20.0, 0.0)
    assert (made.fits_wcs["CRVAL1"], made.fits_wcs["CRVAL2"]) == pytest.approx(expected, abs=1e-9)


def test_exposures_on_both_sides_of_the_meridian_of_zero(field: Any, on_sky: Maker) -> None:
    sides = [on_sky((40, 48), crval=(longitude, 2.0)) for longitude in (360 - 20 * field.pixel, 20 * field.pixel)]
    made = field.mosaic(*sides)
    assert max(made.shape) < 100
    assert made.fits_wcs["CRVAL1"] % 360 == pytest.approx(0.0, abs=1e-9) or made.fits_wcs["CRVAL1"] > 359.9


def test_a_grid_that_is_asked_for_is_that_of_resample(field: Any) -> None:
    exposures = field.dithers(3)
    asked = {"crval": field.centre, "output_shape": (90, 80), "pixel_scale_ratio": 0.8, "rotation": 12.0}
    made, alone = field.mosaic(*exposures, **asked), resample(exposures[1], ResampleParams(**asked), IRIS)
    assert made.fits_wcs.tostring() == alone.fits_wcs.tostring()


def test_an_exposure_that_lies_elsewhere_is_named(field: Any, on_sky: Maker) -> None:
    lost = on_sky((60, 64), crval=(150.0 + 30 / 3600, 2.0))
    named = lost.replace(meta=replace(lost.meta, path=Path("lost_cal.fits")))
    with pytest.raises(InputError, match=r"times the area of all.*lost_cal\.fits lies farthest off"):
        check([*field.dithers(3), named])
    with pytest.raises(InputError, match=r"lost_cal\.fits"):
        check([*field.dithers(3), named.replace(wcs=on_sky((60, 64), crval=(330.0, -2.0)).wcs)])


def test_a_grid_beyond_any_memory_is_refused(field: Any) -> None:
    with pytest.raises(InputError, match="100000 x 100000 pixels"):
        check(field.dithers(3), crval=field.centre, output_shape=(100_000, 100_000))


def test_exposures_far_apart_may_be_combined_where_the_grid_is_asked_for(field: Any, on_sky: Maker) -> None:
    lost = on_sky((60, 64), crval=(150.0 + 30 / 3600, 2.0))
    check([*field.dithers(3), lost], crval=field.centre, output_shape=(90, 90))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.replace(meta=replace(one.meta, filter="H")), r"differ in filter.*e02_cal\.fits"),
        (lambda one: one.replace(wcs=None), r"e02_cal\.fits: mosaic needs a WCS"),
        (lambda one: one.replace(variance={}), r"e02_cal\.fits lacks errors"),
        (lambda one: one.replace(data=one.data[None], dq=one.dq[None], variance={}), "average_integrations"),
    ],
)
def test_what_cannot_be_combined_is_refused(field: Any, change: Callable[[Exposure], Exposure], message: str) -> None:
    exposures = field.dithers(3)
    with pytest.raises(InputError, match=message):
        check([*exposures[:2], change(exposures[2])])


def test_a_different_unit_is_refused(field: Any) -> None:
    with pytest.raises(InputError, match="differ in unit"):
        check([*field.dithers(2), *field.dithers(1, unit="electron/s")])


def test_a_wcs_that_another_implementation_makes_later_is_left_to_it(field: Any) -> None:
    planned = [one.replace(wcs=None, done=frozenset({"assign_wcs"})) for one in field.dithers(2)]
    check(planned)


def test_values_per_pixel_of_unlike_pixels_are_refused(field: Any) -> None:
    coarse = field.dithers(1, unit="electron/s", stretch=1.03, cubic=0.0)
    with pytest.raises(InputError, match="run photom before mosaic"):
        check([*field.dithers(1, unit="electron/s", cubic=0.0), *coarse])
    check([*field.dithers(1, cubic=0.0), *field.dithers(1, stretch=1.03, cubic=0.0)])


def test_unlike_components_are_refused_where_each_is_wanted(field: Any) -> None:
    first, second = field.dithers(2)
    second = second.replace(variance={"total": second.variance["poisson"]})
    with pytest.raises(InputError, match=r"components total.*poisson, rnoise"):
        check([first, second], components=True)
    check([first, second])


@pytest.mark.parametrize("value", [None, "good", -1.0, True])
def test_a_keyword_that_gives_no_weight_is_refused(field: Any, value: object) -> None:
    exposures = [one.with_keywords({} if value is None else {"QUALITY": (value, "")}) for one in field.dithers(2)]
    with pytest.raises(InputError, match=r"e00_cal\.fits.*QUALITY"):
        check(exposures, weight_keyword="QUALITY")


def test_all_weights_zero_are_refused(field: Any) -> None:
    exposures = [one.with_keywords({"QUALITY": (0, "")}) for one in field.dithers(2)]
    with pytest.raises(InputError, match="QUALITY gives every exposure the weight 0"):
        check(exposures, weight_keyword="QUALITY")


def test_an_unknown_exposure_time_gives_no_weight(field: Any) -> None:
    exposures = [one.replace(meta=replace(one.meta, exposure_time=None)) for one in field.dithers(2)]
    with pytest.raises(InputError, match="EXPTIME"):
        check(exposures, weighting="exptime")


def test_only_science_exposures_are_combined(field: Any) -> None:
    exposures = field.dithers(3)
    group = Exposures.of(exposures, ["science", "background", "science"])
    made = combine(group, MosaicParams(), References(), IRIS)
    assert made.planes["HDRTAB"]["FILE"].tolist() == [b"e00_cal.fits", b"e02_cal.fits"]
    with pytest.raises(InputError, match="there are: background"):
        check(exposures, roles=("background",) * 3)


class TestLike:
    """The grid of another product."""

    @pytest.fixture
    def other(self, field: Any, tmp_path: Path) -> tuple[Exposure, References]:
        """Return a product, and the reference as the framework reads it from its file."""
        product = field.mosaic(*field.dithers(2, seed=9), rotation=10.0, pixel_scale_ratio=0.7)
        path = tmp_path / "other_i2d.fits"
        write_fits(product, path)
        return product, self.read(path)

    def read(self, path: Path) -> References:
        import iris_resample

        plugins = load_plugins(only=())
        plugins.add("iris-resample", iris_resample)
        content = plugins.read_reference(path, "like")
        return References({"like": Reference(reftype="like", path=path, provider="by hand", content=content)})

    def test_the_mosaic_has_the_same_pixels(self, field: Any, other: tuple[Exposure, References]) -> None:
        product, references = other
        made = field.mosaic(*field.dithers(3), references=references)
        assert made.shape == product.shape
        x, y = np.meshgrid(np.arange(0.0, made.shape[1], 7), np.arange(0.0, made.shape[0], 7))
        places = made.wcs.invert(*product.wcs(x, y), with_bounding_box=False)
        np.testing.assert_allclose(places, (x, y), atol=1e-7)
        assert np.isfinite(made.data).mean() > 0.5

    def test_parameters_of_a_grid_beside_it_are_refused(self, field: Any, other: tuple[Exposure, References]) -> None:
        with pytest.raises(InputError, match=r"other_i2d\.fits; omit pixel_scale_ratio, rotation"):
            field.mosaic(*field.dithers(2), references=other[1], rotation=3.0, pixel_scale_ratio=0.5)

    def test_exposures_beside_it_are_refused(
        self, field: Any, on_sky: Maker, other: tuple[Exposure, References]
    ) -> None:
        with pytest.raises(InputError, match="does not touch"):
            field.mosaic(on_sky((40, 48), crval=(150.0 + 5 / 3600, 2.0)), references=other[1])

    def test_a_file_that_is_no_such_product_is_refused(self, field: Any, tmp_path: Path) -> None:
        path = tmp_path / "x_cal.fits"
        write_fits(field.dithers(1)[0], path)
        with pytest.raises(InputError):
            self.read(path)

    def test_it_is_never_chosen_by_itself(self) -> None:
        (like,) = reference_types()
        assert (like.name, like.kind, like.selectors) == ("like", "model", ())
