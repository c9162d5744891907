"""Which program drizzles, and that it does not matter."""

from collections.abc import Callable
from typing import Any

import iris_drizzle
import numpy as np
import pytest
from iris_drizzle import _kernel
from iris_resample import ResampleParams, resample
from iris_testkit import iris_mode

from iris_core import DQ, Exposure

IRIS = iris_mode()

Maker = Callable[..., Exposure]

compiled = pytest.mark.skipif(not iris_drizzle.instructions(), reason="iris-drizzle was installed without a compiler")


@pytest.fixture
def without_compiler(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(_kernel, "native", None)


def both(exposure: Exposure, params: ResampleParams, without_compiler: Callable[[], None]) -> tuple[Exposure, Exposure]:
    ours = resample(exposure, params, IRIS)
    without_compiler()
    return ours, resample(exposure, params, IRIS)


def assert_equal(ours: Exposure, library: Exposure) -> None:
    assert ours.err is not None
    assert library.err is not None
    weight = library.planes["WHT"]
    seen = weight > 0.05 * weight.max()
    tolerance = np.maximum(1e-5 * library.err, 2 * np.spacing(np.abs(library.data)))
    assert np.all(np.abs(ours.data.astype(float) - library.data)[seen] <= tolerance[seen])
    np.testing.assert_allclose(ours.err[seen], library.err[seen], rtol=1e-6)
    assert np.array_equal(ours.dq[seen], library.dq[seen])
    assert np.count_nonzero(ours.dq != library.dq) <= 1e-3 * ours.dq.size
    assert ours.sci_header["CORRFAC"] == library.sci_header["CORRFAC"]


@compiled
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rotation": 0.0},
        {"rotation": 33.0, "pixel_scale_ratio": 0.6, "pixfrac": 0.7},
        {"rotation": -80.0, "pixel_scale_ratio": 1.9},
        {"weight_type": "ivm", "components": True},
        {"weight_type": "ivm-sky", "rotation": 5.0},
        {"crval": (150.0, 2.0), "output_shape": (31, 17), "pixel_scale": 0.005, "rotation": 12.0},
    ],
)
@pytest.mark.parametrize("east_left", [True, False])
def test_both_programs_make_the_same(
    noisy_on_sky: Maker, without_compiler: Callable[[], None], options: dict[str, Any], east_left: bool
) -> None:
    exposure = noisy_on_sky((70, 90), cubic=1.5, position_angle=20.0, east_left=east_left)
    random = np.random.default_rng(5)
    bits = np.where(random.random(exposure.shape) < 0.1, 1 << random.integers(1, 9, exposure.shape), 0)
    exposure = exposure.replace(dq=bits.astype(np.uint32))
    exposure = exposure.flag(random.random(exposure.shape) < 0.05, DQ.DO_NOT_USE | DQ.DEAD)
    assert_equal(*both(exposure, ResampleParams(**options), without_compiler))


@compiled
def test_the_product_names_the_program(noisy_on_sky: Maker, without_compiler: Callable[[], None]) -> None:
    ours, library = both(noisy_on_sky(), ResampleParams(), without_compiler)
    assert ours.sci_header["DRIZCODE"] == "iris-drizzle"
    assert library.sci_header["DRIZCODE"] == "drizzle"
    assert not any("compiler" in note for note in ours.notes)
    assert any("compiler" in note for note in library.notes)


@pytest.mark.parametrize("kernel", ["turbo", "point", "gaussian", "lanczos2", "lanczos3"])
def test_the_library_does_the_other_kernels(noisy_on_sky: Maker, kernel: str) -> None:
    assert resample(noisy_on_sky(), ResampleParams(kernel=kernel), IRIS).sci_header["DRIZCODE"] == "drizzle"


def test_the_library_does_tiny_images_and_drops_of_very_many_pixels(noisy_on_sky: Maker) -> None:
    for exposure, ratio in ((noisy_on_sky((12, 14)), 1.0), (noisy_on_sky((16, 16)), 1 / 70)):
        result = resample(exposure, ResampleParams(pixel_scale_ratio=ratio), IRIS)
        assert result.sci_header["DRIZCODE"] == "drizzle"


@compiled
def test_a_mosaic_names_the_program_too(field: Any) -> None:
    assert field.mosaic(*field.dithers(2)).sci_header["DRIZCODE"] == "iris-drizzle"
    assert field.mosaic(*field.dithers(2), kernel="turbo").sci_header["DRIZCODE"] == "drizzle"
