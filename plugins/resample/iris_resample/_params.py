"""The parameters of resample and mosaic."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import field_validator, model_validator

from iris_core import DQ, InputError, Params, parameter

__all__ = ["GridParams", "MosaicParams", "ResampleParams"]


class GridParams(Params):
    """The grid, and how pixels fall onto it; by default it lies along the detector, at its scale, around all pixels."""

    kernel: Literal["square", "gaussian", "point", "turbo", "lanczos2", "lanczos3"] = parameter(
        "square", "Shape in which a pixel's value falls onto the grid; square (with pixfrac 1) conserves flux to 1e-4."
    )
    pixfrac: float = parameter(
        1.0, "Side of the drop as a fraction of the input pixel; point and lanczos take no other than 1.", ge=0.01, le=1
    )
    pixel_scale_ratio: float = parameter(
        1.0,
        "Output over input pixel scale (the mean over the central half; with crval and output_shape the camera's).",
        gt=0,
    )
    pixel_scale: float | None = parameter(None, "Output pixel scale; overrides pixel_scale_ratio.", "arcsec", gt=0)
    rotation: float | None = parameter(
        None,
        "Position angle of the output's y axis, from north through east, with east to the left of north (0: north up); "
        "by default along the detector, with its parity; with crval and output_shape 0.",
        "deg",
    )
    output_shape: tuple[int, int] | None = parameter(
        None, "Columns and rows (nx, ny) of the output; by default what holds the whole image.", "pixel"
    )
    crval: tuple[float, float] | None = parameter(
        None,
        "Tangent point (ra, dec) in the sky frame of the exposure; by default the centre of the image. "
        "With output_shape the grid is the same for all exposures.",
        "deg",
    )
    crpix_fits: tuple[float, float] | None = parameter(
        None,
        "Pixel (x, y) of the tangent point, 1-based as CRPIX; by default such that the image is centred; "
        "with crval and output_shape the centre of the grid.",
        "pixel",
    )
    fillval: Literal["NaN"] = parameter(
        "NaN", "Value of output pixels on which nothing fell, which are DO_NOT_USE too."
    )
    good_bits: tuple[str, ...] | None = parameter(
        None,
        "Names of the DQ bits whose pixels are used, pixels with any other bit are not; "
        "by default all but DO_NOT_USE, NON_SCIENCE and REFERENCE_PIXEL.",
    )
    components: bool = parameter(False, "Whether to resample each variance component, and not their sum alone.")

    def of_one_grid(self, camera_scale: float) -> Self:
        """Return the parameters with all that makes the grid the same for every exposure, where that is asked for.

        Parameters
        ----------
        camera_scale
            Pixel scale of the instrument mode [arcsec], 0 where it has none: that of an exposure differs from exposure
            to exposure.

        Raises
        ------
        InputError
            When neither the mode nor the parameters give the pixel scale.
        """
        if self.crval is None or self.output_shape is None:
            return self
        if not (self.pixel_scale or camera_scale):
            raise InputError("crval with output_shape is one grid for all exposures: give its pixel_scale [arcsec]")
        nx, ny = self.output_shape
        return self.model_copy(
            update={
                "crpix_fits": self.crpix_fits or ((nx + 1) / 2, (ny + 1) / 2),
                "pixel_scale": self.pixel_scale or camera_scale * self.pixel_scale_ratio,
                "rotation": self.rotation or 0.0,
            }
        )

    @property
    def unusable(self) -> DQ:
        """The DQ bits whose pixels are not used."""
        if self.good_bits is None:
            return DQ.DO_NOT_USE | DQ.NON_SCIENCE | DQ.REFERENCE_PIXEL
        good = DQ.GOOD
        for name in self.good_bits:
            good |= DQ[name]
        return DQ(~good & 0xFFFFFFFF)

    @field_validator("good_bits")
    @classmethod
    def _known_bits(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        unknown = [name for name in names or () if name not in DQ.__members__]
        if unknown:
            raise ValueError(f"no DQ bit {', '.join(unknown)}; there are: {', '.join(DQ.__members__)}")
        return names

    @field_validator("output_shape")
    @classmethod
    def _some_pixels(cls, shape: tuple[int, int] | None) -> tuple[int, int] | None:
        if shape is not None and min(shape) < 1:
            raise ValueError(
                f"{shape[0]} x {shape[1]} is not a shape; columns and rows (nx, ny), both at least 1, are needed"
            )
        return shape

    @field_validator("crval")
    @classmethod
    def _on_the_sky(cls, crval: tuple[float, float] | None) -> tuple[float, float] | None:
        if crval is not None and not (-360 <= crval[0] <= 360 and -90 <= crval[1] <= 90):
            raise ValueError(f"{crval} is no position; right ascension and declination in degrees are needed")
        return crval

    @model_validator(mode="after")
    def _pixfrac_has_a_meaning(self) -> Self:
        if self.pixfrac != 1 and self.kernel in ("point", "lanczos2", "lanczos3"):
            raise ValueError(f"pixfrac {self.pixfrac} has no meaning for the kernel {self.kernel}; leave it at 1")
        return self


class ResampleParams(GridParams):
    """Parameters of resample."""

    weight_type: Literal["exptime", "ivm", "ivm-sky"] = parameter(
        "exptime",
        "Weight of a pixel: exptime (all alike), ivm (1/VAR_RNOISE), ivm-sky (1/variance without the sources' noise).",
    )


class MosaicParams(GridParams):
    """Parameters of mosaic; along the detector, and at its scale, are those of the first exposure."""

    weighting: Literal["sky", "exptime", "equal"] = parameter(
        "sky",
        "Weight of an exposure: sky (1/median variance, of which most is that of the sky), exptime (its exposure "
        "time), equal.",
    )
    weight_keyword: str = parameter(
        "", "Keyword by whose value, to the power of weight_power, the weight of each exposure is multiplied (STREHL)."
    )
    weight_power: float = parameter(1.0, "Power of the value of weight_keyword; -2 with FWHM for point sources.")
    exposure_time: bool = parameter(False, "Whether to add the plane EXP, the exposure time of each pixel [s].")
