"""What a mosaic holds: values, weights, flags, which exposure contributes where, headers."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from iris_resample import MosaicParams, ResampleParams, combine, resample
from iris_testkit import iris_mode

from iris_core import DQ, Exposure, Exposures, InputError, References

IRIS = iris_mode()
CENTRE = (150.0, 2.0)

KERNELS = ("square", "gaussian", "point", "turbo", "lanczos2", "lanczos3")


Maker = Callable[..., Exposure]


def contributes(mosaic: Exposure, number: int) -> np.ndarray:
    """Return where CON has the bit of an exposure."""
    planes = mosaic.planes["CON"].reshape(-1, *mosaic.shape).view(np.uint32)
    return (planes[number // 32] >> np.uint32(number % 32)) & 1 == 1


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"rotation": 20.0},
        {"pixfrac": 0.6, "pixel_scale_ratio": 0.5},
        {"kernel": "lanczos3"},
        {"kernel": "gaussian", "components": True},
        {"crval": CENTRE, "output_shape": (40, 50)},
        {"crval": CENTRE, "output_shape": (140, 150), "kernel": "turbo"},
    ],
    ids=str,
)
def test_the_mosaic_of_one_exposure_is_that_exposure_resampled_bit_for_bit(
    noisy_on_sky: Maker, field: Any, asked: dict[str, object]
) -> None:
    random = np.random.default_rng(4)
    exposure = noisy_on_sky((60, 64), cubic=1.0, position_angle=5.0)
    exposure = exposure.flag(random.random(exposure.shape) < 0.03, DQ.DO_NOT_USE | DQ.DEAD)
    exposure = exposure.flag(random.random(exposure.shape) < 0.03, DQ.WARM)
    alone, made = (
        resample(exposure, ResampleParams(**asked), IRIS),
        field.mosaic(exposure, weighting="exptime", **asked),
    )
    assert np.array_equal(made.data, alone.data, equal_nan=True)
    assert np.array_equal(made.err, alone.err, equal_nan=True)
    assert np.array_equal(made.dq, alone.dq)
    assert list(made.variance) == list(alone.variance)
    for name in ("WHT", "CON"):
        assert np.array_equal(made.planes[name], alone.planes[name])
        assert made.planes[name].dtype == alone.planes[name].dtype
    assert made.fits_wcs.tostring() == alone.fits_wcs.tostring()
    # It counts the pixels as they are: here 3 % of them are bad.
    assert made.sci_header["CORRFAC"] == pytest.approx(alone.sci_header["CORRFAC"], rel=0.05)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [0.6, 1.0])
def test_a_constant_stays_constant(field: Any, kernel: str, scale: float) -> None:
    made = field.mosaic(*field.dithers(4), kernel=kernel, pixel_scale_ratio=scale)
    assert made.data[np.isfinite(made.data)] == pytest.approx(10.0, rel=2e-6)
    middle = made.data[tuple(slice(size // 3, 2 * size // 3) for size in made.shape)]
    assert np.isfinite(middle).mean() > (0.6 if kernel == "point" else 0.999)


def test_shifts_by_whole_pixels_give_the_mean_of_the_pixels(noisy_on_sky: Maker, field: Any) -> None:
    first = noisy_on_sky((30, 32), origin=(15.0, 14.0))
    second = noisy_on_sky((30, 32), origin=(18.0, 12.0))
    second = second.replace(data=second.data + 3)
    made = field.mosaic(first, second, weighting="equal", crval=CENTRE, crpix_fits=(19.0, 15.0), output_shape=(35, 32))
    shared = made.data[2:30, 3:32]
    assert shared == pytest.approx((first.data[2:30, :29] + second.data[:28, 3:32]) / 2, rel=1e-6)
    total = sum(one.variance["total"] for one in (resample(first, ResampleParams(), IRIS),))
    assert made.variance["total"][10, 10] == pytest.approx(
        (total[10, 7] + second.variance["poisson"][8, 10] + second.variance["rnoise"][8, 10]) / 4
    )
    assert np.array_equal(made.planes["CON"][2:30, 3:32], np.full((28, 29), 3))


@pytest.mark.slow
def test_the_flux_of_a_star_is_the_mean_of_its_fluxes(field: Any) -> None:
    exposures = [field.with_stars(one, [(1.3, -2.1)]) for one in field.dithers(9)]
    made = field.mosaic(*exposures, weighting="equal")
    alone = [resample(one, ResampleParams(), IRIS) for one in exposures]
    flux = [float(np.nansum(one.data, dtype=float) * one.sci_header["PIXAR_SR"]) for one in (made, *alone)]
    assert flux[0] == pytest.approx(np.mean(flux[1:]), rel=1e-4)
    assert flux[0] == pytest.approx(100 * np.deg2rad(field.pixel) ** 2, rel=1e-3)


@pytest.mark.slow
def test_a_star_is_in_its_place(field: Any) -> None:
    made = field.mosaic(
        *(field.with_stars(one, [(1.3, -2.1)]) for one in field.dithers(4)), weighting="equal", rotation=0
    )
    value = np.nan_to_num(made.data.astype(float))
    rows, columns = np.indices(made.shape)
    found = np.sum(columns * value) / value.sum(), np.sum(rows * value) / value.sum()
    assert found == pytest.approx(made.wcs.invert(*field.position(1.3, -2.1)), abs=0.01)


@pytest.mark.slow
def test_weights_are_those_of_the_sky_and_bright_pixels_do_not_lose(field: Any) -> None:
    """A star with its own noise has the flux that it has without."""
    exposures = [field.with_stars(one, [(0, 0)], flux=1e4) for one in field.dithers(3)]
    errors = (1.0, 2.0, 0.5)
    quiet = [
        field.noisy(one, error, np.random.default_rng(0)).replace(data=one.data)
        for one, error in zip(exposures, errors, strict=True)
    ]
    loud = [one.replace(variance={**one.variance, "poisson": one.variance["poisson"] + one.data}) for one in quiet]
    made, other = field.mosaic(*quiet), field.mosaic(*loud)
    assert np.nansum(other.data) == pytest.approx(np.nansum(made.data), rel=1e-5)
    middle = made.planes["WHT"][tuple(size // 2 for size in made.shape)]
    assert middle == pytest.approx(sum(1 / error**2 for error in errors), rel=0.02)
    assert made.sci_header["RESWHT"] == "sky"


def test_weights_of_a_keyword_multiply(field: Any) -> None:
    first, second = (
        one.replace(data=np.full(one.shape, value)).with_keywords({"FWHM": (fwhm, "")})
        for one, value, fwhm in zip(field.dithers(2), (1.0, 5.0), (2.0, 4.0), strict=True)
    )
    made = field.mosaic(first, second, weighting="exptime", weight_keyword="FWHM", weight_power=-2)
    both = contributes(made, 0) & contributes(made, 1)
    centre = tuple(size // 2 for size in made.shape)
    assert both[centre]
    assert made.data[centre] == pytest.approx((1 * 4 + 5 * 1) / 5, rel=1e-3)
    assert made.sci_header["RESWHT"] == "exptime x FWHM^-2"


def test_an_exposure_of_weight_zero_is_not_used_and_a_note_says_so(field: Any) -> None:
    good, bad = (
        one.with_keywords({"QUALITY": (value, "")}) for one, value in zip(field.dithers(2), (1, 0), strict=True)
    )
    made = field.mosaic(good, bad, weight_keyword="QUALITY")
    assert made.header["NEXP"] == 1
    assert np.all(made.planes["CON"] <= 1)
    assert any("e01_cal.fits" in note and "QUALITY" in note for note in made.notes)


@pytest.mark.slow
@pytest.mark.parametrize("number", [33, 70])
def test_context_of_many_exposures(field: Any, number: int) -> None:
    """Bit k is where the exposure of row k of HDRTAB has pixels: its corners and its centre tell."""
    exposures = field.dithers(number, (16, 17))
    made = field.mosaic(*exposures)
    assert made.planes["CON"].shape == (-(-number // 32), *made.shape)
    assert made.planes["CON"].dtype == np.int32
    assert [name.decode() for name in made.planes["HDRTAB"]["FILE"]] == [one.name for one in exposures]
    x, y = np.meshgrid(np.arange(17), np.arange(16))
    for index, one in enumerate(exposures):
        columns, rows = (
            np.rint(place).astype(int) for place in made.wcs.invert(*one.wcs(x, y), with_bounding_box=False)
        )
        inside = np.zeros(made.shape, dtype=bool)
        inside[rows, columns] = True
        there = contributes(made, index)
        assert np.all(there[inside])
        assert np.count_nonzero(there) < 1.5 * 18 * 19


def test_the_share_of_rejected_pixels_is_the_mean_of_those_of_the_exposures(field: Any) -> None:
    """Outliers have no weight: the DQ of the mosaic knows nothing of them."""
    shares = (0.01, 0.03, 0.02)
    dithers = [one.with_keywords({"FRACREJ": (at, "")}) for one, at in zip(field.dithers(3), shares, strict=True)]
    assert field.mosaic(*dithers).sci_header["FRACREJ"] == pytest.approx(0.02)
    assert "FRACREJ" not in field.mosaic(*field.dithers(3)).sci_header


@pytest.mark.slow
def test_an_exposure_of_nan_takes_no_row_no_bit_and_no_time(field: Any) -> None:
    first, second, third = field.dithers(3)
    blank = second.flag(np.ones(second.shape, dtype=bool), DQ.DO_NOT_USE | DQ.SATURATED)
    made, without = field.mosaic(first, blank, third), field.mosaic(first, third, **like(field, first, blank, third))
    rows = made.planes["HDRTAB"]["FILE"].tolist()
    assert rows == [b"e00_cal.fits", b"e02_cal.fits"]
    assert made.header["NEXP"] == 2
    assert made.meta.exposure_time == 200
    assert made.sci_header["TOTEXP"] == 200
    assert any("e01_cal.fits has no usable pixel" in note for note in made.notes)
    assert np.array_equal(made.data, without.data, equal_nan=True)
    assert np.array_equal(made.planes["CON"], without.planes["CON"])


def like(field: Any, *exposures: Exposure) -> dict[str, object]:
    """Return the parameters of the grid around some exposures."""
    grid = field.mosaic(*exposures, weighting="equal").fits_wcs
    made = field.mosaic(*exposures, weighting="equal")
    angle = np.rad2deg(np.arctan2(grid["CD1_2"], grid["CD2_2"]))
    return {
        "crval": (grid["CRVAL1"], grid["CRVAL2"]),
        "crpix_fits": (grid["CRPIX1"], grid["CRPIX2"]),
        "output_shape": made.shape[::-1],
        "rotation": float(angle),
        "pixel_scale": float(np.sqrt(made.sci_header["PIXAR_A2"])),
    }


def test_only_blank_exposures_are_refused_with_the_reasons(field: Any) -> None:
    blank = [one.flag(np.ones(one.shape, dtype=bool), DQ.DO_NOT_USE) for one in field.dithers(2)]
    with pytest.raises(InputError, match=r"e00_cal.fits has no usable pixel.*e01_cal.fits has no usable pixel"):
        field.mosaic(*blank)


def test_an_exposure_beside_a_given_grid_is_not_counted(field: Any, on_sky: Maker) -> None:
    first, second = field.dithers(2)
    beside = on_sky((60, 64), crval=(150.0 + 1 / 3600, 2.0))
    made = field.mosaic(first, second, beside, crval=CENTRE, output_shape=(70, 70))
    assert made.header["NEXP"] == 2
    assert any("x_rate.fits lies beside the grid" in note for note in made.notes)
    with pytest.raises(InputError, match="does not touch"):
        field.mosaic(beside, beside, crval=CENTRE, output_shape=(70, 70))


def test_a_bad_pixel_of_one_exposure_is_filled_by_the_others_and_not_flagged(field: Any) -> None:
    exposures = field.dithers(4)
    hit = np.zeros(exposures[0].shape, dtype=bool)
    hit[30, 32] = True
    hurt = exposures[0].flag(hit, DQ.DO_NOT_USE | DQ.DEAD)
    made = field.mosaic(hurt, *exposures[1:])
    column, row = (int(np.rint(x)) for x in made.wcs.invert(*exposures[0].wcs(32, 30)))
    assert made.data[row, column] == pytest.approx(10.0, rel=1e-5)
    assert made.dq[row, column] == 0
    assert made.planes["WHT"][row, column] < made.planes["WHT"][row + 6, column + 6]
    alone = field.mosaic(hurt)
    assert np.any(alone.dq & DQ.DEAD)


def test_blank_pixels_are_nan_and_do_not_use_and_no_others(field: Any) -> None:
    made = field.mosaic(*field.dithers(3), rotation=30.0)
    blank = np.isnan(made.data)
    assert 0 < np.count_nonzero(blank) < blank.size
    assert np.array_equal(blank, (made.dq & DQ.DO_NOT_USE) != 0)
    assert np.array_equal(blank, np.isnan(made.variance["total"]))
    assert np.array_equal(blank, made.planes["WHT"] == 0)
    assert np.array_equal(blank, made.planes["CON"] == 0)


def test_the_same_exposures_give_the_same_bits_and_stay_as_they_are(field: Any) -> None:
    exposures = field.dithers(3)
    before = [one.data.copy() for one in exposures]
    first, second = field.mosaic(*exposures), field.mosaic(*exposures)
    assert np.array_equal(first.data, second.data, equal_nan=True)
    assert np.array_equal(first.err, second.err, equal_nan=True)
    assert all(np.array_equal(one.data, old) for one, old in zip(exposures, before, strict=True))


class Unread:
    """A member whose pixels are made when it is read, as those of a file are."""

    def __init__(self, exposure: Exposure) -> None:
        self.outline = Exposures.of([exposure]).outlines[0]

    def read(self) -> Exposure:
        """Return the exposure: a constant."""
        shape = self.outline.shape
        variance = {name: np.ones(shape, np.float32) for name in self.outline.variance}
        return self.outline.replace(data=np.ones(shape), dq=np.zeros(shape, np.uint32), variance=variance)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_exposures(field: Any) -> None:
    peaks = []
    for number in (4, 4, 16):  # the first run loads what is needed
        members = [Unread(one) for one in field.dithers(number, (400, 400), at=(0.0, 0.0))]
        tracemalloc.start()
        combine(Exposures(members), MosaicParams(), References(), IRIS)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]


def test_the_plane_of_exposure_times(field: Any) -> None:
    made = field.mosaic(*field.dithers(3), exposure_time=True)
    expected = 100.0 * sum(contributes(made, index) for index in range(3))
    assert np.array_equal(made.planes["EXP"], expected)
    assert made.planes["EXP"].dtype == np.float32


def test_keywords_of_the_product(field: Any) -> None:
    made = field.mosaic(*field.dithers(3))
    assert made.header["NEXP"] == 3
    assert made.meta.exposure_time == 300
    header = made.sci_header
    assert (header["KERNEL"], header["PIXFRAC"], header["PXSCLRT"], header["WCSERR"]) == ("square", 1.0, 1.0, 0.0)
    assert header["PIXAR_A2"] == pytest.approx(0.004**2, rel=1e-2)
    assert header["S_REGION"].startswith("POLYGON ICRS")
    assert made.area is None
    assert str(made.unit) == "MJy / sr"


def test_detectors_that_were_read_out_together_count_once(field: Any) -> None:
    first, second = field.dithers(2)
    together = second.replace(meta=replace(second.meta, start_time=first.meta.start_time, detector="IMG2"))
    made = field.mosaic(first, together)
    assert made.sci_header["TOTEXP"] == made.meta.exposure_time == 100


def test_unknown_errors_stay_unknown_and_are_told(field: Any) -> None:
    known, unknown = field.dithers(2)
    made = field.mosaic(known, unknown.replace(variance={}), weighting="exptime")
    assert made.err is None
    assert np.nanmax(np.abs(made.data - 10)) < 1e-4
    assert any("errors" in note for note in made.notes)


def test_errors_of_zero_are_refused_as_weights(field: Any) -> None:
    first, second = field.dithers(2)
    zero = second.replace(variance={"total": np.zeros(second.shape, np.float32)})
    with pytest.raises(InputError, match=r"e01_cal\.fits.*weighting"):
        field.mosaic(first, zero)


def test_components_add_up_to_the_total(field: Any) -> None:
    random = np.random.default_rng(2)
    exposures = [field.noisy(one, 1.0, random) for one in field.dithers(3)]
    apart, total = field.mosaic(*exposures, components=True), field.mosaic(*exposures)
    assert set(apart.variance) == {"poisson", "rnoise"}
    summed = apart.variance["poisson"] + apart.variance["rnoise"]
    assert summed == pytest.approx(total.variance["total"], rel=1e-5, nan_ok=True)


def test_a_rate_stays_per_pixel_of_the_detector_and_the_record_says_so(field: Any) -> None:
    made = field.mosaic(*field.dithers(2, unit="electron/s"), pixel_scale_ratio=2.0)
    assert made.data[np.isfinite(made.data)] == pytest.approx(10.0, rel=1e-5)
    assert any("per mean pixel of the detector" in note for note in made.notes)
