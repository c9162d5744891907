"""Mistakes in the parameters are found before anything runs."""

import subprocess
import sys

import pytest
from iris_resample import ResampleParams
from pydantic import ValidationError

from iris_core import DQ


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kernel": "tophat"}, "'square', 'gaussian', 'point', 'turbo', 'lanczos2' or 'lanczos3'"),
        ({"good_bits": ["HOT", "LUKEWARM"]}, "no DQ bit LUKEWARM; there are: GOOD, DO_NOT_USE, SATURATED"),
        ({"pixfrac": 0.0}, "greater than or equal to 0.01"),
        ({"pixfrac": 1.2}, "less than or equal to 1"),
        ({"pixfrac": 0.8, "kernel": "lanczos3"}, "pixfrac 0.8 has no meaning for the kernel lanczos3"),
        ({"pixfrac": 0.8, "kernel": "point"}, "pixfrac 0.8 has no meaning for the kernel point"),
        ({"pixel_scale_ratio": 0}, "greater than 0"),
        ({"pixel_scale": -0.004}, "greater than 0"),
        ({"output_shape": [100, 0]}, r"100 x 0 is not a shape; columns and rows \(nx, ny\)"),
        ({"output_shape": [100]}, "output_shape"),
        ({"crval": [150.0, 91.0]}, r"\(150.0, 91.0\) is no position"),
        ({"crval": [float("nan"), 2.0]}, "is no position"),
        ({"fillval": 0.0}, "'NaN'"),
        ({"weight_type": "ivmsky"}, "'exptime', 'ivm' or 'ivm-sky'"),
        ({"crpix": [1, 1]}, "Extra inputs are not permitted"),
    ],
)
def test_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ResampleParams.model_validate(given)


def test_lists_of_a_recipe_are_taken() -> None:
    params = ResampleParams.model_validate({"output_shape": [30, 20], "good_bits": ["HOT", "WARM"], "fillval": "NaN"})
    assert params.output_shape == (30, 20)
    assert params.unusable == DQ(0xFFFFFFFF) & ~(DQ.HOT | DQ.WARM)


def test_by_default_all_pixels_with_light_are_used() -> None:
    assert ResampleParams().unusable == DQ.DO_NOT_USE | DQ.NON_SCIENCE | DQ.REFERENCE_PIXEL


def test_importing_the_plugin_imports_no_heavy_library() -> None:
    heavy = "{'astropy', 'gwcs', 'drizzle', 'scipy'}"
    code = f"import sys, iris_resample; print({heavy} & set(sys.modules) or 'none')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"
