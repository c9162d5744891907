"""The errors are true, pixel by pixel and, with CORRFAC, in large apertures."""

from collections.abc import Callable

import numpy as np
import pytest
from iris_resample import ResampleParams, resample
from iris_testkit import iris_mode

from iris_core import Exposure

IRIS = iris_mode()

Maker = Callable[..., Exposure]

SETTINGS = [
    ResampleParams(),
    ResampleParams(weight_type="ivm"),
    ResampleParams(pixel_scale_ratio=0.6, rotation=20.0),
    ResampleParams(pixel_scale_ratio=1.7),
    ResampleParams(pixfrac=0.6),
    ResampleParams(kernel="turbo", rotation=20.0),
    ResampleParams(kernel="gaussian"),
    ResampleParams(kernel="lanczos3"),
    ResampleParams(kernel="point", pixel_scale_ratio=1.5),
]


def changed(params: ResampleParams) -> str:
    return ",".join(f"{name}={value}" for name, value in params.model_dump(exclude_defaults=True).items()) or "default"


def realisations(exposure: Exposure, seed: int = 5) -> Exposure:
    """Return the exposure with the noise that its variance speaks of, around zero; each integration is one."""
    random = np.random.default_rng(seed)
    variance = {name: random.uniform(0.5, 1.5, exposure.shape) for name in exposure.variance}
    noise = random.standard_normal(exposure.data.shape) * np.sqrt(sum(variance.values()))
    return exposure.replace(
        data=noise, variance={name: np.broadcast_to(plane, noise.shape) for name, plane in variance.items()}
    )


@pytest.mark.parametrize("params", SETTINGS, ids=changed)
def test_the_error_of_a_pixel_is_the_scatter_of_its_realisations(on_sky: Maker, params: ResampleParams) -> None:
    result = resample(realisations(on_sky((40, 40), nint=400, cubic=1.0)), params, IRIS)
    pull = (result.data / result.err)[:, np.isfinite(result.data[0])]
    assert np.std(pull) == pytest.approx(1.0, abs=0.02)
    assert np.median(np.std(pull, axis=0)) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("params", SETTINGS, ids=changed)
def test_the_noise_of_an_aperture_is_its_error_times_corrfac(on_sky: Maker, params: ResampleParams) -> None:
    exposure = on_sky((90, 90), nint=60, position_angle=8.0, cubic=1.5)
    noise = np.random.default_rng(6).standard_normal(exposure.data.shape)
    result = resample(exposure.replace(data=noise), params, IRIS)
    side = int(0.22 * result.shape[0])
    cut = (slice(None), slice(side, side + 2 * side), slice(side, side + 2 * side))
    data, variance = result.data[cut].astype(float), result.variance["total"][cut].astype(float) / 1.5
    apertures = (len(data), 2, side, 2, side)
    sums, variances = (np.nansum(plane.reshape(apertures), axis=(2, 4)) for plane in (data, variance))
    measured = np.sqrt(np.mean(sums**2) / np.mean(variances))
    # 240 apertures know it to 5 %, and their edges share their noise with the outside.
    assert measured == pytest.approx(result.sci_header["CORRFAC"], rel=0.15)


def test_corrfac_of_independent_pixels_is_one(on_sky: Maker) -> None:
    for params in (ResampleParams(), ResampleParams(pixel_scale_ratio=2), ResampleParams(pixel_scale_ratio=3)):
        assert resample(on_sky((96, 96)), params, IRIS).sci_header["CORRFAC"] == 1.0
    assert resample(on_sky((96, 96), cubic=1.0), ResampleParams(kernel="point"), IRIS).sci_header["CORRFAC"] == 1.0


def test_corrfac_half_a_pixel_off_is_two(on_sky: Maker) -> None:
    """Each value goes in quarters to four pixels, each of which has a quarter of the variance."""
    exposure = on_sky((96, 96), origin=(20.0, 15.0))
    params = ResampleParams(crval=(150.0, 2.0), crpix_fits=(20.5, 15.5), output_shape=(95, 95))
    assert resample(exposure, params, IRIS).sci_header["CORRFAC"] == 2.0


@pytest.mark.parametrize(("scale", "pixfrac"), [(1.0, 1.0), (0.5, 1.0), (0.7, 1.0), (2.0, 1.0), (1.0, 0.5), (1.5, 0.8)])
def test_corrfac_is_that_of_casertano_where_all_phases_occur(on_sky: Maker, scale: float, pixfrac: float) -> None:
    """Casertano et al. (2000), with p the pixfrac and s the output scale, for the square kernel."""
    factor = (pixfrac / scale) / (1 - scale / (3 * pixfrac)) if scale < pixfrac else 1 / (1 - pixfrac / (3 * scale))
    exposure = on_sky((600, 600), cubic=8.0)
    params = ResampleParams(pixel_scale_ratio=scale, pixfrac=pixfrac)
    assert resample(exposure, params, IRIS).sci_header["CORRFAC"] == pytest.approx(factor, rel=0.03)
